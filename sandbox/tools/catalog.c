#include "sandbox/tools/catalog.h"

#include <assert.h>

extern const char sandbox_toolkits[], sandbox_tools[], sandbox_meta_tools[];
extern const size_t sandbox_toolkits_size, sandbox_tools_size, sandbox_meta_tools_size;

struct catalog {
    struct toolkit *toolkits;
    struct tool *tools;
    struct toolkit *meta_toolkit;
    struct tool *meta_tools;
};

static const struct json *parse(void *owner, const char *text, size_t size)
{
    const struct json *value = NULL;
    struct error err = {0};
    bool good = json_parse(owner, (struct slice){text, size}, &value, &err);
    assert(good);
    return value;
}

static const char *join(void *owner, const struct json *list)
{
    struct buffer out;
    buffer_init(&out, owner, 64 * 1024);
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        buffer_add_text(&out, i.index == 0 ? "" : " ");
        buffer_add_slice(&out, json_string(i.value));
    }
    return buffer_text(&out);
}

static void load_toolkits(struct catalog *catalog)
{
    const struct json *list = parse(catalog, sandbox_toolkits, sandbox_toolkits_size);
    struct toolkit **end = &catalog->toolkits;
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        struct toolkit *toolkit = mem_new(catalog, struct toolkit);
        toolkit->slug = json_text(json_get(i.value, "slug"));
        toolkit->name = json_text(json_get(i.value, "name"));
        toolkit->description = json_text(json_get(i.value, "description"));
        toolkit->logo = json_text(json_get(i.value, "logo"));
        toolkit->scopes = join(toolkit, json_get(i.value, "scopes"));
        toolkit->json = i.value;
        assert(toolkit->slug != NULL && toolkit->name != NULL && toolkit->logo != NULL);
        *end = toolkit;
        end = &toolkit->next;
    }
}

static struct toolkit *find_toolkit(const struct catalog *catalog, const char *slug)
{
    struct toolkit *toolkit = catalog->toolkits;
    while (toolkit != NULL && strcasecmp(toolkit->slug, slug) != 0) {
        toolkit = toolkit->next;
    }
    return toolkit;
}

static struct tool *load_tool(
        struct catalog *catalog, struct toolkit *toolkit, const struct json *json)
{
    struct tool *tool = mem_new(catalog, struct tool);
    assert(toolkit != NULL);
    toolkit->tool_count++;
    tool->toolkit = toolkit;
    tool->slug = json_text(json_get(json, "slug"));
    tool->name = json_text(json_get(json, "name"));
    tool->description = json_text(json_get(json, "description"));
    tool->input = json_get(json, "input");
    tool->tags = json_get(json, "tags");
    tool->scopes = json_get(json, "scopes");
    tool->deprecated = json_bool(json_get(json, "deprecated"), false);
    tool->newer = json_bool(json_get(json, "newer"), false);
    tool->older = json_bool(json_get(json, "older"), false);
    assert(tool->slug != NULL && tool->name != NULL && tool->description != NULL);
    assert(json_type(tool->input) == JSON_OBJECT);
    for (struct json_iterator tag = json_iterate(tool->tags); json_next(&tag);) {
        tool->important = tool->important || slice_is(json_string(tag.value), "important");
    }
    return tool;
}

static void load_tools(struct catalog *catalog)
{
    const struct json *list = parse(catalog, sandbox_tools, sandbox_tools_size);
    struct tool **end = &catalog->tools;
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        const char *toolkit = json_text(json_get(i.value, "toolkit"));
        *end = load_tool(catalog, find_toolkit(catalog, toolkit), i.value);
        end = &(*end)->next;
    }
}

static void load_meta_tools(struct catalog *catalog)
{
    const struct json *list = parse(catalog, sandbox_meta_tools, sandbox_meta_tools_size);
    struct tool **end = &catalog->meta_tools;
    catalog->meta_toolkit = mem_new(catalog, struct toolkit);
    *catalog->meta_toolkit = (struct toolkit){.slug = "composio",
            .name = "Composio",
            .description = "Finding and executing tools, and connecting accounts.",
            .logo = "https://logos.composio.dev/api/composio"};
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        *end = load_tool(catalog, catalog->meta_toolkit, i.value);
        (*end)->no_auth = true;
        end = &(*end)->next;
    }
}

struct catalog *catalog_load(void *owner)
{
    struct catalog *catalog = mem_new(owner, struct catalog);
    load_toolkits(catalog);
    load_tools(catalog);
    load_meta_tools(catalog);
    return catalog;
}

const struct toolkit *catalog_toolkits(const struct catalog *catalog)
{
    return catalog->toolkits;
}

const struct tool *catalog_tools(const struct catalog *catalog)
{
    return catalog->tools;
}

const struct toolkit *catalog_toolkit(const struct catalog *catalog, const char *slug)
{
    return find_toolkit(catalog, slug);
}

static const struct tool *find_tool(const struct tool *tool, const char *slug)
{
    while (tool != NULL && strcasecmp(tool->slug, slug) != 0) {
        tool = tool->next;
    }
    return tool;
}

const struct tool *catalog_tool(const struct catalog *catalog, const char *slug)
{
    return find_tool(catalog->tools, slug);
}

const struct toolkit *catalog_meta_toolkit(const struct catalog *catalog)
{
    return catalog->meta_toolkit;
}

const struct tool *catalog_meta_tools(const struct catalog *catalog)
{
    return catalog->meta_tools;
}

const struct tool *catalog_meta_tool(const struct catalog *catalog, const char *slug)
{
    return find_tool(catalog->meta_tools, slug);
}

bool toolkit_has_scheme(const struct toolkit *toolkit, const char *scheme)
{
    const struct json *schemes = json_get(toolkit->json, "auth_schemes");
    for (struct json_iterator i = json_iterate(schemes); json_next(&i);) {
        if (slice_is(json_string(i.value), scheme)) {
            return true;
        }
    }
    return false;
}

bool version_exists(const char *version)
{
    return version == NULL || strcmp(version, "latest") == 0 ||
           strcmp(version, CATALOG_VERSION) == 0 || strcmp(version, CATALOG_BASE_VERSION) == 0;
}

bool tool_has_version(const struct tool *tool, const char *version)
{
    bool base = version != NULL && strcmp(version, CATALOG_BASE_VERSION) == 0;
    return version_exists(version) && !(base ? tool->newer : tool->older);
}
