#include "core/setup.h"

#include "base/clock.h"
#include "base/nearest.h"
#include "core/core_internal.h"
#include "core/tool_schemas.h"
#include "core/webhook.h"
#include "crypto/crypto.h"

struct setup {
    struct core *core;
    void *memory;
    setup_report *report;
    void *argument;
};

PRINTF_LIKE(2, 3) static void say(const struct setup *setup, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    setup->report(setup->argument, mem_vprintf(setup->memory, format, arguments));
    va_end(arguments);
}

static size_t list_length(const char *const *list)
{
    size_t length = 0;
    while (list[length] != NULL) {
        length++;
    }
    return length;
}

/* A JSON array of the texts of a list that ends with NULL. */
static struct slice list_text(void *memory, const char *const *list)
{
    struct buffer text;
    struct json_writer writer;
    buffer_init(&text, memory, 1024 * 1024);
    json_writer_init(&writer, &text);
    json_begin_array(&writer);
    for (; *list != NULL; list++) {
        json_write_text(&writer, *list);
    }
    json_end_array(&writer);
    return buffer_slice(&text);
}

/* ---- what Composio has ---- */

static bool check_auth_config(
        const struct setup *setup, const struct setup_provider *wanted, struct error *err)
{
    const struct catalog_provider *provider = wanted->provider;
    struct composio_auth_config config;
    struct error read_error = {0};
    if (!composio_auth_config_get(setup->core->composio, setup->memory, wanted->auth_config_id,
                &config, &read_error)) {
        if (read_error.code != ERROR_NOT_FOUND) {
            *err = read_error;
            return error_prefix(err, "%s", provider->provider);
        }
        return error_set(err, ERROR_PRECONDITION_FAILED, "AUTH_CONFIG_MISSING",
                "%s: Composio has no auth config %.100s for this API key; see its dashboard for the id",
                provider->provider, wanted->auth_config_id);
    }
    if (strcmp(config.toolkit, provider->toolkit) != 0) {
        return error_set(err, ERROR_PRECONDITION_FAILED, "AUTH_CONFIG_MISMATCH",
                "%s: the auth config %.100s is for the toolkit \"%.40s\", not \"%s\"",
                provider->provider, wanted->auth_config_id, config.toolkit, provider->toolkit);
    }
    if (!config.enabled) {
        return error_set(err, ERROR_PRECONDITION_FAILED, "AUTH_CONFIG_DISABLED",
                "%s: the auth config %.100s is disabled at Composio; enable it there",
                provider->provider, wanted->auth_config_id);
    }
    return true;
}

struct tools {
    struct composio_tool *list;
    size_t count;
};

/* Every allowed tool exists at Composio; `allowed_out` is what it says of them. All that do not are reported, with the
 * nearest that does. */
static bool check_tools(const struct setup *setup, const struct catalog_provider *provider,
        struct tools *allowed_out, struct error *err)
{
    struct composio_tool *tools = NULL;
    size_t count = 0;
    if (!composio_tool_list(
                setup->core->composio, setup->memory, provider->toolkit, &tools, &count, err)) {
        return error_prefix(err, "%s", provider->provider);
    }
    const char **slugs = mem_array(setup->memory, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        slugs[i] = tools[i].slug;
    }
    struct tools allowed = {
            mem_array(setup->memory, struct composio_tool, list_length(provider->allowed_tools)),
            0};
    bool ok = true;
    for (const char **tool = provider->allowed_tools; *tool != NULL; tool++) {
        const char **at = slugs;
        while (*at != NULL && strcmp(*at, *tool) != 0) {
            at++;
        }
        if (*at != NULL) {
            allowed.list[allowed.count++] = tools[at - slugs];
            continue;
        }
        const char *near = nearest_text(*tool, slugs);
        struct error unknown = {0};
        error_set(&unknown, ERROR_PRECONDITION_FAILED, "TOOL_UNKNOWN",
                "%s: Composio has no tool %.100s%s%.100s", provider->provider, *tool,
                near == NULL ? "" : "; the nearest is ", near == NULL ? "" : near);
        say(setup, "%s", unknown.message);
        *err = ok ? unknown : *err;
        ok = false;
    }
    *allowed_out = ok ? allowed : *allowed_out;
    return ok;
}

