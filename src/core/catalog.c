#include "core/catalog.h"

#include "json/json.h"

#include <assert.h>

/* src/core/catalog.json, embedded by the build. */
extern const char catalog_json[];
extern const size_t catalog_json_size;

static const char **read_list(void *owner, const struct json *list)
{
    assert(json_type(list) == JSON_ARRAY);
    const char **texts = mem_array(owner, const char *, json_count(list) + 1);
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        texts[i.index] = json_text(i.value);
        assert(texts[i.index] != NULL);
    }
    return texts;
}

static const char *read_text(const struct json *entry, const char *name)
{
    const char *text = json_text(json_get(entry, name));
    assert(text != NULL);
    return text;
}

const struct catalog *catalog_new(void *owner)
{
    struct catalog *catalog = mem_new(owner, struct catalog);
    const struct json *list = NULL;
    struct error err = {0};
    bool ok = json_parse(catalog, (struct slice){catalog_json, catalog_json_size}, &list, &err);
    assert(ok);
    struct catalog_provider *providers =
            mem_array(catalog, struct catalog_provider, json_count(list));
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        providers[i.index] = (struct catalog_provider){
                .provider = read_text(i.value, "provider"),
                .toolkit = read_text(i.value, "toolkit"),
                .display_name = read_text(i.value, "displayName"),
                .icon = read_text(i.value, "icon"),
                .description = read_text(i.value, "description"),
                .required_scopes = read_list(catalog, json_get(i.value, "requiredScopes")),
                .allowed_tools = read_list(catalog, json_get(i.value, "allowedTools")),
                .other_tools = read_list(catalog, json_get(i.value, "otherTools")),
        };
    }
    catalog->providers = providers;
    catalog->count = json_count(list);
    return catalog;
}

const struct catalog_provider *catalog_find(const struct catalog *catalog, const char *provider)
{
    for (size_t i = 0; i < catalog->count; i++) {
        if (strcmp(catalog->providers[i].provider, provider) == 0) {
            return &catalog->providers[i];
        }
    }
    return NULL;
}

static bool list_has(const char *const *list, const char *text)
{
    for (; *list != NULL; list++) {
        if (strcmp(*list, text) == 0) {
            return true;
        }
    }
    return false;
}

bool catalog_has_tool(const struct catalog_provider *provider, const char *tool)
{
    return list_has(provider->allowed_tools, tool) || list_has(provider->other_tools, tool);
}
