/* `tenon import`: connections of an older integrations layer, by core/import.h. Tells every row's fate; writes only with
 * --apply, and drops old tables only after everything was taken over and their names were typed. Exit code 0: every row is
 * decided; 1: some could not be, or it failed; 2: used wrongly. */
#include "core/import.h"

#include "main/import_source.h"
#include "main/loop_thread.h"
#include "main/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RENAMES_MAX 64
#define TABLES_MAX  16
#define LINE_SIZE   4096
#define BAR_WIDTH   40

struct importing {
    const struct config *config;
    struct db_store *store;
    struct import_source source;
    bool apply;
    const char *tables[TABLES_MAX]; /* to be dropped in the end */
    size_t table_count;
    size_t undecided;
    bool ok;
    struct error err;
};

static int used_wrongly(const char *why)
{
    fprintf(stderr, "tenon: %s; `tenon import --help` says how\n", why);
    return 2;
}

/* ---- arguments ---- */

/* "a,b" into out, or "a=b,c=d" into out two by two. -1: too many, or not of that form. */
static int split_list(void *owner, const char *text, bool pairs, const char **out, int max)
{
    struct slice rest = slice_of(text);
    int count = 0;
    while (rest.data != NULL) {
        struct slice second = slice_split(&rest, ',');
        struct slice first = pairs ? slice_split(&second, '=') : second;
        first = slice_trim(first);
        if (count + 2 > max || first.length == 0 || (pairs && second.data == NULL)) {
            return -1;
        }
        out[count++] = mem_strndup(owner, first.data, first.length);
        if (pairs) {
            second = slice_trim(second);
            out[count++] = mem_strndup(owner, second.data, second.length);
        }
    }
    return count;
}

/* A table of ours: one that some migration makes. */
static bool is_own_table(void *owner, const char *table)
{
    const char *made = mem_printf(owner, "CREATE TABLE \"%s\"", table);
    bool own = strcmp(table, "_prisma_migrations") == 0;
    for (size_t i = 0; !own && db_migrations[i].name != NULL; i++) {
        own = strstr(db_migrations[i].sqlite, made) != NULL;
    }
    return own;
}

/* 0, or the exit code. */
static int read_arguments(const struct verb_arguments *arguments, struct importing *importing)
{
    void *owner = arguments->owner;
    const char *map = verb_option(arguments, "--map"), *rename = verb_option(arguments, "--rename"),
               *table = verb_option(arguments, "--table"),
               *drop = verb_option(arguments, "--drop-old");
    const char **renames = mem_array(owner, const char *, RENAMES_MAX + 1);
    struct error err = {0};
    importing->source = (struct import_source){
            .from = verb_option(arguments, "--from"),
            .query = verb_option(arguments, "--query"),
            .columns = {"userId", "provider", "composioAccountId", NULL, NULL},
            .renames = renames,
    };
    importing->apply = verb_flag(arguments, "--apply");
    if (importing->source.from == NULL) {
        return used_wrongly("import needs --from");
    }
    if (table != NULL) {
        importing->source.query = mem_printf(owner, "SELECT * FROM \"%s\"", table);
    }
    if (map != NULL && !import_source_map(owner, &importing->source, map, &err)) {
        return used_wrongly(err.message);
    }
    if (rename != NULL && split_list(owner, rename, true, renames, RENAMES_MAX) < 0) {
        return used_wrongly("--rename takes OLD=NEW with commas between");
    }
    if (drop != NULL) {
        int count = split_list(owner, drop, false, importing->tables, TABLES_MAX);
        if (count < 0 || !importing->apply || !import_source_is_database(&importing->source)) {
            return used_wrongly(
                    "--drop-old takes names of tables of a database, and needs --apply");
        }
        importing->table_count = (size_t)count;
    }
    for (size_t i = 0; i < importing->table_count; i++) {
        if (is_own_table(owner, importing->tables[i])) {
            return used_wrongly("--drop-old would drop a table of Tenon's own");
        }
    }
    return 0;
}

/* ---- telling ---- */

static void draw_progress(void *argument, size_t done, size_t count)
{
    (void)argument;
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    int filled = count == 0 ? BAR_WIDTH : (int)(done * BAR_WIDTH / count);
    fprintf(stderr, "\r[%.*s%*s] %zu of %zu%s", filled, "########################################",
            BAR_WIDTH - filled, "", done, count, done == count ? "\n" : "");
}

static const char *or_dash(const char *text)
{
    return text == NULL || *text == '\0' ? "-" : text;
}

static void tell_rows(
        const struct import_row *rows, const struct import_result *results, size_t count)
{
    printf("%-15s %-24s %-10s %-24s %s\n", "", "user", "provider", "account", "why");
    for (size_t i = 0; i < count; i++) {
        const struct import_result *result = &results[i];
        printf("%-15s %-24s %-10s %-24s %s\n", import_outcome_name(result->outcome),
                or_dash(rows[i].user),
                or_dash(result->provider != NULL ? result->provider : rows[i].provider),
                or_dash(result->account != NULL ? result->account : rows[i].account), result->why);
    }
}

