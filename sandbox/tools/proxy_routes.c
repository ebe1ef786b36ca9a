#include "sandbox/tools/proxy_routes.h"

#include "http/http.h"
#include "sandbox/tools/execute.h"
#include "sandbox/world/world.h"

#include <stdlib.h>

/* ---- how providers refuse ---- */

static int google_refuse(struct json_writer *json, int status, const char *message)
{
    bool missing = status == 404;
    json_begin_object(json);
    json_write_name(json, "error");
    json_begin_object(json);
    write_int_member(json, "code", status);
    write_text_member(json, "message", message);
    json_write_name(json, "errors");
    json_begin_array(json);
    json_begin_object(json);
    write_text_member(json, "message", message);
    write_text_member(json, "domain", "global");
    write_text_member(json, "reason", missing ? "notFound" : "badRequest");
    json_end_object(json);
    json_end_array(json);
    write_text_member(json, "status", missing ? "NOT_FOUND" : "INVALID_ARGUMENT");
    json_end_object(json);
    json_end_object(json);
    return status;
}

/* Slack answers 200 whatever it says. */
static int slack_refuse(struct json_writer *json, int status, const char *message)
{
    json_begin_object(json);
    write_bool_member(json, "ok", false);
    write_text_member(json, "error", status == 400 ? "invalid_arguments" : message);
    json_end_object(json);
    return 200;
}

static int notion_refuse(struct json_writer *json, int status, const char *message)
{
    json_begin_object(json);
    write_text_member(json, "object", "error");
    write_int_member(json, "status", status);
    write_text_member(json, "code", status == 404 ? "object_not_found" : "validation_error");
    write_text_member(json, "message", message);
    json_end_object(json);
    return status;
}

static int github_refuse(struct json_writer *json, int status, const char *message)
{
    json_begin_object(json);
    write_text_member(json, "message", message);
    write_text_member(json, "documentation_url", "https://docs.github.com/rest");
    json_write_name(json, "status");
    json_write_printf(json, "%d", status);
    json_end_object(json);
    return status;
}

/* ---- what no tool does ---- */

static const char *local_part(struct tool_call *tool)
{
    struct slice rest = slice_of(tool->email);
    struct slice local = slice_split(&rest, '@');
    return mem_strndup(tool->memory, local.data, local.length);
}

static bool slack_auth_test(struct tool_call *tool, struct error *err)
{
    (void)err;
    write_bool_member(&tool->json, "ok", true);
    write_text_member(&tool->json, "url", "https://sandbox.slack.com/");
    write_text_member(&tool->json, "team", "Sandbox");
    write_text_member(&tool->json, "user", local_part(tool));
    write_text_member(&tool->json, "team_id", "T0SANDBOX");
    write_text_member(&tool->json, "user_id", "U0SANDBOX");
    return true;
}

