/* GitHub: repositories (kind "repository", id: owner/name), issues (kind "issue", parent: the repository, id:
 * owner/name#number) and their comments (kind "comment", parent: the issue). */
#include "sandbox/world/world.h"

#include <ctype.h>
#include <stdlib.h>

/* What GitHub would call the user. */
static const char *login_of(struct tool_call *tool)
{
    struct slice rest = slice_of(tool->email);
    struct slice local = slice_split(&rest, '@');
    char *login = mem_strndup(tool->memory, local.data, local.length);
    for (char *c = login; *c != '\0'; c++) {
        *c = isalnum((unsigned char)*c) ? *c : '-';
    }
    return login;
}

/* The same for the same name. */
static int64_t number_of(const char *name)
{
    uint8_t digest[SHA256_SIZE];
    sha256(slice_of(name), digest);
    return ((int64_t)digest[0] << 16 | digest[1] << 8 | digest[2]) + 10000000;
}

static void write_user(struct tool_call *tool, const char *login)
{
    struct json_writer *json = &tool->json;
    json_begin_object(json);
    write_text_member(json, "login", login);
    write_int_member(json, "id", number_of(login));
    write_text_member(json, "type", "User");
    write_text_member(json, "html_url", mem_printf(tool->memory, "https://github.com/%s", login));
    json_end_object(json);
}

/* ---- repositories ---- */

static void write_repository_members(struct tool_call *tool, const struct thing *repository)
{
    struct json_writer *json = &tool->json;
    struct slice name = slice_of(repository->id);
    struct slice owner = slice_split(&name, '/');
    write_int_member(json, "id", number_of(repository->id));
    json_write_name(json, "name");
    json_write_string(json, name);
    write_text_member(json, "full_name", repository->id);
    json_write_name(json, "owner");
    write_user(tool, mem_strndup(tool->memory, owner.data, owner.length));
    write_text_member(
            json, "html_url", mem_printf(tool->memory, "https://github.com/%s", repository->id));
    json_write_name(json, "created_at");
    json_write_time(json, repository->time_ms);
    write_members_of(json, repository->body);
}

static const char *repository_argument(struct tool_call *tool)
{
    return mem_printf(tool->memory, "%s/%s", argument_required(tool, "owner"),
            argument_required(tool, "repo"));
}

/* GitHub takes names in any case. *found_out false: the tool failed as GitHub does. */
SUSPENDS static MUST_CHECK bool repository_find(
        struct tool_call *tool, struct thing *out, bool *found_out, struct error *err)
{
    struct things things;
    const char *wanted = repository_argument(tool);
    if (!world_list(tool, "repository", NULL, &things, err)) {
        return false;
    }
    for (size_t i = 0; i < things.count; i++) {
        if (strcasecmp(things.items[i].id, wanted) == 0) {
            *out = things.items[i];
            *found_out = true;
            return true;
        }
    }
    *found_out = false;
    return tool_fail(tool, 404, "Not Found");
}

static bool get_repository(struct tool_call *tool, struct error *err)
{
    struct thing repository;
    bool found;
    if (!repository_find(tool, &repository, &found, err)) {
        return false;
    }
    if (found) {
        write_repository_members(tool, &repository);
    }
    return true;
}

static bool in_page(struct tool_call *tool, int64_t usual, int64_t index)
{
    int64_t page = argument_int(tool, "page", 1, 1, 1000000);
    int64_t limit = argument_int(tool, "per_page", usual, 1, 100);
    return index >= (page - 1) * limit && index < page * limit;
}

static int by_name(const void *a, const void *b)
{
    return strcasecmp(((const struct thing *)a)->id, ((const struct thing *)b)->id);
}

static bool list_repositories(struct tool_call *tool, struct error *err)
{
    struct things things;
    const char *type = argument_text(tool, "type");
    if (!world_list(tool, "repository", NULL, &things, err)) {
        return false;
    }
    qsort(things.items, things.count, sizeof things.items[0], by_name);
    int64_t index = 0;
    json_write_name(&tool->json, "repositories");
    json_begin_array(&tool->json);
    for (size_t i = 0; i < things.count; i++) {
        bool private = json_bool(json_get(things.items[i].body, "private"), false);
        if (type != NULL && strcmp(type, private ? "public" : "private") == 0) {
            continue;
        }
        if (in_page(tool, 30, index++)) {
            json_begin_object(&tool->json);
            write_repository_members(tool, &things.items[i]);
            json_end_object(&tool->json);
        }
    }
    json_end_array(&tool->json);
    return true;
}

