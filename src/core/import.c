#include "core/import.h"

#include "base/clock.h"
#include "core/account_index.h"
#include "core/core_internal.h"

#include <ctype.h>
#include <stdlib.h>

#define GROUPS_AT_ONCE   8 /* calls to Composio under way */
#define GROUP_TIMEOUT_MS 120000

/* A provider that rows name, as it is set up here; auth_config_id NULL: it is not. */
struct import_provider {
    const char *name, *auth_config_id;
    struct account_index accounts;
};

/* A row on its way. Those of one user and provider make a group, which is decided as one. */
struct candidate {
    const struct import_row *row;
    struct import_result *result;
    const struct import_provider *provider;
    const char *entity; /* the user's id at Composio */
    struct composio_account account;
    bool good; /* the account may become the connection */
};

struct group {
    struct candidate **members;
    size_t count;
};

struct run {
    struct core *core;
    void *owner;
    const struct import_options *options;
    struct import_provider *providers; /* one a provider of the catalog */
    struct group *groups;
    size_t group_count, next_group, rows_done, row_count;
    int working;
    struct fiber_signal ended; /* nobody works any more */
};

const char *import_outcome_name(enum import_outcome outcome)
{
    static const char *const names[IMPORT_OUTCOMES] = {
            [IMPORT_TAKE] = "take over",
            [IMPORT_THERE] = "there already",
            [IMPORT_DUPLICATE] = "duplicate",
            [IMPORT_KEEP] = "keep ours",
            [IMPORT_RECONNECT] = "must reconnect",
            [IMPORT_INVALID] = "no connection",
            [IMPORT_UNKNOWN] = "unknown",
    };
    return names[outcome];
}

static void decide(struct candidate *candidate, enum import_outcome outcome, const char *why)
{
    candidate->result->outcome = outcome;
    candidate->result->why = why;
}

/* ---- what a row names ---- */

static const struct import_provider *find_provider(const struct run *run, const char *name)
{
    const struct catalog *catalog = run->core->catalog;
    for (size_t i = 0; name != NULL && i < catalog->count; i++) {
        if (strcasecmp(name, catalog->providers[i].provider) == 0 ||
                strcasecmp(name, catalog->providers[i].toolkit) == 0) {
            return &run->providers[i];
        }
    }
    return NULL;
}