static bool notion_me(struct tool_call *tool, struct error *err)
{
    (void)err;
    write_text_member(&tool->json, "object", "user");
    const char *hex = sha256_hex(tool->memory, slice_of(tool->world));
    json_write_name(&tool->json, "id");
    json_write_printf(
            &tool->json, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    write_text_member(&tool->json, "type", "person");
    write_text_member(&tool->json, "name", local_part(tool));
    json_write_name(&tool->json, "person");
    json_begin_object(&tool->json);
    write_text_member(&tool->json, "email", tool->email);
    json_end_object(&tool->json);
    return true;
}

/* The results of the tool for one kind of object. *out NULL: it failed. */
SUSPENDS static MUST_CHECK bool notion_search_kind(
        struct tool_call *tool, const char *kind, const struct json **out, struct error *err)
{
    struct tool_call part = *tool;
    struct body arguments;
    const struct json *sort = json_get(tool->arguments, "sort");
    const char *query = argument_text(tool, "query");
    const char *direction = json_text(json_get(sort, "direction"));
    body_begin(&arguments, tool->memory);
    write_text_member(&arguments.json, "query", query);
    write_text_member(&arguments.json, "filter_value", kind);
    write_text_member(&arguments.json, "direction", direction);
    write_int_member(&arguments.json, "page_size", 100);
    const char *text = body_end(&arguments);
    *out = NULL;
    execution_begin(&part);
    if (!json_parse(tool->memory, slice_of(text), &part.arguments, err) ||
            !execution_emulator(tool->tool)(&part, err)) {
        return false;
    }
    if (part.failure != NULL) {
        tool->failure = part.failure;
        tool->failure_status = part.failure_status;
        return true;
    }
    json_end_object(&part.json);
    return json_parse(tool->memory, buffer_slice(&part.out), out, err);
}

/* POST /v1/search: pages and databases alike unless `filter` says which; the tool takes one kind at a time. */
static bool notion_search(struct tool_call *tool, struct error *err)
{
    static const char *const kinds[] = {"page", "database"};
    const char *only = json_text(json_get(json_get(tool->arguments, "filter"), "value"));
    const char *cursor = argument_text(tool, "start_cursor");
    int64_t limit = argument_int(tool, "page_size", 100, 1, 100), total = 0;
    int64_t begin = cursor == NULL ? 0 : strtoll(cursor, NULL, 10);
    if (only != NULL && strcmp(only, "page") != 0 && strcmp(only, "database") != 0) {
        return tool_fail(tool, 400, "body.filter.value should be `\"page\"` or `\"database\"`");
    }
    write_text_member(&tool->json, "object", "list");
    json_write_name(&tool->json, "results");
    json_begin_array(&tool->json);
    for (int i = 0; i < 2; i++) {
        const struct json *found = NULL;
        if (only != NULL && strcmp(only, kinds[i]) != 0) {
            continue;
        }
        if (!notion_search_kind(tool, kinds[i], &found, err)) {
            return false;
        }
        for (struct json_iterator k = json_iterate(json_get(found, "results")); json_next(&k);) {
            if (total >= begin && total < begin + limit) {
                json_write_value(&tool->json, k.value);
            }
            total++;
        }
    }
    json_end_array(&tool->json);
    write_bool_member(&tool->json, "has_more", begin + limit < total);
    write_text_member(&tool->json, "next_cursor",
            begin + limit < total ? mem_printf(tool->memory, "%d", (int)(begin + limit)) : NULL);
    return true;
}

/* ---- the paths ---- */

static const struct proxy_route gmail_routes[] = {
        {.method = "GET", .path = "/gmail/v1/users/me/profile", .tool = "GMAIL_GET_PROFILE"},
        {.method = "GET", .path = "/gmail/v1/users/me/labels", .tool = "GMAIL_LIST_LABELS"},
        {.method = NULL},
};
static const struct proxy_route googlecalendar_routes[] = {
        {.method = "GET",
                .path = "/calendar/v3/users/me/calendarList",
                .tool = "GOOGLECALENDAR_LIST_CALENDARS",
                .default_name = "max_results",
                .default_value = 100,
                .renames = {{"calendars", "items"}, {"next_page_token", "nextPageToken"}}},
        {.method = "GET",
                .path = "/calendar/v3/users/me/calendarList/{}",
                .tool = "GOOGLECALENDAR_GET_CALENDAR",
                .arguments = {"calendar_id"}},
        {.method = "GET",
                .path = "/calendar/v3/calendars/{}/events",
                .tool = "GOOGLECALENDAR_EVENTS_LIST",
                .arguments = {"calendarId"}},
        {.method = "DELETE",
                .path = "/calendar/v3/calendars/{}/events/{}",
                .tool = "GOOGLECALENDAR_DELETE_EVENT",
                .arguments = {"calendar_id", "event_id"},
                .status = 204},
        {.method = NULL},
};
static const struct proxy_route slack_routes[] = {
        {.method = "*",
                .path = "/api/auth.test",
                .tool = "SLACK_LIST_ALL_USERS",
                .run = slack_auth_test},
        {.method = "*",
                .path = "/api/conversations.list",
                .tool = "SLACK_LIST_ALL_CHANNELS",
                .default_name = "limit",
                .default_value = 100},
        {.method = "*",
                .path = "/api/conversations.history",
                .tool = "SLACK_FETCH_CONVERSATION_HISTORY"},
        {.method = "*",
                .path = "/api/users.list",
                .tool = "SLACK_LIST_ALL_USERS",
                .default_name = "limit",
                .default_value = 100},
        {.method = "*",
                .path = "/api/search.messages",
                .tool = "SLACK_SEARCH_MESSAGES",
                .default_name = "count",
                .default_value = 20},
        {.method = "POST", .path = "/api/chat.postMessage", .tool = "SLACK_SEND_MESSAGE"},
        {.method = NULL},
};
static const struct proxy_route notion_routes[] = {
        {.method = "POST",
                .path = "/v1/search",
                .tool = "NOTION_SEARCH_NOTION_PAGE",
                .run = notion_search},
        {.method = "GET",
                .path = "/v1/users/me",
                .tool = "NOTION_SEARCH_NOTION_PAGE",
                .run = notion_me},
        {.method = NULL},
};
/* Its lists are bare arrays, which the API's `data`, declared an object, does not have: left out. */
static const struct proxy_route github_routes[] = {
        {.method = "GET", .path = "/user", .tool = "GITHUB_GET_THE_AUTHENTICATED_USER"},
        {.method = "GET",
                .path = "/repos/{}/{}",
                .tool = "GITHUB_GET_A_REPOSITORY",
                .arguments = {"owner", "repo"}},
        {.method = "GET", .path = "/search/repositories", .tool = "GITHUB_SEARCH_REPOSITORIES"},
        {.method = "POST",
                .path = "/repos/{}/{}/issues",
                .tool = "GITHUB_CREATE_AN_ISSUE",
                .arguments = {"owner", "repo"},
                .status = 201},
        {.method = "POST",
                .path = "/repos/{}/{}/issues/{}/comments",
                .tool = "GITHUB_CREATE_AN_ISSUE_COMMENT",
                .arguments = {"owner", "repo", "issue_number"},
                .status = 201},
        {.method = NULL},
};

static const struct proxy_provider providers[] = {
        {"gmail", gmail_routes, "Not Found", true, google_refuse},
        {"googlecalendar", googlecalendar_routes, "Not Found", true, google_refuse},
        {"slack", slack_routes, "unknown_method", false, slack_refuse},
        {"notion", notion_routes, "Could not find the URL.", false, notion_refuse},
        {"github", github_routes, "Not Found", false, github_refuse},
};

const struct proxy_provider *proxy_provider(const char *toolkit)
{
    for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
        if (strcmp(providers[i].toolkit, toolkit) == 0) {
            return &providers[i];
        }
    }
    return NULL;
}

