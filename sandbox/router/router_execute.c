#include "sandbox/router/router_execute.h"

#include "sandbox/router/router_meta.h"
#include "sandbox/routes.h"
#include "sandbox/tools/execute.h"
#include "sandbox/tools/proxy.h"

/* ---- permissions ---- */

/* An override of the tool and account goes before one of the account alone. `slug` "*": no tool in particular. */
static bool is_denied(const struct router_session *session, const char *slug, const char *account)
{
    char key[256];
    const struct json *permissions =
            json_get(json_get(session->config, "experimental"), "permissions");
    const struct json *overrides = json_get(permissions, "overrides");
    const char *tools[] = {slug, "*"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(key, sizeof key, "%s:%s", tools[i], account);
        const struct json *value = json_get(overrides, key);
        if (value != NULL) {
            return slice_is(json_string(value), "always_deny");
        }
    }
    return false;
}

/* ---- executing ---- */

bool router_execute_app(struct call *call, const struct router_session *session,
        const struct router_execution *execution, struct slice *text_out, bool *successful_out,
        struct error *err)
{
    const struct tool *tool = catalog_tool(call->sandbox->catalog, execution->slug);
    struct account account;
    struct buffer text;
    struct json_writer json;
    if (tool == NULL || !router_allows_tool(session, tool)) {
        return api_error_set(err, API_ROUTER_TOOL_NOT_FOUND, "Tool %.64s not found in session %s",
                execution->slug, session->id);
    }
    if (!router_account_choose(
                call, session, tool->toolkit->slug, execution->account, &account, err)) {
        return false;
    }
    if (is_denied(session, tool->slug, account.id)) {
        return api_error_set(err, API_FORBIDDEN, "The session's permissions deny %s on %s",
                tool->slug, account.id);
    }
    /* The account's owner, who for a SHARED one is somebody else: the session's rules were just checked. */
    struct execution run = {.slug = tool->slug,
            .user_id = account.user_id,
            .account_id = account.id,
            .arguments = execution->arguments};
    buffer_init(&text, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &text);
    if (!execution_run(call, &run, &json, successful_out, err)) {
        return false;
    }
    *text_out = buffer_slice(&text);
    return true;
}

bool router_execute_any(struct call *call, const struct router_session *session,
        const struct router_execution *execution, struct slice *text_out, bool *successful_out,
        struct error *err)
{
    const struct tool *meta = catalog_meta_tool(call->sandbox->catalog, execution->slug);
    return meta == NULL
                   ? router_execute_app(call, session, execution, text_out, successful_out, err)
                   : router_meta_run(call, session, meta, execution, text_out, successful_out, err);
}

/* ---- POST …/execute, …/execute_meta ---- */

/* data, error and log_id: whether it succeeded, `error` says. */
static MUST_CHECK bool write_answer(struct call *call, struct slice text, struct error *err)
{
    static const char *const members[] = {"data", "error", "log_id"};
    const struct json *result;
    if (!json_parse(call->memory, text, &result, err)) {
        return false;
    }
    json_begin_object(&call->json);
    for (size_t i = 0; i < 3; i++) {
        json_write_name(&call->json, members[i]);
        json_write_value(&call->json, json_get(result, members[i]));
    }
    json_end_object(&call->json);
    return true;
}

/* `name` is the member of the body that names the tool. */
SUSPENDS static MUST_CHECK bool execute(
        struct call *call, const char *name, bool meta_only, struct error *err)
{
    struct router_session session;
    struct router_execution execution = {0};
    struct custom_tools custom;
    struct slice text;
    bool ignored;
    if (!field_required(call->body, name, &execution.slug, err) ||
            !field_object(call->body, "arguments", &execution.arguments, err) ||
            !field_text(call->body, "account", &execution.account, err) ||
            !custom_tools_read(call, call->body, &custom, err) ||
            !router_session_find(call, &session, err)) {
        return false;
    }
    execution.custom = &custom;
    if (meta_only && catalog_meta_tool(call->sandbox->catalog, execution.slug) == NULL) {
        return api_error_set(
                err, API_META_NOT_FOUND, "There is no meta tool %.64s", execution.slug);
    }
    return router_execute_any(call, &session, &execution, &text, &ignored, err) &&
           write_answer(call, text, err);
}

bool router_execute(struct call *call, struct error *err)
{
    return execute(call, "tool_slug", false, err);
}

bool router_execute_meta(struct call *call, struct error *err)
{
    return execute(call, "slug", true, err);
}

/* ---- POST …/proxy_execute ---- */

/* The toolkit's API as the account that the session chooses. */
bool router_proxy_execute(struct call *call, struct error *err)
{
    struct router_session session;
    struct proxy_request request;
    struct account account;
    const char *slug;
    if (!field_required(call->body, "toolkit_slug", &slug, err) ||
            !proxy_request_read(call, &request, err) || !router_session_find(call, &session, err)) {
        return false;
    }
    if (!router_flag(&session, "workbench", "proxy_execution_enabled", true)) {
        return api_error_set(
                err, API_ROUTER_INVALID, "Proxy execution is not enabled in this session");
    }
    const struct toolkit *toolkit = router_toolkit_find(call, &session, slug, err);
    if (toolkit == NULL ||
            !router_account_choose(call, &session, toolkit->slug, NULL, &account, err)) {
        return false;
    }
    if (is_denied(&session, "*", account.id)) {
        return api_error_set(
                err, API_FORBIDDEN, "The session's permissions deny requests as %s", account.id);
    }
    return proxy_run(call, &account, &request, err);
}
