/* The sections of a session's config that switch things on and off, and what all sections are read with. */
#include "sandbox/accounts/callback.h"
#include "sandbox/router/router_draft.h"

#include <stdlib.h>

#define ACCOUNTS_USUAL 5
#define ACCOUNTS_MOST  10

/* ---- members ---- */

bool draft_expect_object(
        const struct json *given, const char *name, const char *const *members, struct error *err)
{
    if (json_type(given) != JSON_OBJECT) {
        return api_error_set(err, API_ROUTER_INVALID, "%s: expected an object", name);
    }
    for (struct json_iterator i = json_iterate(given); members != NULL && json_next(&i);) {
        size_t at = 0;
        while (members[at] != NULL && !slice_is(i.name, members[at])) {
            at++;
        }
        if (members[at] == NULL) {
            return api_error_set(err, API_ROUTER_INVALID, "%s: unrecognized key %.*s", name,
                    (int)(i.name.length < 64 ? i.name.length : 64), i.name.data);
        }
    }
    return true;
}

bool draft_write_flag(struct draft *draft, const struct flag *flag, const struct json *given,
        const struct json *before, struct error *err)
{
    const struct json *value = json_get(given, flag->given);
    if (json_type(value) != JSON_NULL && json_type(value) != JSON_BOOL) {
        return api_error_set(err, API_ROUTER_INVALID, "%s: expected a boolean", flag->given);
    }
    bool kept = json_bool(json_get(before, flag->stored), flag->otherwise);
    write_bool_member(&draft->json, flag->stored, json_bool(value, kept));
    return true;
}

const struct json *draft_member(
        const struct json *given, const struct json *before, const char *name)
{
    const struct json *value = json_get(given, name);
    return json_type(value) == JSON_NULL ? json_get(before, name) : value;
}

bool draft_write_url(struct draft *draft, const char *name, const struct json *given,
        const struct json *before, struct error *err)
{
    const struct json *value = draft_member(given, before, name);
    if (value == NULL) {
        return true;
    }
    if (json_text(value) == NULL || !callback_acceptable(json_text(value))) {
        return api_error_set(err, API_ROUTER_INVALID, "%s: expected an absolute URL", name);
    }
    write_text_member(&draft->json, name, json_text(value));
    return true;
}

bool draft_find_toolkit(
        struct draft *draft, struct slice name, const struct toolkit **out, struct error *err)
{
    const char *slug = mem_strndup(draft->call->memory, name.data, name.length);
    *out = catalog_toolkit(draft->call->sandbox->catalog, slug);
    if (*out == NULL) {
        return api_error_set(err, API_ROUTER_TOOLKITS,
                "Invalid toolkit slugs: %s. Please provide valid toolkit slugs.", slug);
    }
    return true;
}

/* ---- sections: switches ---- */

/* A patch changes the members it has, and keeps the others. */
bool router_section_manage_connections(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    static const char *const members[] = {"enable", "callback_url", "enable_wait_for_connections",
            "enable_connection_removal", NULL};
    static const struct flag flags[] = {
            {"enable", "enabled", true},
            {"enable_wait_for_connections", "enable_wait_for_connections", false},
            {"enable_connection_removal", "enable_connection_removal", true},
    };
    if (given != NULL && !draft_expect_object(given, "manage_connections", members, err)) {
        return false;
    }
    json_write_name(&draft->json, "manage_connections");
    json_begin_object(&draft->json);
    bool good = draft_write_url(draft, "callback_url", given, before, err);
    for (size_t i = 0; good && i < sizeof flags / sizeof flags[0]; i++) {
        good = draft_write_flag(draft, &flags[i], given, before, err);
    }
    json_end_object(&draft->json);
    return good;
}

static MUST_CHECK bool write_offload(struct draft *draft, const struct json *threshold,
        const struct json *size, struct error *err)
{
    static const char *const sizes[] = {"standard", "medium", "large", "xlarge"};
    struct slice number = json_number(threshold);
    if (threshold != NULL && (number.data == NULL || strtod(number.data, NULL) <= 0)) {
        return api_error_set(
                err, API_ROUTER_INVALID, "workbench.auto_offload_threshold: expected more than 0");
    }
    bool known = size == NULL;
    for (size_t i = 0; i < 4 && !known; i++) {
        known = slice_is(json_string(size), sizes[i]);
    }
    if (!known) {
        return api_error_set(err, API_ROUTER_INVALID,
                "workbench.sandbox_size: expected standard, medium, large or xlarge");
    }
    if (threshold != NULL) {
        json_write_name(&draft->json, "auto_offload_threshold");
        json_write_value(&draft->json, threshold);
    }
    json_write_name(&draft->json, "sandbox_size");
    if (size == NULL) {
        json_write_text(&draft->json, "standard");
    } else {
        json_write_value(&draft->json, size);
    }
    return true;
}

