/* Listening, accepting, deadlines, the end. */
#include "base/clock.h"
#include "base/log.h"
#include "http/server_internal.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG     1024
#define ACCEPTS_PER_ROUND  64
#define SEND_TIMEOUT_MS    30000
#define LINGER_TIMEOUT_MS  2000
#define SWEEP_MIN_MS       10
#define SWEEP_MAX_MS       1000
#define OUT_HEAD_MAX_BYTES (256 * 1024)

static const struct http_options defaults = {
        .max_header_bytes = 16 * 1024,
        .max_body_bytes = 1024 * 1024,
        .max_stream_queue_bytes = 256 * 1024,
        .max_connections = 10000,
        .max_requests = 1000,
        .header_timeout_ms = 10000,
        .body_timeout_ms = 30000,
        .idle_timeout_ms = 75000,
        .handler_timeout_ms = 60000,
        .heartbeat_ms = 15000,
};

static void take_defaults(struct http_options *options)
{
#define DEFAULT(field) options->field = options->field != 0 ? options->field : defaults.field
    DEFAULT(max_header_bytes);
    DEFAULT(max_body_bytes);
    DEFAULT(max_stream_queue_bytes);
    DEFAULT(max_connections);
    DEFAULT(max_requests);
    DEFAULT(header_timeout_ms);
    DEFAULT(body_timeout_ms);
    DEFAULT(idle_timeout_ms);
    DEFAULT(handler_timeout_ms);
    DEFAULT(heartbeat_ms);
#undef DEFAULT
}

/* ---- the sweep ---- */

static void sweep(struct ev_loop *ev, ev_timer *timer, int events)
{
    (void)events;
    struct http_server *server = timer->data;
    int64_t now = clock_monotonic_ms();
    for (int i = DEADLINE_NONE + 1; i < DEADLINE_COUNT; i++) {
        struct connection *connection;
        while ((connection = TAILQ_FIRST(&server->queues[i])) != NULL &&
                connection->due_ms <= now) {
            connection_expired(connection); /* which takes it out of this queue */
        }
    }
    struct connection *connection, *next;
    TAILQ_FOREACH_SAFE (connection, &server->queues[DEADLINE_NONE], link, next) {
        if (connection->stream != NULL) {
            stream_beat(connection, now);
        }
    }
    if (!server->draining && !ev_is_active(&server->accepting)) {
        ev_io_start(ev, &server->accepting); /* it was out of file descriptors */
    }
    if (server->counters.connections_open == 0) {
        ev_timer_stop(ev, timer);
    }
}

/* Often enough for the shortest of the times to be kept within a quarter. */
static double sweep_interval_s(const struct http_server *server)
{
    int64_t shortest = server->options.heartbeat_ms;
    for (int i = DEADLINE_NONE + 1; i < DEADLINE_COUNT; i++) {
        shortest = server->lifetimes_ms[i] < shortest ? server->lifetimes_ms[i] : shortest;
    }
    int64_t interval = shortest / 4;
    interval = interval < SWEEP_MIN_MS ? SWEEP_MIN_MS : interval;
    interval = interval > SWEEP_MAX_MS ? SWEEP_MAX_MS : interval;
    return (double)interval / 1000.;
}

/* ---- accepting ---- */

static void out_of_descriptors(struct http_server *server)
{
    log_error("cannot accept a connection: %s; raise the limit of open files", strerror(errno));
    ev_io_stop(loop_ev(server->loop), &server->accepting); /* the sweep starts it again */
    if (!ev_is_active(&server->sweep)) {
        ev_timer_again(loop_ev(server->loop), &server->sweep);
    }
}

static void accept_some(struct ev_loop *ev, ev_io *watcher, int events)
{
    (void)events;
    struct http_server *server = watcher->data;
    for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                out_of_descriptors(server);
            }
            if (errno == ECONNABORTED || errno == EINTR) {
                continue;
            }
            return;
        }
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        server->counters.connections_accepted++;
        connection_new(server, fd);
        if (!ev_is_active(&server->sweep)) {
            ev_timer_again(ev, &server->sweep);
        }
    }
}

