/* On whose account a tool router session executes. */
#include "sandbox/router/router_session.h"

#define ACCOUNTS_MOST 100

static bool list_has(const struct json *list, const char *text)
{
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        if (slice_is(json_string(i.value), text)) {
            return true;
        }
    }
    return false;
}

/* Who is denied is denied, whatever else is said; who is not named is too. */
bool router_account_usable(struct call *call, const struct account *account, const char *user_id)
{
    const struct json *acl = NULL;
    struct error ignored = {0};
    if (strcmp(account->user_id, user_id) == 0) {
        return true;
    }
    if (!account->shared || account->acl == NULL ||
            !json_parse(call->memory, slice_of(account->acl), &acl, &ignored)) {
        return false;
    }
    return !list_has(json_get(acl, "not_allowed_user_ids"), user_id) &&
           (json_bool(json_get(acl, "allow_all_users"), false) ||
                   list_has(json_get(acl, "allowed_user_ids"), user_id));
}

bool account_is_active(const struct account *account)
{
    return strcmp(account->status, "ACTIVE") == 0 && !account->auth_config.disabled;
}

bool router_accounts(struct call *call, const struct router_session *session, const char *toolkit,
        struct accounts *out, struct error *err)
{
    static const char pinned[] =
            "SELECT " ACCOUNT_COLUMNS ACCOUNT_TABLES "JOIN json_each($1) pin ON pin.value = a.id "
            "WHERE c.toolkit = $2 AND a.deleted = 0 ORDER BY pin.key LIMIT $3";
    static const char own[] =
            "SELECT " ACCOUNT_COLUMNS ACCOUNT_TABLES
            "WHERE a.user_id = $1 AND c.toolkit = $2 AND a.deleted = 0 AND a.shared = 0 "
            "AND a.status = 'ACTIVE' AND c.status = 'ENABLED' AND ($4 IS NULL OR c.id = $4) "
            "ORDER BY a.created_at DESC, a.seq DESC LIMIT $3";
    const struct json *pins = json_get(json_get(session->config, "connected_accounts"), toolkit);
    const struct json *config = json_get(json_get(session->config, "auth_configs"), toolkit);
    struct db_params of_pins = DB_PARAMS(
            DB_SLICE(json_to_text(call->memory, pins)), DB_TEXT(toolkit), DB_INT(ACCOUNTS_MOST));
    struct db_params of_user = DB_PARAMS(DB_TEXT(session->user_id), DB_TEXT(toolkit),
            DB_INT(ACCOUNTS_MOST), DB_TEXT(json_text(config)));
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory, pins == NULL ? own : pinned,
                pins == NULL ? of_user : of_pins, &rows, err)) {
        return false;
    }
    out->count = 0;
    out->items = mem_array(call->memory, struct account, db_row_count(rows));
    for (size_t i = 0; i < db_row_count(rows); i++) {
        struct account account = account_read(call, rows, i);
        if (router_account_usable(call, &account, session->user_id)) {
            out->items[out->count++] = account;
        }
    }
    return true;
}

/* "ca_1 (work), ca_2" */
static const char *names_of(struct call *call, const struct accounts *accounts)
{
    struct buffer names;
    buffer_init(&names, call->memory, 160);
    for (size_t i = 0; i < accounts->count; i++) {
        const struct account *account = &accounts->items[i];
        buffer_printf(&names, "%s%s (%s)", i == 0 ? "" : ", ", account->id,
                account->alias == NULL ? account->word_id : account->alias);
    }
    return buffer_text(&names);
}

static const struct account *find_named(const struct accounts *accounts, const char *name)
{
    for (size_t i = 0; i < accounts->count; i++) {
        const struct account *account = &accounts->items[i];
        if (strcmp(account->id, name) == 0 || strcmp(account->word_id, name) == 0 ||
                (account->alias != NULL && strcmp(account->alias, name) == 0)) {
            return account;
        }
    }
    return NULL;
}

/* The first when none is. */
static const struct account *first_active(const struct accounts *accounts)
{
    size_t at = 0;
    while (at < accounts->count && !account_is_active(&accounts->items[at])) {
        at++;
    }
    return &accounts->items[at < accounts->count ? at : 0];
}

bool router_account_choose(struct call *call, const struct router_session *session,
        const char *toolkit, const char *named, struct account *out, struct error *err)
{
    struct accounts accounts;
    if (!router_accounts(call, session, toolkit, &accounts, err)) {
        return false;
    }
    if (accounts.count == 0) {
        return api_error_set(err, API_ROUTER_NOT_CONNECTED,
                "No active connection found for toolkit \"%s\"", toolkit);
    }
    if (named == NULL && accounts.count > 1 &&
            router_flag(session, "multi_account", "require_explicit_selection", false)) {
        return api_error_set(err, API_ROUTER_INVALID,
                "Several accounts are connected for toolkit %s; name one as account: %s", toolkit,
                names_of(call, &accounts));
    }
    const struct account *chosen =
            named == NULL ? first_active(&accounts) : find_named(&accounts, named);
    if (chosen == NULL) {
        return api_error_set(err, API_ROUTER_INVALID,
                "Account %.64s is none of toolkit %s in this session; there are: %s", named,
                toolkit, names_of(call, &accounts));
    }
    if (!account_is_active(chosen)) {
        return api_error_set(err, API_ROUTER_NOT_CONNECTED,
                "No active connection found for toolkit \"%s\": %s is %s", toolkit, chosen->id,
                chosen->status);
    }
    *out = *chosen;
    return true;
}
