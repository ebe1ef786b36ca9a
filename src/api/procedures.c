/* The tRPC procedures: each reads its input, asks core, writes what came of it. */
#include "api/api_internal.h"
#include "core/executions.h"
#include "core/tools.h"

#define HISTORY_LIMIT 20 /* of a page, where the caller does not say */

static struct context context_of(const struct trpc_call *call)
{
    const struct api *api = call->context;
    return (struct context){api->core, call->request->memory, call->user};
}

static void write_text(struct trpc_call *call, const char *name, const char *text)
{
    json_write_name(call->output, name);
    json_write_text(call->output, text);
}

static void write_bool(struct trpc_call *call, const char *name, bool value)
{
    json_write_name(call->output, name);
    json_write_bool(call->output, value);
}

/* A JSON text as it is; null for none. */
static void write_raw(struct trpc_call *call, const char *name, struct slice text)
{
    json_write_name(call->output, name);
    json_write_raw(call->output, text.data == NULL ? SLICE("null") : text);
}

/* A connection, or null. `path`: where it stands in the handler's value, with a dot behind. */
static void write_connection(
        struct trpc_call *call, bool found, const struct connection *connection, const char *path)
{
    json_write_name(call->output, "connection");
    if (!found) {
        json_write_null(call->output);
        return;
    }
    json_begin_object(call->output);
    write_text(call, "id", connection->id);
    write_text(call, "status", connection_status_name(connection->status));
    write_text(call, "accountLabel", connection->label);
    json_write_name(call->output, "connectedAt");
    trpc_write_time(call, connection->connected_at_ms, "%sconnection.connectedAt", path);
    json_write_name(call->output, "lastUsedAt");
    trpc_write_time(call, connection->last_used_at_ms, "%sconnection.lastUsedAt", path);
    json_write_name(call->output, "lastSyncedAt");
    trpc_write_time(call, connection->last_synced_at_ms, "%sconnection.lastSyncedAt", path);
    json_end_object(call->output);
}

/* ---- health ---- */

static bool health(struct trpc_call *call, struct error *err)
{
    (void)err;
    json_write_text(call->output, "ok");
    return true;
}

/* ---- list, status ---- */

static bool list(struct trpc_call *call, struct error *err)
{
    struct context context = context_of(call);
    struct integration *integrations = NULL;
    size_t count = 0;
    if (!connections_list(&context, &integrations, &count, err)) {
        return false;
    }
    json_begin_array(call->output);
    for (size_t i = 0; i < count; i++) {
        const struct integration *integration = &integrations[i];
        char path[24];
        snprintf(path, sizeof path, "%zu.", i);
        json_begin_object(call->output);
        json_write_raw_members(call->output, integration->members);
        write_connection(call, integration->has_connection, &integration->connection, path);
        json_end_object(call->output);
    }
    json_end_array(call->output);
    return true;
}

#define PROVIDER_FIELD                                               \
    {                                                                \
        .name = "provider", .type = TRPC_STRING, .min = 1, .max = 64 \
    }
#define FIELDS_END   \
    {                \
        .name = NULL \
    }

static const struct trpc_field provider_input[] = {PROVIDER_FIELD, FIELDS_END};

void api_write_status(struct trpc_call *call, const char *provider, bool found,
        const struct connection *connection)
{
    json_begin_object(call->output);
    write_text(call, "provider", provider);
    write_bool(call, "connected", found && connection->status == CONNECTION_ACTIVE);
    write_connection(call, found, connection, "");
    json_end_object(call->output);
}

static bool status(struct trpc_call *call, struct error *err)
{
    struct context context = context_of(call);
    const char *provider = trpc_input_text(call, "provider");
    struct connection connection;
    bool found = false;
    if (!connections_status(&context, provider, &found, &connection, err)) {
        return false;
    }
    api_write_status(call, provider, found, &connection);
    return true;
}

/* ---- connect, complete, disconnect ---- */

static const struct trpc_field connect_input[] = {PROVIDER_FIELD,
        {.name = "redirectUri", .type = TRPC_STRING, .optional = true, .min = 1, .max = 2048},
        FIELDS_END};

static bool connect_(struct trpc_call *call, struct error *err)
{
    struct context context = context_of(call);
    struct connect_result result;
    if (!connections_connect(&context, trpc_input_text(call, "provider"),
                trpc_input_text(call, "redirectUri"), &result, err)) {
        return false;
    }
    json_begin_object(call->output);
    write_bool(call, "connected", result.connected);
    write_bool(call, "needsAuth", !result.connected);
    if (!result.connected) {
        write_text(call, "authUrl", result.auth_url);
        write_text(call, "state", result.state);
        json_write_name(call->output, "expiresAt");
        trpc_write_time(call, result.expires_at_ms, "expiresAt");
    }
    json_end_object(call->output);
    return true;
}

