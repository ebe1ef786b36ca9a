/* What the files of http share: a server and its connections.
 *
 * A connection is in one state at a time, and in one queue of deadlines: every queue holds connections with the same time
 * to live, so that its head is always the next to expire and no connection needs a timer of its own. One timer of the
 * server looks at the heads from time to time. */
#pragma once

#include "http/message_internal.h"

#include <bsd/sys/queue.h>

enum connection_state {
    CONNECTION_IDLE,      /* between requests; holds no message */
    CONNECTION_RECEIVING, /* a message is incomplete */
    CONNECTION_HANDLING,  /* its fiber runs */
    CONNECTION_SENDING,   /* the rest of a reply, whose handler has returned */
    CONNECTION_STREAMING, /* its handler has returned, its stream has not ended */
    CONNECTION_LINGERING, /* all is said; the client gets time to read it */
};

enum deadline {
    DEADLINE_NONE,
    DEADLINE_HEADER,
    DEADLINE_BODY,
    DEADLINE_IDLE,
    DEADLINE_SEND,
    DEADLINE_LINGER
};
#define DEADLINE_COUNT 6

struct connection {
    struct http_server *server;
    TAILQ_ENTRY(connection) link; /* in the queue of `deadline` */
    enum deadline deadline;
    enum connection_state state;
    int64_t due_ms; /* monotonic; DEADLINE_NONE: never */
    int fd;
    ev_io watcher;
    struct message *message; /* NULL between requests */
    struct fiber *fiber;     /* of the handler */
    struct http_stream *stream;
    struct buffer out; /* what the socket did not take yet, */
    size_t out_sent;   /* less so many bytes */
    size_t lingered;   /* bytes thrown away while lingering */
    bool replied, close, gone, continued, reset;
};

TAILQ_HEAD(connection_queue, connection);

struct http_server {
    struct loop *loop;
    struct http_options options;
    int fd, port;
    ev_io accepting;
    ev_timer sweep; /* runs while there are connections */
    bool draining;
    struct connection_queue queues[DEADLINE_COUNT];
    int64_t lifetimes_ms[DEADLINE_COUNT];
    struct message *spare; /* messages of no connection */
    int spare_count;
    struct buffer head; /* of the reply being written */
    int64_t date_s;
    char date[32]; /* of that second, as RFC 9110 §5.6.7 has it */
    struct http_counters counters;
    struct fiber_condition emptied;
};

/* connection.c */
void connection_new(struct http_server *server, int fd);
void connection_set_deadline(struct connection *connection, enum deadline deadline);
/* The time of its queue is over. */
void connection_expired(struct connection *connection);
/* The server stops: idle connections go at once, streams end, the others after their reply. */
void connection_drain(struct connection *connection);
/* Write what is queued, as far as the socket takes it; the rest when it takes more. */
void connection_flush(struct connection *connection);
void connection_close(struct connection *connection);
struct connection *connection_of(struct http_request *request);

/* reply.c */
/* Send `refusal` and linger; the connection serves nothing more. */
void connection_refuse(
        struct connection *connection, const struct refusal *refusal, const char *detail);
/* Queue or send bytes behind those queued. */
void connection_send(struct connection *connection, struct slice head, struct slice body);
void stream_beat(struct connection *connection, int64_t now_ms);

extern const struct refusal refusal_header_timeout, refusal_too_many_connections,
        refusal_too_many_requests;
const char *status_text(int status);
