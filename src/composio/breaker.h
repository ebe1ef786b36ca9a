/* A circuit breaker: when Composio cannot be reached, callers are told so at once instead of each waiting for it. Closed
 * to begin with; when nothing but failures came for a while, it opens for a second, then twice as long each time; when the
 * time is over, one call tries for all. Times are monotonic milliseconds. */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct breaker {
    int64_t patience_ms; /* of failures alone, before it opens; set by the owner, the rest is zero to begin with */
    int failures; /* in a row */
    int64_t first_failure_ms;
    int64_t open_until_ms; /* 0: closed */
    int64_t open_ms;       /* how long it was opened for last */
    bool probing;          /* the one that tries for all is under way */
};

enum breaker_outcome {
    BREAKER_REACHED,
    BREAKER_NOT_REACHED,
    BREAKER_NOTHING_LEARNT, /* cancelled, or a failure that is the request's own */
};

/* Before a call. False: ERROR_SERVICE_UNAVAILABLE NOT_SENT, with retry_after_s. After true, breaker_note() follows. */
MUST_CHECK bool breaker_admit(struct breaker *breaker, int64_t now_ms, struct error *err);
void breaker_note(struct breaker *breaker, int64_t now_ms, enum breaker_outcome outcome);
