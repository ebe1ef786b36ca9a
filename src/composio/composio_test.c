/* Every operation but execution: what is sent, what is made of the answer. */
#include "composio/composio_stage.h"

/* ---- what the rows do ---- */

static void show_auth_config(struct stage *stage, const struct composio_auth_config *config)
{
    buffer_printf(&stage->out, "%s|%s|%s|%s|%d\n", config->id, config->name, config->toolkit,
            or_dash(config->auth_scheme), config->enabled);
}

static bool get_auth_config(struct stage *stage, struct error *err)
{
    struct composio_auth_config config;
    bool ok = composio_auth_config_get(stage->client, stage->owner, "ac_1", &config, err);
    if (ok) {
        show_auth_config(stage, &config);
    }
    return ok;
}

static bool list_auth_configs(struct stage *stage, struct error *err)
{
    struct composio_auth_config *list;
    size_t count;
    bool ok = composio_auth_config_list(
            stage->client, stage->owner, "google calendar", &list, &count, err);
    for (size_t i = 0; ok && i < count; i++) {
        show_auth_config(stage, &list[i]);
    }
    return ok;
}

static bool list_all_auth_configs(struct stage *stage, struct error *err)
{
    struct composio_auth_config *list;
    size_t count;
    bool ok = composio_auth_config_list(stage->client, stage->owner, NULL, &list, &count, err);
    if (ok) {
        buffer_printf(&stage->out, "%zu", count);
    }
    return ok;
}

static void show_account(struct stage *stage, const struct composio_account *account)
{
    buffer_printf(&stage->out, "%s|%s|%s|%s|%d|%s|%s|%d|%lld\n", account->id, account->user_id,
            account->auth_config_id, account->toolkit, (int)account->status,
            or_dash(account->status_reason), or_dash(account->label), account->disabled,
            (long long)account->created_at_ms);
}

static bool get_account(struct stage *stage, struct error *err)
{
    struct composio_account account;
    bool ok = composio_account_get(stage->client, stage->owner, "ca_1/../x?y", &account, err);
    if (ok) {
        show_account(stage, &account);
    }
    return ok;
}

static bool list_accounts(struct stage *stage, struct error *err)
{
    struct composio_account *list;
    size_t count;
    bool ok =
            composio_account_list(stage->client, stage->owner, "u,1 &", "ac_1", &list, &count, err);
    for (size_t i = 0; ok && i < count; i++) {
        show_account(stage, &list[i]);
    }
    return ok;
}

/* All pages, a line behind each; then what the clock there says, in seconds from ours, rounded to ten. */
static bool page_accounts(struct stage *stage, struct error *err)
{
    struct composio_account *list;
    const char *cursor = NULL;
    int64_t skew_ms;
    size_t count;
    do {
        if (!composio_account_page(
                    stage->client, stage->owner, "ac_1", cursor, &list, &count, &cursor, err)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            show_account(stage, &list[i]);
        }
        buffer_add_text(&stage->out, "page\n");
    } while (cursor != NULL);
    if (composio_clock_skew(stage->client, &skew_ms)) {
        int64_t there_s = (skew_ms + clock_now_ms() + 500) / 1000;
        buffer_printf(&stage->out, "date %lld\n", (long long)(there_s / 10 * 10));
    }
    return true;
}

static bool complete_auth(struct stage *stage, struct error *err)
{
    const char *id = NULL;
    bool ok = composio_complete_auth(stage->client, stage->owner, "urn:s", "u1", &id, err);
    if (ok) {
        buffer_printf(&stage->out, "%s\n", id);
    }
    return ok;
}

static bool link_account(struct stage *stage, struct error *err)
{
    struct composio_link link;
    int64_t before = clock_now_ms();
    bool ok = composio_account_link(stage->client, stage->owner, "u\"1", "ac_1",
            "https://app.example/cb?state=a&b", &link, err);
    if (ok) {
        bool invented = link.expires_at_ms >= before + 600000 &&
                        link.expires_at_ms <= clock_now_ms() + 600000;
        buffer_printf(&stage->out, "%s|%s|%lld", link.account_id, link.redirect_url,
                invented ? 10LL : (long long)link.expires_at_ms);
    }
    return ok;
}

