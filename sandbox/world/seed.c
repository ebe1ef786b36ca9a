#include "sandbox/world/seed.h"

#include "base/clock.h"
#include "sandbox/accounts/account.h"
#include "sandbox/accounts/auth_config.h"
#include "sandbox/project.h"
#include "sandbox/routes.h"

#include <ctype.h>

#define ID_BYTES_MAX 64

/* ---- what the parts share ---- */

void seeding_add(struct seeding *seeding, const char *sql, struct db_params params)
{
    void *memory = seeding->call.memory;
    size_t count = seeding->statement_count;
    struct db_value *values = mem_array(memory, struct db_value, params.count + 1);
    memcpy(values, params.values, params.count * sizeof *values);
    seeding->statements =
            mem_resize(memory, seeding->statements, (count + 1) * sizeof *seeding->statements);
    seeding->statements[count] = (struct db_statement){sql, {values, params.count}};
    seeding->statement_count++;
}

bool seed_members(const struct json *object, const char *const names[], struct error *err)
{
    if (json_type(object) != JSON_OBJECT) {
        return api_error_set(err, API_BAD_REQUEST, "expected an object");
    }
    for (struct json_iterator i = json_iterate(object); json_next(&i);) {
        size_t k = 0;
        while (names[k] != NULL && !slice_is(i.name, names[k])) {
            k++;
        }
        if (names[k] == NULL) {
            return api_error_set(err, API_BAD_REQUEST, "%.*s: unknown", SLICE_ARG(i.name));
        }
    }
    return true;
}

bool seed_time(const struct json *object, const char *name, int64_t otherwise, int64_t *out,
        struct error *err)
{
    const struct json *value = json_get(object, name);
    *out = otherwise;
    return value == NULL || clock_parse(json_string(value), out) ||
           api_error_set(
                   err, API_BAD_REQUEST, "%s: expected a time such as 2026-01-01T09:00:00Z", name);
}

/* An id of ours, or a new one when absent. */
static MUST_CHECK bool read_id(struct seeding *seeding, const struct json *object,
        const char *prefix, const char **out, struct error *err)
{
    if (!field_text(object, "id", out, err)) {
        return false;
    }
    if (*out == NULL) {
        *out = sandbox_new_id(seeding->call.memory, prefix, 12);
        return true;
    }
    struct slice id = slice_of(*out);
    bool good = slice_starts(id, prefix) && id.length > strlen(prefix) && id.length <= ID_BYTES_MAX;
    for (size_t i = 0; good && i < id.length; i++) {
        good = isalnum((unsigned char)id.data[i]) || id.data[i] == '_' || id.data[i] == '-';
    }
    return good || api_error_set(err, API_BAD_REQUEST,
                           "id: expected %s and letters, digits, hyphens or underscores", prefix);
}

static MUST_CHECK bool read_choice(const struct json *object, const char *name,
        const char *const choices[], const char **out, struct error *err)
{
    const char *text;
    if (!field_text(object, name, &text, err)) {
        return false;
    }
    *out = text == NULL ? choices[0] : text;
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(*out, choices[i]) == 0) {
            return true;
        }
    }
    return api_error_set(err, API_BAD_REQUEST, "%s: there is no %s", name, *out);
}

static MUST_CHECK bool read_object(struct seeding *seeding, const struct json *object,
        const char *name, const char **out, struct error *err)
{
    const struct json *value;
    if (!field_object(object, name, &value, err)) {
        return false;
    }
    *out = value == NULL ? "{}" : json_to_text(seeding->call.memory, value).data;
    return true;
}

/* ---- auth configs ---- */

static MUST_CHECK bool read_scheme(const struct json *item, struct auth_config *config,
        const struct toolkit *toolkit, struct error *err)
{
    const char *scheme;
    const struct json *managed = json_get(item, "managed");
    if (!field_text(item, "auth_scheme", &scheme, err)) {
        return false;
    }
    config->scheme = scheme == NULL ? "OAUTH2" : scheme;
    if (!toolkit_has_scheme(toolkit, config->scheme)) {
        return api_error_set(err, API_BAD_REQUEST, "auth_scheme: toolkit %s does not support %s",
                toolkit->slug, config->scheme);
    }
    config->managed = json_bool(managed, strcmp(config->scheme, "OAUTH2") == 0);
    return true;
}

