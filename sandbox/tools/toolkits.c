#include "sandbox/paging.h"
#include "sandbox/routes.h"

#include <assert.h>
#include <stdlib.h>

#define LIST_LIMIT_USUAL 20
#define LIST_LIMIT_MOST  1000
#define SEARCH_LEAST     3 /* characters */

/* When the catalog was made. */
#define CATALOG_DATE "2026-02-23T00:00:00.000Z"

/* ---- GET /toolkits ---- */

static void write_member(struct json_writer *json, const struct toolkit *toolkit, const char *name)
{
    json_write_name(json, name);
    json_write_value(json, json_get(toolkit->json, name));
}

static void write_toolkit_head(struct call *call, const struct toolkit *toolkit)
{
    struct json_writer *json = &call->json;
    json_write_name(json, "slug");
    json_write_text(json, toolkit->slug);
    json_write_name(json, "name");
    json_write_text(json, toolkit->name);
    if (call->v31) {
        json_write_name(json, "type");
        json_write_text(json, "native");
    }
    write_member(json, toolkit, "composio_managed_auth_schemes");
    json_write_name(json, "is_local_toolkit");
    json_write_bool(json, false);
    json_write_name(json, "auth_guide_url");
    json_write_null(json);
}

static int count_tools(
        const struct catalog *catalog, const struct toolkit *toolkit, const char *version)
{
    int count = 0;
    for (const struct tool *tool = catalog_tools(catalog); tool != NULL; tool = tool->next) {
        count += tool->toolkit == toolkit && tool_has_version(tool, version) ? 1 : 0;
    }
    return count;
}

/* `whole`: as GET by slug has it. */
static void write_toolkit_meta(
        struct call *call, const struct toolkit *toolkit, const char *version, bool whole)
{
    struct json_writer *json = &call->json;
    json_write_name(json, "meta");
    json_begin_object(json);
    json_write_name(json, "created_at");
    json_write_text(json, CATALOG_DATE);
    json_write_name(json, "updated_at");
    json_write_text(json, CATALOG_DATE);
    json_write_name(json, "description");
    json_write_text(json, toolkit->description);
    json_write_name(json, "logo");
    json_write_text(json, toolkit->logo);
    write_member(json, toolkit, "app_url");
    json_write_name(json, "categories");
    json_begin_array(json);
    const struct json *categories = json_get(toolkit->json, "categories");
    for (struct json_iterator i = json_iterate(categories); json_next(&i);) {
        json_begin_object(json);
        json_write_name(json, whole ? "slug" : "id");
        json_write_value(json, i.value);
        json_write_name(json, "name");
        json_write_value(json, i.value);
        json_end_object(json);
    }
    json_end_array(json);
    json_write_name(json, "triggers_count");
    json_write_int(json, 0);
    json_write_name(json, "tools_count");
    json_write_int(json, count_tools(call->sandbox->catalog, toolkit, version));
    json_write_name(json, "version");
    json_write_text(json, version);
    if (whole) {
        json_write_name(json, "available_versions");
        json_begin_array(json);
        json_write_text(json, CATALOG_VERSION);
        json_write_text(json, CATALOG_BASE_VERSION);
        json_end_array(json);
    }
    json_end_object(json);
}

static void write_toolkit_item(struct call *call, const struct toolkit *toolkit)
{
    struct json_writer *json = &call->json;
    json_begin_object(json);
    write_toolkit_head(call, toolkit);
    write_member(json, toolkit, "auth_schemes");
    json_write_name(json, "no_auth");
    json_write_bool(json, false);
    write_toolkit_meta(call, toolkit, CATALOG_VERSION, false);
    json_write_name(json, "deprecated");
    json_begin_object(json);
    json_write_name(json, "toolkitId");
    json_write_text(json, toolkit->slug);
    json_end_object(json);
    json_end_object(json);
}

struct toolkit_filter {
    struct texts slugs; /* none: any */
    const char *category, *search, *managed_by, *sort_by, *type;
};
static const char *const managers[] = {"composio", "all", "project", NULL};
static const char *const orders[] = {"usage", "alphabetically", NULL};
static const char *const types[] = {"native", "custom", "all", NULL};

static bool has_category(const struct toolkit *toolkit, const char *category)
{
    const struct json *categories = json_get(toolkit->json, "categories");
    for (struct json_iterator i = json_iterate(categories); json_next(&i);) {
        if (slice_is(json_string(i.value), category)) {
            return true;
        }
    }
    return false;
}

/* Every toolkit here is native, with a managed app. */
static bool filter_matches(const struct toolkit_filter *filter, const struct toolkit *toolkit)
{
    const char *search = filter->search;
    return strcmp(filter->managed_by, "project") != 0 && strcmp(filter->type, "custom") != 0 &&
           (filter->slugs.count == 0 || texts_have_nocase(&filter->slugs, toolkit->slug)) &&
           (filter->category == NULL || has_category(toolkit, filter->category)) &&
           (search == NULL || strcasestr(toolkit->slug, search) != NULL ||
                   strcasestr(toolkit->name, search) != NULL ||
                   strcasestr(toolkit->description, search) != NULL);
}

