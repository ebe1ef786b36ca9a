/* The rows of executions: written before anything is sent and after it was answered, found again by idempotency key,
 * closed when their process died. What executions.c does is there; the SQL is here.
 *
 * A key is spent by an execution that may have run. One that certainly did not, because Composio could not be reached or
 * refused it, gives the key back. */
#pragma once

#include "core/core_internal.h"
#include "core/executions.h"

/* Beyond the call's own time: for the record before and after it. */
#define RECORD_TIMEOUT_MS 30000

/* One execution: owned by its fiber, read by the requesting one once `done` is set. */
struct execution {
    struct context context; /* its memory is the execution's own */
    const char *provider, *tool, *account_id, *entity_id, *connection_id;
    const char *version;    /* of the tool, whose schema the arguments fit; NULL: the latest */
    struct slice arguments; /* JSON text, as it is sent */
    struct slice recorded_arguments;
    const char *key;    /* the caller's; NULL: none */
    const char *digest; /* of what the key stands for */
    int64_t timeout_ms; /* of the call */
    bool ok;
    struct execution_result result;
    struct slice recorded_response;
    struct error err;
    struct fiber_signal done;
    bool abandoned; /* the requester went away: the fiber frees the execution */
};

/* All rows that say that it is about to be sent, in one transaction. ERROR_CONFLICT DATABASE_UNIQUE: another has the key. */
SUSPENDS MUST_CHECK bool execution_record_begin(struct execution *execution, struct error *err);
/* What came of it. */
SUSPENDS MUST_CHECK bool execution_record_end(struct execution *execution, struct error *err);

/* SHA-256 (hex) of what an idempotency key stands for. */
const char *execution_digest(
        void *owner, const char *provider, const char *tool, struct slice text);

enum execution_found { EXECUTION_NONE, EXECUTION_RUNNING, EXECUTION_ENDED };
/* What became of the user's execution with this key. ENDED: *ok_out true and *out is its result, or false and *outcome its
 * error. False: the look-up failed, or ERROR_CONFLICT IDEMPOTENCY_KEY_REUSED: the key stands for something else. */
SUSPENDS MUST_CHECK bool execution_record_find(const struct context *context, const char *key,
        const char *digest, enum execution_found *found_out, bool *ok_out,
        struct execution_result *out, struct error *outcome, struct error *err);

/* Close what dead processes left, forget keys that are over. */
SUSPENDS MUST_CHECK bool execution_records_close(
        struct core *core, void *memory, struct error *err);

/* Delete some of those that are older than executions_kept_ms, oldest first, in small transactions, until `*stopping`. */
SUSPENDS MUST_CHECK bool execution_records_expire(
        struct core *core, void *memory, const bool *stopping, struct error *err);

/* history.c's statement for a query, for the test that looks at its plan: it goes along the narrowest index. */
const char *history_sql(const struct history_query *query);
