/* One connection: reading, handing requests to fibers, keeping alive, noticing that the client went away. */
#include "base/clock.h"
#include "http/server_internal.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPARE_MESSAGES_MAX 64
#define LINGER_MAX_BYTES   (4 * 1024 * 1024)

static void proceed(struct connection *connection);

/* ---- deadlines and watching ---- */

void connection_set_deadline(struct connection *connection, enum deadline deadline)
{
    struct http_server *server = connection->server;
    TAILQ_REMOVE(&server->queues[connection->deadline], connection, link);
    connection->deadline = deadline;
    connection->due_ms = clock_monotonic_ms() + server->lifetimes_ms[deadline];
    TAILQ_INSERT_TAIL(&server->queues[deadline], connection, link);
}

static void watch(struct connection *connection, int events)
{
    struct ev_loop *ev = loop_ev(connection->server->loop);
    if (ev_is_active(&connection->watcher) && connection->watcher.events == events) {
        return;
    }
    ev_io_stop(ev, &connection->watcher);
    if (events != 0) {
        ev_io_set(&connection->watcher, connection->fd, events);
        ev_io_start(ev, &connection->watcher);
    }
}

/* ---- messages ---- */

static void take_message(struct connection *connection)
{
    struct http_server *server = connection->server;
    struct message *message = server->spare;
    if (message != NULL) {
        server->spare = message->next_spare;
        server->spare_count--;
    } else {
        struct message_limits limits = {
                server->options.max_header_bytes, server->options.max_body_bytes};
        message = message_new(server, &limits);
    }
    message->connection = connection;
    connection->message = message;
}

static void give_back_message(struct connection *connection)
{
    struct http_server *server = connection->server;
    struct message *message = connection->message;
    connection->message = NULL;
    if (message == NULL) {
        return;
    }
    if (server->spare_count == SPARE_MESSAGES_MAX) {
        mem_free(message);
        return;
    }
    message_begin(message);
    message->next_spare = server->spare;
    server->spare = message;
    server->spare_count++;
}

/* ---- life ---- */

void connection_close(struct connection *connection)
{
    struct http_server *server = connection->server;
    struct http_stream *stream = connection->stream;
    assert(connection->fiber == NULL);
    give_back_message(connection);
    watch(connection, 0);
    close(connection->fd);
    TAILQ_REMOVE(&server->queues[connection->deadline], connection, link);
    server->counters.connections_open--;
    if (stream != NULL) {
        server->counters.streams_open--;
        stream->closed(stream->argument);
    }
    mem_free(connection);
    if (server->counters.connections_open == 0) {
        fiber_condition_wake_all(&server->emptied);
    }
}

/* The client is gone, or as good as. A handler that runs is told; what it holds is closed when it returns. */
static void lose(struct connection *connection)
{
    connection->gone = true;
    if (connection->fiber != NULL) {
        watch(connection, 0);
        fiber_cancel(connection->fiber);
    } else {
        connection_close(connection);
    }
}

/* Say no more, and read what the client still sends until it has closed: closing at once would reset the connection, and
 * the client might lose the reply (RFC 9112 §9.6). */
static void linger(struct connection *connection)
{
    connection->state = CONNECTION_LINGERING;
    connection->lingered = 0;
    give_back_message(connection);
    shutdown(connection->fd, SHUT_WR);
    connection_set_deadline(connection, DEADLINE_LINGER);
    watch(connection, EV_READ);
}

void connection_expired(struct connection *connection)
{
    bool incomplete = connection->state == CONNECTION_RECEIVING && connection->message != NULL;
    if (incomplete) {
        connection_refuse(connection, &refusal_header_timeout, NULL); /* goes on to another queue */
        return;
    }
    if (connection->fiber != NULL) {
        connection_set_deadline(connection, DEADLINE_NONE);
    }
    lose(connection);
}

void connection_drain(struct connection *connection)
{
    connection->close = true;
    if (connection->state == CONNECTION_IDLE) {
        connection_close(connection);
    } else if (connection->stream != NULL && connection->state == CONNECTION_STREAMING) {
        http_stream_end(connection->stream);
    }
}