static bool same_list(const char **a, size_t a_count, const char *const *b)
{
    for (size_t i = 0; i < a_count; i++) {
        if (b[i] == NULL || strcmp(a[i], b[i]) != 0) {
            return false;
        }
    }
    return b[a_count] == NULL;
}

/* What the provider's MCP server is to be, without its id. */
static struct composio_mcp_server wanted_server(
        const struct setup *setup, const struct setup_provider *wanted)
{
    const char **auth_config_ids = mem_array(setup->memory, const char *, 2);
    auth_config_ids[0] = wanted->auth_config_id;
    return (struct composio_mcp_server){
            .name = mem_printf(setup->memory, "tenon %.20s", wanted->provider->provider),
            .auth_config_ids = auth_config_ids,
            .auth_config_count = 1,
            .allowed_tools = wanted->provider->allowed_tools,
            .tool_count = list_length(wanted->provider->allowed_tools),
    };
}

static bool same_server(
        const struct composio_mcp_server *server, const struct composio_mcp_server *wanted)
{
    return same_list(server->auth_config_ids, server->auth_config_count, wanted->auth_config_ids) &&
           same_list(server->allowed_tools, server->tool_count, wanted->allowed_tools);
}

/* The MCP server of a provider at Composio: the one of the row if it is still there, else one of our name. Its id is NULL
 * when there is neither. */
static bool find_mcp_server(const struct setup *setup, const char *name, const char *known_id,
        struct composio_mcp_server *out, struct error *err)
{
    struct composio *composio = setup->core->composio;
    struct composio_mcp_server *list = NULL;
    struct error read_error = {0};
    size_t count = 0;
    if (known_id != NULL) {
        if (composio_mcp_get(composio, setup->memory, known_id, out, &read_error)) {
            return true;
        }
        if (read_error.code != ERROR_NOT_FOUND) {
            *err = read_error;
            return false;
        }
    }
    if (!composio_mcp_list(composio, setup->memory, name, &list, &count, err)) {
        return false;
    }
    *out = count > 0 ? list[0] : (struct composio_mcp_server){0};
    return true;
}

/* Find it, or make it; and make it have this auth config and these tools. `*id_out` is its id. */
static bool ensure_mcp_server(const struct setup *setup, const struct setup_provider *wanted,
        const char *known_id, const char **id_out, struct error *err)
{
    struct composio *composio = setup->core->composio;
    const char *provider = wanted->provider->provider;
    struct composio_mcp_server server, want = wanted_server(setup, wanted);
    if (!find_mcp_server(setup, want.name, known_id, &server, err)) {
        return false;
    }
    if (server.id == NULL) {
        if (!composio_mcp_create(composio, setup->memory, &want, &server, err)) {
            return false;
        }
        say(setup, "%s: MCP server %s made at Composio", provider, server.id);
    } else if (!same_server(&server, &want)) {
        want.id = server.id;
        if (!composio_mcp_update(composio, setup->memory, &want, &server, err)) {
            return false;
        }
        say(setup, "%s: MCP server %s changed at Composio", provider, server.id);
    }
    *id_out = server.id;
    return true;
}

/* ---- our rows ---- */

struct rows {
    const char *auth_config; /* of the AuthConfig row; NULL: none */
    const char *mcp_server;  /* of the MCPServer row; NULL: none */
    const char *composio_server_id;
    const char *auth_config_id; /* Composio's */
    struct slice display_name, icon, description, required_scopes, allowed_tools;
};

