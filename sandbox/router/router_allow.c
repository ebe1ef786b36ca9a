/* The sections of a session's config that say which tools it has: toolkits, tools, tags, preload. */
#include "sandbox/router/router_draft.h"

#define PRELOAD_MOST 1000

/* ---- slugs ---- */

/* NULL: there is none. `of` NULL: a toolkit's, else a tool's of it. */
static const char *known_slug(struct draft *draft, const char *slug, const struct toolkit *of)
{
    const struct catalog *catalog = draft->call->sandbox->catalog;
    const struct toolkit *toolkit = of == NULL ? catalog_toolkit(catalog, slug) : NULL;
    const struct tool *tool = of == NULL ? NULL : catalog_tool(catalog, slug);
    return toolkit != NULL                       ? toolkit->slug
           : tool != NULL && tool->toolkit == of ? tool->slug
                                                 : NULL;
}

/* The array of slugs, all of them known. */
static MUST_CHECK bool write_slugs(
        struct draft *draft, const struct json *list, const struct toolkit *of, struct error *err)
{
    struct buffer unknown;
    buffer_init(&unknown, draft->call->memory, 200);
    json_begin_array(&draft->json);
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        const char *given = json_text(i.value);
        const char *slug = given == NULL ? NULL : known_slug(draft, given, of);
        if (slug == NULL) {
            buffer_printf(&unknown, "%s%s", unknown.length == 0 ? "" : ", ",
                    given == NULL ? "(no string)" : given);
            continue;
        }
        json_write_text(&draft->json, slug);
    }
    json_end_array(&draft->json);
    if (unknown.length == 0 && !unknown.overflow) {
        return true;
    }
    return of == NULL
                   ? api_error_set(err, API_ROUTER_TOOLKITS,
                             "Invalid toolkit slugs: %s. Please provide valid toolkit slugs.",
                             buffer_text(&unknown))
                   : api_error_set(err, API_ROUTER_INVALID, "Invalid tool slugs for toolkit %s: %s",
                             of->slug, buffer_text(&unknown));
}

/* {"enable": […]} or {"disable": […]}, not both. */
static MUST_CHECK bool write_choice(struct draft *draft, const char *name, const struct json *given,
        const struct toolkit *of, struct error *err)
{
    static const char *const members[] = {"enable", "disable", NULL};
    if (!draft_expect_object(given, name, members, err)) {
        return false;
    }
    const struct json *enable = json_get(given, "enable"), *disable = json_get(given, "disable");
    const struct json *list = enable == NULL ? disable : enable;
    if ((enable == NULL) == (disable == NULL) || json_type(list) != JSON_ARRAY) {
        return api_error_set(
                err, API_ROUTER_INVALID, "%s: expected either enable or disable, an array", name);
    }
    json_begin_object(&draft->json);
    json_write_name(&draft->json, enable == NULL ? "disabled" : "enabled");
    bool good = write_slugs(draft, list, of, err);
    json_end_object(&draft->json);
    return good;
}

/* ---- tags ---- */

static MUST_CHECK bool write_tag_list(
        struct draft *draft, const char *name, const struct json *list, struct error *err)
{
    static const char *const hints[] = {
            "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"};
    bool good = json_type(list) == JSON_ARRAY;
    json_write_name(&draft->json, name);
    json_begin_array(&draft->json);
    for (struct json_iterator i = json_iterate(list); good && json_next(&i);) {
        good = false;
        for (size_t k = 0; k < 4 && !good; k++) {
            good = slice_is(json_string(i.value), hints[k]);
        }
        json_write_value(&draft->json, i.value);
    }
    json_end_array(&draft->json);
    return good || api_error_set(err, API_ROUTER_INVALID,
                           "tags: expected readOnlyHint, destructiveHint, idempotentHint or "
                           "openWorldHint");
}

