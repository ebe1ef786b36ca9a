/* What is sent: replies, refusals, streams. */
#include "base/clock.h"
#include "http/server_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

const struct refusal refusal_header_timeout = {
        408, ERROR_TIMEOUT, "REQUEST_TIMEOUT", "the request did not arrive in time", 0};
const struct refusal refusal_too_many_connections = {503, ERROR_SERVICE_UNAVAILABLE,
        "TOO_MANY_CONNECTIONS", "the server has too many connections; try again", 1};
const struct refusal refusal_too_many_requests = {503, ERROR_SERVICE_UNAVAILABLE,
        "TOO_MANY_REQUESTS_IN_FLIGHT", "the server is busy; try again", 1};

const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
            {200, "OK"},
            {201, "Created"},
            {202, "Accepted"},
            {204, "No Content"},
            {207, "Multi-Status"},
            {302, "Found"},
            {303, "See Other"},
            {304, "Not Modified"},
            {400, "Bad Request"},
            {401, "Unauthorized"},
            {403, "Forbidden"},
            {404, "Not Found"},
            {405, "Method Not Allowed"},
            {408, "Request Timeout"},
            {409, "Conflict"},
            {410, "Gone"},
            {412, "Precondition Failed"},
            {413, "Content Too Large"},
            {414, "URI Too Long"},
            {415, "Unsupported Media Type"},
            {417, "Expectation Failed"},
            {422, "Unprocessable Content"},
            {429, "Too Many Requests"},
            {431, "Request Header Fields Too Large"},
            {499, "Client Closed Request"},
            {500, "Internal Server Error"},
            {501, "Not Implemented"},
            {502, "Bad Gateway"},
            {503, "Service Unavailable"},
            {504, "Gateway Timeout"},
            {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "Status";
}

/* ---- sending ---- */

void connection_send(struct connection *connection, struct slice head, struct slice body)
{
    if (connection->gone) {
        return;
    }
    size_t total = head.length + body.length, taken = 0;
    if (connection->out.length == 0) {
        struct iovec parts[2] = {{(void *)(uintptr_t)head.data, head.length},
                {(void *)(uintptr_t)body.data, body.length}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = body.length > 0 ? 2 : 1};
        ssize_t count = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
        taken = count > 0 ? (size_t)count : 0; /* an error shows again when the rest is flushed */
    }
    if (taken == total) {
        return;
    }
    size_t of_head = taken < head.length ? taken : head.length;
    buffer_add_slice(&connection->out, slice_skip(head, of_head));
    if (body.length > 0) {
        buffer_add_slice(&connection->out, slice_skip(body, taken - of_head));
    }
}

/* ---- heads ---- */

