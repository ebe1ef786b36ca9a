/* A scripted HTTP/1.1 server on loopback for tests of clients. It runs on threads of its own, one a connection, so that
 * a test may block on it from a fiber. The test's `answer` gets each request once it was read whole, writes what it likes
 * to the socket and says what becomes of the connection. Every request is kept for the test to look at. */
#pragma once

#include "base/buffer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define UPSTREAM_CONNECTIONS_MAX 512
#define UPSTREAM_BASE_SIZE       40
#define UPSTREAM_REQUEST_BYTES   (16 * 1024 * 1024)

struct upstream_request {
    int number;       /* over all connections, from 1 */
    int connection;   /* from 1, in order of arrival */
    const char *head; /* as sent, with the empty line */
    char *method, *target;
    struct slice body;
    struct upstream_request *next;
};

enum upstream_next {
    UPSTREAM_KEEP,  /* read the next request */
    UPSTREAM_CLOSE, /* in order */
    UPSTREAM_RESET, /* with a TCP reset */
    UPSTREAM_HOLD,  /* until the client closes */
};
/* On the connection's thread. */
typedef enum upstream_next upstream_answer(
        void *context, const struct upstream_request *request, int socket);

struct upstream_connection {
    struct upstream *upstream;
    pthread_t thread;
    int number, socket;
    bool open;
};

struct upstream {
    upstream_answer *answer;
    void *context;
    int listener;
    pthread_t thread;
    char base[UPSTREAM_BASE_SIZE]; /* "http://127.0.0.1:12345" */

    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    int request_count, connection_count, open_count, most_open;
    struct upstream_request *first, **last;
    struct upstream_connection connections[UPSTREAM_CONNECTIONS_MAX];
};

static inline void upstream_send(int socket, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t sent = send(socket, text, left, MSG_NOSIGNAL);
        if (sent < 0) {
            return; /* the client went away, which is for the test to judge */
        }
        text += sent;
        left -= (size_t)sent;
    }
}

/* A whole reply. `headers` "" or lines with their ends. */
static inline void upstream_reply(int socket, int status, const char *headers, const char *body)
{
    void *scratch = mem_scope_new(NULL, __func__);
    upstream_send(
            socket, mem_printf(scratch, "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n%s\r\n%s",
                            status, strlen(body), headers, body));
    mem_free(scratch);
}

/* ---- a connection ---- */

/* False: the client closed. */
static inline bool upstream_receive(int socket, struct buffer *in)
{
    char *at = buffer_reserve(in, 16384);
    assert(at != NULL);
    ssize_t got = recv(socket, at, 16384, 0);
    if (got <= 0) {
        return false;
    }
    in->length += (size_t)got;
    in->data[in->length] = '\0';
    return true;
}

/* Read one request to its end; NULL when the client closed before. The request is a root block. */
static inline struct upstream_request *upstream_read(int socket)
{
    struct upstream_request *request = mem_new(NULL, struct upstream_request);
    struct buffer in;
    buffer_init(&in, request, UPSTREAM_REQUEST_BYTES);
    const char *end = NULL;
    while (end == NULL) {
        if (!upstream_receive(socket, &in)) {
            mem_free(request);
            return NULL;
        }
        end = strstr(in.data, "\r\n\r\n");
    }
    size_t head = (size_t)(end - in.data) + 4;
    const char *field = strcasestr(in.data, "\r\ncontent-length:");
    size_t body = field == NULL || field > in.data + head ? 0 : strtoul(field + 17, NULL, 10);
    while (in.length < head + body) {
        if (!upstream_receive(socket, &in)) {
            mem_free(request);
            return NULL;
        }
    }
    request->head = mem_strndup(request, in.data, head);
    request->body = (struct slice){mem_strndup(request, in.data + head, body), body};
    mem_free(in.data);
    struct slice line = slice_of(request->head);
    struct slice method = slice_split(&line, ' '), target = slice_split(&line, ' ');
    request->method = mem_strndup(request, method.data, method.length);
    request->target = mem_strndup(request, target.data, target.length);
    return request;
}

static inline void upstream_closed(struct upstream_connection *connection)
{
    struct upstream *upstream = connection->upstream;
    pthread_mutex_lock(&upstream->mutex);
    close(connection->socket);
    connection->open = false;
    upstream->open_count--;
    pthread_cond_broadcast(&upstream->changed);
    pthread_mutex_unlock(&upstream->mutex);
}

