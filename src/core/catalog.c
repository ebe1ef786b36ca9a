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

/* Levenshtein distance of two short texts; anything longer is as far as can be. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a), b_length = strlen(b);
    unsigned char row[129];
    if (a_length > 120 || b_length > 120) {
        return 255;
    }
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = (unsigned char)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = (unsigned char)i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t removal = (size_t)row[j] + 1, insertion = (size_t)row[j - 1] + 1;
            diagonal = row[j];
            size_t least = change < removal ? change : removal;
            row[j] = (unsigned char)(least < insertion ? least : insertion);
        }
    }
    return row[b_length];
}

/* How many words (between underscores) of `text` the candidate has: slugs are renamed by adding and dropping words. */
static size_t shared_words(const char *text, const char *candidate)
{
    size_t shared = 0;
    for (struct slice rest = slice_of(text); rest.data != NULL;) {
        struct slice word = slice_split(&rest, '_');
        for (struct slice other = slice_of(candidate); other.data != NULL && word.length > 0;) {
            if (slice_equal(slice_split(&other, '_'), word)) {
                shared++;
                break;
            }
        }
    }
    return shared;
}

const char *catalog_nearest(const char *text, const char *const *candidates)
{
    const char *best = NULL;
    size_t best_distance = strlen(text) / 2 + 1, best_shared = 1;
    for (; *candidates != NULL; candidates++) {
        size_t distance = edit_distance(text, *candidates);
        size_t shared = shared_words(text, *candidates);
        bool closer =
                distance < best_distance || (distance == best_distance && shared > best_shared);
        if (closer || (best == NULL && shared > best_shared)) {
            best = *candidates;
            best_distance = distance;
            best_shared = shared;
        }
    }
    return best;
}
