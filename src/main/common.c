#include "base/clock.h"
#include "core/setup.h"
#include "crypto/crypto.h"
#include "db/db.h"
#include "main/loop_thread.h"
#include "main/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_FILE     ".tenon/jwt-secret"
#define SECRET_MAX_SIZE 1024
/* For what a verb does once, at its start or all in all. */
#define VERB_TIMEOUT_MS (10 * 60 * 1000)

int verb_failed(const struct error *err)
{
    fprintf(stderr, "tenon: %s%s%s%s\n", err->message, *err->detail == '\0' ? "" : " (",
            err->detail, *err->detail == '\0' ? "" : ")");
    return 1;
}

void verb_announce(const char *line)
{
    puts(line);
    fflush(stdout);
}

bool verb_flag(const struct verb_arguments *arguments, const char *name)
{
    for (int i = 0; i < arguments->count; i++) {
        if (strcmp(arguments->values[i], name) == 0) {
            return true;
        }
    }
    return false;
}

const char *verb_option(const struct verb_arguments *arguments, const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < arguments->count; i++) {
        const char *value = arguments->values[i];
        if (strncmp(value, name, length) != 0) {
            continue;
        }
        if (value[length] == '=') {
            return value + length + 1;
        }
        if (value[length] == '\0' && i + 1 < arguments->count) {
            return arguments->values[i + 1];
        }
    }
    return NULL;
}

static sigset_t ending_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

void verb_hold_signals(void)
{
    sigset_t set = ending_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int verb_wait_for_signal(void)
{
    sigset_t set = ending_signals();
    int number = 0;
    while (sigwait(&set, &number) != 0) {
    }
    return number;
}

/* ---- the development secret ---- */

static bool secret_error(struct error *err, const char *what)
{
    return error_set(err, ERROR_INTERNAL_SERVER_ERROR, "BAD_CONFIGURATION",
            SECRET_FILE " cannot be %s: %s", what, strerror(errno));
}

static const char *read_secret(void *owner, struct error *err)
{
    FILE *file = fopen(SECRET_FILE, "re");
    if (file == NULL) {
        if (errno != ENOENT) {
            secret_error(err, "read");
        }
        return NULL;
    }
    char *text = mem_block(owner, SECRET_MAX_SIZE + 1, "secret");
    size_t length = fread(text, 1, SECRET_MAX_SIZE, file);
    fclose(file);
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
        text[--length] = '\0';
    }
    return length == 0 ? NULL : text;
}

/* Written whole under another name, then linked to its place: whoever is first wins, nobody reads half. */
static bool write_secret(const char *secret, struct error *err)
{
    char temporary[] = ".tenon/jwt-secret.XXXXXX";
    if (mkdir(".tenon", 0700) != 0 && errno != EEXIST) {
        return secret_error(err, "made");
    }
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return secret_error(err, "made");
    }
    size_t length = strlen(secret);
    bool ok = write(fd, secret, length) == (ssize_t)length && fsync(fd) == 0;
    close(fd);
    ok = ok && (link(temporary, SECRET_FILE) == 0 || errno == EEXIST);
    if (!ok) {
        secret_error(err, "made");
    }
    unlink(temporary);
    return ok;
}

const char *verb_dev_secret(void *owner, bool make, struct error *err)
{
    const char *secret = read_secret(owner, err);
    if (secret != NULL || err->code != ERROR_NONE || !make ||
            !write_secret(random_token(owner, 48), err)) {
        return secret;
    }
    return read_secret(owner, err);
}

/* ---- what needs a loop ---- */

struct task {
    const struct config *config;
    struct db_store *store;
    bool quiet;
    size_t applied;
    bool ok;
    struct error err;
};

static void migrate_body(void *argument)
{
    struct task *task = argument;
    struct db *db = NULL;
    fiber_set_deadline(clock_monotonic_ms() + VERB_TIMEOUT_MS);
    task->ok = db_open(fiber_memory(), task->store, fiber_loop(), &db, &task->err) &&
               db_migrate(db, db_migrations, &task->applied, &task->err);
}

bool verb_apply_migrations(struct db_store *store, size_t *applied_out, struct error *err)
{
    struct task task = {.store = store};
    run_in_fiber(migrate_body, &task);
    *applied_out = task.applied;
    *err = task.ok ? *err : task.err;
    return task.ok;
}