static bool search_repositories(struct tool_call *tool, struct error *err)
{
    struct things things;
    const char *query = argument_required(tool, "q");
    if (!world_list(tool, "repository", NULL, &things, err)) {
        return false;
    }
    int64_t total = 0;
    json_write_name(&tool->json, "items");
    json_begin_array(&tool->json);
    for (size_t i = 0; i < things.count; i++) {
        const char *about = json_text(json_get(things.items[i].body, "description"));
        if (strcasestr(things.items[i].id, query) == NULL &&
                (about == NULL || strcasestr(about, query) == NULL)) {
            continue;
        }
        if (in_page(tool, 30, total++)) {
            json_begin_object(&tool->json);
            write_repository_members(tool, &things.items[i]);
            json_end_object(&tool->json);
        }
    }
    json_end_array(&tool->json);
    write_int_member(&tool->json, "total_count", total);
    write_bool_member(&tool->json, "incomplete_results", false);
    return true;
}

static bool get_user(struct tool_call *tool, struct error *err)
{
    (void)err;
    const char *login = login_of(tool);
    write_text_member(&tool->json, "login", login);
    write_int_member(&tool->json, "id", number_of(login));
    write_text_member(&tool->json, "type", "User");
    write_text_member(&tool->json, "name", login);
    write_text_member(&tool->json, "email", tool->email);
    write_text_member(
            &tool->json, "html_url", mem_printf(tool->memory, "https://github.com/%s", login));
    return true;
}

/* ---- issues ---- */

static const char *number_text(const struct thing *issue)
{
    const char *hash = strrchr(issue->id, '#');
    return hash == NULL ? "0" : hash + 1;
}

static void write_issue_members(struct tool_call *tool, const struct thing *issue)
{
    struct json_writer *json = &tool->json;
    write_int_member(json, "id", number_of(issue->id));
    write_int_member(json, "number", strtoll(number_text(issue), NULL, 10));
    write_text_member(json, "html_url",
            mem_printf(tool->memory, "https://github.com/%s/issues/%s", issue->parent,
                    number_text(issue)));
    json_write_name(json, "created_at");
    json_write_time(json, issue->time_ms);
    json_write_name(json, "updated_at");
    json_write_time(json, issue->time_ms);
    write_members_of(json, issue->body);
    json_write_name(json, "user");
    const char *author = json_text(json_get(issue->body, "author"));
    write_user(tool, author == NULL ? login_of(tool) : author);
}

static void write_named(
        struct json_writer *json, const char *member, const char *name, const struct texts *list)
{
    json_write_name(json, member);
    json_begin_array(json);
    for (size_t i = 0; i < list->count; i++) {
        json_begin_object(json);
        write_text_member(json, name, list->items[i]);
        json_end_object(json);
    }
    json_end_array(json);
}

static const char *issue_body(struct tool_call *tool)
{
    struct texts labels = argument_list(tool, "labels");
    struct texts assignees = argument_list(tool, "assignees");
    if (assignees.count == 0) {
        assignees = argument_list(tool, "assignee");
    }
    struct body body;
    body_begin(&body, tool->memory);
    const struct json *title = json_get(tool->arguments, "title");
    json_write_name(&body.json, "title");
    if (json_type(title) == JSON_NUMBER) {
        json_write_string(&body.json, json_number(title)); /* GitHub takes both */
    } else {
        json_write_value(&body.json, title);
    }
    write_text_member(&body.json, "body", argument_text(tool, "body"));
    write_text_member(&body.json, "state", "open");
    write_named(&body.json, "labels", "name", &labels);
    write_named(&body.json, "assignees", "login", &assignees);
    return body_end(&body);
}

