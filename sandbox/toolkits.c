#include "sandbox/paging.h"
#include "sandbox/routes.h"

#define LIST_LIMIT_USUAL 20
#define LIST_LIMIT_MOST  1000

/* When the catalog was made. */
#define CATALOG_DATE "2026-02-23T00:00:00.000Z"

/* ---- GET /toolkits ---- */

static void write_member(struct json_writer *json, const struct toolkit *toolkit, const char *name)
{
    json_write_name(json, name);
    json_write_value(json, json_get(toolkit->json, name));
}

static void write_toolkit_head(struct json_writer *json, const struct toolkit *toolkit)
{
    json_write_name(json, "slug");
    json_write_text(json, toolkit->slug);
    json_write_name(json, "name");
    json_write_text(json, toolkit->name);
    json_write_name(json, "type");
    json_write_text(json, "native");
    write_member(json, toolkit, "composio_managed_auth_schemes");
    json_write_name(json, "is_local_toolkit");
    json_write_bool(json, false);
    json_write_name(json, "auth_guide_url");
    json_write_null(json);
}

/* `whole`: as GET by slug has it. */
static void write_toolkit_meta(struct json_writer *json, const struct toolkit *toolkit, bool whole)
{
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
    json_write_int(json, toolkit->tool_count);
    json_write_name(json, "version");
    json_write_text(json, CATALOG_VERSION);
    if (whole) {
        json_write_name(json, "available_versions");
        json_begin_array(json);
        json_write_text(json, CATALOG_VERSION);
        json_write_text(json, CATALOG_BASE_VERSION);
        json_end_array(json);
    }
    json_end_object(json);
}

static void write_toolkit_item(struct json_writer *json, const struct toolkit *toolkit)
{
    json_begin_object(json);
    write_toolkit_head(json, toolkit);
    write_member(json, toolkit, "auth_schemes");
    json_write_name(json, "no_auth");
    json_write_bool(json, false);
    write_toolkit_meta(json, toolkit, false);
    json_write_name(json, "deprecated");
    json_begin_object(json);
    json_write_name(json, "toolkitId");
    json_write_text(json, toolkit->slug);
    json_end_object(json);
    json_end_object(json);
}

static bool toolkit_matches(struct call *call, const struct toolkit *toolkit)
{
    const char *search = call_parameter(call, "search");
    const char *category = call_parameter(call, "category");
    bool in_category = category == NULL;
    const struct json *categories = json_get(toolkit->json, "categories");
    for (struct json_iterator i = json_iterate(categories); !in_category && json_next(&i);) {
        in_category = slice_is(json_string(i.value), category);
    }
    return in_category && (search == NULL || strcasestr(toolkit->slug, search) != NULL ||
                                  strcasestr(toolkit->name, search) != NULL);
}

bool toolkit_list(struct call *call, struct error *err)
{
    struct paging paging;
    if (!paging_by_cursor(call, LIST_LIMIT_USUAL, LIST_LIMIT_MOST, &paging, err)) {
        return false;
    }
    int64_t total = 0;
    json_begin_object(&call->json);
    json_write_name(&call->json, "items");
    json_begin_array(&call->json);
    const struct toolkit *toolkit = catalog_toolkits(call->sandbox->catalog);
    for (; toolkit != NULL; toolkit = toolkit->next) {
        if (toolkit_matches(call, toolkit)) {
            if (total >= paging.offset && total < paging.offset + paging.limit) {
                write_toolkit_item(&call->json, toolkit);
            }
            total++;
        }
    }
    json_end_array(&call->json);
    paging_write_cursor(call, &paging, total);
    json_end_object(&call->json);
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

bool toolkit_get(struct call *call, struct error *err)
{
    const struct toolkit *toolkit = catalog_toolkit(call->sandbox->catalog, call->values[0]);
    if (toolkit == NULL) {
        return api_error_set(err, API_TOOLKIT_NOT_FOUND, "Toolkit %s not found", call->values[0]);
    }
    struct json_writer *json = &call->json;
    json_begin_object(json);
    write_toolkit_head(json, toolkit);
    json_write_name(json, "enabled");
    json_write_bool(json, true);
    write_auth_details(json, toolkit);
    write_member(json, toolkit, "base_url");
    write_toolkit_meta(json, toolkit, true);
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