static const struct trpc_field complete_input[] = {PROVIDER_FIELD,
        {.name = "state", .type = TRPC_STRING, .min = 1, .max = 256},
        {.name = "code", .type = TRPC_STRING, .optional = true, .min = 1, .max = 256}, FIELDS_END};

static bool complete(struct trpc_call *call, struct error *err)
{
    struct context context = context_of(call);
    struct connection connection;
    if (!connections_complete(&context, trpc_input_text(call, "provider"),
                trpc_input_text(call, "state"), trpc_input_text(call, "code"), &connection, err)) {
        return false;
    }
    json_begin_object(call->output);
    write_bool(call, "success", true);
    write_connection(call, true, &connection, "");
    json_end_object(call->output);
    return true;
}

static const struct trpc_field verify_input[] = {
        {.name = "sessionUri", .type = TRPC_STRING, .min = 1, .max = 2048}, FIELDS_END};

static bool verify(struct trpc_call *call, struct error *err)
{
    struct context context = context_of(call);
    struct connection connection;
    const char *provider = NULL;
    if (!connections_verify(
                &context, trpc_input_text(call, "sessionUri"), &provider, &connection, err)) {
        return false;
    }
    json_begin_object(call->output);
    write_bool(call, "success", true);
    write_text(call, "provider", provider);
    write_connection(call, true, &connection, "");
    json_end_object(call->output);
    return true;
}

static bool disconnect(struct trpc_call *call, struct error *err)
{
    struct context context = context_of(call);
    if (!connections_disconnect(&context, trpc_input_text(call, "provider"), err)) {
        return false;
    }
    json_begin_object(call->output);
    write_bool(call, "success", true);
    json_end_object(call->output);
    return true;
}

/* ---- executeTool ---- */

static const struct trpc_field execute_input[] = {PROVIDER_FIELD,
        {.name = "toolName", .type = TRPC_STRING, .min = 1, .max = 128},
        {.name = "parameters", .type = TRPC_ANY, .optional = true},
        {.name = "idempotencyKey", .type = TRPC_STRING, .optional = true, .min = 1, .max = 255},
        {.name = "timeoutMs", .type = TRPC_INT, .optional = true, .min = 1, .max = 600000},
        FIELDS_END};

static int64_t input_int(const struct trpc_call *call, const char *name, int64_t otherwise)
{
    int64_t number = otherwise;
    json_int(json_get(call->input, name), &number); /* checked to be one, or left out */
    return number;
}

static bool execute_tool(struct trpc_call *call, struct error *err)
{
    struct context context = context_of(call);
    struct execution_request request = {
            .provider = trpc_input_text(call, "provider"),
            .tool = trpc_input_text(call, "toolName"),
            .arguments = json_get(call->input, "parameters"),
            .idempotency_key = trpc_input_text(call, "idempotencyKey"),
            .timeout_ms = input_int(call, "timeoutMs", 0),
    };
    struct execution_result result;
    if (!executions_run(&context, &request, &result, err)) {
        return false;
    }
    json_begin_object(call->output);
    write_text(call, "executionId", result.id);
    write_text(call, "status", result.successful ? "SUCCESS" : "FAILED");
    write_raw(call, "response", result.response);
    write_text(call, "error", result.error);
    json_write_name(call->output, "duration");
    json_write_int(call->output, result.duration_ms);
    json_end_object(call->output);
    return true;
}

/* ---- tools ---- */

#define TOOL_NAMES_MAX 100

static const char *check_tool_names(const struct json *value)
{
    static const char problem[] = "Invalid input: expected up to 100 names of tools";
    if (json_type(value) != JSON_ARRAY || json_count(value) > TOOL_NAMES_MAX) {
        return problem;
    }
    for (struct json_iterator i = json_iterate(value); json_next(&i);) {
        if (json_type(i.value) != JSON_STRING) {
            return problem;
        }
    }
    return NULL;
}

static const struct trpc_field tools_input[] = {
        {.name = "provider", .type = TRPC_STRING, .optional = true, .min = 1, .max = 64},
        {.name = "toolNames", .type = TRPC_ANY, .optional = true, .check = check_tool_names},
        FIELDS_END};

