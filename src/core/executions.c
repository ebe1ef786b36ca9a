/* Running a tool: the checks, the record before, the call, the record after, what the caller sees. */
#include "core/executions.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/nearest.h"
#include "core/execution_record.h"
#include "core/tools.h"

/* How often a repeated call looks whether the first one has ended: at first, and at most. */
#define LOOK_FIRST_MS 5
#define LOOK_MOST_MS  500

/* Between tries to record what an execution came to. */
#define RECORD_AGAIN_MS 100

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

static bool take_result(
        struct execution *execution, const struct composio_result *reply, struct error *err)
{
    struct execution_result *result = &execution->result;
    void *memory = execution->context.memory;
    enum recording recording = execution->context.core->options.recording;
    if (reply->data != NULL) {
        result->response = json_to_text(memory, reply->data);
    }
    if (result->response.length > EXECUTION_RESULT_BYTES_MAX) {
        result->response = (struct slice){NULL, 0};
        return error_set(err, ERROR_BAD_GATEWAY, "RESULT_TOO_LARGE",
                "The tool was run, but its result has more than 10 MiB and was dropped; ask it for less.");
    }
    if (reply->data != NULL && recording != RECORDING_METADATA) {
        execution->recorded_response = recording_text(memory, recording, reply->data);
    }
    result->successful = reply->successful;
    if (!reply->successful) {
        result->error = reply->error != NULL ? reply->error : "The tool failed without saying why.";
    }
    return true;
}

static void call(struct execution *execution)
{
    struct composio_result reply;
    struct composio_execution request = {
            .tool = execution->tool,
            .version = execution->version,
            .account_id = execution->account_id,
            .user_id = execution->entity_id,
            .arguments = execution->arguments,
            .timeout_ms = execution->timeout_ms,
    };
    int64_t start = clock_monotonic_ms();
    fiber_set_deadline(start + execution->timeout_ms); /* with the waits between attempts */
    execution->ok = composio_execute(execution->context.core->composio, execution->context.memory,
                            &request, &reply, &execution->err) &&
                    take_result(execution, &reply, &execution->err);
    execution->result.duration_ms = clock_monotonic_ms() - start;
}

/* It says what happened however often it is written, so what keeps it from being written now is waited out. */
static bool record_end(struct execution *execution, struct error *err)
{
    struct error late = {0};
    while (!execution_record_end(execution, err)) {
        if (err->code != ERROR_SERVICE_UNAVAILABLE || !fiber_sleep(RECORD_AGAIN_MS, &late)) {
            return false;
        }
    }
    return true;
}

