/* Auth configs and connected accounts. */
#include "composio/client_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define LINK_LIFETIME_MS (10 * 60 * 1000)

/* ---- auth configs ---- */

static bool auth_config_read(void *owner, const struct json *from, void *out)
{
    (void)owner;
    struct composio_auth_config *config = out;
    config->id = member_text(from, "id", NULL);
    config->name = member_text(from, "name", "");
    config->toolkit = member_text(json_get(from, "toolkit"), "slug", "");
    config->auth_scheme = member_text(from, "auth_scheme", NULL);
    config->enabled = strcmp(member_text(from, "status", ""), "DISABLED") != 0;
    return config->id != NULL;
}

bool composio_auth_config_get(struct composio *client, void *owner, const char *id,
        struct composio_auth_config *out, struct error *err)
{
    const struct call call = {
            .method = "GET", .what = "auth config", .path = path_with(owner, "/auth_configs/", id)};
    const struct json *object;
    struct composio_auth_config config;
    if (!call_object(client, owner, &call, &object, err)) {
        return false;
    }
    if (!auth_config_read(owner, object, &config)) {
        return fail_promise(call.what, err);
    }
    *out = config;
    return true;
}

bool composio_auth_config_list(struct composio *client, void *owner, const char *toolkit,
        struct composio_auth_config **list_out, size_t *count_out, struct error *err)
{
    struct buffer path;
    request_buffer_init(&path, owner);
    buffer_add_text(&path, "/auth_configs?show_disabled=true");
    if (toolkit != NULL) {
        query_add(&path, "toolkit_slug", toolkit);
    }
    const struct list list = {.what = "auth config",
            .path = buffer_text(&path),
            .item_size = sizeof(struct composio_auth_config),
            .read = auth_config_read};
    void *items;
    if (!list_read(client, owner, &list, &items, count_out, err)) {
        return false;
    }
    *list_out = items;
    return true;
}

/* ---- reading accounts ---- */

static enum composio_status status_read(const char *word)
{
    static const char *const words[] = {
            [COMPOSIO_STATUS_INITIALIZING] = "INITIALIZING",
            [COMPOSIO_STATUS_INITIATED] = "INITIATED",
            [COMPOSIO_STATUS_ACTIVE] = "ACTIVE",
            [COMPOSIO_STATUS_FAILED] = "FAILED",
            [COMPOSIO_STATUS_EXPIRED] = "EXPIRED",
            [COMPOSIO_STATUS_INACTIVE] = "INACTIVE",
            [COMPOSIO_STATUS_REVOKED] = "REVOKED",
    };
    for (int i = COMPOSIO_STATUS_INITIALIZING; i <= COMPOSIO_STATUS_REVOKED; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum composio_status)i;
        }
    }
    return COMPOSIO_STATUS_UNKNOWN;
}

static int64_t time_read(const struct json *object, const char *name, int64_t otherwise)
{
    int64_t ms;
    return clock_parse(json_string(json_get(object, name)), &ms) ? ms : otherwise;
}

static bool account_read(void *owner, const struct json *from, void *out)
{
    (void)owner;
    struct composio_account *account = out;
    const struct json *auth_config = json_get(from, "auth_config");
    account->id = member_text(from, "id", NULL);
    account->user_id = member_text(from, "user_id", "");
    account->auth_config_id = member_text(auth_config, "id", "");
    account->toolkit = member_text(json_get(from, "toolkit"), "slug", "");
    account->status = status_read(member_text(from, "status", ""));
    account->status_reason = member_text(from, "status_reason", NULL);
    account->label = member_text(from, "alias", member_text(from, "word_id", NULL));
    account->disabled = json_bool(json_get(from, "is_disabled"), false) ||
                        json_bool(json_get(auth_config, "is_disabled"), false);
    account->created_at_ms = time_read(from, "created_at", 0);
    return account->id != NULL;
}