static bool read_rows(
        const struct setup *setup, const char *provider, struct rows *out, struct error *err)
{
    static const char sql[] =
            "SELECT a.\"id\", m.\"id\", m.\"composioServerId\", a.\"composioAuthId\","
            " a.\"displayName\", a.\"icon\", a.\"description\", a.\"requiredScopes\","
            " a.\"allowedTools\" FROM \"AuthConfig\" a"
            " LEFT JOIN \"MCPServer\" m ON m.\"authConfigId\" = a.\"id\" WHERE a.\"provider\" = $1"
            " ORDER BY a.\"createdAt\" DESC, m.\"createdAt\" DESC LIMIT 1";
    const struct db_rows *rows = NULL;
    if (!db_read(setup->core->db, setup->memory, sql, DB_PARAMS(DB_TEXT(provider)), &rows, err)) {
        return false;
    }
    *out = (struct rows){0};
    if (db_row_count(rows) > 0) {
        *out = (struct rows){
                .auth_config = db_get_text(rows, 0, 0),
                .mcp_server = db_get_text(rows, 0, 1),
                .composio_server_id = db_get_text(rows, 0, 2),
                .auth_config_id = db_get_text(rows, 0, 3),
                .display_name = db_get_slice(rows, 0, 4),
                .icon = db_get_slice(rows, 0, 5),
                .description = db_get_slice(rows, 0, 6),
                .required_scopes = db_get_slice(rows, 0, 7),
                .allowed_tools = db_get_slice(rows, 0, 8),
        };
    }
    return true;
}

/* Insert what is missing; of what is there, touch only a row that differs, so that running again changes nothing. */
static bool write_rows(const struct setup *setup, const struct setup_provider *wanted,
        const struct rows *rows, const char *server_id, bool *changed_out, struct error *err)
{
    void *memory = setup->memory;
    const struct catalog_provider *provider = wanted->provider;
    int64_t now = clock_now_ms();
    char ids[2][UUID_TEXT_SIZE];
    const char *auth_id = rows->auth_config != NULL ? rows->auth_config : uuid_v7(now, ids[0]);
    const char *mcp_id = rows->mcp_server != NULL ? rows->mcp_server : uuid_v7(now, ids[1]);
    struct db_value time = DB_TIME(memory, now);
    struct db_statement statements[] = {
            {"INSERT INTO \"AuthConfig\" (\"id\", \"provider\", \"composioAuthId\", \"displayName\","
             " \"icon\", \"description\", \"requiredScopes\", \"allowedTools\", \"createdAt\","
             " \"updatedAt\") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)"
             " ON CONFLICT (\"id\") DO UPDATE SET \"composioAuthId\" = excluded.\"composioAuthId\","
             " \"displayName\" = excluded.\"displayName\", \"icon\" = excluded.\"icon\","
             " \"description\" = excluded.\"description\","
             " \"requiredScopes\" = excluded.\"requiredScopes\","
             " \"allowedTools\" = excluded.\"allowedTools\", \"updatedAt\" = excluded.\"updatedAt\""
             " WHERE \"AuthConfig\".\"composioAuthId\" <> excluded.\"composioAuthId\""
             " OR \"AuthConfig\".\"displayName\" <> excluded.\"displayName\""
             " OR \"AuthConfig\".\"icon\" <> excluded.\"icon\""
             " OR \"AuthConfig\".\"description\" <> excluded.\"description\""
             " OR \"AuthConfig\".\"requiredScopes\" <> excluded.\"requiredScopes\""
             " OR \"AuthConfig\".\"allowedTools\" <> excluded.\"allowedTools\"",
                    DB_PARAMS(DB_TEXT(auth_id), DB_TEXT(provider->provider),
                            DB_TEXT(wanted->auth_config_id), DB_TEXT(provider->display_name),
                            DB_TEXT(provider->icon), DB_TEXT(provider->description),
                            DB_LIST(list_text(memory, provider->required_scopes)),
                            DB_LIST(list_text(memory, provider->allowed_tools)), time)},
            {"INSERT INTO \"MCPServer\" (\"id\", \"authConfigId\", \"composioServerId\", \"name\","
             " \"description\", \"createdAt\", \"updatedAt\") VALUES ($1, $2, $3, $4, $5, $6, $6)"
             " ON CONFLICT (\"id\") DO UPDATE SET \"composioServerId\" = excluded.\"composioServerId\","
             " \"updatedAt\" = excluded.\"updatedAt\""
             " WHERE \"MCPServer\".\"composioServerId\" <> excluded.\"composioServerId\"",
                    DB_PARAMS(DB_TEXT(mcp_id), DB_TEXT(auth_id), DB_TEXT(server_id),
                            DB_TEXT(provider->display_name), DB_TEXT(provider->description), time)},
    };
    const struct db_rows *results[2] = {0};
    if (!db_write(setup->core->db, memory, statements, 2, results, err)) {
        return false;
    }
    *changed_out = db_rows_affected(results[0]) > 0 || db_rows_affected(results[1]) > 0;
    return true;
}

