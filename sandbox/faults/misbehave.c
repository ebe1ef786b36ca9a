#include "sandbox/faults/misbehave.h"

#include "base/clock.h"

#define DRIP_TIME_MAX_MS (10 * 60 * 1000)

/* ---- whose request ---- */

static const struct owned {
    const char *prefix, *owner;
} owned[] = {
        {"ca_", "SELECT user_id FROM account WHERE id = $1"},
        {"trs_", "SELECT user_id FROM router_session WHERE id = $1"},
};

/* NULL: the id is of nothing that users own. */
static const struct owned *owned_kind(struct slice id)
{
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) {
        if (slice_starts(id, owned[i].prefix)) {
            return &owned[i];
        }
    }
    return NULL;
}

/* The first segment of the path that is the id of an account or a session; data NULL: none. */
static struct slice owned_in_path(struct slice path)
{
    while (path.data != NULL) {
        struct slice segment = slice_split(&path, '/');
        if (owned_kind(segment) != NULL) {
            return segment;
        }
    }
    return (struct slice){NULL, 0};
}

SUSPENDS static MUST_CHECK bool owner_of(
        struct call *call, struct slice id, const char **user_out, struct error *err)
{
    const struct db_rows *rows;
    const struct owned *kind = owned_kind(id);
    if (kind == NULL) {
        return true;
    }
    if (!db_read(call->sandbox->db, call->memory, kind->owner, DB_PARAMS(DB_SLICE(id)), &rows,
                err)) {
        return false;
    }
    *user_out = db_row_count(rows) == 0 ? NULL : db_get_text(rows, 0, 0);
    return true;
}

bool misbehave_user_of(struct call *call, const char **user_out, struct error *err)
{
    const struct json *body = NULL;
    struct error ignored = {0};
    struct texts users = call_parameter_list(call, "user_ids");
    if (!json_parse(call->memory, call->request->body, &body, &ignored)) {
        body = NULL; /* a form, or nothing */
    }
    const char *said[] = {call_parameter(call, "user_id"), users.count == 1 ? users.items[0] : NULL,
            json_text(json_get(body, "user_id")),
            json_text(json_get(json_get(body, "connection"), "user_id"))};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        if (said[i] != NULL) {
            *user_out = said[i];
            return true;
        }
    }
    struct slice id = owned_in_path(call->request->path);
    if (id.data == NULL) {
        id = json_string(json_get(body, "connected_account_id"));
    }
    *user_out = NULL;
    return id.data == NULL || owner_of(call, id, user_out, err);
}

/* ---- drop by drop ---- */

struct drip {
    struct sandbox *sandbox;
    struct fiber *fiber; /* NULL: it is ending */
    struct http_stream stream;
    bool open; /* the stream is, and its connection */
    struct slice left;
    int64_t pause_ms;
    size_t piece;
};

static void drip_closed(void *argument)
{
    struct drip *drip = argument;
    drip->open = false;
    if (drip->fiber != NULL) {
        fiber_cancel(drip->fiber);
    }
}

static void drip_run(void *argument)
{
    struct drip *drip = argument;
    struct sandbox *sandbox = drip->sandbox;
    struct error err = {0};
    while (drip->open && drip->left.length > 0 && fiber_sleep(drip->pause_ms, &err)) {
        size_t length = drip->left.length < drip->piece ? drip->left.length : drip->piece;
        struct slice piece = {drip->left.data, length};
        drip->left = slice_skip(drip->left, length);
        http_stream_write(&drip->stream, piece);
    }
    drip->fiber = NULL;
    if (drip->open) {
        http_stream_end(&drip->stream);
    }
    mem_free(drip);
    sandbox->drips--;
    fiber_condition_wake_all(&sandbox->drips_ended);
}

/* The head at once, the body by and by, on a fiber of its own: bytes leave only when the handler has returned. */
static void drip_begin(struct call *call, const struct fault *fault)
{
    struct sandbox *sandbox = call->sandbox;
    struct drip *drip = mem_new(sandbox, struct drip);
    struct slice body = buffer_slice(&call->out);
    drip->sandbox = sandbox;
    drip->left = (struct slice){mem_strndup(drip, body.data, body.length), body.length};
    drip->pause_ms = fault->drip_ms;
    drip->piece = (size_t)fault->drip_bytes;
    struct http_reply reply = call_reply(call);
    reply.body = (struct slice){NULL, 0};
    sandbox->drips++;
    drip->open = true;
    http_stream_begin(&drip->stream, call->request, &reply, "", drip_closed, drip);
    drip->fiber = fiber_start(
            fiber_loop(), "drip", drip_run, drip, clock_monotonic_ms() + DRIP_TIME_MAX_MS);
}

bool misbehave_drain(struct sandbox *sandbox, struct error *err)
{
    while (sandbox->drips > 0) {
        if (!fiber_condition_wait(&sandbox->drips_ended, err)) {
            return false;
        }
    }
    return true;
}

/* ---- the answer ---- */

static void fail(struct call *call, int status)
{
    struct error err = {0};
    bool limited = status == 429;
    api_error_set(&err, limited ? API_TOO_MANY_REQUESTS : API_INTERNAL, "%s",
            limited ? "Rate limit exceeded. Limit: 10000 requests per 1 minutes"
                    : "The sandbox was told to fail");
    call_answer_error(call, &err, status);
}

static void write_gateway_page(struct call *call, int status)
{
    call->status = status == 0 ? 502 : status;
    call->content_type = "text/html; charset=utf-8";
    buffer_clear(&call->out);
    buffer_printf(&call->out,
            "<html><head><title>%d</title></head><body><h1>%d Bad Gateway</h1></body></html>\n",
            call->status, call->status);
}

bool misbehave_spoil(struct call *call, const struct fault *fault)
{
    if (fault->retry_after_s > 0) {
        call_add_header(call, "Retry-After", mem_printf(call->memory, "%d", fault->retry_after_s));
    }
    switch (fault->kind) {
    case FAULT_NONE:
    case FAULT_DUPLICATE:
    case FAULT_DRIP:
        break;
    case FAULT_RESET:
        return false;
    case FAULT_STATUS:
        fail(call, fault->status);
        break;
    case FAULT_GARBAGE:
        call->status = 200;
        buffer_clear(&call->out);
        buffer_add_text(&call->out, "\x01\x02{\"items\":[}}\xff\xfe no JSON at all");
        break;
    case FAULT_TRUNCATE:
        call->out.length /= 2;
        break;
    case FAULT_HTML:
        write_gateway_page(call, fault->status);
        break;
    }
    return true;
}

void misbehave_send(struct call *call, const struct fault *fault)
{
    bool drips = call->out.length > 0 && !slice_is(call->request->method, "HEAD");
    if (fault->kind == FAULT_RESET) {
        http_reset(call->request);
    } else if (fault->kind == FAULT_DRIP && drips) {
        call_add_header(call, "X-Request-Id", call->request_id);
        drip_begin(call, fault);
    } else {
        call_answer(call);
    }
}