static bool revoke_account(struct stage *stage, struct error *err)
{
    return composio_account_revoke(stage->client, "ca_1", err);
}

static bool delete_account(struct stage *stage, struct error *err)
{
    return composio_account_delete(stage->client, "ca_1", err);
}

static void show_server(struct stage *stage, const struct composio_mcp_server *server)
{
    buffer_printf(&stage->out, "%s|%s", server->id, server->name);
    for (size_t i = 0; i < server->auth_config_count; i++) {
        buffer_printf(&stage->out, "|%s", server->auth_config_ids[i]);
    }
    for (size_t i = 0; i < server->tool_count; i++) {
        buffer_printf(&stage->out, "|%s", server->allowed_tools[i]);
    }
    buffer_add_char(&stage->out, '\n');
}

static bool get_server(struct stage *stage, struct error *err)
{
    struct composio_mcp_server server;
    bool ok = composio_mcp_get(stage->client, stage->owner, "550e", &server, err);
    if (ok) {
        show_server(stage, &server);
    }
    return ok;
}

static bool list_servers(struct stage *stage, struct error *err)
{
    struct composio_mcp_server *list;
    size_t count;
    bool ok = composio_mcp_list(stage->client, stage->owner, "tenon gmail", &list, &count, err);
    for (size_t i = 0; ok && i < count; i++) {
        show_server(stage, &list[i]);
    }
    return ok;
}

static bool write_server(struct stage *stage, bool create, struct error *err)
{
    const char *configs[] = {"ac_1"}, *tools[] = {"GMAIL_A", "GMAIL_B"};
    struct composio_mcp_server out, server = {.id = "550e",
                                            .name = "tenon gmail",
                                            .auth_config_ids = configs,
                                            .auth_config_count = 1,
                                            .allowed_tools = tools,
                                            .tool_count = 2};
    bool ok = create ? composio_mcp_create(stage->client, stage->owner, &server, &out, err)
                     : composio_mcp_update(stage->client, stage->owner, &server, &out, err);
    if (ok) {
        show_server(stage, &out);
    }
    return ok;
}

static bool create_server(struct stage *stage, struct error *err)
{
    return write_server(stage, true, err);
}

static bool update_server(struct stage *stage, struct error *err)
{
    return write_server(stage, false, err);
}

static bool generate_url(struct stage *stage, struct error *err)
{
    const char *url;
    bool ok = composio_mcp_generate(stage->client, stage->owner, "550e", "u1", &url, err);
    if (ok) {
        buffer_add_text(&stage->out, url);
    }
    return ok;
}

static bool get_toolkit(struct stage *stage, struct error *err)
{
    struct composio_toolkit toolkit;
    bool ok = composio_toolkit_get(stage->client, stage->owner, "gmail", &toolkit, err);
    if (ok) {
        buffer_printf(&stage->out, "%s|%s|%s|%s", toolkit.slug, toolkit.name,
                or_dash(toolkit.description), or_dash(toolkit.logo));
    }
    return ok;
}

static void show_tool(struct stage *stage, const struct composio_tool *tool)
{
    struct slice input = json_to_text(stage->owner, tool->input_parameters);
    struct slice output = json_to_text(stage->owner, tool->output_parameters);
    buffer_printf(&stage->out, "%s|%s|%s|%s|%s|%d|%.*s|%.*s\n", tool->slug, tool->name,
            tool->description, tool->toolkit, tool->version, tool->deprecated, SLICE_ARG(input),
            SLICE_ARG(output));
}

static bool get_tool(struct stage *stage, struct error *err)
{
    struct composio_tool tool;
    bool ok = composio_tool_get(stage->client, stage->owner, "GMAIL_A", NULL, &tool, err);
    if (ok) {
        show_tool(stage, &tool);
    }
    return ok;
}

