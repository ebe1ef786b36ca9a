/* Linking an account for a tool router session: POST …/link, and COMPOSIO_MANAGE_CONNECTIONS. */
#include "sandbox/accounts/account_link.h"
#include "sandbox/router/router_session.h"
#include "sandbox/routes.h"
#include "sandbox/tools/tool_call.h"

/* One that the session may link. NULL: it may not, and err is set. */
static const struct toolkit *find_toolkit(struct call *call, const struct router_session *session,
        const char *slug, struct error *err)
{
    const struct toolkit *toolkit = router_toolkit_find(call, session, slug, err);
    const struct json *pinned = json_get(session->config, "connected_accounts");
    if (toolkit != NULL && json_get(pinned, toolkit->slug) != NULL) {
        api_error_set(err, API_ROUTER_INVALID,
                "A connected account is already defined for toolkit %s in this session",
                toolkit->slug);
        return NULL;
    }
    return toolkit;
}

/* The session's own; else the newest that sessions may use and that needs nothing more. */
SUSPENDS static MUST_CHECK bool find_auth_config(struct call *call,
        const struct router_session *session, const char *toolkit, const char **out,
        struct error *err)
{
    const struct db_rows *rows;
    *out = json_text(json_get(json_get(session->config, "auth_configs"), toolkit));
    if (*out != NULL) {
        return true;
    }
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT id FROM auth_config WHERE toolkit = $1 AND deleted = 0 "
                "AND status = 'ENABLED' AND for_tool_router = 1 "
                "ORDER BY managed DESC, seq DESC LIMIT 1",
                DB_PARAMS(DB_TEXT(toolkit)), &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        return api_error_set(err, API_ROUTER_NO_MANAGED_AUTH,
                "Composio does not manage auth for toolkit %s and no auth config without required "
                "fields is available.",
                toolkit);
    }
    *out = db_get_text(rows, 0, 0);
    return true;
}

bool router_link_make(struct call *call, const struct router_session *session, const char *toolkit,
        const struct json *given, struct link_made *out, struct error *err)
{
    const struct json *manage = json_get(session->config, "manage_connections");
    const struct json *experimental = json_get(session->config, "experimental");
    const char *base = json_text(json_get(experimental, "link_url_overwrite"));
    const struct toolkit *found = find_toolkit(call, session, toolkit, err);
    struct link_request request = {.user_id = session->user_id,
            .given = given,
            .callback_url = json_text(json_get(manage, "callback_url"))};
    if (found == NULL ||
            !find_auth_config(call, session, found->slug, &request.auth_config_id, err) ||
            !account_link_make(call, &request, out, err)) {
        return false;
    }
    if (base != NULL) {
        out->url = mem_printf(call->memory, "%s/link/%s", base, out->token);
    }
    return true;
}

bool router_link(struct call *call, struct error *err)
{
    struct router_session session;
    struct link_made link;
    const char *toolkit;
    if (!field_required(call->body, "toolkit", &toolkit, err) ||
            !router_session_find(call, &session, err) ||
            !router_link_make(call, &session, toolkit, call->body, &link, err)) {
        return false;
    }
    struct json_writer *json = &call->json;
    call->status = 201;
    json_begin_object(json);
    write_text_member(json, "link_token", link.token);
    write_text_member(json, "redirect_url", link.url);
    write_text_member(json, "connected_account_id", link.account_id);
    account_write_experimental(json, link.shared, link.acl);
    json_end_object(json);
    return true;
}