static bool is_uuid(const char *text)
{
    static const char pattern[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    size_t i = 0;
    while (pattern[i] != '\0' && text[i] != '\0' &&
            (pattern[i] == 'x' ? isxdigit((unsigned char)text[i]) != 0 : text[i] == '-')) {
        i++;
    }
    return pattern[i] == '\0' && text[i] == '\0';
}

/* What can be said of a row without asking anybody. False: it is decided. */
static bool read_candidate(const struct run *run, struct candidate *candidate)
{
    const struct import_row *row = candidate->row;
    candidate->provider = find_provider(run, row->provider);
    candidate->entity = row->entity != NULL ? row->entity : row->user;
    *candidate->result = (struct import_result){.why = ""};
    if (row->user == NULL) {
        decide(candidate, IMPORT_INVALID, "it has no user id of 1 to 255 bytes without commas");
    } else if (candidate->provider == NULL) {
        decide(candidate, IMPORT_INVALID, "Tenon has no such integration");
    } else if (row->vendor != NULL && strcasecmp(row->vendor, "composio") != 0) {
        candidate->result->provider = candidate->provider->name;
        decide(candidate, IMPORT_RECONNECT, "its account is another vendor's");
    } else if (candidate->provider->auth_config_id == NULL) {
        candidate->result->provider = candidate->provider->name;
        decide(candidate, IMPORT_INVALID, "the integration is not set up here: run `tenon setup`");
    } else if (row->account == NULL ||
               (strncmp(row->account, "ca_", 3) != 0 && !is_uuid(row->account))) {
        candidate->result->provider = candidate->provider->name;
        decide(candidate, IMPORT_RECONNECT, "it has no account id of Composio's");
    } else {
        candidate->result->provider = candidate->provider->name;
        return true;
    }
    return false;
}

/* By entity, then user. */
static int by_entity(const void *left, const void *right)
{
    const struct candidate *a = *(struct candidate *const *)left,
                           *b = *(struct candidate *const *)right;
    int entities = strcmp(a->entity, b->entity);
    return entities != 0 ? entities : strcmp(a->row->user, b->row->user);
}

static int by_user_and_provider(const void *left, const void *right)
{
    const struct candidate *a = *(struct candidate *const *)left,
                           *b = *(struct candidate *const *)right;
    int users = strcmp(a->row->user, b->row->user);
    return users != 0 ? users : strcmp(a->provider->name, b->provider->name);
}

/* One id at Composio for several users ("default", say): nobody can tell whose an account of it is. Such rows are decided
 * and left out; returns how many stay. */
static size_t drop_shared_entities(struct candidate **list, size_t count)
{
    size_t kept = 0, end = 0;
    qsort(list, count, sizeof list[0], by_entity);
    for (size_t start = 0; start < count; start = end) {
        bool shared = false;
        for (; end < count && strcmp(list[end]->entity, list[start]->entity) == 0; end++) {
            shared = shared || strcmp(list[end]->row->user, list[start]->row->user) != 0;
        }
        for (size_t i = start; i < end; i++) {
            if (shared) {
                decide(list[i], IMPORT_RECONNECT,
                        "its id at Composio is shared by several users: nobody can tell whose the account is");
            } else {
                list[kept++] = list[i];
            }
        }
    }
    return kept;
}

static void make_groups(struct run *run, struct candidate **list, size_t count)
{
    qsort(list, count, sizeof list[0], by_user_and_provider);
    run->groups = mem_array(run->owner, struct group, count);
    for (size_t i = 0; i < count; i++) {
        struct group *last = run->group_count == 0 ? NULL : &run->groups[run->group_count - 1];
        if (last != NULL && by_user_and_provider(&last->members[0], &list[i]) == 0) {
            last->count++;
        } else {
            run->groups[run->group_count++] = (struct group){&list[i], 1};
        }
    }
}

/* ---- what Composio says ---- */

/* The account of a candidate, from the index or from Composio. False: unknown, or there is none; it is decided. */
static bool find_account(struct run *run, void *memory, struct candidate *candidate)
{
    struct composio *composio = run->core->composio;
    const char *id = candidate->row->account;
    struct error err = {0};
    bool ok = true;
    if (is_uuid(id)) {
        ok = composio_account_of_uuid(composio, memory, id, &id, &err);
    }
    if (ok) {
        candidate->result->account = mem_strdup(run->owner, id);
        const struct composio_account *known = account_index_find(
                &candidate->provider->accounts, candidate->entity, candidate->result->account);
        if (known != NULL) {
            candidate->account = *known;
            return true;
        }
        ok = composio_account_get(composio, memory, id, &candidate->account, &err);
    }
    if (!ok) {
        decide(candidate, err.code == ERROR_NOT_FOUND ? IMPORT_RECONNECT : IMPORT_UNKNOWN,
                err.code == ERROR_NOT_FOUND ? "Composio has no such account"
                                            : mem_strdup(run->owner, err.message));
    }
    return ok;
}

static void judge_account(struct run *run, void *memory, struct candidate *candidate)
{
    const struct composio_account *account = &candidate->account;
    bool unproven = false;
    struct error err = {0};
    if (strcmp(account->user_id, candidate->entity) != 0) {
        decide(candidate, IMPORT_RECONNECT, "the account is another user's at Composio");
    } else if (strcmp(account->auth_config_id, candidate->provider->auth_config_id) != 0) {
        decide(candidate, IMPORT_RECONNECT,
                "the account is of another auth config than the one that is set up here");
    } else if (account->status != COMPOSIO_STATUS_ACTIVE || account->disabled) {
        decide(candidate, IMPORT_RECONNECT, "the account is not ACTIVE at Composio any more");
    } else if (!connection_account_is_unproven(run->core, memory, account->id, &unproven, &err)) {
        decide(candidate, IMPORT_UNKNOWN, mem_strdup(run->owner, err.message));
    } else if (unproven) {
        decide(candidate, IMPORT_RECONNECT,
                "the account is of a link that nobody has finished here");
    } else {
        candidate->good = true;
    }
}

/* ---- one user and provider ---- */

/* The newest of those that may be taken; the others are its duplicates. */
static struct candidate *choose(struct group *group)
{
    struct candidate *chosen = NULL;
    for (size_t i = 0; i < group->count; i++) {
        struct candidate *member = group->members[i];
        if (member->good &&
                (chosen == NULL || member->account.created_at_ms > chosen->account.created_at_ms)) {
            chosen = member;
        }
    }
    for (size_t i = 0; i < group->count; i++) {
        if (group->members[i]->good && group->members[i] != chosen) {
            decide(group->members[i], IMPORT_DUPLICATE,
                    strcmp(group->members[i]->account.id, chosen->account.id) == 0
                            ? "the same account once more"
                            : "a newer account of the user is taken");
        }
    }
    return chosen;
}

/* The connection that the user has here already decides its own row; another one stays, if it works or may again. True:
 * nothing is left to do. */
static bool is_settled(struct candidate *chosen, const struct provider_row *row)
{
    if (row->connection_id == NULL ||
            (row->status != CONNECTION_ACTIVE && row->status != CONNECTION_INACTIVE)) {
        return false;
    }
    bool same = strcmp(row->account_id, chosen->account.id) == 0;
    if (same && row->status == CONNECTION_ACTIVE) {
        decide(chosen, IMPORT_THERE, "");
        return true;
    }
    if (!same) {
        decide(chosen, IMPORT_KEEP, "the user has connected another account here");
    }
    return !same;
}

static void take_over(struct run *run, struct candidate *chosen, const struct context *context)
{
    const char *provider = chosen->provider->name;
    struct provider_row row;
    struct error err = {0};
    bool done = false;
    if (!provider_row_read(context, provider, &row, &err)) {
        decide(chosen, IMPORT_UNKNOWN, mem_strdup(run->owner, err.message));
        return;
    }
    if (is_settled(chosen, &row)) {
        return;
    }
    decide(chosen, IMPORT_TAKE, "");
    if (!run->options->apply) {
        return;
    }
    if (!connection_adopt(context, provider, &row, &chosen->account, &done, &err)) {
        decide(chosen, IMPORT_UNKNOWN, mem_strdup(run->owner, err.message));
    } else if (!done) {
        decide(chosen, IMPORT_UNKNOWN, "the user was connecting at this very moment");
    }
}

static void run_group(struct run *run, struct group *group)
{
    void *memory = mem_scope_new(NULL, "import");
    struct context context = {run->core, memory, group->members[0]->row->user};
    for (size_t i = 0; i < group->count; i++) {
        if (find_account(run, memory, group->members[i])) {
            judge_account(run, memory, group->members[i]);
        }
    }
    struct candidate *chosen = choose(group);
    if (chosen != NULL) {
        take_over(run, chosen, &context);
    }
    run->rows_done += group->count;
    if (run->options->progress != NULL) {
        run->options->progress(run->options->argument, run->rows_done, run->row_count);
    }
    mem_free(memory);
}

/* ---- all of them ---- */

static void work(void *argument)
{
    struct run *run = argument;
    while (run->next_group < run->group_count) {
        struct group *group = &run->groups[run->next_group++];
        fiber_set_deadline(clock_monotonic_ms() + GROUP_TIMEOUT_MS);
        run_group(run, group);
    }
    if (--run->working == 0) {
        fiber_signal_set(&run->ended);
    }
}

static bool read_providers(struct run *run, struct error *err)
{
    static const char sql[] =
            "SELECT \"composioAuthId\" FROM \"AuthConfig\" WHERE \"provider\" = $1"
            " ORDER BY \"createdAt\" DESC LIMIT 1";
    const struct catalog *catalog = run->core->catalog;
    run->providers = mem_array(run->owner, struct import_provider, catalog->count);
    for (size_t i = 0; i < catalog->count; i++) {
        struct import_provider *provider = &run->providers[i];
        const struct db_rows *rows = NULL;
        provider->name = catalog->providers[i].provider;
        if (!db_read(run->core->db, run->owner, sql, DB_PARAMS(DB_TEXT(provider->name)), &rows,
                    err)) {
            return false;
        }
        if (db_row_count(rows) > 0) {
            provider->auth_config_id = db_get_text(rows, 0, 0);
        }
    }
    return true;
}

/* The accounts of the providers that candidates name: the others need not be listed. */
static bool read_accounts(struct run *run, struct candidate **list, size_t count, struct error *err)
{
    for (size_t i = 0; i < run->core->catalog->count; i++) {
        struct import_provider *provider = &run->providers[i];
        bool named = false;
        for (size_t c = 0; c < count && !named; c++) {
            named = list[c]->provider == provider;
        }
        if (named && !account_index_read(run->core->composio, run->owner, provider->auth_config_id,
                             0, &provider->accounts, err)) {
            return false;
        }
    }
    return true;
}

bool import_run(struct core *core, void *owner, const struct import_row *rows, size_t count,
        const struct import_options *options, struct import_result *results, struct error *err)
{
    struct run run = {.core = core, .owner = owner, .options = options, .row_count = count};
    struct candidate *candidates = mem_array(owner, struct candidate, count);
    struct candidate **list = mem_array(owner, struct candidate *, count);
    size_t open = 0;
    if (!read_providers(&run, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        candidates[i] = (struct candidate){.row = &rows[i], .result = &results[i]};
        if (read_candidate(&run, &candidates[i])) {
            list[open++] = &candidates[i];
        }
    }
    open = drop_shared_entities(list, open);
    run.rows_done = count - open;
    if (!read_accounts(&run, list, open, err)) {
        return false;
    }
    make_groups(&run, list, open);
    run.working = GROUPS_AT_ONCE;
    for (int i = 0; i < GROUPS_AT_ONCE; i++) {
        fiber_start(core->loop, "import", work, &run, FIBER_NO_DEADLINE);
    }
    fiber_signal_wait_always(&run.ended); /* `run` must outlive them; they have deadlines */
    return true;
}
