/* integrations.events: a stream of a user's connections as they change. It lives outside of its request, without a fiber. */
#include "core/events.h"
#include "api/api_internal.h"

struct event_stream {
    struct events_watcher watcher;
    struct trpc_stream stream;
};

static void heard(void *argument, const struct connection_event *events, size_t count)
{
    struct event_stream *stream = argument;
    void *memory = mem_scope_new(NULL, "event stream");
    struct trpc_events *batch = trpc_events_new(memory, &stream->stream);
    for (size_t i = 0; i < count; i++) {
        const struct integration *integration = events[i].integration;
        struct trpc_call *call = trpc_event_begin(batch);
        api_write_status(
                call, integration->provider, integration->has_connection, &integration->connection);
        trpc_event_end(batch, events[i].id);
    }
    trpc_stream_send(&stream->stream, batch); /* may close it */
    mem_free(memory);
}

static void closed(void *argument)
{
    struct event_stream *stream = argument;
    events_unwatch(&stream->watcher);
    mem_free(stream);
}

bool api_events(struct trpc_call *call, struct error *err)
{
    struct api *api = call->context;
    struct context context = {api->core, call->request->memory, call->user};
    struct event_stream *stream = mem_new(api, struct event_stream);
    if (!events_watch(&context, &stream->watcher, call->last_event_id, heard, stream, err)) {
        mem_free(stream);
        return false;
    }
    trpc_stream_open(call, &stream->stream, closed, stream);
    return true;
}