static inline void *upstream_connection_main(void *argument)
{
    struct upstream_connection *connection = argument;
    struct upstream *upstream = connection->upstream;
    enum upstream_next next = UPSTREAM_KEEP;
    while (next == UPSTREAM_KEEP) {
        struct upstream_request *request = upstream_read(connection->socket);
        if (request == NULL) {
            break;
        }
        request->connection = connection->number;
        pthread_mutex_lock(&upstream->mutex);
        request->number = ++upstream->request_count;
        *upstream->last = request;
        upstream->last = &request->next;
        pthread_cond_broadcast(&upstream->changed);
        pthread_mutex_unlock(&upstream->mutex);
        next = upstream->answer(upstream->context, request, connection->socket);
    }
    if (next == UPSTREAM_HOLD) {
        char rest[256];
        while (recv(connection->socket, rest, sizeof rest, 0) > 0) {
        }
    }
    if (next == UPSTREAM_RESET) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(connection->socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    upstream_closed(connection);
    return NULL;
}

/* ---- the server ---- */

static inline void *upstream_main(void *argument)
{
    struct upstream *upstream = argument;
    for (;;) {
        int fd = accept(upstream->listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        pthread_mutex_lock(&upstream->mutex);
        assert(upstream->connection_count < UPSTREAM_CONNECTIONS_MAX);
        struct upstream_connection *connection = &upstream->connections[upstream->connection_count];
        *connection = (struct upstream_connection){.upstream = upstream,
                .number = ++upstream->connection_count,
                .socket = fd,
                .open = true};
        upstream->open_count++;
        if (upstream->open_count > upstream->most_open) {
            upstream->most_open = upstream->open_count;
        }
        int failed =
                pthread_create(&connection->thread, NULL, upstream_connection_main, connection);
        assert(failed == 0);
        pthread_mutex_unlock(&upstream->mutex);
    }
}

/* A free port, written as a base URL; connections to it are refused until somebody listens. */
static inline int upstream_bind(char base[static UPSTREAM_BASE_SIZE])
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int failed = bind(listener, (struct sockaddr *)&address, length);
    assert(failed == 0);
    failed = getsockname(listener, (struct sockaddr *)&address, &length);
    assert(failed == 0);
    snprintf(base, UPSTREAM_BASE_SIZE, "http://127.0.0.1:%d", ntohs(address.sin_port));
    return listener;
}

static inline int upstream_end(struct upstream *upstream)
{
    shutdown(upstream->listener, SHUT_RDWR);
    pthread_join(upstream->thread, NULL);
    close(upstream->listener);
    pthread_mutex_lock(&upstream->mutex);
    for (int i = 0; i < upstream->connection_count; i++) {
        if (upstream->connections[i].open) {
            shutdown(upstream->connections[i].socket, SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&upstream->mutex);
    for (int i = 0; i < upstream->connection_count; i++) {
        pthread_join(upstream->connections[i].thread, NULL);
    }
    while (upstream->first != NULL) {
        struct upstream_request *request = upstream->first;
        upstream->first = request->next;
        mem_free(request);
    }
    return 0;
}

/* Freed with its owner: ends its threads. */
static inline struct upstream *upstream_new(void *owner, upstream_answer *answer, void *context)
{
    struct upstream *upstream = mem_new(owner, struct upstream);
    upstream->answer = answer;
    upstream->context = context;
    upstream->last = &upstream->first;
    upstream->listener = upstream_bind(upstream->base);
    int failed = listen(upstream->listener, 512);
    assert(failed == 0);
    pthread_mutex_init(&upstream->mutex, NULL);
    pthread_cond_init(&upstream->changed, NULL);
    failed = pthread_create(&upstream->thread, NULL, upstream_main, upstream);
    assert(failed == 0);
    mem_on_free(upstream, upstream_end);
    return upstream;
}

/* Block until that many requests were read; returns the last of them. */
static inline const struct upstream_request *upstream_wait_request(
        struct upstream *upstream, int number)
{
    pthread_mutex_lock(&upstream->mutex);
    while (upstream->request_count < number) {
        pthread_cond_wait(&upstream->changed, &upstream->mutex);
    }
    const struct upstream_request *request = upstream->first;
    while (request->number < number) {
        request = request->next;
    }
    pthread_mutex_unlock(&upstream->mutex);
    return request;
}

/* Block until the server's side of every connection so far is closed. */
static inline void upstream_wait_closed(struct upstream *upstream)
{
    pthread_mutex_lock(&upstream->mutex);
    while (upstream->open_count > 0) {
        pthread_cond_wait(&upstream->changed, &upstream->mutex);
    }
    pthread_mutex_unlock(&upstream->mutex);
}

static inline int upstream_requests(struct upstream *upstream)
{
    pthread_mutex_lock(&upstream->mutex);
    int count = upstream->request_count;
    pthread_mutex_unlock(&upstream->mutex);
    return count;
}

/* The value of a request's header; NULL when absent. Lives as long as `owner`. */
static inline const char *upstream_header(
        void *owner, const struct upstream_request *request, const char *name)
{
    struct slice rest = slice_of(request->head);
    while (rest.data != NULL) {
        struct slice value = slice_split(&rest, '\n');
        struct slice field = slice_split(&value, ':');
        if (value.data != NULL && slice_is_nocase(field, name)) {
            value.length -= value.length > 0 && value.data[value.length - 1] == '\r';
            value = slice_trim(value);
            return mem_strndup(owner, value.data, value.length);
        }
    }
    return NULL;
}