static void tell_sums(const struct importing *importing, const struct import_result *results,
        size_t count, size_t sums[static IMPORT_OUTCOMES])
{
    for (size_t i = 0; i < count; i++) {
        sums[results[i].outcome]++;
    }
    printf("\n%zu rows", count);
    for (int outcome = 0; outcome < IMPORT_OUTCOMES; outcome++) {
        if (sums[outcome] > 0) {
            bool taken = outcome == IMPORT_TAKE && importing->apply;
            printf(", %s %zu",
                    taken ? "taken over" : import_outcome_name((enum import_outcome)outcome),
                    sums[outcome]);
        }
    }
    puts("");
    if (!importing->apply) {
        puts("nothing was written: this was a dry run; say --apply to do it");
    }
}

/* ---- dropping ---- */

/* Whoever asks for it must type the names once more. */
static bool is_confirmed(const struct importing *importing)
{
    char line[LINE_SIZE];
    struct buffer wanted;
    buffer_init(&wanted, fiber_memory(), LINE_SIZE);
    for (size_t i = 0; i < importing->table_count; i++) {
        buffer_printf(&wanted, "%s%s", i > 0 ? "," : "", importing->tables[i]);
    }
    printf("\nevery row is decided. To drop the old tables with all they hold, type their names (%s): ",
            buffer_text(&wanted));
    fflush(stdout);
    line[fgets(line, sizeof line, stdin) == NULL ? 0 : strcspn(line, "\r\n")] = '\0';
    return slice_is(slice_trim(slice_of(line)), buffer_text(&wanted));
}

/* Everything that could be taken over is here: looked at again, since what is dropped is gone. */
static bool is_complete(struct importing *importing, struct core *core,
        const struct import_row *rows, size_t count, bool *complete_out)
{
    void *memory = fiber_memory();
    struct import_options look = {.apply = false};
    struct import_result *results = mem_array(memory, struct import_result, count);
    if (!import_run(core, memory, rows, count, &look, results, &importing->err)) {
        return false;
    }
    *complete_out = true;
    for (size_t i = 0; i < count; i++) {
        *complete_out = *complete_out && results[i].outcome != IMPORT_TAKE &&
                        results[i].outcome != IMPORT_UNKNOWN;
    }
    return true;
}

static bool drop_tables(
        struct importing *importing, struct core *core, const struct import_row *rows, size_t count)
{
    bool complete = false;
    if (!is_complete(importing, core, rows, count, &complete)) {
        return false;
    }
    if (!complete) {
        puts("the old tables stay: not every row is decided");
        return true;
    }
    if (!is_confirmed(importing)) {
        puts("\nthe old tables stay");
        return true;
    }
    for (size_t i = 0; i < importing->table_count; i++) {
        if (!import_source_drop(
                    fiber_memory(), &importing->source, importing->tables[i], &importing->err)) {
            return false;
        }
        printf("dropped %s\n", importing->tables[i]);
    }
    return true;
}

/* ---- the whole ---- */

static void import_body(void *argument)
{
    struct importing *importing = argument;
    void *memory = fiber_memory();
    struct core *core = NULL;
    struct import_row *rows = NULL;
    struct import_options options = {.apply = importing->apply, .progress = draw_progress};
    size_t count = 0, sums[IMPORT_OUTCOMES] = {0};
    if (!import_source_read(memory, &importing->source, &rows, &count, &importing->err) ||
            !verb_open_core(importing->config, importing->store, &core, &importing->err)) {
        return;
    }
    struct import_result *results = mem_array(memory, struct import_result, count);
    if (!import_run(core, memory, rows, count, &options, results, &importing->err)) {
        return;
    }
    tell_rows(rows, results, count);
    tell_sums(importing, results, count, sums);
    importing->undecided = sums[IMPORT_UNKNOWN];
    importing->ok = importing->table_count == 0 || drop_tables(importing, core, rows, count);
}

int verb_import(const struct verb_arguments *arguments)
{
    struct importing importing = {.config = arguments->config};
    struct error err = {0};
    int wrong = read_arguments(arguments, &importing);
    if (wrong != 0) {
        return wrong;
    }
    if (!config_require(arguments->config, "COMPOSIO_API_KEY", &err) ||
            !db_store_open(
                    arguments->owner, arguments->config->database_url, &importing.store, &err) ||
            !verb_check_migrations(importing.store, &err)) {
        return verb_failed(&err);
    }
    run_in_fiber(import_body, &importing);
    if (!importing.ok) {
        return verb_failed(&importing.err);
    }
    return importing.undecided == 0 ? 0 : 1;
}