static bool create_issue(struct tool_call *tool, struct error *err)
{
    struct thing repository, issue = {.time_ms = tool->now_ms};
    bool found;
    if (!repository_find(tool, &repository, &found, err)) {
        return false;
    }
    if (!found) {
        return true;
    }
    const char *body = issue_body(tool);
    const char *head = mem_printf(tool->memory, "%s#", repository.id);
    issue.parent = repository.id;
    if (!json_parse(tool->memory, slice_of(body), &issue.body, err) ||
            !world_append(tool, "issue", repository.id, head, 0, body, &issue.id, err)) {
        return false;
    }
    write_issue_members(tool, &issue);
    return true;
}

static bool issue_takes(struct tool_call *tool, const struct thing *issue)
{
    const char *state = argument_text(tool, "state"), *labels = argument_text(tool, "labels");
    const char *own = json_text(json_get(issue->body, "state"));
    state = state == NULL ? "open" : state;
    if (strcmp(state, "all") != 0 && (own == NULL || strcmp(own, state) != 0)) {
        return false;
    }
    struct slice rest = slice_of(labels);
    while (rest.data != NULL) { /* all of a comma-separated list */
        struct slice wanted = slice_trim(slice_split(&rest, ','));
        bool has = false;
        for (struct json_iterator i = json_iterate(json_get(issue->body, "labels"));
                json_next(&i);) {
            has = has || slice_equal(json_string(json_get(i.value, "name")), wanted);
        }
        if (!has) {
            return false;
        }
    }
    return true;
}

static bool list_issues(struct tool_call *tool, struct error *err)
{
    struct thing repository;
    struct things issues;
    bool found;
    if (!repository_find(tool, &repository, &found, err)) {
        return false;
    }
    if (!found) {
        return true;
    }
    if (!world_list(tool, "issue", repository.id, &issues, err)) {
        return false;
    }
    const char *direction = argument_text(tool, "direction");
    bool ascending = direction != NULL && strcmp(direction, "asc") == 0;
    int64_t index = 0;
    json_write_name(&tool->json, "issues");
    json_begin_array(&tool->json);
    for (size_t i = 0; i < issues.count; i++) {
        const struct thing *issue = &issues.items[ascending ? issues.count - 1 - i : i];
        if (issue_takes(tool, issue) && in_page(tool, 1, index++)) {
            json_begin_object(&tool->json);
            write_issue_members(tool, issue);
            json_end_object(&tool->json);
        }
    }
    json_end_array(&tool->json);
    return true;
}

static bool create_comment(struct tool_call *tool, struct error *err)
{
    struct thing repository, issue;
    bool found;
    const char *id;
    if (!repository_find(tool, &repository, &found, err)) {
        return false;
    }
    if (!found) {
        return true;
    }
    const char *issue_id = mem_printf(tool->memory, "%s#%lld", repository.id,
            (long long)argument_int(tool, "issue_number", 0, 0, INT64_MAX));
    if (!world_get(tool, "issue", issue_id, &issue, &found, err)) {
        return false;
    }
    if (!found) {
        return tool_fail(tool, 404, "Not Found");
    }
    struct body body;
    body_begin(&body, tool->memory);
    write_text_member(&body.json, "body", argument_required(tool, "body"));
    if (!world_append(tool, "comment", issue.id, mem_printf(tool->memory, "%s-comment-", issue.id),
                0, body_end(&body), &id, err)) {
        return false;
    }
    write_int_member(&tool->json, "id", number_of(id));
    write_text_member(&tool->json, "body", argument_required(tool, "body"));
    json_write_name(&tool->json, "user");
    write_user(tool, login_of(tool));
    json_write_name(&tool->json, "created_at");
    json_write_time(&tool->json, tool->now_ms);
    return true;
}

const struct emulation github_emulations[] = {
        {"GITHUB_CREATE_AN_ISSUE", create_issue},
        {"GITHUB_CREATE_AN_ISSUE_COMMENT", create_comment},
        {"GITHUB_LIST_REPOSITORY_ISSUES", list_issues},
        {"GITHUB_GET_A_REPOSITORY", get_repository},
        {"GITHUB_LIST_REPOSITORIES_FOR_THE_AUTHENTICATED_USER", list_repositories},
        {"GITHUB_SEARCH_REPOSITORIES", search_repositories},
        {"GITHUB_GET_THE_AUTHENTICATED_USER", get_user},
        {NULL, NULL},
};