static int by_name(const void *a, const void *b)
{
    return strcasecmp(
            (*(const struct toolkit *const *)a)->name, (*(const struct toolkit *const *)b)->name);
}

/* The catalog is in order of usage. */
static void answer_list(
        struct call *call, const struct toolkit_filter *filter, const struct paging *paging)
{
    const struct toolkit *found[CATALOG_TOOLKITS_MAX];
    int64_t total = 0;
    const struct toolkit *toolkit = catalog_toolkits(call->sandbox->catalog);
    for (; toolkit != NULL; toolkit = toolkit->next) {
        if (filter_matches(filter, toolkit)) {
            assert(total < CATALOG_TOOLKITS_MAX);
            found[total++] = toolkit;
        }
    }
    if (strcmp(filter->sort_by, "alphabetically") == 0) {
        qsort(found, (size_t)total, sizeof found[0], by_name);
    }
    json_begin_object(&call->json);
    json_write_name(&call->json, "items");
    json_begin_array(&call->json);
    for (int64_t i = paging->offset; i < total && i < paging->offset + paging->limit; i++) {
        write_toolkit_item(call, found[i]);
    }
    json_end_array(&call->json);
    paging_write_cursor(call, paging, total);
    json_end_object(&call->json);
}

bool toolkit_list(struct call *call, struct error *err)
{
    struct paging paging;
    bool ignored; /* none is deprecated */
    struct toolkit_filter filter = {.category = call_parameter(call, "category"),
            .search = call_parameter(call, "search"),
            .managed_by = "all",
            .sort_by = "usage",
            .type = "all"};
    if (!paging_by_cursor(call, LIST_LIMIT_USUAL, LIST_LIMIT_MOST, &paging, err) ||
            !call_parameter_bool(call, "include_deprecated", false, &ignored, err) ||
            !call_parameter_choice(call, "managed_by", managers, &filter.managed_by, err) ||
            !call_parameter_choice(call, "sort_by", orders, &filter.sort_by, err) ||
            (call->v31 && !call_parameter_choice(call, "type", types, &filter.type, err))) {
        return false;
    }
    if (filter.search != NULL && strlen(filter.search) < SEARCH_LEAST) {
        return api_error_set(
                err, API_BAD_REQUEST, "search: expected at least %d characters", SEARCH_LEAST);
    }
    answer_list(call, &filter, &paging);
    return true;
}

/* ---- POST /toolkits/multi: the same list, asked for in a body ---- */

bool toolkit_multi(struct call *call, struct error *err)
{
    struct paging paging;
    struct toolkit_filter filter = {.managed_by = "all", .sort_by = "usage", .type = "all"};
    if (!paging_by_body(call, LIST_LIMIT_USUAL, LIST_LIMIT_MOST, &paging, err) ||
            !field_list(call->memory, call->body, "toolkits", &filter.slugs, err) ||
            !field_text(call->body, "category", &filter.category, err) ||
            !field_choice(call->body, "managed_by", managers, &filter.managed_by, err) ||
            !field_choice(call->body, "sort_by", orders, &filter.sort_by, err)) {
        return false;
    }
    answer_list(call, &filter, &paging);
    return true;
}

/* ---- GET /toolkits/categories, GET /toolkits/changelog ---- */

bool toolkit_categories(struct call *call, struct error *err)
{
    (void)err;
    struct texts written = {0};
    struct json_writer *json = &call->json;
    json_begin_object(json);
    json_write_name(json, "items");
    json_begin_array(json);
    const struct toolkit *toolkit = catalog_toolkits(call->sandbox->catalog);
    for (; toolkit != NULL; toolkit = toolkit->next) {
        const struct json *categories = json_get(toolkit->json, "categories");
        for (struct json_iterator i = json_iterate(categories); json_next(&i);) {
            if (texts_have(&written, json_text(i.value))) {
                continue;
            }
            texts_add(call->memory, &written, json_string(i.value));
            json_begin_object(json);
            json_write_name(json, "name");
            json_write_value(json, i.value);
            json_write_name(json, "id");
            json_write_value(json, i.value);
            json_end_object(json);
        }
    }
    json_end_array(json);
    struct paging all = {.page = 1, .limit = LIST_LIMIT_MOST};
    paging_write_cursor(call, &all, (int64_t)written.count);
    json_end_object(json);
    return true;
}

/* "Added SLACK_SEND_MESSAGE, …. Removed …." between the two versions that there are. */
static const char *changes(struct call *call, const struct toolkit *toolkit)
{
    static const char *const words[] = {"Added", "Removed", "Deprecated"};
    struct buffer out;
    buffer_init(&out, call->memory, 64 * 1024);
    for (int kind = 0; kind < 3; kind++) {
        bool first = true;
        const struct tool *tool = catalog_tools(call->sandbox->catalog);
        for (; tool != NULL; tool = tool->next) {
            const bool is[] = {tool->newer, tool->older, tool->deprecated};
            if (tool->toolkit != toolkit || !is[kind]) {
                continue;
            }
            if (first) {
                buffer_printf(&out, "%s%s ", out.length == 0 ? "" : ". ", words[kind]);
            }
            buffer_printf(&out, "%s%s", first ? "" : ", ", tool->slug);
            first = false;
        }
    }
    buffer_add_text(&out, out.length == 0 ? "No changes." : ".");
    return buffer_text(&out);
}