static bool setup_one(
        const struct setup *setup, const struct setup_provider *wanted, struct error *err)
{
    struct rows rows;
    struct tools tools;
    const char *server_id = NULL;
    bool changed = false;
    if (!check_auth_config(setup, wanted, err) ||
            !check_tools(setup, wanted->provider, &tools, err) ||
            !read_rows(setup, wanted->provider->provider, &rows, err) ||
            !ensure_mcp_server(setup, wanted, rows.composio_server_id, &server_id, err) ||
            !write_rows(setup, wanted, &rows, server_id, &changed, err) ||
            !tool_schemas_store(setup->core, setup->memory, tools.list, tools.count, err)) {
        return false;
    }
    say(setup, "%s: %s", wanted->provider->provider, changed ? "set up" : "nothing to change");
    return true;
}

bool setup_run(struct core *core, const struct setup_provider *providers, size_t count,
        setup_report *report, void *argument, struct error *err)
{
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        struct setup setup = {core, mem_scope_new(NULL, "setup"), report, argument};
        struct error failure = {0};
        if (!setup_one(&setup, &providers[i], &failure)) {
            say(&setup, "%s", failure.message);
            *err = ok ? failure : *err;
            ok = false;
        }
        mem_free(setup.memory);
    }
    return ok;
}

/* ---- looking only ---- */

/* Say in what the provider's rows differ from what they are to be. True: in something. */
static bool say_row_differences(
        const struct setup *setup, const struct setup_provider *wanted, const struct rows *rows)
{
    const struct catalog_provider *provider = wanted->provider;
    const struct {
        const char *column;
        struct slice is, wanted;
    } columns[] = {
            {"composioAuthId", slice_of(rows->auth_config_id), slice_of(wanted->auth_config_id)},
            {"displayName", rows->display_name, slice_of(provider->display_name)},
            {"icon", rows->icon, slice_of(provider->icon)},
            {"description", rows->description, slice_of(provider->description)},
            {"requiredScopes", rows->required_scopes,
                    list_text(setup->memory, provider->required_scopes)},
            {"allowedTools", rows->allowed_tools,
                    list_text(setup->memory, provider->allowed_tools)},
    };
    bool differ = false;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (!slice_equal(columns[i].is, columns[i].wanted)) {
            say(setup, "%s: the row's %s is not what this version of Tenon allows and shows",
                    provider->provider, columns[i].column);
            differ = true;
        }
    }
    return differ;
}