/* […], or {"enable": […], "disable": […]}. */
static MUST_CHECK bool write_tags(struct draft *draft, const struct json *given, struct error *err)
{
    bool list = json_type(given) == JSON_ARRAY;
    const struct json *enable = list ? given : json_get(given, "enable");
    const struct json *disable = json_get(given, "disable");
    if (!list && !draft_expect_object(given, "tags", NULL, err)) {
        return false;
    }
    json_begin_object(&draft->json);
    bool good = (enable == NULL || write_tag_list(draft, "enabled", enable, err)) &&
                (disable == NULL || write_tag_list(draft, "disabled", disable, err));
    json_end_object(&draft->json);
    return good;
}

/* ---- sections: what is allowed ---- */

bool router_section_toolkits(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    (void)before;
    if (given == NULL) {
        return true;
    }
    json_write_name(&draft->json, "toolkits");
    return write_choice(draft, "toolkits", given, NULL, err);
}

bool router_section_tags(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    (void)before;
    if (given == NULL) {
        return true;
    }
    json_write_name(&draft->json, "tags");
    return write_tags(draft, given, err);
}

static MUST_CHECK bool write_tool_rule(struct draft *draft, const struct toolkit *toolkit,
        const struct json *given, struct error *err)
{
    const struct json *tags = json_get(given, "tags");
    json_write_name(&draft->json, toolkit->slug);
    if (tags == NULL) {
        return write_choice(draft, mem_printf(draft->call->memory, "tools.%s", toolkit->slug),
                given, toolkit, err);
    }
    if (json_count(given) > 1) {
        return api_error_set(err, API_ROUTER_INVALID,
                "tools.%s: expected one of enable, disable and tags", toolkit->slug);
    }
    json_begin_object(&draft->json);
    json_write_name(&draft->json, "tags");
    bool good = write_tags(draft, tags, err);
    json_end_object(&draft->json);
    return good;
}

bool router_section_tools(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    (void)before;
    if (given == NULL) {
        return true;
    }
    if (!draft_expect_object(given, "tools", NULL, err)) {
        return false;
    }
    json_write_name(&draft->json, "tools");
    json_begin_object(&draft->json);
    for (struct json_iterator i = json_iterate(given); json_next(&i);) {
        const struct toolkit *toolkit;
        if (!draft_find_toolkit(draft, i.name, &toolkit, err) ||
                !write_tool_rule(draft, toolkit, i.value, err)) {
            return false;
        }
    }
    json_end_object(&draft->json);
    return true;
}

/* ---- sections: what is shown ---- */

static MUST_CHECK bool write_preloaded(
        struct draft *draft, const struct json *tools, struct error *err)
{
    struct buffer unknown;
    buffer_init(&unknown, draft->call->memory, 200);
    json_begin_array(&draft->json);
    for (struct json_iterator i = json_iterate(tools); json_next(&i);) {
        const char *given = json_text(i.value);
        const struct tool *tool =
                given == NULL ? NULL : catalog_tool(draft->call->sandbox->catalog, given);
        if (tool == NULL) {
            buffer_printf(&unknown, " %s", given == NULL ? "(no string)" : given);
        } else {
            json_write_text(&draft->json, tool->slug);
        }
    }
    json_end_array(&draft->json);
    return (unknown.length == 0 && !unknown.overflow) ||
           api_error_set(err, API_ROUTER_INVALID, "preload.tools: invalid tool slugs:%s",
                   buffer_text(&unknown));
}

bool router_section_preload(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    (void)before;
    const struct json *tools = json_get(given, "tools");
    bool all = slice_is(json_string(tools), "all");
    if (given != NULL &&
            !draft_expect_object(given, "preload", (const char *[]){"tools", NULL}, err)) {
        return false;
    }
    if (tools != NULL && !all &&
            (json_type(tools) != JSON_ARRAY || json_count(tools) > PRELOAD_MOST)) {
        return api_error_set(err, API_ROUTER_INVALID,
                "preload.tools: expected up to 1000 slugs of tools, or all");
    }
    json_write_name(&draft->json, "preload");
    json_begin_object(&draft->json);
    json_write_name(&draft->json, "tools");
    bool good = true;
    if (all) {
        json_write_text(&draft->json, "all");
    } else {
        good = write_preloaded(draft, tools, err);
    }
    json_end_object(&draft->json);
    return good;
}