/* ---- handling ---- */

static void finish_request(struct connection *connection)
{
    struct http_server *server = connection->server;
    connection->fiber = NULL;
    server->counters.requests_in_flight--;
    if (connection->reset) {
        struct linger hard = {.l_onoff = 1, .l_linger = 0};
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        connection_close(connection);
    } else if (connection->gone) {
        connection_close(connection);
    } else if (connection->stream != NULL) {
        connection->state = CONNECTION_STREAMING;
        give_back_message(connection);
        connection_set_deadline(connection, DEADLINE_NONE);
        if (server->draining) {
            http_stream_end(connection->stream);
        } else {
            connection_flush(connection);
        }
    } else {
        connection->state = CONNECTION_SENDING;
        connection_flush(connection);
    }
}

static void handle(void *argument)
{
    struct connection *connection = argument;
    const struct http_options *options = &connection->server->options;
    struct http_request *request = &connection->message->request;
    options->handler(options->context, request);
    if (!connection->replied) {
        static const struct refusal no_reply = {
                500, ERROR_INTERNAL_SERVER_ERROR, "NO_REPLY", "the server gave no answer", 0};
        connection_refuse(connection, &no_reply, NULL);
    }
    finish_request(connection);
}

static void start_handler(struct connection *connection)
{
    struct http_server *server = connection->server;
    if (server->counters.requests_in_flight >= server->options.max_requests) {
        connection_refuse(connection, &refusal_too_many_requests, NULL);
        return;
    }
    server->counters.requests++;
    server->counters.requests_in_flight++;
    connection->state = CONNECTION_HANDLING;
    connection->replied = false;
    connection->close = connection->close || server->draining || !connection->message->keep_alive;
    connection_set_deadline(connection, DEADLINE_NONE);
    watch(connection, EV_READ);
    connection->fiber = fiber_start(server->loop, "request", handle, connection,
            clock_monotonic_ms() + server->options.handler_timeout_ms);
}

/* ---- receiving ---- */

static void become_idle(struct connection *connection)
{
    give_back_message(connection);
    if (connection->server->draining) {
        connection_close(connection);
        return;
    }
    connection->state = CONNECTION_IDLE;
    connection_set_deadline(connection, DEADLINE_IDLE);
    watch(connection, EV_READ);
}

static void continue_body(struct connection *connection)
{
    if (connection->message->expects_continue && !connection->continued) {
        connection->continued = true;
        connection_send(
                connection, SLICE("HTTP/1.1 100 Continue\r\n\r\n"), (struct slice){NULL, 0});
    }
    if (connection->deadline != DEADLINE_BODY) {
        connection_set_deadline(connection, DEADLINE_BODY); /* absolute: set once */
    }
}

/* Make what can be made of the bytes that were received. */
static void proceed(struct connection *connection)
{
    struct message *message = connection->message;
    if (connection->state == CONNECTION_IDLE) {
        connection->state = CONNECTION_RECEIVING;
        connection->continued = false;
        connection_set_deadline(connection, DEADLINE_HEADER);
    }
    switch (message_parse(message)) {
    case MESSAGE_HEADER:
        watch(connection, EV_READ);
        break;
    case MESSAGE_BODY:
        continue_body(connection);
        watch(connection, EV_READ);
        break;
    case MESSAGE_COMPLETE:
        start_handler(connection);
        break;
    case MESSAGE_REFUSED:
        connection_refuse(connection, message->refusal, message->detail);
        break;
    }
}

/* While a handler runs, reading tells whether the client is still there; what it sends ahead waits in the message. */
static void receive(struct connection *connection)
{
    size_t room = 0;
    if (connection->message == NULL) {
        take_message(connection);
    }
    char *at = message_room(connection->message, &room);
    if (room == 0) {
        watch(connection, 0);
        return;
    }
    ssize_t count = read(connection->fd, at, room);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (connection->state == CONNECTION_IDLE) {
            give_back_message(connection);
        }
        return;
    }
    if (count <= 0) {
        lose(connection);
        return;
    }
    message_received(connection->message, (size_t)count);
    if (connection->state != CONNECTION_HANDLING) {
        proceed(connection);
    }
}

