/* A request being received: the bytes, llhttp's state and what was made of them. A push parser without I/O.
 *
 *   message_begin();  repeat: read into message_room(), message_received(), message_parse()
 *
 * The request's slices point into `bytes`, which do not move until message_next(). A body stays behind the header in
 * `bytes`, with the framing of its chunks taken out, until there is no room left; then it moves to request.memory. */
#pragma once

#include "http/http.h"

#include <llhttp.h>

#define MESSAGE_FIELDS_MAX 100
/* What the buffer has beside the longest header. */
#define MESSAGE_BODY_BYTES 4096

struct connection;

struct message_limits {
    size_t header_bytes; /* of the request line, and of all fields */
    size_t body_bytes;
};

/* Why a message is not served; static storage. */
struct refusal {
    int status;
    enum error_code code;
    const char *reason, *message;
    int retry_after_s;
};
extern const struct refusal refusal_bad_message, refusal_target_too_long, refusal_headers_too_large,
        refusal_body_too_large, refusal_expectation, refusal_version;

enum message_stage {
    MESSAGE_HEADER, /* incomplete */
    MESSAGE_BODY,   /* incomplete */
    MESSAGE_COMPLETE,
    MESSAGE_REFUSED, /* see refusal and detail */
};

struct message {
    struct http_request request;   /* first: a request's message is found by it */
    struct connection *connection; /* for the connection's use */
    enum message_stage stage;
    bool keep_alive;        /* the client's wish, of the end of the header on; as are: */
    bool http_1_0;          /* no chunks in the reply */
    bool expects_continue;  /* RFC 9110 §10.1.1 */
    bool spilled;           /* the body is in `body` */
    bool in_value, in_body; /* where the parser is */
    const struct refusal *refusal;
    const char *detail; /* NULL or static text */

    struct message_limits limits;
    llhttp_t parser;
    struct slice version; /* "1.1" */
    size_t header_end;    /* offset behind the empty line */
    size_t body_wire;     /* bytes of the body as sent, */
    size_t chunks;        /* in so many chunks */
    struct buffer body;

    struct message *next_spare;
    size_t capacity, length, parsed; /* of bytes */
    struct http_header headers[MESSAGE_FIELDS_MAX];
    char bytes[];
};

struct message *message_new(void *owner, const struct message_limits *limits);
/* Forget everything and expect the first byte of a message. */
void message_begin(struct message *message);
/* Where to read to; *size_out 0: no room until the present message is done with. */
char *message_room(struct message *message, size_t *size_out);
void message_received(struct message *message, size_t count);
/* Bytes behind the present message, or of one not looked at yet. */
size_t message_waiting(const struct message *message);
/* Go on with what was received. A complete message has its request set. */
enum message_stage message_parse(struct message *message);
/* Done with the request: free its memory and expect the next, keeping the bytes behind it. */
void message_next(struct message *message);