static void run(struct execution *execution)
{
    if (!execution_record_begin(execution, &execution->err)) {
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
    if (!record_end(execution, &record_error)) {
        /* The row says PENDING until it is closed as lost, and the caller is told what it will say. */
        log_error("execution %s not recorded: %s %s", execution->result.id, record_error.message,
                record_error.detail);
        execution->ok = error_set(&execution->err, ERROR_BAD_GATEWAY, "OUTCOME_UNKNOWN",
                "The tool may have run, but what became of it could not be saved; look before"
                " trying again.");
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

/* What is asked for, ready to be sent and compared. */
struct order {
    const struct execution_request *request;
    struct slice arguments; /* JSON text */
    const char *digest;     /* NULL: no key */
    int64_t timeout_ms;
};

static struct order order_read(
        const struct context *context, const struct execution_request *request)
{
    int64_t most_ms = context->core->options.execute_timeout_ms, timeout_ms = request->timeout_ms;
    struct order order = {
            .request = request,
            .arguments = request->arguments == NULL
                                 ? SLICE("{}")
                                 : json_to_text(context->memory, request->arguments),
            .timeout_ms = timeout_ms > 0 && timeout_ms < most_ms ? timeout_ms : most_ms,
    };
    if (request->idempotency_key != NULL) {
        order.digest = execution_digest(
                context->memory, request->provider, request->tool, order.arguments);
    }
    return order;
}

static struct execution *execution_new(const struct context *context, const struct order *order,
        const struct provider_row *row, const char *version)
{
    const struct execution_request *request = order->request;
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
            (struct slice){mem_strndup(execution, order->arguments.data, order->arguments.length),
                    order->arguments.length};
    execution->recorded_arguments =
            request->arguments == NULL && context->core->options.recording != RECORDING_METADATA
                    ? SLICE("{}")
                    : recording_text(
                              execution, context->core->options.recording, request->arguments);
    execution->key = mem_strdup(execution, request->idempotency_key);
    execution->digest = mem_strdup(execution, order->digest);
    execution->timeout_ms = order->timeout_ms;
    return execution;
}

/* Wait for what the fiber makes of it. */
static bool await_execution(const struct context *context, struct execution *execution,
        struct execution_result *out, struct error *err)
{
    if (!fiber_signal_wait(&execution->done, err)) {
        execution->abandoned = true;
        return err->code == ERROR_TIMEOUT
                       ? error_set(err, ERROR_GATEWAY_TIMEOUT, "OUTCOME_UNKNOWN",
                                 "The tool still runs, longer than this request may take; look in "
                                 "integrations.history before trying again.")
                       : false;
    }
    mem_move(context->memory, execution);
    if (!execution->ok) {
        *err = execution->err;
        return false;
    }
    *out = execution->result;
    return true;
}

static bool execute(const struct context *context, const struct order *order,
        struct execution_result *out, struct error *err)
{
    struct core *core = context->core;
    const char *provider = order->request->provider, *tool = order->request->tool;
    struct provider_row row;
    const char *version = NULL;
    if (!provider_row_read(context, provider, &row, err) ||
            !check_tool(context, provider, tool, &row, err) ||
            !check_status(provider, row.connection_id != NULL, row.status, err) ||
            !tool_check_arguments(context, tool, order->request->arguments, &version, err) ||
            (core->options.limits != NULL && !limits_begin(core->options.limits, context->user,
                                                     provider, clock_monotonic_ms(), err))) {
        return false;
    }
    struct execution *execution = execution_new(context, order, &row, version);
    core_task_begun(core);
    fiber_start(core->loop, "execution", execution_main, execution,
            clock_monotonic_ms() + order->timeout_ms + RECORD_TIMEOUT_MS);
    return await_execution(context, execution, out, err);
}

/* Wait while an execution with the key runs, in whichever process. *found_out false: there is none. */
static bool await_other(const struct context *context, const struct order *order, bool *found_out,
        struct execution_result *out, struct error *err)
{
    int64_t end_ms = clock_monotonic_ms() + order->timeout_ms, look_ms = LOOK_FIRST_MS;
    for (;;) {
        enum execution_found found;
        bool ok = false;
        struct error outcome = {0};
        if (!execution_record_find(context, order->request->idempotency_key, order->digest, &found,
                    &ok, out, &outcome, err)) {
            return false;
        }
        *found_out = found != EXECUTION_NONE;
        if (found == EXECUTION_ENDED && !ok) {
            *err = outcome;
        }
        if (found != EXECUTION_RUNNING) {
            return found == EXECUTION_NONE || ok;
        }
        if (clock_monotonic_ms() >= end_ms || !fiber_sleep(look_ms, err)) {
            return err->code == ERROR_CLIENT_CLOSED_REQUEST
                           ? false
                           : error_set(err, ERROR_GATEWAY_TIMEOUT, "STILL_RUNNING",
                                     "The first call with this idempotencyKey still runs; ask "
                                     "again with the same key.");
        }
        look_ms = 2 * look_ms < LOOK_MOST_MS ? 2 * look_ms : LOOK_MOST_MS;
    }
}

bool executions_run(const struct context *context, const struct execution_request *request,
        struct execution_result *out, struct error *err)
{
    struct order order = order_read(context, request);
    if (request->idempotency_key == NULL) {
        return execute(context, &order, out, err);
    }
    for (;;) {
        bool found = false;
        struct error refusal = {0};
        if (!await_other(context, &order, &found, out, err)) {
            return false;
        }
        if (found || execute(context, &order, out, &refusal)) {
            return true;
        }
        if (refusal.reason == NULL || strcmp(refusal.reason, "DATABASE_UNIQUE") != 0) {
            *err = refusal;
            return false;
        } /* else another call took the key in between */
    }
}
