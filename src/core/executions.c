#include "core/executions.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/nearest.h"
#include "core/core_internal.h"
#include "core/tools.h"
#include "crypto/crypto.h"

/* Beyond the call's own time: for the record before and after it. */
#define RECORD_TIMEOUT_MS 30000

/* One execution: owned by its fiber, read by the requesting one once `done` is set. */
struct execution {
    struct context context; /* its memory is the execution's own */
    const char *provider, *tool, *account_id, *entity_id, *connection_id;
    const char *version;    /* of the tool, whose schema the arguments fit; NULL: the latest */
    struct slice arguments; /* JSON text */
    bool ok;
    struct execution_result result;
    struct error err;
    struct fiber_signal done;
    bool abandoned; /* the requester went away: the fiber frees the execution */
};

/* ---- the checks before anything is done ---- */

static bool list_names(
        void *memory, struct slice list, const char *tool, bool *found_out, struct error *err)
{
    const struct json *tools = NULL;
    if (!json_parse(memory, list, &tools, err)) {
        return error_set(err, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_ERROR",
                "The list of allowed tools cannot be read; its operator may run `tenon setup`.");
    }
    *found_out = false;
    for (struct json_iterator i = json_iterate(tools); json_next(&i);) {
        *found_out = *found_out || slice_is(json_string(i.value), tool);
    }
    return true;
}

static bool check_tool(const struct context *context, const char *provider, const char *tool,
        const struct provider_row *row, struct error *err)
{
    bool allowed = false;
    if (!list_names(context->memory, row->allowed_tools, tool, &allowed, err)) {
        return false;
    }
    if (allowed) {
        return true;
    }
    const struct catalog_provider *known = catalog_find(context->core->catalog, provider);
    if (known != NULL && catalog_has_tool(known, tool)) {
        return error_set(err, ERROR_FORBIDDEN, "TOOL_NOT_ALLOWED",
                "The tool %.100s is not allowed here; the operator decides which are.", tool);
    }
    const char *near = known == NULL ? NULL : nearest_text(tool, known->allowed_tools);
    return near == NULL
                   ? error_set(err, ERROR_NOT_FOUND, "TOOL_UNKNOWN",
                             "%.64s has no tool \"%.64s\"; integrations.list names its tools.",
                             provider, tool)
                   : error_set(err, ERROR_NOT_FOUND, "TOOL_UNKNOWN",
                             "%.64s has no tool \"%.64s\"; did you mean %s?", provider, tool, near);
}

static bool reconnect_required(const char *provider, struct error *err)
{
    return error_set(err, ERROR_PRECONDITION_FAILED, "RECONNECT_REQUIRED",
            "The %.64s connection no longer works; connect it again.", provider);
}

static bool not_connected(const char *provider, struct error *err)
{
    return error_set(err, ERROR_PRECONDITION_FAILED, "NOT_CONNECTED",
            "%.64s is not connected for this user; call integrations.connect first.", provider);
}

static bool check_status(
        const char *provider, bool has_row, enum connection_status status, struct error *err)
{
    if (has_row && status == CONNECTION_ACTIVE) {
        return true;
    }
    return has_row && status == CONNECTION_INACTIVE ? reconnect_required(provider, err)
                                                    : not_connected(provider, err);
}

/* ---- the record ---- */

static bool record_begin(struct execution *execution, struct error *err)
{
    void *memory = execution->context.memory;
    int64_t now = clock_now_ms();
    char *id = mem_block(memory, UUID_TEXT_SIZE, "id");
    execution->result.id = uuid_v7(now, id);
    struct db_statement insert = {
            "INSERT INTO \"ToolExecution\" (\"id\", \"connectionId\", \"toolName\", \"parameters\","
            " \"status\", \"executedAt\") VALUES ($1, $2, $3, $4, 'PENDING', $5)",
            DB_PARAMS(DB_TEXT(id), DB_TEXT(execution->connection_id), DB_TEXT(execution->tool),
                    DB_SLICE(execution->arguments), DB_TIME(memory, now))};
    return db_write(execution->context.core->db, memory, &insert, 1, NULL, err);
}

static bool record_end(struct execution *execution, const char *error_text, struct error *err)
{
    const struct execution_result *result = &execution->result;
    void *memory = execution->context.memory;
    struct db_value time = DB_TIME(memory, clock_now_ms());
    struct db_statement updates[] = {
            {"UPDATE \"ToolExecution\" SET \"status\" = $1, \"response\" = $2, \"error\" = $3,"
             " \"duration\" = $4 WHERE \"id\" = $5",
                    DB_PARAMS(DB_TEXT(result->successful ? "SUCCESS" : "FAILED"),
                            DB_SLICE(result->response), DB_TEXT(error_text),
                            DB_INT(result->duration_ms), DB_TEXT(result->id))},
            {"UPDATE \"UserConnection\" SET \"lastUsedAt\" = $1, \"updatedAt\" = $1"
             " WHERE \"id\" = $2",
                    DB_PARAMS(time, DB_TEXT(execution->connection_id))},
    };
    return db_write(execution->context.core->db, memory, updates, 2, NULL, err);
}

/* ---- the call ---- */