static void discard(struct connection *connection)
{
    char bytes[4096];
    ssize_t count = read(connection->fd, bytes, sizeof bytes);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count > 0) {
        connection->lingered += (size_t)count;
    }
    if (count <= 0 || connection->lingered > LINGER_MAX_BYTES) {
        connection_close(connection);
    }
}

static void ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    (void)ev;
    struct connection *connection = watcher->data;
    if ((events & EV_WRITE) != 0) {
        connection_flush(connection); /* may close the connection */
        return;
    }
    switch (connection->state) {
    case CONNECTION_IDLE:
    case CONNECTION_RECEIVING:
    case CONNECTION_HANDLING:
        receive(connection);
        break;
    case CONNECTION_STREAMING:
    case CONNECTION_LINGERING:
        discard(connection);
        break;
    case CONNECTION_SENDING:
        break;
    }
}

void connection_new(struct http_server *server, int fd)
{
    struct connection *connection = mem_new(server, struct connection);
    connection->server = server;
    connection->fd = fd;
    connection->state = CONNECTION_IDLE;
    ev_init(&connection->watcher, ready);
    connection->watcher.data = connection;
    buffer_init(&connection->out, connection, SIZE_MAX / 4); /* bounded by what fills it */
    TAILQ_INSERT_TAIL(&server->queues[DEADLINE_NONE], connection, link);
    server->counters.connections_open++;
    if (server->counters.connections_open > server->options.max_connections) {
        connection_refuse(connection, &refusal_too_many_connections, NULL);
        return;
    }
    /* A connection that never sends a byte has the time of a header, not that of a pause between requests. */
    connection_set_deadline(connection, DEADLINE_HEADER);
    watch(connection, EV_READ);
}

/* ---- sending ---- */

/* All is written. */
static void sent(struct connection *connection)
{
    mem_free(connection->out.data);
    buffer_init(&connection->out, connection, SIZE_MAX / 4);
    connection->out_sent = 0;
    switch (connection->state) {
    case CONNECTION_SENDING:
        if (connection->close) {
            linger(connection);
        } else if (message_waiting(connection->message) > 0) {
            connection->state = CONNECTION_IDLE;
            message_next(connection->message);
            proceed(connection);
        } else {
            become_idle(connection);
        }
        break;
    case CONNECTION_STREAMING:
        if (connection->close && connection->stream == NULL) {
            linger(connection);
        } else {
            watch(connection, EV_READ);
        }
        break;
    case CONNECTION_IDLE:
    case CONNECTION_RECEIVING:
    case CONNECTION_HANDLING:
    case CONNECTION_LINGERING:
        break;
    }
}

/* What was sent already need not be kept while a slow client takes the rest. */
static void forget_sent(struct connection *connection)
{
    struct buffer *out = &connection->out;
    if (connection->out_sent > out->length / 2) {
        out->length -= connection->out_sent;
        memmove(out->data, out->data + connection->out_sent, out->length);
        connection->out_sent = 0;
    }
}

void connection_flush(struct connection *connection)
{
    while (connection->out_sent < connection->out.length) {
        ssize_t count = send(connection->fd, connection->out.data + connection->out_sent,
                connection->out.length - connection->out_sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EAGAIN) {
            forget_sent(connection);
            /* Some was taken or none: the client has so long for more. */
            if (connection->state != CONNECTION_HANDLING && connection->stream == NULL) {
                connection_set_deadline(connection, DEADLINE_SEND);
            }
            watch(connection,
                    connection->state == CONNECTION_STREAMING ? EV_READ | EV_WRITE : EV_WRITE);
            return;
        }
        if (count < 0) {
            lose(connection);
            return;
        }
        connection->out_sent += (size_t)count;
    }
    sent(connection);
}

struct connection *connection_of(struct http_request *request)
{
    /* A request is the first member of its message. */
    return ((struct message *)(void *)request)->connection;
}
