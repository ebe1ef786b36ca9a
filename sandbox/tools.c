#include "sandbox/paging.h"
#include "sandbox/routes.h"

#define LIST_LIMIT_USUAL 20
#define LIST_LIMIT_MOST  1000

/* Of every tool. */
static const char output_schema[] =
        "{\"type\":\"object\",\"title\":\"Response\",\"properties\":{"
        "\"data\":{\"type\":\"object\",\"title\":\"Data\",\"additionalProperties\":true,"
        "\"description\":\"Data from the action execution\"},"
        "\"error\":{\"type\":\"string\",\"title\":\"Error\",\"nullable\":true,\"default\":null,"
        "\"description\":\"Error if any occurred during the execution of the action\"},"
        "\"successful\":{\"type\":\"boolean\",\"title\":\"Successful\","
        "\"description\":\"Whether or not the action execution was successful or not\"}},"
        "\"required\":[\"data\",\"successful\"]}";

/* ---- writing ---- */

static void write_versions(struct json_writer *json, const struct tool *tool)
{
    json_write_name(json, "available_versions");
    json_begin_array(json);
    json_write_text(json, CATALOG_VERSION);
    if (!tool->newer) {
        json_write_text(json, CATALOG_BASE_VERSION);
    }
    json_end_array(json);
}

static void write_deprecated(struct json_writer *json, const struct tool *tool, const char *version)
{
    json_write_name(json, "deprecated");
    json_begin_object(json);
    json_write_name(json, "displayName");
    json_write_text(json, tool->name);
    json_write_name(json, "version");
    json_write_text(json, version);
    write_versions(json, tool);
    json_write_name(json, "is_deprecated");
    json_write_bool(json, tool->deprecated);
    json_write_name(json, "toolkit");
    json_begin_object(json);
    json_write_name(json, "logo");
    json_write_text(json, tool->toolkit->logo);
    json_end_object(json);
    json_end_object(json);
}

static void tool_write(struct json_writer *json, const struct tool *tool, const char *version)
{
    json_begin_object(json);
    json_write_name(json, "slug");
    json_write_text(json, tool->slug);
    json_write_name(json, "name");
    json_write_text(json, tool->name);
    json_write_name(json, "description");
    json_write_text(json, tool->description);
    json_write_name(json, "human_description");
    json_write_text(json, tool->description);
    json_write_name(json, "toolkit");
    json_begin_object(json);
    json_write_name(json, "slug");
    json_write_text(json, tool->toolkit->slug);
    json_write_name(json, "name");
    json_write_text(json, tool->toolkit->name);
    json_write_name(json, "logo");
    json_write_text(json, tool->toolkit->logo);
    json_end_object(json);
    json_write_name(json, "input_parameters");
    json_write_value(json, tool->input);
    json_write_name(json, "output_parameters");
    json_write_raw(json, SLICE(output_schema));
    json_write_name(json, "no_auth");
    json_write_bool(json, false);
    json_write_name(json, "version");
    json_write_text(json, version);
    write_versions(json, tool);
    call_write_list(json, "scopes", tool->scopes);
    json_write_name(json, "scope_requirements");
    json_write_null(json);
    call_write_list(json, "tags", tool->tags);
    json_write_name(json, "is_deprecated");
    json_write_bool(json, tool->deprecated);
    write_deprecated(json, tool, version);
    json_end_object(json);
}

/* ---- which version ---- */

/* The version asked for: `version`, toolkit_versions=latest or toolkit_versions[gmail]=…; without any, v3 has the first
 * and v3.1 the latest. */
static const char *version_asked(struct call *call, const struct toolkit *toolkit)
{
    const char *of_toolkit =
            call_parameter(call, mem_printf(call->memory, "toolkit_versions[%s]", toolkit->slug));
    const char *version = call_parameter(call, "version");
    version = version != NULL      ? version
              : of_toolkit != NULL ? of_toolkit
                                   : call_parameter(call, "toolkit_versions");
    if (version == NULL) {
        return call->v31 ? CATALOG_VERSION : CATALOG_BASE_VERSION;
    }
    return strcmp(version, "latest") == 0 ? CATALOG_VERSION : version;
}