static bool tools(struct trpc_call *call, struct error *err)
{
    struct context context = context_of(call);
    struct tool *list = NULL;
    size_t count = 0;
    if (!tools_list(&context, trpc_input_text(call, "provider"), json_get(call->input, "toolNames"),
                &list, &count, err)) {
        return false;
    }
    json_begin_array(call->output);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(call->output);
        write_text(call, "provider", list[i].provider);
        write_bool(call, "connected", list[i].connected);
        write_text(call, "toolName", list[i].slug);
        write_text(call, "displayName", list[i].name);
        write_text(call, "description", list[i].description);
        write_text(call, "version", list[i].version);
        write_raw(call, "inputSchema", list[i].input_schema);
        write_raw(call, "outputSchema", list[i].output_schema);
        json_end_object(call->output);
    }
    json_end_array(call->output);
    return true;
}

/* ---- history ---- */

static const char *const execution_statuses[] = {"PENDING", "SUCCESS", "FAILED", NULL};
static const struct trpc_field history_input[] = {
        {.name = "provider", .type = TRPC_STRING, .optional = true, .min = 1, .max = 64},
        {.name = "toolName", .type = TRPC_STRING, .optional = true, .min = 1, .max = 128},
        {.name = "status", .type = TRPC_ENUM, .optional = true, .choices = execution_statuses},
        {.name = "limit", .type = TRPC_INT, .optional = true, .min = 1, .max = HISTORY_LIMIT_MAX},
        {.name = "cursor", .type = TRPC_STRING, .optional = true, .min = 1, .max = 256},
        FIELDS_END};

static void write_history_item(
        struct trpc_call *call, const struct history_item *item, size_t index)
{
    json_begin_object(call->output);
    write_text(call, "executionId", item->id);
    write_text(call, "provider", item->provider);
    write_text(call, "toolName", item->tool);
    write_text(call, "status", item->status);
    write_text(call, "error", item->error);
    json_write_name(call->output, "executedAt");
    trpc_write_time(call, item->executed_at_ms, "items.%zu.executedAt", index);
    json_write_name(call->output, "duration");
    if (item->duration_ms < 0) {
        json_write_null(call->output);
    } else {
        json_write_int(call->output, item->duration_ms);
    }
    json_end_object(call->output);
}

static bool history(struct trpc_call *call, struct error *err)
{
    struct context context = context_of(call);
    struct history_query query = {
            .provider = trpc_input_text(call, "provider"),
            .tool = trpc_input_text(call, "toolName"),
            .status = trpc_input_text(call, "status"),
            .limit = input_int(call, "limit", HISTORY_LIMIT),
            .cursor = trpc_input_text(call, "cursor"),
    };
    struct history_item *items = NULL;
    size_t count = 0;
    const char *next_cursor = NULL;
    if (!executions_history(&context, &query, &items, &count, &next_cursor, err)) {
        return false;
    }
    json_begin_object(call->output);
    json_write_name(call->output, "items");
    json_begin_array(call->output);
    for (size_t i = 0; i < count; i++) {
        write_history_item(call, &items[i], i);
    }
    json_end_array(call->output);
    write_text(call, "nextCursor", next_cursor);
    json_end_object(call->output);
    return true;
}

/* ---- events ---- */

/* Any value: a client that has no id yet may send null. */
static const struct trpc_field events_input[] = {
        {.name = "lastEventId", .type = TRPC_ANY, .optional = true}, FIELDS_END};

const struct trpc_procedure api_procedures[] = {
        {"integrations.list", TRPC_QUERY, false, NULL, list},
        {"integrations.tools", TRPC_QUERY, false, tools_input, tools},
        {"integrations.executeTool", TRPC_MUTATION, false, execute_input, execute_tool},
        {"integrations.history", TRPC_QUERY, false, history_input, history},
        {"integrations.status", TRPC_QUERY, false, provider_input, status},
        {"integrations.connect", TRPC_MUTATION, false, connect_input, connect_},
        {"integrations.complete", TRPC_MUTATION, false, complete_input, complete},
        {"integrations.verify", TRPC_MUTATION, false, verify_input, verify},
        {"integrations.disconnect", TRPC_MUTATION, false, provider_input, disconnect},
        {"integrations.events", TRPC_SUBSCRIPTION, false, events_input, api_events},
        {"health", TRPC_QUERY, true, NULL, health},
};
const size_t api_procedure_count = sizeof api_procedures / sizeof api_procedures[0];
