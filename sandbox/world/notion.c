/* Notion: pages (kind "page") and databases (kind "database"); parent: the page or database they are in. Content is kept as
 * the text it was given. */
#include "base/clock.h"
#include "sandbox/world/world.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *title_of(const struct thing *thing)
{
    const char *title = json_text(json_get(thing->body, "title"));
    return title == NULL ? "" : title;
}

static const char *url_of(struct tool_call *tool, const struct thing *thing)
{
    struct buffer out;
    buffer_init(&out, tool->memory, 4096);
    buffer_add_text(&out, "https://www.notion.so/");
    for (const char *c = thing->id; *c != '\0'; c++) {
        if (*c != '-') {
            buffer_add_char(&out, *c);
        }
    }
    return buffer_text(&out);
}

static void write_rich_text(struct json_writer *json, const char *text)
{
    json_begin_array(json);
    json_begin_object(json);
    write_text_member(json, "type", "text");
    json_write_name(json, "text");
    json_begin_object(json);
    write_text_member(json, "content", text);
    json_end_object(json);
    write_text_member(json, "plain_text", text);
    json_end_object(json);
    json_end_array(json);
}

static void write_title(struct json_writer *json, const char *object, const char *title)
{
    if (strcmp(object, "database") == 0) {
        json_write_name(json, "title");
        write_rich_text(json, title);
        return;
    }
    json_write_name(json, "properties");
    json_begin_object(json);
    json_write_name(json, "title");
    json_begin_object(json);
    write_text_member(json, "id", "title");
    write_text_member(json, "type", "title");
    json_write_name(json, "title");
    write_rich_text(json, title);
    json_end_object(json);
    json_end_object(json);
}

static void write_parent(struct json_writer *json, const char *parent)
{
    json_write_name(json, "parent");
    json_begin_object(json);
    if (parent[0] == '\0') {
        write_text_member(json, "type", "workspace");
        write_bool_member(json, "workspace", true);
    } else {
        write_text_member(json, "type", "page_id");
        write_text_member(json, "page_id", parent);
    }
    json_end_object(json);
}

/* Notion's object; `object` is "page" or "database". */
static void write_members(struct tool_call *tool, const struct thing *thing, const char *object)
{
    struct json_writer *json = &tool->json;
    write_text_member(json, "object", object);
    write_text_member(json, "id", thing->id);
    json_write_name(json, "created_time");
    json_write_time(json, thing->time_ms);
    json_write_name(json, "last_edited_time");
    json_write_time(json, thing->time_ms);
    write_text_member(json, "url", url_of(tool, thing));
    write_bool_member(json, "archived", false);
    write_parent(json, thing->parent);
    json_write_name(json, "icon");
    json_write_value(json, json_get(thing->body, "icon"));
    json_write_name(json, "cover");
    json_write_value(json, json_get(thing->body, "cover"));
    write_title(json, object, title_of(thing));
}

static bool thing_takes(const struct thing *thing, const char *query)
{
    const char *text = json_text(json_get(thing->body, "content"));
    return query == NULL || strcasestr(title_of(thing), query) != NULL ||
           (text != NULL && strcasestr(text, query) != NULL);
}

/* ---- tools ---- */

static bool search_pages(struct tool_call *tool, struct error *err)
{
    const char *object = argument_text(tool, "filter_value");
    const char *query = argument_text(tool, "query"), *cursor = argument_text(tool, "start_cursor");
    const char *direction = argument_text(tool, "direction");
    bool ascending = direction != NULL && strcmp(direction, "ascending") == 0;
    int64_t limit = argument_int(tool, "page_size", 2, 1, 100);
    int64_t begin = cursor == NULL ? 0 : strtoll(cursor, NULL, 10), total = 0;
    struct things things;
    object = object == NULL ? "page" : object;
    if (strcmp(object, "page") != 0 && strcmp(object, "database") != 0) {
        return tool_fail(tool, 400, "filter_value should be \"page\" or \"database\"");
    }
    if (!world_list(tool, object, NULL, &things, err)) {
        return false;
    }
    write_text_member(&tool->json, "object", "list");
    json_write_name(&tool->json, "results");
    json_begin_array(&tool->json);
    for (size_t i = 0; i < things.count; i++) {
        const struct thing *thing = &things.items[ascending ? things.count - 1 - i : i];
        if (!thing_takes(thing, query)) {
            continue;
        }
        if (total >= begin && total < begin + limit) {
            json_begin_object(&tool->json);
            write_members(tool, thing, object);
            json_end_object(&tool->json);
        }
        total++;
    }
    json_end_array(&tool->json);
    bool more = begin + limit < total;
    write_bool_member(&tool->json, "has_more", more);
    json_write_name(&tool->json, "next_cursor");
    if (more) {
        json_write_printf(&tool->json, "%" PRId64, begin + limit);
    } else {
        json_write_null(&tool->json);
    }
    return true;
}

static void write_values(struct tool_call *tool, const struct things *things, const char *object,
        const char *query, int64_t *left)
{
    for (size_t i = 0; i<things->count && * left> 0; i++) {
        if (!thing_takes(&things->items[i], query)) {
            continue;
        }
        json_begin_object(&tool->json);
        write_text_member(&tool->json, "id", things->items[i].id);
        write_text_member(&tool->json, "title", title_of(&things->items[i]));
        write_text_member(&tool->json, "type", object);
        write_text_member(&tool->json, "url", url_of(tool, &things->items[i]));
        json_end_object(&tool->json);
        (*left)--;
    }
}

/* Which kinds: by the newer fetch_type, or the older three flags. */
static bool wants(struct tool_call *tool, const char *type, const char *flag)
{
    const char *fetch = argument_text(tool, "fetch_type");
    return fetch != NULL
                   ? strcmp(fetch, type) == 0 || strcmp(fetch, "all") == 0
                   : argument_bool(tool, flag, false) || argument_bool(tool, "get_all", false);
}