static bool check_one(const struct setup *setup, const struct setup_provider *wanted,
        bool *needed_out, struct error *err)
{
    const char *provider = wanted->provider->provider;
    struct rows rows;
    struct tools tools;
    struct composio_mcp_server server, want = wanted_server(setup, wanted);
    if (!check_auth_config(setup, wanted, err) ||
            !check_tools(setup, wanted->provider, &tools, err) ||
            !read_rows(setup, provider, &rows, err)) {
        return false;
    }
    if (rows.auth_config == NULL || rows.mcp_server == NULL) {
        say(setup, "%s: has not been set up", provider);
        *needed_out = true;
        return true;
    }
    if (!find_mcp_server(setup, want.name, rows.composio_server_id, &server, err)) {
        return false;
    }
    bool differ = say_row_differences(setup, wanted, &rows);
    if (server.id == NULL || strcmp(server.id, rows.composio_server_id) != 0) {
        say(setup, "%s: its MCP server is gone at Composio", provider);
        differ = true;
    } else if (!same_server(&server, &want)) {
        say(setup, "%s: its MCP server at Composio has other auth configs or tools", provider);
        differ = true;
    }
    *needed_out = differ;
    return true;
}

bool setup_check(struct core *core, const struct setup_provider *provider, setup_report *report,
        void *argument, bool *needed_out, struct error *err)
{
    struct setup setup = {core, mem_scope_new(NULL, "setup"), report, argument};
    bool ok = check_one(&setup, provider, needed_out, err);
    mem_free(setup.memory);
    return ok;
}

/* ---- webhooks ---- */

static const char *const webhook_event = "composio.connected_account.expired";

/* What the subscription should be; false: it is. */
static bool must_change(const struct setup *setup, const struct composio_webhook *have,
        const char *url, struct composio_webhook *want)
{
    const char **events = mem_array(setup->memory, const char *, have->event_count + 1);
    bool has_event = false;
    for (size_t i = 0; i < have->event_count; i++) {
        events[i] = have->events[i];
        has_event = has_event || strcmp(events[i], webhook_event) == 0;
    }
    events[have->event_count] = webhook_event;
    *want = (struct composio_webhook){
            .id = have->id,
            .url = url,
            .events = events,
            .event_count = have->event_count + (has_event ? 0 : 1),
    };
    return !has_event || strcmp(have->url, url) != 0 || strcmp(have->version, "V3") != 0;
}

/* The project's one subscription; its id is NULL when there is none. */
static bool find_subscription(
        const struct setup *setup, struct composio_webhook *out, struct error *err)
{
    struct composio_webhook *list = NULL;
    size_t count = 0;
    if (!composio_webhook_list(setup->core->composio, setup->memory, &list, &count, err)) {
        return false;
    }
    *out = count > 0 ? list[0] : (struct composio_webhook){.url = "", .version = ""};
    return true;
}

static bool ensure_subscription(const struct setup *setup, const char *url,
        struct composio_webhook *out, bool *changed_out, struct error *err)
{
    struct composio *composio = setup->core->composio;
    struct composio_webhook have, want;
    if (!find_subscription(setup, &have, err)) {
        return false;
    }
    *changed_out = must_change(setup, &have, url, &want);
    if (have.id == NULL) {
        if (!composio_webhook_create(composio, setup->memory, &want, out, err)) {
            return false;
        }
        say(setup, "webhooks: subscription %s made at Composio, to %s", out->id, url);
        return true;
    }
    if (!*changed_out) {
        *out = have;
        return true;
    }
    if (!composio_webhook_update(composio, setup->memory, &want, out, err)) {
        return false;
    }
    say(setup, "webhooks: subscription %s changed at Composio, to %s (it was %s)", out->id, url,
            have.url);
    return true;
}

static bool read_stored_secret(
        const struct setup *setup, const char *id, const char **secret_out, struct error *err)
{
    static const char sql[] = "SELECT \"secret\" FROM \"WebhookSubscription\" WHERE \"id\" = $1";
    const struct db_rows *rows = NULL;
    if (!db_read(setup->core->db, setup->memory, sql, DB_PARAMS(DB_TEXT(id)), &rows, err)) {
        return false;
    }
    *secret_out = db_row_count(rows) > 0 ? db_get_text(rows, 0, 0) : NULL;
    return true;
}

