/* Subscriptions as server-sent events (https://html.spec.whatwg.org/#server-sent-events), in the form of the reference
 * server. Every event has an id, so that a client that comes back says where it was. A stream ends without `return`, which
 * makes the client come back: there is no end to what is told here. */
#include "trpc/trpc_internal.h"

#include <assert.h>

/* A client that hears nothing for so long connects anew; http beats every 15 s. */
#define CONNECTED "event: connected\ndata: {\"reconnectAfterInactivityMs\":40000}\n\n\n"
/* An event, not a comment: the client's clock counts those only. */
#define PING "event: ping\ndata: \n\n\n"

#define EVENTS_MAX_BYTES (1024 * 1024)

struct trpc_events {
    struct buffer text;
    bool superjson;
    size_t data_start; /* of the event being written */
    struct json_writer writer;
    struct trpc_marks marks;
    struct trpc_call call;
};

const char *trpc_last_event_id(struct http_request *request, const struct json *input)
{
    struct slice header = http_request_header(request, "last-event-id");
    if (header.length > 0) {
        return mem_strndup(request->memory, header.data, header.length);
    }
    static const char *const parameters[] = {"lastEventId", "Last-Event-Id"};
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        const char *value = http_request_parameter(request, parameters[i]);
        if (value != NULL && *value != '\0') {
            return value;
        }
    }
    return json_text(json_get(input, "lastEventId"));
}

void trpc_write_stream_head(struct buffer *out, const struct trpc_failure *failure,
        struct slice path, const char *request_id, bool superjson)
{
    buffer_add_text(out, CONNECTED);
    if (failure != NULL) {
        buffer_add_text(out, "event: serialized-error\ndata: ");
        trpc_write_error_shape(out, failure, path, request_id, superjson);
        buffer_add_text(out, "\n\n\n");
    }
}

void trpc_stream_open(struct trpc_call *call, struct trpc_stream *stream,
        void (*closed)(void *argument), void *argument)
{
    assert(call->opening != NULL);
    *call->opening = (struct trpc_opening){stream, closed, argument};
}

void trpc_open(const struct trpc_opening *opening, const struct trpc_request *request,
        const struct http_reply *reply)
{
    opening->stream->superjson = request->superjson;
    http_stream_begin(
            &opening->stream->http, request->http, reply, PING, opening->closed, opening->argument);
}

/* ---- events ---- */

struct trpc_events *trpc_events_new(void *owner, const struct trpc_stream *stream)
{
    struct trpc_events *events = mem_new(owner, struct trpc_events);
    events->superjson = stream->superjson;
    buffer_init(&events->text, events, EVENTS_MAX_BYTES);
    return events;
}

struct trpc_call *trpc_event_begin(struct trpc_events *events)
{
    events->call = (struct trpc_call){.output = &events->writer, .marks = &events->marks};
    buffer_add_text(&events->text, "data: ");
    events->data_start = events->text.length;
    buffer_add_text(&events->text, events->superjson ? "{\"json\":" : "");
    trpc_marks_init(&events->marks, events, events->superjson, "");
    json_writer_init(&events->writer, &events->text);
    return &events->call;
}

void trpc_event_end(struct trpc_events *events, const char *id)
{
    struct buffer *text = &events->text;
    assert(events->writer.depth == 0);
    if (events->superjson) {
        trpc_marks_write(&events->marks, text);
        buffer_add_char(text, '}');
    }
    /* Data is one line; within JSON, an end of line is a blank like any other. */
    for (size_t i = events->data_start; i < text->length; i++) {
        if (text->data[i] == '\n' || text->data[i] == '\r') {
            text->data[i] = ' ';
        }
    }
    buffer_printf(text, "\nid: %s\n\n\n", id);
}

struct slice trpc_events_text(const struct trpc_events *events)
{
    return buffer_slice(&events->text);
}

void trpc_stream_send(struct trpc_stream *stream, struct trpc_events *events)
{
    if (events->text.overflow || events->marks.text.overflow) {
        http_stream_end(&stream->http);
        return;
    }
    http_stream_write(&stream->http, buffer_slice(&events->text));
}