static const char *date_of_now(struct http_server *server)
{
    int64_t now_s = clock_now_ms() / 1000;
    if (now_s != server->date_s) {
        time_t seconds = (time_t)now_s;
        struct tm parts;
        gmtime_r(&seconds, &parts);
        strftime(server->date, sizeof server->date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        server->date_s = now_s;
    }
    return server->date;
}

static void add_field(struct buffer *head, const char *name, const char *value)
{
    buffer_add_text(head, name);
    buffer_add_text(head, value);
    buffer_add(head, "\r\n", 2);
}

/* A value from outside must not end its line: what could is a mistake of ours. */
static bool is_one_line(struct slice value)
{
    return value.length == 0 || (memchr(value.data, '\r', value.length) == NULL &&
                                        memchr(value.data, '\n', value.length) == NULL);
}

/* `length` < 0: none is said. Left in server->head, without the empty line. */
static struct buffer *begin_head(
        struct http_server *server, const struct http_reply *reply, int64_t length)
{
    struct buffer *head = &server->head;
    buffer_clear(head);
    buffer_add_text(head, "HTTP/1.1 ");
    buffer_add_int(head, reply->status);
    buffer_add_char(head, ' ');
    add_field(head, status_text(reply->status), "");
    add_field(head, "Date: ", date_of_now(server));
    if (reply->content_type != NULL) {
        add_field(head, "Content-Type: ", reply->content_type);
    }
    for (size_t i = 0; i < reply->header_count; i++) {
        assert(is_one_line(reply->headers[i].value));
        buffer_add_slice(head, reply->headers[i].name);
        buffer_add(head, ": ", 2);
        buffer_add_slice(head, reply->headers[i].value);
        buffer_add(head, "\r\n", 2);
    }
    if (length >= 0) {
        buffer_add_text(head, "Content-Length: ");
        buffer_add_int(head, length);
        buffer_add(head, "\r\n", 2);
    }
    return head;
}

/* RFC 9112 §9.3: said when it is not what the version implies. */
static void end_head(struct connection *connection, struct buffer *head)
{
    bool old = connection->message != NULL && connection->message->http_1_0;
    if (connection->close) {
        buffer_add_text(head, "Connection: close\r\n");
    } else if (old) {
        buffer_add_text(head, "Connection: keep-alive\r\n");
    }
    buffer_add(head, "\r\n", 2);
    assert(!head->overflow);
}

/* ---- replies ---- */

static bool has_no_body(int status)
{
    return status == 204 || status == 304;
}

void http_reply(struct http_request *request, const struct http_reply *reply)
{
    struct connection *connection = connection_of(request);
    assert(!connection->replied);
    connection->replied = true;
    connection->close = connection->close || reply->close || connection->server->draining;
    struct slice body = reply->body;
    int64_t length = has_no_body(reply->status) ? -1 : (int64_t)body.length;
    if (length < 0 || slice_is(request->method, "HEAD")) {
        body = (struct slice){NULL, 0};
    }
    struct buffer *head = begin_head(connection->server, reply, length);
    end_head(connection, head);
    connection_send(connection, buffer_slice(head), body);
}

void http_reset(struct http_request *request)
{
    struct connection *connection = connection_of(request);
    assert(!connection->replied);
    connection->replied = connection->reset = true;
}

void connection_refuse(
        struct connection *connection, const struct refusal *refusal, const char *detail)
{
    struct http_server *server = connection->server;
    void *memory = mem_scope_new(server, "refusal");
    struct error err = {0};
    error_set(&err, refusal->code, refusal->reason, "%s%s%s", refusal->message,
            detail == NULL ? "" : ": ", detail == NULL ? "" : detail);
    err.retry_after_s = refusal->retry_after_s;
    struct http_reply reply = {
            .status = refusal->status, .content_type = "text/plain", .body = slice_of(err.message)};
    if (server->options.refusal != NULL) {
        reply.content_type = "application/json";
        reply.body = server->options.refusal(server->options.context, memory, &err);
    }
    char seconds[12];
    snprintf(seconds, sizeof seconds, "%d", refusal->retry_after_s);
    struct http_header retry = {SLICE("Retry-After"), slice_of(seconds)};
    reply.headers = &retry;
    reply.header_count = refusal->retry_after_s > 0 ? 1 : 0;
    server->counters.refusals++;
    connection->close = true;
    connection->replied = true;
    struct buffer *head = begin_head(server, &reply, (int64_t)reply.body.length);
    end_head(connection, head);
    connection_send(connection, buffer_slice(head), reply.body);
    mem_free(memory);
    if (connection->fiber == NULL) {
        connection->state = CONNECTION_SENDING;
        connection_flush(connection);
    }
}

/* ---- streams ---- */

static void stream_send(struct http_stream *stream, struct slice bytes)
{
    struct connection *connection = stream->connection;
    if (bytes.length == 0) {
        return; /* an empty chunk would be the end */
    }
    stream->written_ms = clock_monotonic_ms();
    if (!stream->chunked) {
        connection_send(connection, bytes, (struct slice){NULL, 0});
        return;
    }
    struct buffer *frame = &connection->server->head;
    buffer_clear(frame);
    buffer_printf(frame, "%zx\r\n", bytes.length);
    connection_send(connection, buffer_slice(frame), bytes);
    connection_send(connection, SLICE("\r\n"), (struct slice){NULL, 0});
}

void http_stream_begin(struct http_stream *stream, struct http_request *request,
        const struct http_reply *reply, const char *heartbeat, void (*closed)(void *argument),
        void *argument)
{
    struct connection *connection = connection_of(request);
    assert(!connection->replied);
    *stream = (struct http_stream){.connection = connection,
            .closed = closed,
            .argument = argument,
            .heartbeat = heartbeat,
            .begun_ms = clock_monotonic_ms(),
            .written_ms = clock_monotonic_ms(),
            .chunked = !connection->message->http_1_0};
    connection->replied = true;
    connection->close = true; /* what ends a stream ends its connection */
    connection->stream = stream;
    connection->server->counters.streams_open++;
    struct buffer *head = begin_head(connection->server, reply, -1);
    if (stream->chunked) {
        buffer_add_text(head, "Transfer-Encoding: chunked\r\n");
    }
    end_head(connection, head);
    connection_send(connection, buffer_slice(head), (struct slice){NULL, 0});
    stream_send(stream, reply->body);
}

/* Streams are flushed by their connection once the handler has returned. */
static void flush_stream(struct connection *connection)
{
    if (connection->state == CONNECTION_STREAMING && connection->out.length > 0) {
        connection_flush(connection);
    }
}

void http_stream_write(struct http_stream *stream, struct slice bytes)
{
    struct connection *connection = stream->connection;
    stream_send(stream, bytes);
    if (connection->out.length - connection->out_sent >
            connection->server->options.max_stream_queue_bytes) {
        connection->gone =
                true; /* too slow; the sweep closes it, since the caller still holds it */
        return;
    }
    flush_stream(connection);
}

void http_stream_end(struct http_stream *stream)
{
    struct connection *connection = stream->connection;
    if (stream->chunked) {
        connection_send(connection, SLICE("0\r\n\r\n"), (struct slice){NULL, 0});
    }
    connection->stream = NULL;
    connection->server->counters.streams_open--;
    stream->closed(stream->argument); /* which may free it */
    if (connection->state == CONNECTION_STREAMING) {
        connection_flush(connection);
    }
}

void stream_beat(struct connection *connection, int64_t now_ms)
{
    struct http_stream *stream = connection->stream;
    if (connection->gone && connection->fiber == NULL) {
        connection_close(connection);
        return;
    }
    const struct http_options *options = &connection->server->options;
    if (options->max_stream_ms > 0 && now_ms - stream->begun_ms >= options->max_stream_ms) {
        http_stream_end(stream);
    } else if (now_ms - stream->written_ms >= options->heartbeat_ms) {
        http_stream_write(stream, slice_of(stream->heartbeat));
    }
}