static bool get_tool_version(struct stage *stage, struct error *err)
{
    struct composio_tool tool;
    return composio_tool_get(stage->client, stage->owner, "GMAIL_A", "20260223_00", &tool, err);
}

static bool list_tools(struct stage *stage, struct error *err)
{
    struct composio_tool *list;
    size_t count;
    bool ok = composio_tool_list(stage->client, stage->owner, "gmail", &list, &count, err);
    for (size_t i = 0; ok && i < count; i++) {
        show_tool(stage, &list[i]);
    }
    return ok;
}

/* ---- the rows ---- */

#define ACCOUNT(id, user, config, created)                                                 \
    "{\"id\":\"" id "\",\"user_id\":\"" user "\",\"auth_config\":{\"id\":\"" config "\"}," \
    "\"toolkit\":{\"slug\":\"gmail\"},\"status\":\"ACTIVE\",\"created_at\":\"" created "\"}"

static const struct row accounts[] = {
        {.name = "auth config",
                .act = get_auth_config,
                .replies = {{200,
                        "{\"id\":\"ac_1\",\"type\":\"default\",\"toolkit\":{\"slug\":\"gmail\"},"
                        "\"name\":\"gmail-auth\",\"auth_scheme\":\"OAUTH2\",\"status\":\"ENABLED\"}"}},
                .requests = "GET /api/v3.1/auth_configs/ac_1\n",
                .result = "ac_1|gmail-auth|gmail|OAUTH2|1\n"},
        {.name = "auth config with nothing optional",
                .act = get_auth_config,
                .replies = {{200,
                        "{\"id\":\"ac_1\",\"status\":\"DISABLED\",\"auth_scheme\":null}"}},
                .requests = "GET /api/v3.1/auth_configs/ac_1\n",
                .result = "ac_1|||-|0\n"},
        {.name = "auth configs, over two pages",
                .act = list_auth_configs,
                .replies =
                        {{200, "{\"items\":[{\"id\":\"ac_1\"},{\"id\":\"ac_2\"}],\"next_cursor\":\"a+/=\"}"},
                                {200, "{\"items\":[{\"id\":\"ac_3\"}],\"next_cursor\":null}"}},
                .requests =
                        "GET /api/v3.1/auth_configs?show_disabled=true&toolkit_slug=google%20calendar"
                        "&limit=50\n"
                        "GET /api/v3.1/auth_configs?show_disabled=true&toolkit_slug=google%20calendar"
                        "&limit=50&cursor=a%2B%2F%3D\n",
                .result = "ac_1|||-|1\nac_2|||-|1\nac_3|||-|1\n"},
        {.name = "auth configs of all toolkits, none",
                .act = list_all_auth_configs,
                .replies = {{200, "{\"items\":[]}"}},
                .requests = "GET /api/v3.1/auth_configs?show_disabled=true&limit=50\n",
                .result = "0"},
        {.name = "account",
                .act = get_account,
                .replies = {{200,
                        "{\"id\":\"ca_1\",\"word_id\":\"gmail_river\",\"alias\":null,"
                        "\"toolkit\":{\"slug\":\"gmail\"},\"auth_config\":{\"id\":\"ac_1\",\"is_disabled\":false},"
                        "\"user_id\":\"u1\",\"status\":\"EXPIRED\",\"status_reason\":\"Max auth failures reached\","
                        "\"is_disabled\":false,\"state\":{\"val\":{\"status\":\"ACTIVE\"}},"
                        "\"created_at\":\"1970-01-01T00:00:01.500Z\"}"}},
                .requests = "GET /api/v3.1/connected_accounts/ca_1%2F..%2Fx%3Fy\n",
                .result = "ca_1|u1|ac_1|gmail|5|Max auth failures reached|gmail_river|0|1500\n"},
        {.name = "account with nothing optional",
                .act = get_account,
                .replies = {{200, "{\"id\":\"ca_1\"}"}},
                .requests = "GET /api/v3.1/connected_accounts/ca_1%2F..%2Fx%3Fy\n",
                .result = "ca_1||||0|-|-|0|0\n"},
        {.name = "account of an unknown status, disabled by its auth config",
                .act = get_account,
                .replies = {{200,
                        "{\"id\":\"ca_1\",\"alias\":\"work\",\"word_id\":\"x\",\"status\":\"SLEEPING\","
                        "\"auth_config\":{\"id\":\"ac_1\",\"is_disabled\":true},\"created_at\":\"soon\"}"}},
                .requests = "GET /api/v3.1/connected_accounts/ca_1%2F..%2Fx%3Fy\n",
                .result = "ca_1||ac_1||0|-|work|1|0\n"},
        {.name = "accounts: only this user's of this auth config, newest first",
                .act = list_accounts,
                .replies =
                        {{200, "{\"items\":[" ACCOUNT("ca_1", "u,1 &", "ac_1",
                                       "1970-01-01T00:00:01Z") "," ACCOUNT("ca_2", "u", "ac_1",
                                       "1970-01-01T00:00:02Z") "," ACCOUNT("ca_3", "u,1 &", "ac_10",
                                       "1970-01-01T00:00:03Z") ","
                                                               "{\"id\":\"ca_4\"}],\"next_cursor\":\"2\"}"},
                                {200, "{\"items\":[" ACCOUNT("ca_5", "u,1 &", "ac_1",
                                              "1970-01-01T00:00:05Z") "],\"next_cursor\":\"\"}"}},
                .requests =
                        "GET /api/v3.1/connected_accounts?order_by=created_at&order_direction=desc"
                        "&user_ids=u%2C1%20%26&auth_config_ids=ac_1&limit=50\n"
                        "GET /api/v3.1/connected_accounts?order_by=created_at&order_direction=desc"
                        "&user_ids=u%2C1%20%26&auth_config_ids=ac_1&limit=50&cursor=2\n",
                .result =
                        "ca_5|u,1 &|ac_1|gmail|3|-|-|0|5000\nca_1|u,1 &|ac_1|gmail|3|-|-|0|1000\n"},
        {.name = "accounts of all users, page by page: only ACTIVE ones of this auth config",
                .act = page_accounts,
                .replies =
                        {{200, "{\"items\":[" ACCOUNT("ca_1", "u1", "ac_1",
                                       "1970-01-01T00:00:01Z") "," ACCOUNT("ca_2", "u2", "ac_2",
                                       "1970-01-01T00:00:02Z") ",{\"id\":\"ca_4\"}],\"next_cursor\":\"2\"}"},
                                {.status = 200,
                                        .headers = "Date: Thu, 01 Jan 1970 00:01:05 GMT\r\n",
                                        .body = "{\"items\":[]}"}},
                .requests = "GET /api/v3.1/connected_accounts?statuses=ACTIVE&order_by=created_at"
                            "&order_direction=desc&auth_config_ids=ac_1&limit=50\n"
                            "GET /api/v3.1/connected_accounts?statuses=ACTIVE&order_by=created_at"
                            "&order_direction=desc&auth_config_ids=ac_1&limit=50&cursor=2\n",
                .result = "ca_1|u1|ac_1|gmail|3|-|-|0|1000\npage\npage\ndate 60\n"},
        {.name = "accounts of a page that leads to itself",
                .act = page_accounts,
                .replies = {{200, "{\"items\":[],\"next_cursor\":\"2\"}"}},
                .requests = "GET /api/v3.1/connected_accounts?statuses=ACTIVE&order_by=created_at"
                            "&order_direction=desc&auth_config_ids=ac_1&limit=50\n"
                            "GET /api/v3.1/connected_accounts?statuses=ACTIVE&order_by=created_at"
                            "&order_direction=desc&auth_config_ids=ac_1&limit=50&cursor=2\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "link",
                .act = link_account,
                .replies = {{201,
                        "{\"link_token\":\"lk_1\",\"redirect_url\":\"https://connect.composio.dev/lk_1\","
                        "\"expires_at\":\"1970-01-01T00:10:00.000Z\",\"connected_account_id\":\"ca_1\"}"}},
                .requests =
                        "POST /api/v3.1/connected_accounts/link {\"auth_config_id\":\"ac_1\","
                        "\"user_id\":\"u\\\"1\",\"callback_url\":\"https://app.example/cb?state=a&b\"}\n",
                .result = "ca_1|https://connect.composio.dev/lk_1|600000"},
        {.name = "link that does not say how long it lives",
                .act = link_account,
                .replies = {{200,
                        "{\"redirect_url\":\"http://localhost/x\",\"connected_account_id\":\"ca_1\"}"}},
                .requests =
                        "POST /api/v3.1/connected_accounts/link {\"auth_config_id\":\"ac_1\","
                        "\"user_id\":\"u\\\"1\",\"callback_url\":\"https://app.example/cb?state=a&b\"}\n",
                .result = "ca_1|http://localhost/x|10"},
        {.name = "link to something that is no web page",
                .act = link_account,
                .replies = {{201,
                        "{\"redirect_url\":\"javascript:alert(1)\",\"connected_account_id\":\"ca_1\"}"}},
                .requests =
                        "POST /api/v3.1/connected_accounts/link {\"auth_config_id\":\"ac_1\","
                        "\"user_id\":\"u\\\"1\",\"callback_url\":\"https://app.example/cb?state=a&b\"}\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "identity verified",
                .act = complete_auth,
                .replies = {{200,
                        "{\"connected_account_id\":\"ca_1\",\"toolkit_slug\":\"gmail\"}"}},
                .requests =
                        "POST /api/v3.1/connected_accounts/complete_auth {\"session_uri\":\"urn:s\",\"user_id\":\"u1\"}\n",
                .result = "ca_1\n"},
        {.name = "identity verified, in the other form",
                .act = complete_auth,
                .replies = {{200, "{\"connected_account\":{\"id\":\"ca_1\"}}"}},
                .requests =
                        "POST /api/v3.1/connected_accounts/complete_auth {\"session_uri\":\"urn:s\",\"user_id\":\"u1\"}\n",
                .result = "ca_1\n"},
        {.name = "identity of another user, asked once",
                .act = complete_auth,
                .replies = {{400, "{}"}},
                .requests =
                        "POST /api/v3.1/connected_accounts/complete_auth {\"session_uri\":\"urn:s\",\"user_id\":\"u1\"}\n",
                .code = ERROR_BAD_REQUEST,
                .reason = "UPSTREAM_REJECTED"},
        {.name = "identity without an account",
                .act = complete_auth,
                .replies = {{200, "{}"}},
                .requests =
                        "POST /api/v3.1/connected_accounts/complete_auth {\"session_uri\":\"urn:s\",\"user_id\":\"u1\"}\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "revoke",
                .act = revoke_account,
                .replies = {{200, "{\"revoked_tokens\":[]}"}},
                .requests = "POST /api/v3.1/connected_accounts/ca_1/revoke\n",
                .result = ""},
        {.name = "revoke where nothing can be revoked",
                .act = revoke_account,
                .replies = {{400, "{}"}},
                .requests = "POST /api/v3.1/connected_accounts/ca_1/revoke\n",
                .result = ""},
        {.name = "revoke of what is gone",
                .act = revoke_account,
                .replies = {{404, "{}"}},
                .requests = "POST /api/v3.1/connected_accounts/ca_1/revoke\n",
                .result = ""},
        {.name = "revoke in the wrong state is asked once",
                .act = revoke_account,
                .replies = {{409, "{}"}},
                .requests = "POST /api/v3.1/connected_accounts/ca_1/revoke\n",
                .result = ""},
        {.name = "delete",
                .act = delete_account,
                .replies = {{200, "{\"success\":true}"}},
                .requests = "DELETE /api/v3.1/connected_accounts/ca_1\n",
                .result = ""},
        {.name = "delete of what is gone",
                .act = delete_account,
                .replies = {{404, "{}"}},
                .requests = "DELETE /api/v3.1/connected_accounts/ca_1\n",
                .result = ""},
        {.name = "a page that says 200 deleted nothing",
                .act = delete_account,
                .replies = {{200, "<html>welcome</html>"}},
                .requests = "DELETE /api/v3.1/connected_accounts/ca_1\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "a page that says 404 does not say that it is gone",
                .act = delete_account,
                .replies = {{404, "<html>no such page</html>"}},
                .requests = "DELETE /api/v3.1/connected_accounts/ca_1\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "a page that says 404 does not say that an account is gone",
                .act = get_account,
                .replies = {{404, "<html>no such page</html>"}},
                .requests = "GET /api/v3.1/connected_accounts/ca_1%2F..%2Fx%3Fy\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "a page that says 200 revoked nothing",
                .act = revoke_account,
                .replies = {{200, "<html>welcome</html>"}},
                .requests = "POST /api/v3.1/connected_accounts/ca_1/revoke\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "a page that says 400 says nothing of what may be revoked",
                .act = revoke_account,
                .replies = {{400, "<html>bad request</html>"}},
                .requests = "POST /api/v3.1/connected_accounts/ca_1/revoke\n",
                .code = ERROR_BAD_REQUEST,
                .reason = "UPSTREAM_REJECTED"},
        {.name = "delete that is refused",
                .act = delete_account,
                .replies = {{403, "{}"}},
                .requests = "DELETE /api/v3.1/connected_accounts/ca_1\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_KEY_REFUSED"},
};

