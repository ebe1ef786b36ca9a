/* Outbound HTTP: libcurl's multi interface on the loop, for fibers. Connections are kept and reused, HTTP/2 where TLS
 * offers it, redirects are never followed (they would carry the credentials along), only http and https. No cookies, no
 * netrc, no compression. The environment's http_proxy, https_proxy and no_proxy are honoured, as operators expect. */
#pragma once

#include "base/slice.h"
#include "loop/fiber.h"

struct fetcher;

struct fetch_options {
    int running_max;        /* requests at once; further ones wait for their turn. 0: 1024 */
    const char *user_agent; /* NULL: "tenon" */
};

/* One per loop; freed with its owner, before the loop, when no fetch is running. */
struct fetcher *fetcher_new(void *owner, struct loop *loop, const struct fetch_options *options);

struct fetch_header {
    const char *name, *value;
};

struct fetch_request {
    const char *method; /* "GET" */
    const char *url;
    const struct fetch_header *headers;
    size_t header_count;
    struct slice body; /* sent when data is not NULL */
    /* All of it: waiting for its turn, DNS, TLS, transfer. The fiber's deadline rules too; alone when this is 0. */
    int64_t timeout_ms;
    size_t max_reply_bytes; /* headers (never more than 64 KiB) and body each; 0: 1 MiB */
};

struct fetch_reply {
    int status;
    struct fetch_header *headers; /* names in lower case */
    size_t header_count;
    struct slice body; /* NUL-terminated behind its length; data is never NULL */
};

/* Perform one request. The reply, whatever its status, belongs to `owner`. Sent once: where libcurl would send it again
 * on a new connection, because an old one closed without an answer, this fails instead. Only GET, HEAD, OPTIONS, PUT and
 * DELETE may go out again so (RFC 9110 §9.2.2).
 *
 * False, with the reason telling whether the request may have arrived:
 *   ERROR_SERVICE_UNAVAILABLE  NOT_SENT        no connection, or no valid request: it certainly did not arrive
 *   ERROR_BAD_GATEWAY          REPLY_LOST      the connection broke, the reply is no HTTP
 *   ERROR_BAD_GATEWAY          REPLY_TOO_LARGE
 *   ERROR_GATEWAY_TIMEOUT      NOT_SENT or REPLY_LOST
 *   ERROR_CLIENT_CLOSED_REQUEST  NOT_SENT or REPLY_LOST   the fiber was cancelled
 * The message names the URL's host, never its path, query or a header; the detail has libcurl's words. */
SUSPENDS MUST_CHECK bool fetch(struct fetcher *fetcher, void *owner,
        const struct fetch_request *request, struct fetch_reply *reply_out, struct error *err);

/* The first field of that name (lower case); NULL when absent. */
const char *fetch_reply_header(const struct fetch_reply *reply, const char *name);
