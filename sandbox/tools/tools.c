#include "sandbox/tools/tools.h"

#include "sandbox/accounts/auth_config.h"
#include "sandbox/paging.h"
#include "sandbox/routes.h"

#define LIST_LIMIT_USUAL 20
#define LIST_LIMIT_MOST  1000

const char tool_output_schema[] =
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
    if (!tool->older) {
        json_write_text(json, CATALOG_VERSION);
    }
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

void tool_write(struct call *call, const struct tool *tool, const char *version)
{
    struct json_writer *json = &call->json;
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
    json_write_raw(json, slice_of(tool_output_schema));
    json_write_name(json, "no_auth");
    json_write_bool(json, tool->no_auth);
    json_write_name(json, "version");
    json_write_text(json, version);
    write_versions(json, tool);
    call_write_list(json, "scopes", tool->scopes);
    if (call->v31) {
        json_write_name(json, "scope_requirements");
        json_write_null(json);
    }
    call_write_list(json, "tags", tool->tags);
    json_write_name(json, "is_deprecated");
    json_write_bool(json, tool->deprecated);
    write_deprecated(json, tool, version);
    json_end_object(json);
}

/* ---- which version ---- */

/* The version asked for: `version`, toolkit_versions[gmail]=… or toolkit_versions=… for all; without any, v3 has the
 * first and v3.1 the latest. */
static const char *version_asked(struct call *call, const struct toolkit *toolkit)
{
    const char *const names[] = {"version",
            mem_printf(call->memory, "toolkit_versions[%s]", toolkit->slug), "toolkit_versions",
            "toolkit_versions[]"};
    const char *version = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && version == NULL; i++) {
        version = call_parameter(call, names[i]);
    }
    return version_or_usual(call, version);
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
    struct texts toolkits, slugs, tags, scopes;
    struct auth_config *configs; /* tools that one of these allows */
    size_t config_count;
    const char *search; /* NULL: any */
    bool important_only, with_deprecated;
};

SUSPENDS static MUST_CHECK bool filter_read(
        struct call *call, struct tool_filter *out, struct error *err)
{
    struct texts ids = call_parameter_list(call, "auth_config_ids");
    /* v3.1 has `query`, and `search` as its deprecated name. */
    const char *query = call->v31 ? call_parameter(call, "query") : NULL;
    struct tool_filter filter = {.toolkits = call_parameter_list(call, "toolkit_slug"),
            .slugs = call_parameter_list(call, "tool_slugs"),
            .tags = call_parameter_list(call, "tags"),
            .scopes = call_parameter_list(call, "scopes"),
            .configs = mem_array(call->memory, struct auth_config, ids.count),
            .config_count = ids.count,
            .search = query == NULL ? call_parameter(call, "search") : query};
    if (!call_parameter_bool(call, "important", false, &filter.important_only, err) ||
            !call_parameter_bool(call, "include_deprecated", true, &filter.with_deprecated, err)) {
        return false;
    }
    for (size_t i = 0; i < ids.count; i++) {
        if (!auth_config_find(call, ids.items[i], &filter.configs[i], err)) {
            return false;
        }
    }
    *out = filter;
    return true;
}

/* An element of a list of strings is among the texts. */
static bool has_one(const struct json *list, const struct texts *texts)
{
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        const char *text = json_text(i.value);
        if (text != NULL && texts_have(texts, text)) {
            return true;
        }
    }
    return false;
}

/* It is of the auth config's toolkit, and among the tools that may be executed where the config lists them. */
static bool config_allows(
        struct call *call, const struct auth_config *config, const struct tool *tool)
{
    const struct json *access = NULL;
    struct error ignored = {0};
    struct texts slugs = {0};
    if (strcmp(config->toolkit, tool->toolkit->slug) != 0) {
        return false;
    }
    return !json_parse(call->memory, slice_of(config->tool_access), &access, &ignored) ||
           !field_list(call->memory, access, "tools_available_for_execution", &slugs, &ignored) ||
           slugs.count == 0 || texts_have_nocase(&slugs, tool->slug);
}

static bool configs_allow(
        struct call *call, const struct tool_filter *filter, const struct tool *tool)
{
    bool allowed = filter->config_count == 0;
    for (size_t i = 0; i < filter->config_count && !allowed; i++) {
        allowed = config_allows(call, &filter->configs[i], tool);
    }
    return allowed;
}