static bool cannot_listen(const struct http_options *options, struct error *err, const char *why)
{
    return error_set(err, ERROR_SERVICE_UNAVAILABLE, "ADDRESS_UNUSABLE",
            "cannot listen on %.100s port %d: %s", options->host, options->port, why);
}

static bool listen_on(struct http_server *server, struct error *err)
{
    const struct http_options *options = &server->options;
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
            .ai_socktype = SOCK_STREAM,
            .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *address = NULL;
    char service[12];
    snprintf(service, sizeof service, "%d", options->port);
    int failed =
            getaddrinfo(*options->host == '\0' ? NULL : options->host, service, &hints, &address);
    if (failed != 0) {
        return cannot_listen(options, err, gai_strerror(failed));
    }
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound;
    int one = 1;
    server->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = server->fd >= 0 &&
              setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
              setsockopt(server->fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0 &&
              bind(server->fd, address->ai_addr, address->ai_addrlen) == 0 &&
              listen(server->fd, LISTEN_BACKLOG) == 0 &&
              getsockname(server->fd, (struct sockaddr *)&bound, &size) == 0;
    int why = errno;
    freeaddrinfo(address);
    if (!ok) {
        return cannot_listen(options, err, strerror(why));
    }
    server->port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                     : ((struct sockaddr_in *)&bound)->sin_port);
    return true;
}

/* ---- life ---- */

static int server_freed(struct http_server *server)
{
    for (int i = 0; i < DEADLINE_COUNT; i++) {
        struct connection *connection;
        while ((connection = TAILQ_FIRST(&server->queues[i])) != NULL) {
            assert(connection->fiber == NULL);
            connection_close(connection);
        }
    }
    ev_timer_stop(loop_ev(server->loop), &server->sweep);
    ev_io_stop(loop_ev(server->loop), &server->accepting);
    if (server->fd >= 0) {
        close(server->fd);
    }
    return 0;
}

bool http_server_new(void *owner, struct loop *loop, const struct http_options *options,
        struct http_server **server_out, struct error *err)
{
    struct http_server *server = mem_new(owner, struct http_server);
    server->loop = loop;
    server->options = *options;
    server->fd = -1;
    take_defaults(&server->options);
    for (int i = 0; i < DEADLINE_COUNT; i++) {
        TAILQ_INIT(&server->queues[i]);
    }
    server->lifetimes_ms[DEADLINE_HEADER] = server->options.header_timeout_ms;
    server->lifetimes_ms[DEADLINE_BODY] = server->options.body_timeout_ms;
    server->lifetimes_ms[DEADLINE_IDLE] = server->options.idle_timeout_ms;
    server->lifetimes_ms[DEADLINE_SEND] = SEND_TIMEOUT_MS;
    server->lifetimes_ms[DEADLINE_LINGER] = LINGER_TIMEOUT_MS;
    buffer_init(&server->head, server, OUT_HEAD_MAX_BYTES);
    ev_init(&server->sweep, sweep);
    server->sweep.repeat = sweep_interval_s(server);
    server->sweep.data = server;
    ev_init(&server->accepting, accept_some);
    server->accepting.data = server;
    mem_on_free(server, server_freed);
    if (!listen_on(server, err)) {
        mem_free(server);
        return false;
    }
    ev_io_set(&server->accepting, server->fd, EV_READ);
    ev_io_start(loop_ev(loop), &server->accepting);
    *server_out = server;
    return true;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

bool http_server_drain(struct http_server *server, struct error *err)
{
    server->draining = true;
    ev_io_stop(loop_ev(server->loop), &server->accepting);
    if (server->fd >= 0) {
        close(server->fd);
        server->fd = -1;
    }
    for (int i = 0; i < DEADLINE_COUNT; i++) {
        struct connection *connection, *next;
        TAILQ_FOREACH_SAFE (connection, &server->queues[i], link, next) {
            connection_drain(connection);
        }
    }
    while (server->counters.connections_open > 0) {
        if (!fiber_condition_wait(&server->emptied, err)) {
            return false;
        }
    }
    return true;
}

struct http_counters http_server_counters(const struct http_server *server)
{
    return server->counters;
}
