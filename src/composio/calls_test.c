/* Answers of every form to calls of every kind: the error made of them, whether they are tried again, executions. */
#include "composio/composio_stage.h"

static bool get(struct stage *stage, struct error *err)
{
    struct composio_account account;
    bool ok = composio_account_get(stage->client, stage->owner, "ca_1", &account, err);
    if (ok) {
        buffer_add_text(&stage->out, account.id);
    }
    return ok;
}

static bool make_link(struct stage *stage, struct error *err)
{
    struct composio_link link;
    bool ok = composio_account_link(
            stage->client, stage->owner, "u1", "ac_1", "https://app/", &link, err);
    if (ok) {
        buffer_add_text(&stage->out, link.account_id);
    }
    return ok;
}

static bool list(struct stage *stage, struct error *err)
{
    struct composio_tool *tools;
    size_t count;
    return composio_tool_list(stage->client, stage->owner, "gmail", &tools, &count, err);
}

static bool create_server(struct stage *stage, struct error *err)
{
    struct composio_mcp_server out, server = {.name = "name"};
    return composio_mcp_create(stage->client, stage->owner, &server, &out, err);
}

static bool update_server(struct stage *stage, struct error *err)
{
    struct composio_mcp_server out, server = {.id = "1", .name = "name"};
    bool ok = composio_mcp_update(stage->client, stage->owner, &server, &out, err);
    if (ok) {
        buffer_add_text(&stage->out, out.id);
    }
    return ok;
}

static bool delete (struct stage *stage, struct error *err)
{
    return composio_account_delete(stage->client, "ca_1", err);
}

static bool run_tool(
        struct stage *stage, const struct composio_execution *execution, struct error *err)
{
    struct composio_result result;
    bool ok = composio_execute(stage->client, stage->owner, execution, &result, err);
    if (ok) {
        struct slice data =
                result.data == NULL ? SLICE("-") : json_to_text(stage->owner, result.data);
        buffer_printf(&stage->out, "%d|%.*s|%s|%s", result.successful, SLICE_ARG(data),
                or_dash(result.error), or_dash(result.log_id));
    }
    return ok;
}

static bool execute(struct stage *stage, struct error *err)
{
    return run_tool(stage,
            &(struct composio_execution){.tool = "GMAIL_A",
                    .version = "20260223_00",
                    .account_id = "ca_1",
                    .user_id = "u1",
                    .arguments = SLICE("{ \"n\": 1.10, \"n\": 12345678901234567890 }")},
            err);
}

static bool execute_latest(struct stage *stage, struct error *err)
{
    return run_tool(stage,
            &(struct composio_execution){.tool = "A B", .account_id = "ca_1", .user_id = "u1"},
            err);
}

static bool execute_briefly(struct stage *stage, struct error *err)
{
    return run_tool(stage,
            &(struct composio_execution){
                    .tool = "GMAIL_A", .account_id = "ca_1", .user_id = "u1", .timeout_ms = 400},
            err);
}

/* ---- the rows ---- */

#define GET_LINE    "GET /api/v3.1/connected_accounts/ca_1\n"
#define DELETE_LINE "DELETE /api/v3.1/connected_accounts/ca_1\n"
#define LINK_LINE                                                          \
    "POST /api/v3.1/connected_accounts/link {\"auth_config_id\":\"ac_1\"," \
    "\"user_id\":\"u1\",\"callback_url\":\"https://app/\"}\n"
#define MCP_BODY    "{\"name\":\"name\",\"auth_config_ids\":[],\"allowed_tools\":[]}\n"
#define CREATE_LINE "POST /api/v3.1/mcp/servers " MCP_BODY
#define UPDATE_LINE "PATCH /api/v3.1/mcp/1 " MCP_BODY
#define LIST_LINE   "GET /api/v3.1/tools?toolkit_versions=latest&toolkit_slug=gmail&limit=50"

