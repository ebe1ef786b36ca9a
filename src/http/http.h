/* Inbound HTTP/1.1 (RFC 9110, RFC 9112): connections over llhttp on one loop, a fiber per request and none per idle
 * connection or stream. Knows nothing of what is served.
 *
 * Every message that two parsers could read in two ways is refused with 400 and a close. */
#pragma once

#include "base/buffer.h"
#include "loop/fiber.h"

struct http_server;
struct http_request;

struct http_header {
    struct slice name, value;
};

/* Valid, with all it points to, until the handler returns. */
struct http_request {
    void *memory; /* the request's; freed after the handler returned and the reply is written */
    struct slice method;
    struct slice target; /* as sent */
    struct slice path;   /* target up to `?`, still percent-encoded */
    struct slice query;  /* behind `?`; data NULL when there is none */
    const struct http_header *headers;
    size_t header_count;
    struct slice body;
};

/* Called in a fiber of its own whose deadline is `handler_timeout_ms` from the request's arrival; must call
 * http_reply() or http_stream_begin() once (a handler that does neither gets a 500 sent for it). Cancelled when the
 * client goes away. */
typedef void http_handler(void *context, struct http_request *request);

struct http_options {
    const char *host; /* "127.0.0.1", "::", "localhost" */
    int port;         /* 0: any free one */
    http_handler *handler;
    void *context;
    /* JSON text for a refusal that the server itself makes (400, 408, 413, 414, 431, 503, 505); NULL: a plain text.
     * `owner` may own it. */
    struct slice (*refusal)(void *context, void *owner, const struct error *err);
    /* 0 means the default in brackets. */
    size_t max_header_bytes;       /* request line, and all fields, each [16 KiB] */
    size_t max_body_bytes;         /* [1 MiB] */
    size_t max_stream_queue_bytes; /* unsent bytes of a stream before it is closed [256 KiB] */
    int max_connections;           /* [10,000]; more are accepted and answered 503 at once */
    int max_requests;              /* in flight [1,000]; more get 503 with Retry-After */
    int64_t header_timeout_ms;     /* first byte to end of header, absolute [10 s] */
    int64_t body_timeout_ms;       /* end of header to end of body, absolute [30 s] */
    int64_t idle_timeout_ms;       /* between requests [75 s] */
    int64_t handler_timeout_ms;    /* [60 s] */
    int64_t heartbeat_ms;          /* silence on a stream before `heartbeat` is written [15 s] */
    int64_t max_stream_ms;         /* then it ends, and who wants more asks again [none] */
};

/* Bind (SO_REUSEPORT, so that the servers of all loops share a port) and listen.
 * False: ERROR_SERVICE_UNAVAILABLE; the message names the address and the system's reason. */
MUST_CHECK bool http_server_new(void *owner, struct loop *loop, const struct http_options *options,
        struct http_server **server_out, struct error *err);
int http_server_port(const struct http_server *server);
/* Stop accepting, close idle connections, end streams, let running requests finish (their replies say
 * `Connection: close`). False: some still ran at the fiber's deadline; free the server only after true. */
SUSPENDS MUST_CHECK bool http_server_drain(struct http_server *server, struct error *err);

/* The field's value, blanks around it taken off; data NULL when absent. Repeated fields: the first. */
struct slice http_request_header(const struct http_request *request, const char *name);
/* The decoded value of a query parameter, `+` as a blank; NULL when absent or not decodable. Belongs to the request. */
const char *http_request_parameter(struct http_request *request, const char *name);
/* Percent-decode `text`; `plus_is_blank` for queries. False: a bad escape. */
bool http_url_decode(void *owner, struct slice text, bool plus_is_blank, struct slice *decoded_out);

struct http_reply {
    int status;
    const char *content_type; /* NULL: none */
    const struct http_header *headers;
    size_t header_count;
    struct slice body; /* HEAD sends its length only */
    bool close;        /* close the connection after it */
};
/* The body is copied, or written before this returns. Never suspends. */
void http_reply(struct http_request *request, const struct http_reply *reply);
/* Called instead of http_reply: the connection is reset (RST), as a crashed peer's would be. For emulators. */
void http_reset(struct http_request *request);
/* Embedded in a struct of the caller's, which outlives it; the fields are the server's. */
struct http_stream {
    struct connection *connection;
    void (*closed)(void *argument);
    void *argument;
    const char *heartbeat;
    int64_t begun_ms, written_ms; /* monotonic */
    bool chunked;
};
/* Called instead of http_reply: status 200 (of `reply`; its body goes first), chunked, and open until one side ends it.
 * The handler may return; the stream is good until `closed` is called, once, on the loop's stack. `closed` comes for
 * every stream: the client went away, was too slow (queue over the limit), http_stream_end(), its time is over, or a drain. It may come
 * from within http_stream_write() and http_stream_end().
 * `heartbeat` is static. */
void http_stream_begin(struct http_stream *stream, struct http_request *request,
        const struct http_reply *reply, const char *heartbeat, void (*closed)(void *argument),
        void *argument);
/* Queue bytes. Never suspends. */
void http_stream_write(struct http_stream *stream, struct slice bytes);
/* Send what is queued, then the end. */
void http_stream_end(struct http_stream *stream);

/* For /metrics. */
struct http_counters {
    uint64_t connections_accepted, requests, refusals;
    int connections_open, requests_in_flight, streams_open;
};
struct http_counters http_server_counters(const struct http_server *server);