static bool store_secret(const struct setup *setup, const struct composio_webhook *webhook,
        const char *url, const char *secret, bool *changed_out, struct error *err)
{
    struct db_value time = DB_TIME(setup->memory, clock_now_ms());
    struct db_statement statements[] = {
            {"DELETE FROM \"WebhookSubscription\" WHERE \"id\" <> $1",
                    DB_PARAMS(DB_TEXT(webhook->id))},
            {"INSERT INTO \"WebhookSubscription\" (\"id\", \"url\", \"secret\", \"createdAt\","
             " \"updatedAt\") VALUES ($1, $2, $3, $4, $4) ON CONFLICT (\"id\") DO UPDATE SET"
             " \"url\" = excluded.\"url\", \"secret\" = excluded.\"secret\","
             " \"updatedAt\" = excluded.\"updatedAt\""
             " WHERE \"WebhookSubscription\".\"url\" <> excluded.\"url\""
             " OR \"WebhookSubscription\".\"secret\" <> excluded.\"secret\"",
                    DB_PARAMS(DB_TEXT(webhook->id), DB_TEXT(url), DB_TEXT(secret), time)},
    };
    const struct db_rows *results[2] = {0};
    if (!db_write(setup->core->db, setup->memory, statements, 2, results, err)) {
        return false;
    }
    *changed_out = *changed_out || db_rows_affected(results[1]) > 0;
    return true;
}

/* Composio may say the secret only once (composio-api.md §6.1). */
static bool ensure_secret(const struct setup *setup, const struct composio_webhook *webhook,
        const char *url, bool *changed_out, struct error *err)
{
    const char *secret = webhook->secret;
    if (setup->core->options.webhook_secrets != NULL) {
        return true;
    }
    if (secret == NULL && !read_stored_secret(setup, webhook->id, &secret, err)) {
        return false;
    }
    if (secret == NULL) {
        if (!composio_webhook_rotate(
                    setup->core->composio, setup->memory, webhook->id, &secret, err)) {
            return false;
        }
        say(setup, "webhooks: subscription %s has a new secret", webhook->id);
    }
    return store_secret(setup, webhook, url, secret, changed_out, err);
}

bool setup_webhooks(struct core *core, const char *public_url, setup_report *report, void *argument,
        struct error *err)
{
    struct setup setup = {core, mem_scope_new(NULL, "setup"), report, argument};
    const char *url =
            mem_printf(setup.memory, "%s%s", public_url == NULL ? "" : public_url, WEBHOOK_PATH);
    struct composio_webhook webhook;
    bool changed = false, ok = false;
    if (public_url == NULL) {
        error_set(err, ERROR_PRECONDITION_FAILED, "NOT_CONFIGURED",
                "Composio must know where to deliver webhooks to: set PUBLIC_URL");
    } else {
        ok = ensure_subscription(&setup, url, &webhook, &changed, err) &&
             ensure_secret(&setup, &webhook, url, &changed, err);
    }
    if (ok) {
        say(&setup, "webhooks: %s", changed ? "set up" : "nothing to change");
    } else {
        error_prefix(err, "webhooks");
        say(&setup, "%s", err->message);
    }
    mem_free(setup.memory);
    return ok;
}

bool setup_webhooks_check(
        struct core *core, const char *public_url, bool *needed_out, struct error *err)
{
    struct setup setup = {.core = core, .memory = mem_scope_new(NULL, "setup")};
    struct composio_webhook have, want;
    bool ok = find_subscription(&setup, &have, err);
    if (ok) {
        *needed_out = must_change(
                &setup, &have, mem_printf(setup.memory, "%s%s", public_url, WEBHOOK_PATH), &want);
    }
    mem_free(setup.memory);
    return ok;
}