static bool path_matches(void *owner, const char *pattern, struct slice path,
        const char *values[PROXY_PATH_VALUES_MAX])
{
    struct slice wanted = slice_of(pattern), value;
    size_t count = 0;
    while (wanted.data != NULL && path.data != NULL) {
        struct slice expected = slice_split(&wanted, '/'), segment = slice_split(&path, '/');
        if (!slice_is(expected, "{}")) {
            if (!slice_equal(expected, segment)) {
                return false;
            }
            continue;
        }
        if (segment.length == 0 || !http_url_decode(owner, segment, false, &value) ||
                memchr(value.data, '\0', value.length) != NULL) {
            return false;
        }
        values[count++] = value.data;
    }
    return wanted.data == NULL && path.data == NULL;
}

const struct proxy_route *proxy_route_find(void *owner, const struct proxy_provider *provider,
        const char *method, struct slice path, const char *values[PROXY_PATH_VALUES_MAX])
{
    const char *asked = strcmp(method, "HEAD") == 0 ? "GET" : method;
    for (const struct proxy_route *route = provider->routes; route->method != NULL; route++) {
        if ((strcmp(route->method, "*") == 0 || strcmp(route->method, asked) == 0) &&
                path_matches(owner, route->path, path, values)) {
            return route;
        }
    }
    return NULL;
}