static const struct row errors[] = {
        {.name = "error object",
                .act = get,
                .replies = {{404, "{\"error\":{\"message\":\"THEIR WORDS\",\"code\":606,"
                                  "\"slug\":\"ConnectedAccount_ResourceNotFound\",\"status\":404,"
                                  "\"request_id\":\"b1f0-2\"}}"}},
                .requests = GET_LINE,
                .code = ERROR_NOT_FOUND,
                .reason = "UPSTREAM_NOT_FOUND",
                .detail =
                        "Composio answered 404, slug ConnectedAccount_ResourceNotFound, code 606, "
                        "request b1f0-2"},
        {.name = "404 of an empty object",
                .act = get,
                .replies = {{404, "{}"}},
                .requests = GET_LINE,
                .code = ERROR_NOT_FOUND,
                .reason = "UPSTREAM_NOT_FOUND",
                .detail = "Composio answered 404, slug -, code 0, request -"},
        {.name = "error as a text",
                .act = get,
                .replies = {{422, "{\"error\":\"THEIR WORDS\"}"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_REQUEST,
                .reason = "UPSTREAM_REJECTED",
                .detail = "Composio answered 422, slug -, code 0, request -"},
        {.name = "code as a word",
                .act = get,
                .replies = {{400,
                        "{\"error\":{\"message\":\"THEIR WORDS\",\"code\":\"OriginMismatch\"}}"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_REQUEST,
                .reason = "UPSTREAM_REJECTED",
                .detail = "Composio answered 400, slug OriginMismatch, code 0, request -"},
        {.name = "code as digits in a text",
                .act = get,
                .replies = {{400, "{\"error\":{\"code\":\"600\"}}"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_REQUEST,
                .reason = "UPSTREAM_REJECTED",
                .detail = "Composio answered 400, slug -, code 600, request -"},
        {.name = "a slug that is no word is not repeated",
                .act = get,
                .replies = {{400, "{\"error\":{\"slug\":\"THEIR WORDS\",\"request_id\":\"a b\"}}"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_REQUEST,
                .reason = "UPSTREAM_REJECTED",
                .detail = "Composio answered 400, slug -, code 0, request -"},
        {.name = "error that is a list",
                .act = get,
                .replies = {{400, "[\"THEIR WORDS\"]"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_REQUEST,
                .reason = "UPSTREAM_REJECTED"},
        {.name = "key refused",
                .act = get,
                .replies = {{401,
                        "{\"error\":{\"message\":\"Invalid API key: " KEY "\",\"code\":10401,"
                        "\"slug\":\"HTTP_Unauthorized\"}}"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_KEY_REFUSED"},
        {.name = "key without the right",
                .act = get,
                .replies = {{403, ""}},
                .requests = GET_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_KEY_REFUSED"},
        {.name = "a redirect is not followed",
                .act = get,
                .replies = {{302, "", "Location: /elsewhere\r\n"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "200 of something else",
                .act = get,
                .replies = {{200, "<html>THEIR WORDS</html>"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "200 of a list",
                .act = get,
                .replies = {{200, "[]"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "200 without the id",
                .act = get,
                .replies = {{200, "{\"status\":\"ACTIVE\"}"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "a list without items",
                .act = list,
                .replies = {{200, "{\"next_cursor\":null}"}},
                .requests = LIST_LINE "\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "a list with an item that is none",
                .act = list,
                .replies = {{200, "{\"items\":[{\"slug\":\"A\"},null]}"}},
                .requests = LIST_LINE "\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "a list whose second page fails",
                .act = list,
                .replies = {{200, "{\"items\":[{\"slug\":\"A\"}],\"next_cursor\":\"c\"}"},
                        {404, "{}"}},
                .requests = LIST_LINE "\n" LIST_LINE "&cursor=c\n",
                .code = ERROR_NOT_FOUND,
                .reason = "UPSTREAM_NOT_FOUND"},
        {.name = "a list that goes round in a circle",
                .act = list,
                .replies = {{200, "{\"items\":[],\"next_cursor\":\"c\"}"}},
                .requests = LIST_LINE "\n" LIST_LINE "&cursor=c\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
};

static const struct row retries[] = {
        {.name = "429 without an error object, then fine",
                .act = get,
                .replies = {{429, "{\"message\":\"Rate limit exceeded.\"}", "Retry-After: 0\r\n"},
                        {200, "{\"id\":\"ca_1\"}"}},
                .requests = GET_LINE GET_LINE,
                .result = "ca_1"},
        {.name = "429 to the end",
                .act = get,
                .replies = {{429, "{\"message\":\"THEIR WORDS\"}", NO_DELAY}, {429, "{}", NO_DELAY},
                        {429, "{}", "Retry-After: 7\r\n"}},
                .requests = GET_LINE GET_LINE GET_LINE,
                .code = ERROR_TOO_MANY_REQUESTS,
                .reason = "UPSTREAM_BUSY",
                .retry_after_s = 7},
        {.name = "503 of a gateway, then 502, then fine",
                .act = get,
                .replies = {{503, "<html>", NO_DELAY}, {502, "", NO_DELAY},
                        {200, "{\"id\":\"ca_1\"}"}},
                .requests = GET_LINE GET_LINE GET_LINE,
                .result = "ca_1"},
        {.name = "500 three times",
                .act = get,
                .replies = {{500, "{}", NO_DELAY}},
                .requests = GET_LINE GET_LINE GET_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "408 three times",
                .act = get,
                .replies = {{408, "{}", NO_DELAY}},
                .requests = GET_LINE GET_LINE GET_LINE,
                .code = ERROR_GATEWAY_TIMEOUT,
                .reason = "UPSTREAM_TIMEOUT"},
        {.name = "409 passes",
                .act = update_server,
                .replies = {{409, "{}", NO_DELAY}, {200, "{\"id\":\"1\"}"}},
                .requests = UPDATE_LINE UPDATE_LINE,
                .result = "1"},
        {.name = "delete is tried again, and finds it done",
                .act = delete,
                .replies = {{500, "{}", NO_DELAY}, {404, "{}"}},
                .requests = DELETE_LINE DELETE_LINE,
                .result = ""},
        {.name = "they say not to try again",
                .act = get,
                .replies = {{500, "{}", "x-should-retry: false\r\n"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "they say to try again",
                .act = get,
                .replies = {{400, "{}", "x-should-retry: true\r\n" NO_DELAY},
                        {200, "{\"id\":\"ca_1\"}"}},
                .requests = GET_LINE GET_LINE,
                .result = "ca_1"},
        {.name = "told to wait longer than a minute: the caller is told",
                .act = get,
                .replies = {{429, "{}", "Retry-After: 61\r\n"}},
                .requests = GET_LINE,
                .code = ERROR_TOO_MANY_REQUESTS,
                .reason = "UPSTREAM_BUSY",
                .retry_after_s = 61},
        {.name = "told to wait past the deadline: the caller is told",
                .act = get,
                .replies = {{503, "{}", "Retry-After: 20\r\n"}},
                .requests = GET_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE",
                .retry_after_s = 20,
                .deadline_ms = 10000},
        {.name = "told an endless wait",
                .act = get,
                .replies = {{429, "{}", "Retry-After: 99999999999999999999\r\n"}},
                .requests = GET_LINE,
                .code = ERROR_TOO_MANY_REQUESTS,
                .reason = "UPSTREAM_BUSY",
                .retry_after_s = INT32_MAX},
        {.name = "RFC 9110 §10.2.3: Retry-After as a date, in all forms of §5.6.7",
                .act = get,
                .replies = {{503, "{}", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"},
                        {503, "{}", "Retry-After: Sunday, 06-Nov-94 08:49:37 GMT\r\n"},
                        {200, "{\"id\":\"ca_1\"}"}},
                .requests = GET_LINE GET_LINE GET_LINE,
                .result = "ca_1"},
        {.name = "RFC 9110 §5.6.7: Retry-After as asctime() has it",
                .act = get,
                .replies = {{503, "{}", "Retry-After: Sun Nov  6 08:49:37 1994\r\n"},
                        {200, "{\"id\":\"ca_1\"}"}},
                .requests = GET_LINE GET_LINE,
                .result = "ca_1"},
        {.name = "a lost connection is tried again",
                .act = get,
                .replies = {{DROP}, {200, "{\"id\":\"ca_1\"}"}},
                .requests = GET_LINE GET_LINE,
                .result = "ca_1"},
        {.name = "no answer within the deadline",
                .act = get,
                .replies = {{SILENT}},
                .requests = GET_LINE,
                .code = ERROR_GATEWAY_TIMEOUT,
                .reason = "UPSTREAM_TIMEOUT",
                .deadline_ms = 400},
        {.name = "link is not tried again after 500",
                .act = make_link,
                .replies = {{500, "{}", NO_DELAY}},
                .requests = LINK_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "link is not tried again after 429",
                .act = make_link,
                .replies = {{429, "{}", NO_DELAY}},
                .requests = LINK_LINE,
                .code = ERROR_TOO_MANY_REQUESTS,
                .reason = "UPSTREAM_BUSY"},
        {.name = "link is not tried again though they say so",
                .act = make_link,
                .replies = {{500, "{}", "x-should-retry: true\r\n" NO_DELAY}},
                .requests = LINK_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "link is not tried again after a lost connection",
                .act = make_link,
                .replies = {{DROP}},
                .requests = LINK_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "MCP create is not tried again",
                .act = create_server,
                .replies = {{503, "{}", NO_DELAY}},
                .requests = CREATE_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
};

#define EXECUTE(tool, version, arguments)                                                          \
    "POST /api/v3.1/tools/execute/" tool " {\"user_id\":\"u1\",\"connected_account_id\":\"ca_1\"," \
    "\"version\":\"" version "\",\"arguments\":" arguments "}\n"
#define EXECUTE_LINE \
    EXECUTE("GMAIL_A", "20260223_00", "{ \"n\": 1.10, \"n\": 12345678901234567890 }")
#define REFUSAL(code, slug) \
    "{\"error\":{\"message\":\"THEIR WORDS\",\"code\":" #code ",\"slug\":\"" slug "\"}}"

static const struct row executions[] = {
        {.name = "success",
                .act = execute,
                .replies = {{200,
                        "{\"data\":{\"n\":1.10},\"error\":null,\"successful\":true,\"log_id\":\"log_1\"}"}},
                .requests = EXECUTE_LINE,
                .result = "1|{\"n\":1.10}|-|log_1"},
        {.name = "the latest version, no arguments, a name to encode",
                .act = execute_latest,
                .replies = {{200, "{\"data\":[],\"successful\":true}"}},
                .requests = EXECUTE("A%20B", "latest", "{}"),
                .result = "1|[]|-|-"},
        {.name = "the tool failed",
                .act = execute,
                .replies = {{200,
                        "{\"data\":{\"status_code\":403},\"error\":\"403 Client Error\",\"successful\":false}"}},
                .requests = EXECUTE_LINE,
                .result = "0|{\"status_code\":403}|403 Client Error|-"},
        {.name = "the tool failed without an error",
                .act = execute,
                .replies = {{200, "{\"data\":{\"message\":\"no scope\"},\"successful\":false}"}},
                .requests = EXECUTE_LINE,
                .result = "0|{\"message\":\"no scope\"}|no scope|-"},
        {.name = "the tool failed without a word",
                .act = execute,
                .replies = {{200, "{\"successful\":false}"}},
                .requests = EXECUTE_LINE,
                .result = "0|-|the tool gave no reason|-"},
        {.name = "the error is an object",
                .act = execute,
                .replies = {{200, "{\"error\":{\"a\":1},\"successful\":false}"}},
                .requests = EXECUTE_LINE,
                .result = "0|-|{\"a\":1}|-"},
        {.name = "an error with a NUL in it",
                .act = execute,
                .replies = {{200, "{\"error\":\"a\\u0000b\",\"successful\":false}"}},
                .requests = EXECUTE_LINE,
                .result = "0|-|\"a\\u0000b\"|-"},
        {.name = "an error that is no text of Unicode",
                .act = execute,
                .replies = {{200, "{\"error\":\"a\\ud800\",\"successful\":false}"}},
                .requests = EXECUTE_LINE,
                .result = "0|-|\"a\\ud800\"|-"},
        {.name = "no word of success, no error",
                .act = execute,
                .replies = {{200, "{\"data\":{},\"error\":null}"}},
                .requests = EXECUTE_LINE,
                .result = "1|{}|-|-"},
        {.name = "no word of success, an error",
                .act = execute,
                .replies = {{200, "{\"data\":{},\"error\":\"bad\"}"}},
                .requests = EXECUTE_LINE,
                .result = "0|{}|bad|-"},
        {.name = "success with two l",
                .act = execute,
                .replies = {{200, "{\"error\":null,\"successfull\":false}"}},
                .requests = EXECUTE_LINE,
                .result = "0|-|the tool gave no reason|-"},
        {.name = "account gone, 400",
                .act = execute,
                .replies = {{400, REFUSAL(1810, "ActionExecute_ConnectedAccountNotFound")}},
                .requests = EXECUTE_LINE,
                .code = ERROR_PRECONDITION_FAILED,
                .reason = "UPSTREAM_ACCOUNT_GONE"},
        {.name = "account gone, 404 with a number only",
                .act = execute,
                .replies = {{404, "{\"error\":{\"code\":1810}}"}},
                .requests = EXECUTE_LINE,
                .code = ERROR_PRECONDITION_FAILED,
                .reason = "UPSTREAM_ACCOUNT_GONE"},
        {.name = "account gone, the older number",
                .act = execute,
                .replies = {{400, "{\"error\":{\"code\":1803}}"}},
                .requests = EXECUTE_LINE,
                .code = ERROR_PRECONDITION_FAILED,
                .reason = "UPSTREAM_ACCOUNT_GONE"},
        {.name = "account expired",
                .act = execute,
                .replies = {{410, REFUSAL(1820, "ActionExecute_ConnectedAccountExpired")}},
                .requests = EXECUTE_LINE,
                .code = ERROR_PRECONDITION_FAILED,
                .reason = "UPSTREAM_ACCOUNT_EXPIRED"},
        {.name = "account of another user, by its slug only",
                .act = execute,
                .replies = {{400,
                        "{\"error\":{\"slug\":\"ActionExecute_ConnectedAccountEntityIdMismatch\"}}"}},
                .requests = EXECUTE_LINE,
                .code = ERROR_FORBIDDEN,
                .reason = "UPSTREAM_ACCOUNT_MISMATCH"},
        {.name = "no such tool",
                .act = execute,
                .replies = {{404, REFUSAL(1800, "ActionExecute_ToolNotFound")}},
                .requests = EXECUTE_LINE,
                .code = ERROR_NOT_FOUND,
                .reason = "UPSTREAM_TOOL_NOT_FOUND"},
        {.name = "no such tool, by the other number",
                .act = execute,
                .replies = {{404, REFUSAL(2401, "Tool_ToolNotFound")}},
                .requests = EXECUTE_LINE,
                .code = ERROR_NOT_FOUND,
                .reason = "UPSTREAM_TOOL_NOT_FOUND"},
        {.name = "tool retired",
                .act = execute,
                .replies = {{410, "gone"}},
                .requests = EXECUTE_LINE,
                .code = ERROR_NOT_FOUND,
                .reason = "UPSTREAM_TOOL_NOT_FOUND"},
        {.name = "arguments refused",
                .act = execute,
                .replies = {{400, REFUSAL(1607, "Upstream_ValidationError")}},
                .requests = EXECUTE_LINE,
                .code = ERROR_BAD_REQUEST,
                .reason = "UPSTREAM_REJECTED",
                .detail =
                        "Composio answered 400, slug Upstream_ValidationError, code 1607, request -"},
        {.name = "a limit is no reason to run it twice",
                .act = execute,
                .replies = {{429, "{\"message\":\"THEIR WORDS\"}", "Retry-After: 3\r\n"}},
                .requests = EXECUTE_LINE,
                .code = ERROR_TOO_MANY_REQUESTS,
                .reason = "UPSTREAM_BUSY",
                .retry_after_s = 3},
        {.name = "key refused, whatever the slug",
                .act = execute,
                .replies = {{401, REFUSAL(1810, "HTTP_Unauthorized")}},
                .requests = EXECUTE_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_KEY_REFUSED"},
        {.name = "500: unknown",
                .act = execute,
                .replies = {{500, "{}", "x-should-retry: true\r\n" NO_DELAY}},
                .requests = EXECUTE_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "OUTCOME_UNKNOWN",
                .detail = "Composio answered 500, slug -, code 0, request -"},
        {.name = "504: unknown",
                .act = execute,
                .replies = {{504, "<html>"}},
                .requests = EXECUTE_LINE,
                .code = ERROR_GATEWAY_TIMEOUT,
                .reason = "OUTCOME_UNKNOWN"},
        {.name = "a redirect: unknown",
                .act = execute,
                .replies = {{303, "", "Location: /x\r\n"}},
                .requests = EXECUTE_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "OUTCOME_UNKNOWN"},
        {.name = "garbage: unknown",
                .act = execute,
                .replies = {{200, "<html>"}},
                .requests = EXECUTE_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "OUTCOME_UNKNOWN"},
        {.name = "connection lost: unknown, and not sent again",
                .act = execute,
                .replies = {{DROP}},
                .requests = EXECUTE_LINE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "OUTCOME_UNKNOWN"},
        {.name = "no answer in time: unknown",
                .act = execute_briefly,
                .replies = {{SILENT}},
                .requests = EXECUTE("GMAIL_A", "latest", "{}"),
                .code = ERROR_GATEWAY_TIMEOUT,
                .reason = "OUTCOME_UNKNOWN"},
        {.name = "no answer before the deadline: unknown",
                .act = execute,
                .replies = {{SILENT}},
                .requests = EXECUTE_LINE,
                .code = ERROR_GATEWAY_TIMEOUT,
                .reason = "OUTCOME_UNKNOWN",
                .deadline_ms = 400},
};

START_TEST(error_row)
{
    play(&errors[_i]);
}
END_TEST

START_TEST(retry_row)
{
    play(&retries[_i]);
}
END_TEST

START_TEST(execution_row)
{
    play(&executions[_i]);
}
END_TEST

/* ---- nobody there ---- */

static const struct row no_connection[] = {
        {.name = "no connection",
                .act = get,
                .requests = "",
                .code = ERROR_SERVICE_UNAVAILABLE,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "no connection to execute over: it certainly did not run",
                .act = execute,
                .requests = "",
                .code = ERROR_SERVICE_UNAVAILABLE,
                .reason = "UPSTREAM_UNAVAILABLE"},
};

START_TEST(no_connection_row)
{
    int64_t before = clock_monotonic_ms();
    play_nowhere(&no_connection[_i]);
    /* Two more attempts, after 0.5 and 1 s less a quarter at most. */
    ck_assert_int_ge(clock_monotonic_ms() - before, 375 + 750);
}
END_TEST

/* ---- what no row can say ---- */

static enum upstream_next answer_next_page(
        void *context, const struct upstream_request *request, int socket)
{
    (void)context;
    void *scratch = mem_scope_new(NULL, __func__);
    upstream_reply(socket, 200, "",
            mem_printf(scratch, "{\"items\":[],\"next_cursor\":\"%d\"}", request->number));
    mem_free(scratch);
    return UPSTREAM_KEEP;
}

static struct stage stage_at(struct upstream *upstream)
{
    struct stage stage = {.owner = fiber_memory()};
    buffer_init(&stage.out, stage.owner, 1000);
    stage.client = composio_new(stage.owner,
            fetcher_new(stage.owner, fiber_loop(), &(struct fetch_options){.user_agent = NULL}),
            &(struct composio_options){.base_url = upstream->base, .api_key = KEY});
    return stage;
}

static void lists_without_end(void *argument)
{
    struct upstream *upstream = argument;
    struct stage stage = stage_at(upstream);
    struct error err = {0};
    ck_assert(!list(&stage, &err));
    ck_assert_str_eq(err.reason, "UPSTREAM_UNAVAILABLE");
    ck_assert_int_eq(upstream_requests(upstream), 100);
}

START_TEST(a_list_ends_after_100_pages)
{
    setenv("no_proxy", "*", 1);
    void *owner = mem_scope_new(NULL, __func__);
    test_in_fiber(lists_without_end, upstream_new(owner, answer_next_page, NULL));
    mem_free(owner);
}
END_TEST

static const struct cancellation {
    const char *name;
    struct row script;
    action *act;
    const char *reason;
} cancellations[] = {
        {"cancelled while executing", {.replies = {{SILENT}}}, execute, "OUTCOME_UNKNOWN"},
        {"cancelled while reading", {.replies = {{SILENT}}}, get, "CANCELLED"},
        {"cancelled between two attempts", {.replies = {{503, "{}", "Retry-After: 30\r\n"}}}, get,
                "CANCELLED"},
};

struct cancelled {
    struct stage *stage;
    action *act;
    struct error err;
    bool ok, ended;
};

static void act_main(void *argument)
{
    struct cancelled *cancelled = argument;
    cancelled->ok = cancelled->act(cancelled->stage, &cancelled->err);
    cancelled->ended = true;
}

struct cancel_play {
    const struct cancellation *row;
    struct upstream *upstream;
};

static void cancels(void *argument)
{
    const struct cancel_play *play = argument;
    struct stage stage = stage_at(play->upstream);
    struct cancelled cancelled = {.stage = &stage, .act = play->row->act};
    struct fiber *fiber =
            fiber_start(fiber_loop(), "cancelled", act_main, &cancelled, FIBER_NO_DEADLINE);
    struct error err = {0};
    while (upstream_requests(play->upstream) < 1) {
        ck_assert(fiber_sleep(1, &err));
    }
    fiber_cancel(fiber);
    while (!cancelled.ended) {
        ck_assert(fiber_sleep(1, &err));
    }
    ck_assert(!cancelled.ok);
    ck_assert_int_eq(cancelled.err.code, ERROR_CLIENT_CLOSED_REQUEST);
    ck_assert_str_eq(cancelled.err.reason, play->row->reason);
    ck_assert_int_eq(upstream_requests(play->upstream), 1);
}

START_TEST(cancellation_row)
{
    setenv("no_proxy", "*", 1);
    void *owner = mem_scope_new(NULL, __func__);
    struct row script = cancellations[_i].script;
    struct cancel_play play = {&cancellations[_i], upstream_new(owner, answer_row, &script)};
    test_in_fiber(cancels, &play);
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, error_row, errors);
    TEST_ADD_ROWS(suite, retry_row, retries);
    TEST_ADD_ROWS(suite, execution_row, executions);
    TEST_ADD_ROWS(suite, no_connection_row, no_connection);
    TEST_ADD(suite, a_list_ends_after_100_pages);
    TEST_ADD_ROWS(suite, cancellation_row, cancellations);
}
TEST_MAIN("composio_calls", cases)