static bool fetch_data(struct tool_call *tool, struct error *err)
{
    bool pages = wants(tool, "pages", "get_pages");
    bool databases = wants(tool, "databases", "get_databases");
    const char *query = argument_text(tool, "query");
    int64_t left = argument_int(tool, "page_size", 100, 1, 100);
    struct things page_list = {0}, database_list = {0};
    if (!pages && !databases) {
        return tool_fail(tool, 400, "fetch_type should be \"pages\", \"databases\" or \"all\"");
    }
    if ((pages && !world_list(tool, "page", NULL, &page_list, err)) ||
            (databases && !world_list(tool, "database", NULL, &database_list, err))) {
        return false;
    }
    json_write_name(&tool->json, "values");
    json_begin_array(&tool->json);
    write_values(tool, &page_list, "page", query, &left);
    write_values(tool, &database_list, "database", query, &left);
    json_end_array(&tool->json);
    return true;
}

static const char *page_body(struct tool_call *tool)
{
    const char *content = argument_text(tool, "markdown");
    content = content == NULL ? argument_text(tool, "content") : content;
    struct body body;
    body_begin(&body, tool->memory);
    write_text_member(&body.json, "title", argument_required(tool, "title"));
    write_text_member(&body.json, "content", content == NULL ? "" : content);
    const char *icon = argument_text(tool, "icon"), *cover = argument_text(tool, "cover");
    if (icon != NULL) {
        json_write_name(&body.json, "icon");
        json_begin_object(&body.json);
        write_text_member(&body.json, "type", "emoji");
        write_text_member(&body.json, "emoji", icon);
        json_end_object(&body.json);
    }
    if (cover != NULL) {
        json_write_name(&body.json, "cover");
        json_begin_object(&body.json);
        write_text_member(&body.json, "type", "external");
        write_text_member(&body.json, "url", cover);
        json_end_object(&body.json);
    }
    return body_end(&body);
}

/* The parent may be given by id, with or without hyphens, or by its title. */
SUSPENDS static MUST_CHECK bool parent_find(
        struct tool_call *tool, struct thing *out, bool *found_out, struct error *err)
{
    const char *kinds[] = {"page", "database"};
    const char *wanted = argument_required(tool, "parent_id");
    *found_out = false;
    for (size_t k = 0; k < 2 && !*found_out; k++) {
        struct things things;
        if (!world_list(tool, kinds[k], NULL, &things, err)) {
            return false;
        }
        for (size_t i = 0; i < things.count && !*found_out; i++) {
            const char *bare = strrchr(url_of(tool, &things.items[i]), '/') + 1;
            *found_out = strcasecmp(things.items[i].id, wanted) == 0 ||
                         strcasecmp(bare, wanted) == 0 ||
                         strcasecmp(title_of(&things.items[i]), wanted) == 0;
            *out = things.items[i];
        }
    }
    return true;
}

static bool create_page(struct tool_call *tool, struct error *err)
{
    struct thing parent, page = {.time_ms = tool->now_ms};
    bool found;
    char uuid[UUID_TEXT_SIZE];
    if (!parent_find(tool, &parent, &found, err)) {
        return false;
    }
    if (!found) {
        return tool_fail(tool, 404,
                "Could not find page with ID: %s. Make sure the relevant pages and databases are "
                "shared with your integration.",
                argument_required(tool, "parent_id"));
    }
    const char *body = page_body(tool);
    page.id = mem_strdup(tool->memory, uuid_v4(uuid));
    page.parent = parent.id;
    if (!json_parse(tool->memory, slice_of(body), &page.body, err) ||
            !world_put(tool, "page", page.id, page.parent, page.time_ms, body, err)) {
        return false;
    }
    write_members(tool, &page, "page");
    return true;
}

/* A page's content as one paragraph a line. */
static bool fetch_blocks(struct tool_call *tool, struct error *err)
{
    struct thing page;
    bool found;
    const char *id = argument_required(tool, "block_id");
    if (!world_get(tool, "page", id, &page, &found, err)) {
        return false;
    }
    if (!found) {
        return tool_fail(tool, 404, "Could not find block with ID: %s.", id);
    }
    struct slice rest = json_string(json_get(page.body, "content"));
    json_write_name(&tool->json, "results");
    json_begin_array(&tool->json);
    for (int number = 1; rest.data != NULL; number++) {
        struct slice line = slice_split(&rest, '\n');
        if (line.length == 0) {
            continue;
        }
        json_begin_object(&tool->json);
        write_text_member(&tool->json, "object", "block");
        json_write_name(&tool->json, "id");
        json_write_printf(&tool->json, "%s-%d", page.id, number);
        write_text_member(&tool->json, "type", "paragraph");
        json_write_name(&tool->json, "paragraph");
        json_begin_object(&tool->json);
        json_write_name(&tool->json, "rich_text");
        write_rich_text(&tool->json, mem_strndup(tool->memory, line.data, line.length));
        json_end_object(&tool->json);
        json_end_object(&tool->json);
    }
    json_end_array(&tool->json);
    write_bool_member(&tool->json, "has_more", false);
    write_text_member(&tool->json, "next_cursor", NULL);
    return true;
}

const struct emulation notion_emulations[] = {
        {"NOTION_SEARCH_NOTION_PAGE", search_pages},
        {"NOTION_FETCH_DATA", fetch_data},
        {"NOTION_CREATE_NOTION_PAGE", create_page},
        {"NOTION_FETCH_BLOCK_CONTENTS", fetch_blocks},
        {NULL, NULL},
};