static void write_version(struct json_writer *json, const char *version, const char *text)
{
    json_begin_object(json);
    json_write_name(json, "version");
    json_write_text(json, version);
    json_write_name(json, "changelog");
    json_write_text(json, text);
    json_end_object(json);
}

bool toolkit_changelog(struct call *call, struct error *err)
{
    (void)err;
    struct json_writer *json = &call->json;
    json_begin_object(json);
    json_write_name(json, "items");
    json_begin_array(json);
    const struct toolkit *toolkit = catalog_toolkits(call->sandbox->catalog);
    for (; toolkit != NULL; toolkit = toolkit->next) {
        json_begin_object(json);
        json_write_name(json, "slug");
        json_write_text(json, toolkit->slug);
        json_write_name(json, "name");
        json_write_text(json, toolkit->slug);
        json_write_name(json, "display_name");
        json_write_text(json, toolkit->name);
        json_write_name(json, "versions");
        json_begin_array(json);
        write_version(json, CATALOG_VERSION, changes(call, toolkit));
        write_version(json, CATALOG_BASE_VERSION, "First version.");
        json_end_array(json);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
    return true;
}

/* ---- GET /toolkits/{} ---- */

static void write_fields(struct json_writer *json, const char *name, const struct json *required,
        const struct json *optional)
{
    json_write_name(json, name);
    json_begin_object(json);
    call_write_list(json, "required", required);
    call_write_list(json, "optional", optional);
    json_end_object(json);
}

static void write_auth_details(struct json_writer *json, const struct toolkit *toolkit)
{
    json_write_name(json, "auth_config_details");
    json_begin_array(json);
    const struct json *details = json_get(toolkit->json, "auth_config_details");
    for (struct json_iterator i = json_iterate(details); json_next(&i);) {
        json_begin_object(json);
        json_write_name(json, "mode");
        json_write_value(json, json_get(i.value, "mode"));
        json_write_name(json, "name");
        json_write_value(json, json_get(i.value, "name"));
        json_write_name(json, "fields");
        json_begin_object(json);
        write_fields(json, "auth_config_creation", json_get(i.value, "creation_required"),
                json_get(i.value, "creation_optional"));
        write_fields(json, "connected_account_initiation", json_get(i.value, "initiation_required"),
                NULL);
        json_end_object(json);
        json_write_name(json, "proxy");
        json_begin_object(json);
        json_write_name(json, "base_url");
        json_write_value(json, json_get(toolkit->json, "base_url"));
        json_end_object(json);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_managed_auth(struct json_writer *json, const struct toolkit *toolkit)
{
    json_write_name(json, "composio_managed_auth");
    json_begin_array(json);
    const struct json *schemes = json_get(toolkit->json, "composio_managed_auth_schemes");
    for (struct json_iterator i = json_iterate(schemes); json_next(&i);) {
        json_begin_object(json);
        json_write_name(json, "mode");
        json_write_value(json, i.value);
        json_write_name(json, "scopes");
        json_begin_object(json);
        json_write_name(json, "available");
        json_write_value(json, json_get(toolkit->json, "scopes"));
        json_end_object(json);
        json_end_object(json);
    }
    json_end_array(json);
}

bool toolkit_get(struct call *call, struct error *err)
{
    const struct toolkit *toolkit = catalog_toolkit(call->sandbox->catalog, call->values[0]);
    if (toolkit == NULL) {
        return api_error_set(err, API_TOOLKIT_NOT_FOUND, "Toolkit %s not found", call->values[0]);
    }
    const char *version = call_parameter(call, "version");
    if (!version_exists(version)) {
        return api_error_set(
                err, API_TOOLKIT_NOT_FOUND, "Toolkit %s has no version %s", toolkit->slug, version);
    }
    version = version == NULL || strcmp(version, "latest") == 0 ? CATALOG_VERSION : version;
    struct json_writer *json = &call->json;
    json_begin_object(json);
    write_toolkit_head(call, toolkit);
    json_write_name(json, "enabled");
    json_write_bool(json, true);
    if (call->v31) {
        write_managed_auth(json, toolkit);
    }
    write_auth_details(json, toolkit);
    write_member(json, toolkit, "base_url");
    write_toolkit_meta(call, toolkit, version, true);
    write_member(json, toolkit, "get_current_user_endpoint");
    json_write_name(json, "get_current_user_endpoint_method");
    json_write_text(json, "GET");
    json_write_name(json, "deprecated");
    json_begin_object(json);
    json_write_name(json, "toolkitId");
    json_write_text(json, toolkit->slug);
    json_write_name(json, "rawProxyInfoByAuthSchemes");
    json_begin_array(json);
    json_end_array(json);
    json_end_object(json);
    json_end_object(json);
    return true;
}