/* ---- GET /tools ---- */

static bool contains_nocase(const char *text, const char *words)
{
    return strcasestr(text, words) != NULL;
}

/* Every word of the search in slug, name or description. */
static bool search_matches(void *owner, const struct tool *tool, const char *search)
{
    struct slice rest = slice_of(search);
    while (rest.data != NULL) {
        struct slice word = slice_split(&rest, ' ');
        const char *text = mem_strndup(owner, word.data, word.length);
        if (!contains_nocase(tool->slug, text) && !contains_nocase(tool->name, text) &&
                !contains_nocase(tool->description, text)) {
            return false;
        }
    }
    return true;
}

struct tool_filter {
    struct texts toolkits, slugs, tags;
    const char *search; /* NULL: any */
    bool important_only, with_deprecated;
};

static bool have_nocase(const struct texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (strcasecmp(texts->items[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_a_tag(const struct tool *tool, const struct texts *tags)
{
    for (struct json_iterator i = json_iterate(tool->tags); json_next(&i);) {
        const char *tag = json_text(i.value);
        if (tag != NULL && texts_have(tags, tag)) {
            return true;
        }
    }
    return false;
}

static bool filter_matches(
        struct call *call, const struct tool_filter *filter, const struct tool *tool)
{
    if (!tool_has_version(tool, version_asked(call, tool->toolkit))) {
        return false;
    }
    if (filter->slugs.count > 0) {
        return have_nocase(&filter->slugs, tool->slug); /* overrides the rest */
    }
    return (filter->toolkits.count == 0 || have_nocase(&filter->toolkits, tool->toolkit->slug)) &&
           (filter->tags.count == 0 || has_a_tag(tool, &filter->tags)) &&
           (filter->search == NULL || search_matches(call->memory, tool, filter->search)) &&
           (!filter->important_only || tool->important) &&
           (filter->with_deprecated || !tool->deprecated);
}

bool tool_list(struct call *call, struct error *err)
{
    struct paging paging;
    if (!paging_by_cursor(call, LIST_LIMIT_USUAL, LIST_LIMIT_MOST, &paging, err)) {
        return false;
    }
    const char *query = call_parameter(call, "query");
    struct tool_filter filter = {.toolkits = call_parameter_list(call, "toolkit_slug"),
            .slugs = call_parameter_list(call, "tool_slugs"),
            .tags = call_parameter_list(call, "tags"),
            .search = query == NULL ? call_parameter(call, "search") : query,
            .important_only = call_parameter_bool(call, "important", false),
            .with_deprecated = call_parameter_bool(call, "include_deprecated", true)};
    int64_t total = 0;
    json_begin_object(&call->json);
    json_write_name(&call->json, "items");
    json_begin_array(&call->json);
    const struct tool *tool = catalog_tools(call->sandbox->catalog);
    for (; tool != NULL; tool = tool->next) {
        if (filter_matches(call, &filter, tool)) {
            if (total >= paging.offset && total < paging.offset + paging.limit) {
                tool_write(&call->json, tool, version_asked(call, tool->toolkit));
            }
            total++;
        }
    }
    json_end_array(&call->json);
    paging_write_cursor(call, &paging, total);
    json_end_object(&call->json);
    return true;
}

bool tool_enum(struct call *call, struct error *err)
{
    (void)err;
    json_begin_array(&call->json);
    const struct tool *tool = catalog_tools(call->sandbox->catalog);
    for (; tool != NULL; tool = tool->next) {
        json_write_text(&call->json, tool->slug);
    }
    json_end_array(&call->json);
    return true;
}

bool tool_get(struct call *call, struct error *err)
{
    const struct tool *tool = catalog_tool(call->sandbox->catalog, call->values[0]);
    if (tool == NULL || !tool_has_version(tool, version_asked(call, tool->toolkit))) {
        return api_error_set(err, API_TOOL_NOT_FOUND, "Tool %s not found", call->values[0]);
    }
    tool_write(&call->json, tool, version_asked(call, tool->toolkit));
    return true;
}
