/* A connected account as the sandbox stores it, and its states by the clock. */
#pragma once

#include "sandbox/call.h"

struct account {
    const char *id, *uuid, *user_id, *word_id;
    const char *status;                                                    /* by the clock */
    const char *status_reason;                                             /* NULL: none */
    const char *alias, *acl, *callback_url, *link_token, *email, *failure; /* NULL: none */
    const char *data;                                                      /* a JSON object */
    bool shared;
    int64_t flow_started_at, created_at, updated_at;
    struct {
        const char *id, *uuid, *toolkit, *scheme;
        bool managed, disabled;
    } auth_config;
};

/* For SELECT … FROM account a JOIN auth_config c ON c.id = a.auth_config_id. */
#define ACCOUNT_COLUMNS                                                                       \
    "a.id, a.uuid, a.user_id, a.word_id, a.status, a.status_reason, a.alias, a.acl, "         \
    "a.callback_url, a.link_token, a.email, a.failure, a.data, a.shared, a.flow_started_at, " \
    "a.created_at, a.updated_at, c.id, c.uuid, c.toolkit, c.auth_scheme, c.managed, "         \
    "c.status = 'DISABLED'"
#define ACCOUNT_COLUMN_COUNT 23
#define ACCOUNT_TABLES       " FROM account a JOIN auth_config c ON c.id = a.auth_config_id "
/* The status by the clock; `limit` is the parameter with the latest start of a flow that is over. */
#define ACCOUNT_STATUS(limit)                                                              \
    "(CASE WHEN a.status IN ('INITIALIZING', 'INITIATED') AND a.flow_started_at <= " limit \
    " THEN 'EXPIRED' ELSE a.status END)"

/* All there are, ACTIVE first; ends with NULL. */
extern const char *const account_statuses[];
bool account_status_known(const char *status);
/* Give an account any status, whatever it had: for tests. A flow begins anew. False: BAD_REQUEST, ACCOUNT_NOT_FOUND. */
SUSPENDS MUST_CHECK bool account_force_status(struct call *call, const char *id, const char *status,
        const char *reason, struct error *err);
/* For that parameter. */
int64_t account_flow_limit(const struct call *call);
/* The texts belong to the rows. */
struct account account_read(struct call *call, const struct db_rows *rows, size_t row);
/* False: ACCOUNT_NOT_FOUND, also when it was deleted. */
SUSPENDS MUST_CHECK bool account_find(
        struct call *call, const char *id, struct account *out, struct error *err);
/* The object of the API; `whole` as GET by id has it. */
void account_write(struct call *call, const struct account *account, bool whole);
/* `state.val` with its secrets masked. */
void account_write_val(struct call *call, const struct account *account);
void account_write_experimental(struct json_writer *json, bool shared, const char *acl);
/* An ACL with every member of the object that the API answers with. */
const char *account_acl_normalized(void *owner, const struct json *acl);
/* Revoke those whose `column` is $1, $2 being the time: what a delete with revoke_on_delete does to ACTIVE ones of OAuth. */
#define ACCOUNT_REVOKE_SQL(column)                                                       \
    "UPDATE account SET status = 'REVOKED', "                                            \
    "status_reason = 'Revoked as part of connection delete', updated_at = $2 "           \
    "WHERE " column " = $1 AND status = 'ACTIVE' AND deleted = 0 AND auth_config_id IN " \
    "(SELECT id FROM auth_config WHERE auth_scheme IN ('OAUTH1', 'OAUTH2', 'DCR_OAUTH'))"
/* The member revoke_job_id, if one was started. */
void account_write_revoke_job(struct call *call, bool started);
/* Where the browser gives consent. */
const char *account_link_url(struct call *call, const char *token);

bool scheme_is_oauth(const char *scheme);
/* "gmail_red-castle", the same for the same id. */
const char *account_word_id(void *owner, const char *toolkit, const char *id);
/* Who the user is at the provider when nothing else is said: alice@example.com for "alice", and alice+2@example.com for
 * a second account at the same time. */
SUSPENDS MUST_CHECK bool account_default_email(
        struct call *call, const struct account *account, const char **out, struct error *err);