bool composio_account_get(struct composio *client, void *owner, const char *id,
        struct composio_account *out, struct error *err)
{
    const struct call call = {.method = "GET",
            .what = "connected account",
            .path = path_with(owner, "/connected_accounts/", id)};
    const struct json *object;
    struct composio_account account;
    if (!call_object(client, owner, &call, &object, err)) {
        return false;
    }
    if (!account_read(owner, object, &account)) {
        return fail_promise(call.what, err);
    }
    *out = account;
    return true;
}

struct account_filter {
    const char *user_id, *auth_config_id;
};

static bool account_matches(const void *item, const void *wanted)
{
    const struct composio_account *account = item;
    const struct account_filter *filter = wanted;
    return strcmp(account->user_id, filter->user_id) == 0 &&
           strcmp(account->auth_config_id, filter->auth_config_id) == 0;
}

static bool account_is_active_of(const void *item, const void *auth_config_id)
{
    const struct composio_account *account = item;
    return account->status == COMPOSIO_STATUS_ACTIVE &&
           strcmp(account->auth_config_id, auth_config_id) == 0;
}

static int newer_first(const void *left, const void *right)
{
    const struct composio_account *a = left, *b = right;
    return (a->created_at_ms < b->created_at_ms) - (a->created_at_ms > b->created_at_ms);
}

bool composio_account_list(struct composio *client, void *owner, const char *user_id,
        const char *auth_config_id, struct composio_account **list_out, size_t *count_out,
        struct error *err)
{
    struct buffer path;
    request_buffer_init(&path, owner);
    buffer_add_text(&path, "/connected_accounts?order_by=created_at&order_direction=desc");
    query_add(&path, "user_ids", user_id);
    query_add(&path, "auth_config_ids", auth_config_id);
    const struct account_filter filter = {user_id, auth_config_id};
    const struct list list = {.what = "connected account",
            .path = buffer_text(&path),
            .item_size = sizeof(struct composio_account),
            .read = account_read,
            .keep = account_matches,
            .filter = &filter};
    void *items;
    size_t count;
    if (!list_read(client, owner, &list, &items, &count, err)) {
        return false;
    }
    qsort(items, count, sizeof(struct composio_account), newer_first);
    *list_out = items;
    *count_out = count;
    return true;
}

bool composio_account_page(struct composio *client, void *owner, const char *auth_config_id,
        const char *cursor, struct composio_account **list_out, size_t *count_out,
        const char **next_out, struct error *err)
{
    struct buffer path;
    request_buffer_init(&path, owner);
    buffer_add_text(
            &path, "/connected_accounts?statuses=ACTIVE&order_by=created_at&order_direction=desc");
    query_add(&path, "auth_config_ids", auth_config_id);
    const struct list list = {.what = "connected account",
            .path = buffer_text(&path),
            .item_size = sizeof(struct composio_account),
            .read = account_read,
            .keep = account_is_active_of,
            .filter = auth_config_id};
    void *items;
    if (!list_page(client, owner, &list, cursor, &items, count_out, next_out, err)) {
        return false;
    }
    *list_out = items;
    return true;
}

bool composio_account_of_uuid(struct composio *client, void *owner, const char *uuid,
        const char **id_out, struct error *err)
{
    struct buffer path;
    request_buffer_init(&path, owner);
    /* Of v3 only: https://docs.composio.dev/reference/v3/api-reference/migration/getMigrationGetNanoid */
    buffer_add_text(&path, "/api/v3/migration/get-nanoid?type=CONNECTED_ACCOUNT");
    query_add(&path, "uuid", uuid);
    const struct call call = {
            .method = "GET", .what = "connected account", .path = buffer_text(&path)};
    const struct json *object;
    if (!call_object(client, owner, &call, &object, err)) {
        if (err->code == ERROR_BAD_REQUEST) {
            err->code = ERROR_NOT_FOUND;
            err->reason = "UPSTREAM_NOT_FOUND";
        }
        return false;
    }
    const char *id = member_text(object, "nanoid", NULL);
    if (id == NULL) {
        return fail_promise(call.what, err);
    }
    *id_out = id;
    return true;
}

/* ---- changing accounts ---- */