static MUST_CHECK bool seed_auth_config(
        struct seeding *seeding, const struct json *item, struct error *err)
{
    static const char *const members[] = {
            "id", "toolkit", "auth_scheme", "managed", "name", "status", "credentials", NULL};
    static const char *const statuses[] = {"ENABLED", "DISABLED", NULL};
    struct call *call = &seeding->call;
    struct auth_config config = {0};
    const char *slug;
    if (!seed_members(item, members, err) || !read_id(seeding, item, "ac_", &config.id, err) ||
            !field_required(item, "toolkit", &slug, err)) {
        return false;
    }
    const struct toolkit *toolkit = catalog_toolkit(call->sandbox->catalog, slug);
    if (toolkit == NULL) {
        return api_error_set(err, API_BAD_REQUEST, "toolkit: there is no %s", slug);
    }
    if (!read_scheme(item, &config, toolkit, err) || !field_text(item, "name", &config.name, err) ||
            !read_choice(item, "status", statuses, &config.status, err) ||
            !read_object(seeding, item, "credentials", &config.credentials, err)) {
        return false;
    }
    char uuid[UUID_TEXT_SIZE];
    if (config.name == NULL) {
        config.name = mem_printf(call->memory, "%s-auth", toolkit->slug);
    }
    seeding_add(seeding,
            "INSERT INTO auth_config (id, uuid, toolkit, name, managed, auth_scheme, status, "
            "credentials, tool_access, for_tool_router, created_at, updated_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '{}', 1, $9, $9) "
            "ON CONFLICT (id) DO UPDATE SET toolkit = excluded.toolkit, name = excluded.name, "
            "managed = excluded.managed, auth_scheme = excluded.auth_scheme, "
            "status = excluded.status, credentials = excluded.credentials, "
            "updated_at = excluded.updated_at, deleted = 0",
            DB_PARAMS(DB_TEXT(config.id), DB_TEXT(mem_strdup(call->memory, uuid_v4(uuid))),
                    DB_TEXT(toolkit->slug), DB_TEXT(config.name), DB_BOOL(config.managed),
                    DB_TEXT(config.scheme), DB_TEXT(config.status), DB_TEXT(config.credentials),
                    DB_INT(call->now_ms)));
    return true;
}

/* ---- accounts ---- */

/* The toolkit of an auth config in the seed, else in the database. */
SUSPENDS static MUST_CHECK bool toolkit_of_config(struct seeding *seeding, const struct json *seed,
        const char *id, const char **toolkit_out, struct error *err)
{
    struct auth_config config;
    for (struct json_iterator i = json_iterate(json_get(seed, "auth_configs")); json_next(&i);) {
        const char *own = json_text(json_get(i.value, "id"));
        if (own != NULL && strcmp(own, id) == 0) {
            const char *slug = json_text(json_get(i.value, "toolkit"));
            *toolkit_out = catalog_toolkit(seeding->call.sandbox->catalog, slug)->slug;
            return true;
        }
    }
    struct error missing = {0};
    if (!auth_config_find(&seeding->call, id, &config, &missing)) {
        return api_error_set(err, API_BAD_REQUEST, "auth_config_id: %s", missing.message);
    }
    *toolkit_out = config.toolkit;
    return true;
}

static void add_account(
        struct seeding *seeding, const struct account *account, const char *auth_config_id)
{
    void *memory = seeding->call.memory;
    char uuid[UUID_TEXT_SIZE];
    bool flowing = strcmp(account->status, "INITIALIZING") == 0 ||
                   strcmp(account->status, "INITIATED") == 0;
    const char *link = flowing ? sandbox_new_id(memory, "lk_", 12) : NULL;
    seeding_add(seeding,
            "INSERT INTO account (id, uuid, auth_config_id, user_id, status, status_reason, "
            "word_id, alias, shared, data, link_token, email, flow_started_at, created_at, "
            "updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11, $12, $12, $12) "
            "ON CONFLICT (id) DO UPDATE SET auth_config_id = excluded.auth_config_id, "
            "user_id = excluded.user_id, status = excluded.status, "
            "status_reason = excluded.status_reason, word_id = excluded.word_id, "
            "alias = excluded.alias, data = excluded.data, link_token = excluded.link_token, "
            "email = excluded.email, failure = NULL, flow_started_at = excluded.flow_started_at, "
            "created_at = excluded.created_at, updated_at = excluded.updated_at, deleted = 0",
            DB_PARAMS(DB_TEXT(account->id), DB_TEXT(mem_strdup(memory, uuid_v4(uuid))),
                    DB_TEXT(auth_config_id), DB_TEXT(account->user_id), DB_TEXT(account->status),
                    DB_TEXT(account->status_reason), DB_TEXT(account->word_id),
                    DB_TEXT(account->alias), DB_TEXT(account->data), DB_TEXT(link),
                    DB_TEXT(account->email), DB_INT(account->created_at)));
    if (flowing) {
        seeding_add(seeding, "INSERT INTO link (token, account_id, created_at) VALUES ($1, $2, $3)",
                DB_PARAMS(DB_TEXT(link), DB_TEXT(account->id), DB_INT(account->created_at)));
    }
}

