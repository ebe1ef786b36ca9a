/* Outbound HTTP: libcurl's multi interface on the loop, for fibers. Connections are kept and reused, HTTP/2 where TLS
 * offers it, redirects are never followed (they would carry the credentials along), only http and https. */
#pragma once

#include "base/slice.h"
#include "loop/fiber.h"

struct fetcher;

struct fetch_options {
    int max_connections_per_host; /* 0: 64; further requests wait for one */
    const char *user_agent;       /* NULL: "tenon" */
};

/* One per loop; freed with its owner, when no fetch is running. */
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
    int64_t timeout_ms; /* all of it: waiting for a connection, DNS, TLS, transfer; the fiber's deadline rules too */
    size_t max_reply_bytes; /* headers and body each; 0: 1 MiB */
};

struct fetch_reply {
    int status;
    struct fetch_header *headers; /* names in lower case */
    size_t header_count;
    struct slice body; /* NUL-terminated behind its length; data is never NULL */
};

/* Perform one request. The reply belongs to `owner`. Never sent twice: where libcurl would send a request again on a
 * new connection after an old one broke, this fails instead, once any of the body may have left.
 *
 * False, with the reason telling whether the request may have arrived:
 *   ERROR_SERVICE_UNAVAILABLE  NOT_SENT        no connection, or it broke before the request was written
 *   ERROR_BAD_GATEWAY          REPLY_LOST      the connection broke, the reply is no HTTP or is too large
 *   ERROR_GATEWAY_TIMEOUT      NOT_SENT or REPLY_LOST
 *   ERROR_CLIENT_CLOSED_REQUEST  NOT_SENT or REPLY_LOST   the fiber was cancelled
 * The message names the URL's host, never its path, query or a header. */
SUSPENDS MUST_CHECK bool fetch(struct fetcher *fetcher, void *owner,
        const struct fetch_request *request, struct fetch_reply *reply_out, struct error *err);

/* The first field of that name (lower case); NULL when absent. */
const char *fetch_reply_header(const struct fetch_reply *reply, const char *name);
