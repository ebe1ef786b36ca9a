/* How much one user, one provider, the whole process may execute, and how many streams of events they may hold open. Kept in memory, by process: N instances allow N times as
 * much. The one thing that the loops share besides the database: a table behind a mutex that is held for a look-up, since a
 * user's connections come to any of them. */
#pragma once

#include "base/error.h"

#include <stdint.h>

/* 0: no limit. */
struct limits_options {
    int64_t user_executions_per_minute, provider_executions_per_minute;
    int64_t user_executions_at_once, executions_at_once;
    int64_t user_streams, streams;
};

struct limits;

/* Copies the options. */
struct limits *limits_new(void *owner, const struct limits_options *options);

/* Before an execution; limits_end() follows when it is over. `now_ms` is monotonic.
 *   ERROR_TOO_MANY_REQUESTS   RATE_LIMITED, TOO_MANY_AT_ONCE, with retry_after_s
 *   ERROR_SERVICE_UNAVAILABLE OVERLOADED, with retry_after_s */
MUST_CHECK bool limits_begin(struct limits *limits, const char *user, const char *provider,
        int64_t now_ms, struct error *err);
void limits_end(struct limits *limits, const char *user);

/* The same of a stream of events.
 *   ERROR_TOO_MANY_REQUESTS   TOO_MANY_STREAMS
 *   ERROR_SERVICE_UNAVAILABLE OVERLOADED, with retry_after_s */
MUST_CHECK bool limits_stream_begin(
        struct limits *limits, const char *user, int64_t now_ms, struct error *err);
void limits_stream_end(struct limits *limits, const char *user);