static void check_body(void *argument)
{
    struct task *task = argument;
    struct db *db = NULL;
    struct db_migration_state state;
    fiber_set_deadline(clock_monotonic_ms() + VERB_TIMEOUT_MS);
    if (!db_open(fiber_memory(), task->store, fiber_loop(), &db, &task->err) ||
            !db_migration_check(db, db_migrations, &state, &task->err)) {
        return;
    }
    task->ok =
            state.pending == 0 ||
            error_set(&task->err, ERROR_PRECONDITION_FAILED, "MIGRATIONS_PENDING",
                    "the database is %zu migrations behind (%s is the next); run `tenon migrate`",
                    state.pending, state.first_pending);
}

bool verb_check_migrations(struct db_store *store, struct error *err)
{
    struct task task = {.store = store};
    run_in_fiber(check_body, &task);
    *err = task.ok ? *err : task.err;
    return task.ok;
}

static void print_line(void *argument, const char *line)
{
    const struct task *task = argument;
    if (!task->quiet) {
        puts(line);
    }
}

bool verb_open_core(const struct config *config, struct db_store *store, struct core **core_out,
        struct error *err)
{
    void *memory = fiber_memory();
    struct db *db = NULL;
    if (!db_open(memory, store, fiber_loop(), &db, err)) {
        return false;
    }
    struct composio_options composio_options = {.base_url = config->composio_base_url,
            .api_key = config->composio_api_key,
            .timeout_ms = config->upstream_timeout_ms,
            .patience_ms = config->upstream_patience_ms};
    struct fetch_options fetch_options = {0};
    struct composio *composio = composio_new(
            memory, fetcher_new(memory, fiber_loop(), &fetch_options), &composio_options);
    struct core_options core_options = {.webhook_secrets = config->composio_webhook_secret};
    *core_out = core_new(memory, fiber_loop(), db, composio, catalog_new(memory), &core_options);
    return true;
}

size_t verb_providers(const struct config *config, const struct catalog *catalog,
        struct setup_provider out[static VERB_PROVIDERS_MAX])
{
    const struct {
        const char *provider, *auth_config_id;
    } named[VERB_PROVIDERS_MAX] = {
            {"gmail", config->composio_auth_config_gmail},
            {"calendar", config->composio_auth_config_calendar},
            {"slack", config->composio_auth_config_slack},
            {"notion", config->composio_auth_config_notion},
            {"github", config->composio_auth_config_github},
    };
    size_t count = 0;
    for (size_t i = 0; i < VERB_PROVIDERS_MAX; i++) {
        if (named[i].auth_config_id != NULL) {
            out[count++] = (struct setup_provider){
                    catalog_find(catalog, named[i].provider), named[i].auth_config_id};
        }
    }
    return count;
}

bool verb_wants_webhooks(const struct config *config)
{
    bool is_https =
            config->public_url != NULL && slice_starts(slice_of(config->public_url), "https:");
    return config->webhooks == CONFIG_WEBHOOKS_ON ||
           (config->webhooks == CONFIG_WEBHOOKS_AUTO && is_https);
}

static void setup_body(void *argument)
{
    struct task *task = argument;
    const struct config *config = task->config;
    struct core *core = NULL;
    struct setup_provider providers[VERB_PROVIDERS_MAX];
    size_t count = verb_providers(config, catalog_new(fiber_memory()), providers);
    fiber_set_deadline(clock_monotonic_ms() + VERB_TIMEOUT_MS);
    if (count == 0) {
        error_set(&task->err, ERROR_PRECONDITION_FAILED, "NOT_CONFIGURED",
                "nothing to set up: name at least one auth config, for instance "
                "COMPOSIO_AUTH_CONFIG_GMAIL=ac_…");
        return;
    }
    if (!verb_open_core(config, task->store, &core, &task->err)) {
        return;
    }
    struct error failure = {0};
    task->ok = setup_run(core, providers, count, print_line, task, &task->err);
    if (verb_wants_webhooks(config) &&
            !setup_webhooks(core, config->public_url, print_line, task, &failure)) {
        task->err = task->ok ? failure : task->err;
        task->ok = false;
    }
}

bool verb_run_setup(
        const struct config *config, struct db_store *store, bool quiet, struct error *err)
{
    struct task task = {.config = config, .store = store, .quiet = quiet};
    run_in_fiber(setup_body, &task);
    *err = task.ok ? *err : task.err;
    return task.ok;
}
