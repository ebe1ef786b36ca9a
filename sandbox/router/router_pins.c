/* The sections of a session's config that say on whose accounts it executes. */
#include "sandbox/accounts/auth_config.h"
#include "sandbox/router/router_draft.h"
#include "sandbox/router/router_session.h"

#define PINS_MOST 10

static bool is_kind(const struct error *err, enum api_error kind)
{
    return api_error_row(err) == api_error_row_of(kind);
}

bool router_section_auth_configs(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    (void)before;
    if (given == NULL) {
        return true;
    }
    if (!draft_expect_object(given, "auth_configs", NULL, err)) {
        return false;
    }
    json_write_name(&draft->json, "auth_configs");
    json_begin_object(&draft->json);
    for (struct json_iterator i = json_iterate(given); json_next(&i);) {
        const struct toolkit *toolkit;
        struct auth_config config;
        struct error missing = {0};
        const char *id = json_text(i.value);
        if (!draft_find_toolkit(draft, i.name, &toolkit, err)) {
            return false;
        }
        bool found = id != NULL && auth_config_find(draft->call, id, &config, &missing);
        if (!found && id != NULL && !is_kind(&missing, API_AUTH_CONFIG_NOT_FOUND)) {
            *err = missing;
            return false;
        }
        if (!found || strcmp(config.toolkit, toolkit->slug) != 0) {
            return api_error_set(err, API_ROUTER_AUTH_CONFIGS,
                    "Could not find auth config(s) %s of toolkit %s", id == NULL ? "" : id,
                    toolkit->slug);
        }
        write_text_member(&draft->json, toolkit->slug, config.id);
    }
    json_end_object(&draft->json);
    return true;
}

/* The account must be there, of the toolkit, enabled, and the user's to use. */
SUSPENDS static MUST_CHECK bool check_pin(struct draft *draft, const struct toolkit *toolkit,
        const char *id, size_t *shared, struct error *err)
{
    const char *user_id = draft->change->user_id;
    struct account account;
    struct error missing = {0};
    bool found = account_find(draft->call, id, &account, &missing);
    if (!found && !is_kind(&missing, API_ACCOUNT_NOT_FOUND)) {
        *err = missing;
        return false;
    }
    if (!found || strcmp(account.auth_config.toolkit, toolkit->slug) != 0 ||
            strcmp(account.status, "INACTIVE") == 0 || account.auth_config.disabled ||
            !router_account_usable(draft->call, &account, user_id)) {
        return api_error_set(err, API_ROUTER_ACCOUNTS,
                "Could not find connected account(s) %s of toolkit %s for user %s", id,
                toolkit->slug, user_id);
    }
    *shared += account.shared ? 1 : 0;
    if (*shared > 1) {
        return api_error_set(err, API_ROUTER_SHARED_ACCOUNTS,
                "More than one SHARED connected account is pinned for toolkit %s", toolkit->slug);
    }
    return true;
}

/* v3.1 has arrays, v3 one id. */
SUSPENDS static MUST_CHECK bool write_pins(struct draft *draft, const struct toolkit *toolkit,
        const struct json *given, struct error *err)
{
    bool v31 = draft->call->v31;
    size_t count = v31 ? json_count(given) : 1, shared = 0;
    bool good =
            json_type(given) == (v31 ? JSON_ARRAY : JSON_STRING) && count > 0 && count <= PINS_MOST;
    struct texts ids = {mem_array(draft->call->memory, const char *, good ? count : 0), 0};
    for (struct json_iterator i = json_iterate(v31 ? given : NULL); good && json_next(&i);) {
        ids.items[ids.count++] = json_text(i.value);
        good = json_text(i.value) != NULL;
    }
    if (good && !v31) {
        ids.items[ids.count++] = json_text(given);
        good = json_text(given) != NULL;
    }
    if (!good) {
        return api_error_set(err, API_ROUTER_INVALID, "connected_accounts.%s: expected %s",
                toolkit->slug, v31 ? "an array of 1 to 10 ids" : "an id");
    }
    json_write_name(&draft->json, toolkit->slug);
    texts_write(&draft->json, &ids);
    for (size_t i = 0; i < ids.count; i++) {
        if (!check_pin(draft, toolkit, ids.items[i], &shared, err)) {
            return false;
        }
    }
    return true;
}

bool router_section_connected_accounts(
        struct draft *draft, const struct json *given, const struct json *before, struct error *err)
{
    (void)before;
    if (given == NULL) {
        return true;
    }
    if (!draft_expect_object(given, "connected_accounts", NULL, err)) {
        return false;
    }
    json_write_name(&draft->json, "connected_accounts");
    json_begin_object(&draft->json);
    for (struct json_iterator i = json_iterate(given); json_next(&i);) {
        const struct toolkit *toolkit;
        if (!draft_find_toolkit(draft, i.name, &toolkit, err) ||
                !write_pins(draft, toolkit, i.value, err)) {
            return false;
        }
    }
    json_end_object(&draft->json);
    return true;
}
