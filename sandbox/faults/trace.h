/* The trace: a file with a line of JSON for each request to the API, for whoever wonders what a client sends and is told,
 * and for tests that hold both against the API's document. Pages, MCP endpoints and the controls are not in it.
 *
 *   {"time", "method", "path": as sent, with its query,
 *    "user_agent": or null, "credentials": the names of the header fields that carried one, ["x-api-key"],
 *    "request": the body, null when there was none,
 *    "status": null when nothing was answered, "content_type", "response": the body,
 *    "spoiled": by which fault ("status", "reset", …), null when the answer is the API's own}
 *
 * Secrets are masked: a text or number in a body, or a parameter of the query, becomes TRACE_MASK (0, a number) where its
 * name says that it is a key, token, password or secret; a header field's value is never written. A body that is no JSON,
 * or longer than TRACE_BODY_BYTES, is a text that says so. */
#pragma once

#include "base/error.h"
#include "http/http.h"

#define TRACE_MASK       "[masked]"
#define TRACE_BODY_BYTES (2 * 1024 * 1024)

struct trace;

/* Append to the file at `path`, made (for this user alone) when it is not there; closed with its owner.
 * False: ERROR_SERVICE_UNAVAILABLE, BAD_CONFIGURATION: it cannot be opened; the message says why. */
MUST_CHECK bool trace_open(
        void *owner, const char *path, struct trace **trace_out, struct error *err);

struct trace_answer {
    int status; /* 0: none was sent */
    const char *content_type;
    struct slice body;
    const char *spoiled; /* NULL: by nothing */
};
/* Add a line, by one write(): it is in the file when this returns. Blocks the loop for that long. What cannot be written is
 * lost, with a warning in the log, once. */
void trace_add(struct trace *trace, int64_t now_ms, const struct http_request *request,
        const struct trace_answer *answer);