static bool filter_matches(
        struct call *call, const struct tool_filter *filter, const struct tool *tool)
{
    if (!tool_has_version(tool, version_asked(call, tool->toolkit))) {
        return false;
    }
    if (filter->slugs.count > 0) {
        return texts_have_nocase(&filter->slugs, tool->slug); /* overrides the rest */
    }
    return (filter->toolkits.count == 0 ||
                   texts_have_nocase(&filter->toolkits, tool->toolkit->slug)) &&
           (filter->tags.count == 0 || has_one(tool->tags, &filter->tags)) &&
           (filter->scopes.count == 0 || has_one(tool->scopes, &filter->scopes)) &&
           (filter->search == NULL || search_matches(call->memory, tool, filter->search)) &&
           (!filter->important_only || tool->important) &&
           (filter->with_deprecated || !tool->deprecated) && configs_allow(call, filter, tool);
}

bool tool_list(struct call *call, struct error *err)
{
    struct paging paging;
    struct tool_filter filter;
    if (!paging_by_cursor(call, LIST_LIMIT_USUAL, LIST_LIMIT_MOST, &paging, err) ||
            !filter_read(call, &filter, err)) {
        return false;
    }
    int64_t total = 0;
    json_begin_object(&call->json);
    json_write_name(&call->json, "items");
    json_begin_array(&call->json);
    const struct tool *tool = catalog_tools(call->sandbox->catalog);
    for (; tool != NULL; tool = tool->next) {
        if (filter_matches(call, &filter, tool)) {
            if (total >= paging.offset && total < paging.offset + paging.limit) {
                tool_write(call, tool, version_asked(call, tool->toolkit));
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
    tool_write(call, tool, version_asked(call, tool->toolkit));
    return true;
}

/* ---- POST /tools/scopes/required ---- */

/* The tools of the body, all of one toolkit and in the version asked for. */
static MUST_CHECK bool read_tools(struct call *call, const struct texts *slugs, const char *version,
        const struct tool **tools, struct error *err)
{
    if (slugs->count == 0) {
        return api_error_set(err, API_BAD_REQUEST, "tools: expected at least one slug");
    }
    for (size_t i = 0; i < slugs->count; i++) {
        tools[i] = catalog_tool(call->sandbox->catalog, slugs->items[i]);
        if (tools[i] == NULL || !tool_has_version(tools[i], version)) {
            return api_error_set(err, API_TOOL_NOT_FOUND, "Tool %s not found", slugs->items[i]);
        }
        if (tools[i]->toolkit != tools[0]->toolkit) {
            return api_error_set(err, API_BAD_REQUEST,
                    "tools: %s and %s belong to different toolkits", tools[0]->slug,
                    tools[i]->slug);
        }
    }
    return true;
}

/* Every scope once. */
static void write_scopes(struct call *call, const struct tool **tools, size_t count)
{
    struct texts written = {0};
    struct json_writer *json = &call->json;
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        for (struct json_iterator k = json_iterate(tools[i]->scopes); json_next(&k);) {
            struct slice scope = json_string(k.value);
            const char *text = mem_strndup(call->memory, scope.data, scope.length);
            if (!texts_have(&written, text)) {
                texts_add(call->memory, &written, scope);
                json_write_string(json, scope);
            }
        }
    }
    json_end_array(json);
}

bool tool_scopes(struct call *call, struct error *err)
{
    struct texts slugs;
    const char *version;
    if (!field_list(call->memory, call->body, "tools", &slugs, err) ||
            !field_text(call->body, "version", &version, err)) {
        return false;
    }
    const struct tool **tools = mem_array(call->memory, const struct tool *, slugs.count);
    if (!read_tools(call, &slugs, version_or_usual(call, version), tools, err)) {
        return false;
    }
    struct json_writer *json = &call->json;
    json_begin_object(json);
    json_write_name(json, "scopes_required");
    write_scopes(call, tools, slugs.count);
    json_write_name(json, "per_tool_requirements");
    json_begin_array(json);
    for (size_t i = 0; i < slugs.count; i++) {
        json_begin_object(json);
        json_write_name(json, "tool");
        json_write_text(json, tools[i]->slug);
        json_write_name(json, "scope_requirements"); /* none of these tools has alternatives */
        json_write_null(json);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
    return true;
}
