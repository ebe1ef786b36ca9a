/* What a tool router session allows and shows: its rules, and GET …/tools and …/toolkits. */
#include "sandbox/paging.h"
#include "sandbox/router/router_session.h"
#include "sandbox/routes.h"
#include "sandbox/tools/tool_call.h"
#include "sandbox/tools/tools.h"

#define TOOLS_LIMIT_USUAL    100
#define TOOLS_LIMIT_MOST     500
#define TOOLKITS_LIMIT_USUAL 20
#define TOOLKITS_LIMIT_MOST  50

/* ---- rules ---- */

bool router_flag(
        const struct router_session *session, const char *section, const char *name, bool otherwise)
{
    return json_bool(json_get(json_get(session->config, section), name), otherwise);
}

static bool list_has(const struct json *list, const char *text)
{
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        if (slice_is(json_string(i.value), text)) {
            return true;
        }
    }
    return false;
}

/* {"enabled": […]} or {"disabled": […]}; NULL allows everything. */
static bool choice_allows(const struct json *choice, const char *slug)
{
    const struct json *enabled = json_get(choice, "enabled");
    return enabled == NULL ? !list_has(json_get(choice, "disabled"), slug)
                           : list_has(enabled, slug);
}

static bool has_tag_of(const struct tool *tool, const struct json *tags)
{
    for (struct json_iterator i = json_iterate(tool->tags); json_next(&i);) {
        if (json_text(i.value) != NULL && list_has(tags, json_text(i.value))) {
            return true;
        }
    }
    return false;
}

/* At least one that is enabled, none that is disabled. */
static bool tags_allow(const struct json *tags, const struct tool *tool)
{
    const struct json *enabled = json_get(tags, "enabled");
    return (json_count(enabled) == 0 || has_tag_of(tool, enabled)) &&
           !has_tag_of(tool, json_get(tags, "disabled"));
}

bool router_allows_toolkit(const struct router_session *session, const char *toolkit)
{
    return choice_allows(json_get(session->config, "toolkits"), toolkit);
}

const struct toolkit *router_toolkit_find(struct call *call, const struct router_session *session,
        const char *slug, struct error *err)
{
    const struct toolkit *toolkit = catalog_toolkit(call->sandbox->catalog, slug);
    if (strcasecmp(slug, catalog_meta_toolkit(call->sandbox->catalog)->slug) == 0) {
        api_error_set(
                err, API_ROUTER_NO_AUTH, "Toolkit %.64s does not require authentication.", slug);
        return NULL;
    }
    if (toolkit == NULL) {
        api_error_set(err, API_ROUTER_TOOLKITS,
                "Invalid toolkit slugs: %.64s. Please provide valid toolkit slugs.", slug);
        return NULL;
    }
    if (!router_allows_toolkit(session, toolkit->slug)) {
        api_error_set(err, API_ROUTER_INVALID, "Toolkit %s is not enabled in this session",
                toolkit->slug);
        return NULL;
    }
    return toolkit;
}

/* Sessions have the latest versions. A toolkit's list goes before all tags, a toolkit's tags before those of the
 * session. */
bool router_allows_tool(const struct router_session *session, const struct tool *tool)
{
    const struct json *rule = json_get(json_get(session->config, "tools"), tool->toolkit->slug);
    const struct json *tags = json_get(rule, "tags");
    if (!tool_has_version(tool, CATALOG_VERSION) ||
            !router_allows_toolkit(session, tool->toolkit->slug)) {
        return false;
    }
    if (rule != NULL && tags == NULL) {
        return choice_allows(rule, tool->slug);
    }
    return tags_allow(tags == NULL ? json_get(session->config, "tags") : tags, tool);
}

bool router_has_meta_tool(const struct router_session *session, const struct tool *tool)
{
    static const struct {
        const char *slug, *section, *flag;
    } switches[] = {
            {"COMPOSIO_SEARCH_TOOLS", "search", "enable"},
            {"COMPOSIO_GET_TOOL_SCHEMAS", "search", "enable"},
            {"COMPOSIO_MULTI_EXECUTE_TOOL", "execute", "enable_multi_execute"},
            {"COMPOSIO_MANAGE_CONNECTIONS", "manage_connections", "enabled"},
            {"COMPOSIO_WAIT_FOR_CONNECTIONS", "manage_connections", "enable_wait_for_connections"},
            {"COMPOSIO_REMOTE_WORKBENCH", "workbench", "enable"},
            {"COMPOSIO_REMOTE_BASH_TOOL", "workbench", "enable"},
    };
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if (strcmp(switches[i].slug, tool->slug) == 0) {
            bool managed = strcmp(switches[i].section, "manage_connections") != 0 ||
                           router_flag(session, "manage_connections", "enabled", true);
            return managed && router_flag(session, switches[i].section, switches[i].flag, false);
        }
    }
    return false;
}