#define SERVER_BODY                                             \
    "{\"name\":\"tenon gmail\",\"auth_config_ids\":[\"ac_1\"]," \
    "\"allowed_tools\":[\"GMAIL_A\",\"GMAIL_B\"]}"

static const struct row servers[] = {
        {.name = "MCP server",
                .act = get_server,
                .replies = {{200,
                        "{\"id\":\"550e\",\"name\":\"n\",\"auth_config_ids\":[\"ac_1\",\"ac_2\"],"
                        "\"allowed_tools\":[\"A\",7,\"B\"]}"}},
                .requests = "GET /api/v3.1/mcp/550e\n",
                .result = "550e|n|ac_1|ac_2|A|B\n"},
        {.name = "MCP server with nothing optional",
                .act = get_server,
                .replies = {{200, "{\"id\":\"550e\"}"}},
                .requests = "GET /api/v3.1/mcp/550e\n",
                .result = "550e|\n"},
        {.name = "MCP servers of a name, over two numbered pages",
                .act = list_servers,
                .replies = {{200, "{\"items\":[{\"id\":\"1\",\"name\":\"tenon gmail\"},"
                                  "{\"id\":\"2\",\"name\":\"tenon gmail 2\"}],\"total_pages\":2,\"current_page\":1}"},
                        {200, "{\"items\":[{\"id\":\"3\",\"name\":\"tenon gmail\"}],\"total_pages\":2}"}},
                .requests = "GET /api/v3.1/mcp/servers?name=tenon%20gmail&limit=50&page_no=1\n"
                            "GET /api/v3.1/mcp/servers?name=tenon%20gmail&limit=50&page_no=2\n",
                .result = "1|tenon gmail\n3|tenon gmail\n"},
        {.name = "MCP servers without a number of pages",
                .act = list_servers,
                .replies = {{200, "{\"items\":[{\"id\":\"1\",\"name\":\"tenon gmail\"}]}"}},
                .requests = "GET /api/v3.1/mcp/servers?name=tenon%20gmail&limit=50&page_no=1\n",
                .result = "1|tenon gmail\n"},
        {.name = "MCP create",
                .act = create_server,
                .replies = {{201,
                        "{\"id\":\"550e\",\"name\":\"tenon gmail\",\"auth_config_ids\":[\"ac_1\"]}"}},
                .requests = "POST /api/v3.1/mcp/servers " SERVER_BODY "\n",
                .result = "550e|tenon gmail|ac_1\n"},
        {.name = "MCP update",
                .act = update_server,
                .replies = {{200, "{\"id\":\"550e\",\"name\":\"tenon gmail\"}"}},
                .requests = "PATCH /api/v3.1/mcp/550e " SERVER_BODY "\n",
                .result = "550e|tenon gmail\n"},
        {.name = "MCP URL",
                .act = generate_url,
                .replies = {{200, "{\"mcp_url\":\"https://x/550e\",\"connected_account_urls\":[],"
                                  "\"user_ids_url\":[\"https://x/550e?user_id=u1\"]}"}},
                .requests = "POST /api/v3.1/mcp/servers/generate {\"mcp_server_id\":\"550e\","
                            "\"managed_auth_by_composio\":false,\"user_ids\":[\"u1\"]}\n",
                .result = "https://x/550e?user_id=u1"},
        {.name = "MCP URL that is missing",
                .act = generate_url,
                .replies = {{200, "{\"user_ids_url\":[]}"}},
                .requests = "POST /api/v3.1/mcp/servers/generate {\"mcp_server_id\":\"550e\","
                            "\"managed_auth_by_composio\":false,\"user_ids\":[\"u1\"]}\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
};

static const struct row tools[] = {
        {.name = "toolkit",
                .act = get_toolkit,
                .replies = {{200,
                        "{\"slug\":\"gmail\",\"name\":\"Gmail\",\"meta\":{\"description\":\"Mail\","
                        "\"logo\":\"https://logos/gmail\"}}"}},
                .requests = "GET /api/v3.1/toolkits/gmail\n",
                .result = "gmail|Gmail|Mail|https://logos/gmail"},
        {.name = "toolkit with nothing optional",
                .act = get_toolkit,
                .replies = {{200, "{}"}},
                .requests = "GET /api/v3.1/toolkits/gmail\n",
                .result = "gmail|gmail|-|-"},
        {.name = "tool at its latest version",
                .act = get_tool,
                .replies = {{200,
                        "{\"slug\":\"GMAIL_A\",\"name\":\"A\",\"description\":\"d\","
                        "\"toolkit\":{\"slug\":\"gmail\"},\"version\":\"20260223_00\","
                        "\"input_parameters\":{\"type\":\"object\",\"default\":1.10},"
                        "\"output_parameters\":{\"type\":\"object\"},\"is_deprecated\":true}"}},
                .requests = "GET /api/v3.1/tools/GMAIL_A?version=latest\n",
                .result = "GMAIL_A|A|d|gmail|20260223_00|1|{\"type\":\"object\",\"default\":1.10}|"
                          "{\"type\":\"object\"}\n"},
        {.name = "tool with nothing optional",
                .act = get_tool,
                .replies = {{200, "{\"slug\":\"GMAIL_A\",\"input_parameters\":[]}"}},
                .requests = "GET /api/v3.1/tools/GMAIL_A?version=latest\n",
                .result = "GMAIL_A|GMAIL_A||||0|null|null\n"},
        {.name = "tool at a version",
                .act = get_tool_version,
                .replies = {{200, "{\"slug\":\"GMAIL_A\"}"}},
                .requests = "GET /api/v3.1/tools/GMAIL_A?version=20260223_00\n",
                .result = ""},
        {.name = "tools of a toolkit",
                .act = list_tools,
                .replies = {{200, "{\"items\":[{\"slug\":\"GMAIL_A\"}],\"next_cursor\":\"c\"}"},
                        {200, "{\"items\":[{\"slug\":\"GMAIL_B\"}]}"}},
                .requests =
                        "GET /api/v3.1/tools?toolkit_versions=latest&toolkit_slug=gmail&limit=50\n"
                        "GET /api/v3.1/tools?toolkit_versions=latest&toolkit_slug=gmail&limit=50&cursor=c\n",
                .result = "GMAIL_A|GMAIL_A||||0|null|null\nGMAIL_B|GMAIL_B||||0|null|null\n"},
};

START_TEST(account_row)
{
    play(&accounts[_i]);
}
END_TEST

START_TEST(server_row)
{
    play(&servers[_i]);
}
END_TEST

START_TEST(tool_row)
{
    play(&tools[_i]);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, account_row, accounts);
    TEST_ADD_ROWS(suite, server_row, servers);
    TEST_ADD_ROWS(suite, tool_row, tools);
}
TEST_MAIN("composio", cases)