SUSPENDS static MUST_CHECK bool seed_account(struct seeding *seeding, const struct json *seed,
        const struct json *item, struct error *err)
{
    static const char *const members[] = {"id", "auth_config_id", "user_id", "status",
            "status_reason", "email", "alias", "data", "created_at", NULL};
    struct call *call = &seeding->call;
    struct account account = {0};
    const char *config_id;
    if (!seed_members(item, members, err) || !read_id(seeding, item, "ca_", &account.id, err) ||
            !field_required(item, "auth_config_id", &config_id, err) ||
            !field_required(item, "user_id", &account.user_id, err) ||
            !read_choice(item, "status", account_statuses, &account.status, err) ||
            !field_text(item, "status_reason", &account.status_reason, err) ||
            !field_text(item, "email", &account.email, err) ||
            !field_text(item, "alias", &account.alias, err) ||
            !read_object(seeding, item, "data", &account.data, err) ||
            !seed_time(item, "created_at", call->now_ms, &account.created_at, err) ||
            !toolkit_of_config(seeding, seed, config_id, &account.auth_config.toolkit, err) ||
            (account.email == NULL &&
                    !account_default_email(call, &account, &account.email, err))) {
        return false;
    }
    account.word_id = account_word_id(call->memory, account.auth_config.toolkit, account.id);
    add_account(seeding, &account, config_id);
    return true;
}

/* ---- the whole ---- */

static MUST_CHECK bool read_clock(struct seeding *seeding, const struct json *seed,
        int64_t *advance_ms_out, struct error *err)
{
    static const char *const members[] = {"now", "advance_seconds", NULL};
    const struct json *clock = json_get(seed, "clock");
    const struct json *advance = json_get(clock, "advance_seconds");
    int64_t now_ms = seeding->call.now_ms, seconds = 0;
    if (clock == NULL) {
        return true;
    }
    if (!seed_members(clock, members, err) || !seed_time(clock, "now", now_ms, &now_ms, err)) {
        return error_prefix(err, "clock");
    }
    if (advance != NULL && (!json_int(advance, &seconds) || llabs(seconds) > CLOCK_SECONDS_MAX)) {
        return api_error_set(
                err, API_BAD_REQUEST, "clock: advance_seconds: expected a whole number of seconds");
    }
    now_ms += seconds * 1000;
    *advance_ms_out = now_ms - seeding->call.now_ms;
    seeding->call.now_ms = now_ms;
    return true;
}

/* Each of a list, with its place in front of what is wrong. */
SUSPENDS static MUST_CHECK bool each(struct seeding *seeding, const struct json *seed,
        const char *name,
        bool (*take)(struct seeding *seeding, const struct json *seed, const struct json *item,
                struct error *err),
        struct error *err)
{
    const struct json *list = json_get(seed, name);
    if (list != NULL && (json_type(list) != JSON_ARRAY || json_count(list) > SEED_ITEMS_MAX)) {
        return api_error_set(
                err, API_BAD_REQUEST, "%s: expected an array, at most %d", name, SEED_ITEMS_MAX);
    }
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        if (!take(seeding, seed, i.value, err)) {
            return error_prefix(err, "%s[%zu]", name, i.index);
        }
    }
    return true;
}

static bool take_auth_config(struct seeding *seeding, const struct json *seed,
        const struct json *item, struct error *err)
{
    (void)seed;
    return seed_auth_config(seeding, item, err);
}

static bool check_world(struct seeding *seeding, const struct json *seed, const struct json *item,
        struct error *err)
{
    (void)seed;
    return seed_world(seeding, item, true, err);
}

static bool take_world(struct seeding *seeding, const struct json *seed, const struct json *item,
        struct error *err)
{
    (void)seed;
    return seed_world(seeding, item, false, err);
}

static MUST_CHECK bool apply(struct seeding *seeding, const struct json *seed, struct error *err)
{
    static const char *const members[] = {
            "clock", "project", "auth_configs", "accounts", "worlds", "faults", NULL};
    struct call *call = &seeding->call;
    struct sandbox *sandbox = call->sandbox;
    const struct json *project = json_get(seed, "project"), *faults = json_get(seed, "faults");
    int64_t advance_ms = 0;
    if (!seed_members(seed, members, err) || !read_clock(seeding, seed, &advance_ms, err) ||
            !each(seeding, seed, "auth_configs", take_auth_config, err) ||
            !each(seeding, seed, "accounts", seed_account, err) ||
            !each(seeding, seed, "worlds", check_world, err)) {
        return false;
    }
    if (!project_check(project, err)) {
        return error_prefix(err, "project");
    }
    if (faults != NULL && !faults_add(sandbox->faults, faults, err)) {
        return error_prefix(err, "faults");
    }
    return (advance_ms == 0 || sandbox_advance_clock(sandbox, call->memory, advance_ms, err)) &&
           (project == NULL || project_change(call, project, err)) &&
           each(seeding, seed, "worlds", take_world, err) &&
           (seeding->statement_count == 0 ||
                   db_write(sandbox->db, call->memory, seeding->statements,
                           seeding->statement_count, NULL, err));
}

bool seed_apply(struct sandbox *sandbox, void *owner, const struct json *seed, struct error *err)
{
    struct seeding seeding = {0};
    call_init_own(&seeding.call, sandbox, owner);
    return apply(&seeding, seed, err);
}

/* ---- POST /_sandbox/seed ---- */

bool control_seed(struct call *call, struct error *err)
{
    if (!seed_apply(call->sandbox, call->memory, call->body, err)) {
        return false;
    }
    json_begin_object(&call->json);
    json_write_name(&call->json, "success");
    json_write_bool(&call->json, true);
    json_end_object(&call->json);
    return true;
}