struct router_tools router_tools_shown(struct call *call, const struct router_session *session)
{
    const struct catalog *catalog = call->sandbox->catalog;
    const struct json *preload = json_get(json_get(session->config, "preload"), "tools");
    bool all = slice_is(json_string(preload), "all");
    struct router_tools shown = {0};
    size_t most = 0;
    for (const struct tool *tool = catalog_meta_tools(catalog); tool != NULL; tool = tool->next) {
        most++;
    }
    for (const struct tool *tool = catalog_tools(catalog); tool != NULL; tool = tool->next) {
        most++;
    }
    shown.items = mem_array(call->memory, const struct tool *, most);
    for (const struct tool *tool = catalog_meta_tools(catalog); tool != NULL; tool = tool->next) {
        if (router_has_meta_tool(session, tool)) {
            shown.items[shown.count++] = tool;
        }
    }
    for (const struct tool *tool = catalog_tools(catalog); tool != NULL; tool = tool->next) {
        if ((all || list_has(preload, tool->slug)) && router_allows_tool(session, tool)) {
            shown.items[shown.count++] = tool;
        }
    }
    return shown;
}

/* ---- GET …/tools ---- */

bool router_tool_list(struct call *call, struct error *err)
{
    struct router_session session;
    struct paging paging;
    if (!paging_by_cursor(call, TOOLS_LIMIT_USUAL, TOOLS_LIMIT_MOST, &paging, err) ||
            !router_session_find(call, &session, err)) {
        return false;
    }
    struct router_tools shown = router_tools_shown(call, &session);
    json_begin_object(&call->json);
    json_write_name(&call->json, "items");
    json_begin_array(&call->json);
    int64_t end = paging.offset + paging.limit;
    for (int64_t i = paging.offset; i < end && i < (int64_t)shown.count; i++) {
        tool_write(call, shown.items[i], CATALOG_VERSION);
    }
    json_end_array(&call->json);
    paging_write_cursor(call, &paging, (int64_t)shown.count);
    json_end_object(&call->json);
    return true;
}

/* ---- GET …/toolkits ---- */

static void write_account(struct json_writer *json, const struct account *account)
{
    if (account == NULL) {
        json_write_null(json);
        return;
    }
    json_begin_object(json);
    write_text_member(json, "id", account->id);
    write_text_member(json, "user_id", account->user_id);
    write_text_member(json, "status", account->status);
    json_write_name(json, "created_at");
    json_write_time(json, account->created_at);
    json_write_name(json, "auth_config");
    json_begin_object(json);
    write_text_member(json, "id", account->auth_config.id);
    write_text_member(json, "auth_scheme", account->auth_config.scheme);
    write_bool_member(json, "is_composio_managed", account->auth_config.managed);
    json_end_object(json);
    json_end_object(json);
}

static void write_toolkit(struct call *call, const struct router_session *session,
        const struct toolkit *toolkit, const struct account *account)
{
    struct json_writer *json = &call->json;
    json_begin_object(json);
    write_text_member(json, "name", toolkit->name);
    write_text_member(json, "slug", toolkit->slug);
    write_bool_member(json, "enabled", router_allows_toolkit(session, toolkit->slug));
    write_bool_member(json, "is_no_auth", false);
    call_write_list(json, "composio_managed_auth_schemes",
            json_get(toolkit->json, "composio_managed_auth_schemes"));
    json_write_name(json, "meta");
    json_begin_object(json);
    write_text_member(json, "logo", toolkit->logo);
    write_text_member(json, "description", toolkit->description);
    json_end_object(json);
    json_write_name(json, "connected_account");
    write_account(json, account);
    json_end_object(json);
}

/* Those asked for, whatever the session allows; else those that it allows. */
static bool is_listed(struct call *call, const struct router_session *session,
        const struct texts *asked, const struct toolkit *toolkit)
{
    const char *search = call_parameter(call, "search");
    bool wanted = asked->count == 0 && router_allows_toolkit(session, toolkit->slug);
    for (size_t i = 0; i < asked->count; i++) {
        wanted = wanted || strcasecmp(asked->items[i], toolkit->slug) == 0;
    }
    return wanted && (search == NULL || strcasestr(toolkit->slug, search) != NULL ||
                             strcasestr(toolkit->name, search) != NULL ||
                             strcasestr(toolkit->description, search) != NULL);
}

bool router_toolkit_list(struct call *call, struct error *err)
{
    struct router_session session;
    struct paging paging;
    bool connected;
    if (!paging_by_cursor(call, TOOLKITS_LIMIT_USUAL, TOOLKITS_LIMIT_MOST, &paging, err) ||
            !call_parameter_bool(call, "is_connected", false, &connected, err) ||
            !router_session_find(call, &session, err)) {
        return false;
    }
    struct texts asked = call_parameter_list(call, "toolkits");
    int64_t total = 0;
    json_begin_object(&call->json);
    json_write_name(&call->json, "items");
    json_begin_array(&call->json);
    const struct toolkit *toolkit = catalog_toolkits(call->sandbox->catalog);
    for (; toolkit != NULL; toolkit = toolkit->next) {
        struct accounts accounts = {0};
        if (!is_listed(call, &session, &asked, toolkit)) {
            continue;
        }
        if (!router_accounts(call, &session, toolkit->slug, &accounts, err)) {
            return false;
        }
        const struct account *account = accounts.count == 0 ? NULL : &accounts.items[0];
        if (connected && (account == NULL || !account_is_active(account))) {
            continue;
        }
        if (total >= paging.offset && total < paging.offset + paging.limit) {
            write_toolkit(call, &session, toolkit, account);
        }
        total++;
    }
    json_end_array(&call->json);
    paging_write_cursor(call, &paging, total);
    json_end_object(&call->json);
    return true;
}