bool router_section_workbench(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    static const char *const members[] = {
            "enable", "enable_proxy_execution", "auto_offload_threshold", "sandbox_size", NULL};
    static const struct flag enable = {"enable", "enable", true};
    static const struct flag proxy = {"enable_proxy_execution", "proxy_execution_enabled", true};
    if (given != NULL && !draft_expect_object(given, "workbench", members, err)) {
        return false;
    }
    json_write_name(&draft->json, "workbench");
    json_begin_object(&draft->json);
    bool good = draft_write_flag(draft, &enable, given, before, err) &&
                draft_write_flag(draft, &proxy, given, before, err) &&
                write_offload(draft, draft_member(given, before, "auto_offload_threshold"),
                        draft_member(given, before, "sandbox_size"), err);
    json_end_object(&draft->json);
    return good;
}

bool router_section_multi_account(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    static const char *const members[] = {
            "enable", "max_accounts_per_toolkit", "require_explicit_selection", NULL};
    static const struct flag enable = {"enable", "enable", false};
    static const struct flag explicitly = {
            "require_explicit_selection", "require_explicit_selection", false};
    const struct json *most = draft_member(given, before, members[1]);
    int64_t number = ACCOUNTS_USUAL;
    if (given == NULL) {
        return true;
    }
    if (!draft_expect_object(given, "multi_account", members, err)) {
        return false;
    }
    if (most != NULL && (!json_int(most, &number) || number < 2 || number > ACCOUNTS_MOST)) {
        return api_error_set(err, API_ROUTER_INVALID,
                "multi_account.max_accounts_per_toolkit: expected 2 to 10");
    }
    json_write_name(&draft->json, "multi_account");
    json_begin_object(&draft->json);
    bool good = draft_write_flag(draft, &enable, given, before, err) &&
                draft_write_flag(draft, &explicitly, given, before, err);
    write_int_member(&draft->json, members[1], number);
    json_end_object(&draft->json);
    return good;
}

static MUST_CHECK bool write_one_flag(struct draft *draft, const char *section, const char *name,
        const struct json *given, const struct json *before, struct error *err)
{
    const struct flag flag = {name, name, true};
    if (given != NULL && !draft_expect_object(given, section, (const char *[]){name, NULL}, err)) {
        return false;
    }
    json_write_name(&draft->json, section);
    json_begin_object(&draft->json);
    bool good = draft_write_flag(draft, &flag, given, before, err);
    json_end_object(&draft->json);
    return good;
}

bool router_section_search(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    return write_one_flag(draft, "search", "enable", given, before, err);
}

bool router_section_execute(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    return write_one_flag(draft, "execute", "enable_multi_execute", given, before, err);
}

/* ---- sections: experimental ---- */

/* What asks somebody cannot be had where there is nobody. */
static MUST_CHECK bool check_permissions(const struct json *permissions, struct error *err)
{
    const struct json *otherwise = json_get(permissions, "default");
    bool asks = slice_is(json_string(otherwise), "ask_every_call") ||
                slice_is(json_string(otherwise), "ask_once_per_session");
    bool good = asks || slice_is(json_string(otherwise), "allow_all");
    const struct json *overrides = json_get(permissions, "overrides");
    for (struct json_iterator i = json_iterate(overrides); json_next(&i);) {
        struct slice value = json_string(i.value);
        bool ask = slice_is(value, "ask_once") || slice_is(value, "ask_always");
        asks = asks || ask;
        good = good && (ask || slice_is(value, "always_allow") || slice_is(value, "always_deny"));
    }
    if (!good) {
        return api_error_set(err, API_ROUTER_INVALID,
                "experimental.permissions: expected default, and overrides by tool and account");
    }
    return !asks || api_error_set(err, API_NOT_IMPLEMENTED,
                            "The sandbox has nobody to ask for permission; use allow_all, "
                            "always_allow and always_deny");
}

bool router_section_experimental(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    static const char *const members[] = {"permissions", "link_url_overwrite", NULL};
    const struct json *permissions = draft_member(given, before, "permissions");
    bool patch = draft->change->before != NULL; /* a new session's has custom tools and more */
    if (given != NULL && !draft_expect_object(given, "experimental", patch ? members : NULL, err)) {
        return false;
    }
    if (permissions != NULL && !check_permissions(permissions, err)) {
        return false;
    }
    json_write_name(&draft->json, "experimental");
    json_begin_object(&draft->json);
    if (permissions != NULL) {
        json_write_name(&draft->json, "permissions");
        json_write_value(&draft->json, permissions);
    }
    bool good = draft_write_url(draft, "link_url_overwrite", given, before, err);
    json_end_object(&draft->json);
    return good;
}