/* Composio says that the account does not work for this user: look what became of it, and say so. */
static void explain_account(struct execution *execution)
{
    struct provider_row row;
    enum connection_status status = CONNECTION_ACTIVE;
    struct composio_account account;
    struct error err = {0};
    if (!provider_row_read(&execution->context, execution->provider, &row, &err) ||
            row.connection_id == NULL || strcmp(row.account_id, execution->account_id) != 0 ||
            !connection_refresh(
                    &execution->context, execution->provider, &row, &status, &account, &err)) {
        log_warn("%s connection not looked up after a refusal: %s", execution->provider,
                err.message);
    }
    reconnect_required(execution->provider, &execution->err);
}

static bool is_reason(const struct error *err, const char *reason)
{
    return err->reason != NULL && strcmp(err->reason, reason) == 0;
}

static bool is_account_refusal(const struct error *err)
{
    static const char *const reasons[] = {
            "UPSTREAM_ACCOUNT_GONE", "UPSTREAM_ACCOUNT_EXPIRED", "UPSTREAM_ACCOUNT_MISMATCH"};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (is_reason(err, reasons[i])) {
            return true;
        }
    }
    return false;
}

static void call(struct execution *execution)
{
    struct core *core = execution->context.core;
    struct execution_result *result = &execution->result;
    struct composio_result reply;
    struct composio_execution request = {
            .tool = execution->tool,
            .version = execution->version,
            .account_id = execution->account_id,
            .user_id = execution->entity_id,
            .arguments = execution->arguments,
            .timeout_ms = core->options.execute_timeout_ms,
    };
    int64_t start = clock_monotonic_ms();
    execution->ok = composio_execute(
            core->composio, execution->context.memory, &request, &reply, &execution->err);
    result->duration_ms = clock_monotonic_ms() - start;
    if (!execution->ok) {
        return;
    }
    result->successful = reply.successful;
    if (reply.data != NULL) {
        result->response = json_to_text(execution->context.memory, reply.data);
    }
    if (!reply.successful) {
        result->error = reply.error != NULL ? reply.error : "The tool failed without saying why.";
    }
}

static void run(struct execution *execution)
{
    if (!record_begin(execution, &execution->err)) {
        return; /* nothing was sent */
    }
    call(execution);
    fiber_set_deadline(clock_monotonic_ms() + RECORD_TIMEOUT_MS);
    if (!execution->ok && is_account_refusal(&execution->err)) {
        explain_account(execution);
    } else if (!execution->ok && is_reason(&execution->err, "UPSTREAM_TOOL_NOT_FOUND")) {
        tool_explain_refusal(
                execution->context.core, execution->tool, execution->version, &execution->err);
    }
    struct error record_error = {0};
    const char *error_text = execution->ok ? execution->result.error : execution->err.message;
    if (!record_end(execution, error_text, &record_error)) {
        /* The tool has run, and the caller is told so; the row says PENDING until it is found. */
        log_error("execution %s not recorded: %s %s", execution->result.id, record_error.message,
                record_error.detail);
    }
}

static void execution_main(void *argument)
{
    struct execution *execution = argument;
    struct core *core = execution->context.core;
    log_add_field(fiber_memory(), "user", execution->context.user);
    run(execution);
    if (core->options.limits != NULL) {
        limits_end(core->options.limits, execution->context.user);
    }
    core_task_ended(core);
    if (execution->abandoned) {
        log_info("execution %s ended without its caller", execution->result.id);
        mem_free(execution);
    } else {
        fiber_signal_set(&execution->done);
    }
}

/* ---- what the caller sees ---- */

static struct execution *execution_new(const struct context *context,
        const struct execution_request *request, const struct provider_row *row,
        const char *version)
{
    struct execution *execution = mem_new(NULL, struct execution);
    execution->context =
            (struct context){context->core, execution, mem_strdup(execution, context->user)};
    execution->provider = mem_strdup(execution, request->provider);
    execution->tool = mem_strdup(execution, request->tool);
    execution->version = mem_strdup(execution, version);
    execution->account_id = mem_strdup(execution, row->account_id);
    execution->entity_id = mem_strdup(execution, row->entity_id);
    execution->connection_id = mem_strdup(execution, row->connection_id);
    execution->arguments =
            request->arguments == NULL ? SLICE("{}") : json_to_text(execution, request->arguments);
    return execution;
}

bool executions_run(const struct context *context, const struct execution_request *request,
        struct execution_result *out, struct error *err)
{
    struct core *core = context->core;
    struct provider_row row;
    const char *version = NULL;
    if (!provider_row_read(context, request->provider, &row, err) ||
            !check_tool(context, request->provider, request->tool, &row, err) ||
            !check_status(request->provider, row.connection_id != NULL, row.status, err) ||
            !tool_check_arguments(context, request->tool, request->arguments, &version, err)) {
        return false;
    }
    if (core->options.limits != NULL && !limits_begin(core->options.limits, context->user,
                                                request->provider, clock_monotonic_ms(), err)) {
        return false;
    }
    struct execution *execution = execution_new(context, request, &row, version);
    core_task_begun(core);
    fiber_start(core->loop, "execution", execution_main, execution,
            clock_monotonic_ms() + core->options.execute_timeout_ms + RECORD_TIMEOUT_MS);
    if (!fiber_signal_wait(&execution->done, err)) {
        execution->abandoned = true;
        return false;
    }
    mem_move(context->memory, execution);
    if (!execution->ok) {
        *err = execution->err;
        return false;
    }
    *out = execution->result;
    return true;
}