bool composio_account_link(struct composio *client, void *owner, const char *user_id,
        const char *auth_config_id, const char *callback_url, struct composio_link *out,
        struct error *err)
{
    struct buffer body;
    struct json_writer writer;
    request_buffer_init(&body, owner);
    json_writer_init(&writer, &body);
    json_begin_object(&writer);
    json_write_name(&writer, "auth_config_id");
    json_write_text(&writer, auth_config_id);
    json_write_name(&writer, "user_id");
    json_write_text(&writer, user_id);
    json_write_name(&writer, "callback_url");
    json_write_text(&writer, callback_url);
    json_end_object(&writer);

    const struct call call = {.method = "POST",
            .what = "connect link",
            .path = "/connected_accounts/link",
            .body = buffer_slice(&body),
            .once = true};
    const struct json *object;
    if (!call_object(client, owner, &call, &object, err)) {
        return false;
    }
    const struct composio_link link = {
            .account_id = member_text(object, "connected_account_id", NULL),
            .redirect_url = member_text(object, "redirect_url", ""),
            .expires_at_ms = time_read(object, "expires_at", clock_now_ms() + LINK_LIFETIME_MS)};
    struct slice redirect = slice_of(link.redirect_url); /* a browser will open it */
    if (link.account_id == NULL ||
            !(slice_starts(redirect, "https://") || slice_starts(redirect, "http://"))) {
        return fail_promise(call.what, err);
    }
    *out = link;
    return true;
}

bool composio_complete_auth(struct composio *client, void *owner, const char *session_uri,
        const char *user_id, const char **account_id_out, struct error *err)
{
    struct buffer body;
    struct json_writer writer;
    request_buffer_init(&body, owner);
    json_writer_init(&writer, &body);
    json_begin_object(&writer);
    json_write_name(&writer, "session_uri");
    json_write_text(&writer, session_uri);
    json_write_name(&writer, "user_id");
    json_write_text(&writer, user_id);
    json_end_object(&writer);
    const struct call call = {.method = "POST",
            .what = "verification session",
            .path = "/connected_accounts/complete_auth",
            .body = buffer_slice(&body),
            .once = true};
    const struct json *object;
    if (!call_object(client, owner, &call, &object, err)) {
        return false;
    }
    /* Two forms are documented. */
    const char *id = member_text(object, "connected_account_id",
            member_text(json_get(object, "connected_account"), "id", NULL));
    if (id == NULL) {
        return fail_promise(call.what, err);
    }
    *account_id_out = id;
    return true;
}

/* Or there is nothing to revoke: no such account, a toolkit that cannot, a state without a grant. */
static bool is_revoked(int status)
{
    return (status >= 200 && status <= 299) || status == 400 || status == 404 || status == 409;
}

bool composio_account_revoke(struct composio *client, const char *id, struct error *err)
{
    void *scratch = mem_scope_new(NULL, __func__);
    struct buffer path;
    request_buffer_init(&path, scratch);
    buffer_add_text(&path, path_with(scratch, "/connected_accounts/", id));
    buffer_add_text(&path, "/revoke");
    /* Repeated it finds the account revoked: so it may be. */
    const struct call call = {.method = "POST",
            .what = "connected account",
            .path = buffer_text(&path),
            .conflict_is_final = true};
    struct answer answer;
    bool ok = call_send(client, scratch, &call, &answer, err);
    if (!ok) {
        fail_unanswered(err, err);
    } else if (json_type(answer.body) != JSON_OBJECT && answer.status < 300) {
        ok = fail_promise(call.what, err);
    } else if (json_type(answer.body) != JSON_OBJECT || !is_revoked(answer.status)) {
        ok = fail_status(&call, &answer, err);
    }
    mem_free(scratch);
    return ok;
}

bool composio_account_delete(struct composio *client, const char *id, struct error *err)
{
    void *scratch = mem_scope_new(NULL, __func__);
    const struct call call = {.method = "DELETE",
            .what = "connected account",
            .path = path_with(scratch, "/connected_accounts/", id)};
    struct error failure = {0};
    const struct json *object = NULL;
    bool ok = call_object(client, scratch, &call, &object, &failure);
    mem_free(scratch);
    if (!ok && failure.code != ERROR_NOT_FOUND) {
        *err = failure;
        return false;
    }
    return true;
}
