/* For the tests of this module: play a row (one call against scripted replies) and compare what was sent and what came
 * out. */
#pragma once

#include "composio/composio.h"

#include "testing/fiber.h"
#include "testing/test.h"
#include "testing/upstream.h"

#if defined(__clang__) /* which wants every reply of a row to say that it has no headers */
#    pragma clang diagnostic ignored "-Wmissing-field-initializers"
#endif

#define KEY      "ak_secret_key"
#define NO_DELAY "Retry-After-Ms: 0\r\n"

enum { DROP = -1, SILENT = -2 }; /* instead of a status: close, or say nothing */

struct reply {
    int status; /* 0: the one before again */
    const char *body, *headers;
};

struct stage {
    struct composio *client;
    void *owner;
    struct buffer out; /* the decoded result as text */
};

/* Makes one call, and writes what came out of it. */
typedef bool action(struct stage *stage, struct error *err);

struct row {
    const char *name;
    action *act;
    struct reply replies[4];
    const char *requests; /* "METHOD target body\n" each */
    const char *result;   /* NULL: it fails */
    enum error_code code;
    const char *reason;
    int retry_after_s;
    const char *detail; /* NULL: not looked at */
    int64_t deadline_ms;
};

static inline const char *or_dash(const char *text)
{
    return text == NULL ? "-" : text;
}

/* ---- how a row is played ---- */

struct play {
    const struct row *row;
    struct upstream *upstream;
    const char *base; /* instead of the upstream's */
};

static inline enum upstream_next answer_row(
        void *context, const struct upstream_request *request, int socket)
{
    const struct row *row = context;
    int at = request->number - 1 < 3 ? request->number - 1 : 3;
    while (row->replies[at].status == 0) {
        at--;
    }
    const struct reply *reply = &row->replies[at];
    if (reply->status == DROP) {
        return UPSTREAM_CLOSE;
    }
    if (reply->status == SILENT) {
        return UPSTREAM_HOLD;
    }
    upstream_reply(
            socket, reply->status, reply->headers == NULL ? "" : reply->headers, reply->body);
    return UPSTREAM_KEEP;
}

static inline void check_requests(struct stage *stage, const struct play *play)
{
    struct buffer seen;
    buffer_init(&seen, stage->owner, 1 << 20);
    int count = upstream_requests(play->upstream);
    for (int i = 1; i <= count; i++) {
        const struct upstream_request *request = upstream_wait_request(play->upstream, i);
        buffer_printf(&seen, "%s %s", request->method, request->target);
        if (request->body.length > 0) {
            buffer_printf(&seen, " %.*s", SLICE_ARG(request->body));
        }
        buffer_add_char(&seen, '\n');
        ck_assert_pstr_eq(upstream_header(stage->owner, request, "x-api-key"), KEY);
        ck_assert_pstr_eq(upstream_header(stage->owner, request, "accept"), "application/json");
        ck_assert_pstr_eq(upstream_header(stage->owner, request, "content-type"),
                request->body.length > 0 ? "application/json" : NULL);
        ck_assert_pstr_eq(upstream_header(stage->owner, request, "authorization"), NULL);
    }
    ck_assert_str_eq(buffer_text(&seen), play->row->requests);
}

static inline void play_row(void *argument)
{
    const struct play *play = argument;
    const struct row *row = play->row;
    struct stage stage = {.owner = fiber_memory()};
    buffer_init(&stage.out, stage.owner, 1 << 20);
    struct fetcher *fetcher =
            fetcher_new(stage.owner, fiber_loop(), &(struct fetch_options){.user_agent = NULL});
    const struct composio_options options = {
            .base_url = play->base == NULL ? mem_printf(stage.owner, "%s/", play->upstream->base)
                                           : play->base,
            .api_key = KEY};
    stage.client = composio_new(stage.owner, fetcher, &options);
    if (row->deadline_ms > 0) {
        fiber_set_deadline(clock_monotonic_ms() + row->deadline_ms);
    }

    struct error err = {0};
    bool ok = row->act(&stage, &err);
    fiber_set_deadline(FIBER_NO_DEADLINE);
    check_requests(&stage, play);
    ck_assert_str_eq(or_dash(err.reason), or_dash(row->reason));
    ck_assert_int_eq(ok, row->result != NULL);
    if (ok) {
        ck_assert_str_eq(buffer_text(&stage.out), row->result);
    } else {
        ck_assert_int_eq(err.code, row->code);
        ck_assert_int_eq(err.retry_after_s, row->retry_after_s);
        ck_assert_ptr_null(strstr(err.message, KEY));
        ck_assert_ptr_null(strstr(err.detail, KEY));
        ck_assert_ptr_null(strstr(err.message, "THEIR WORDS"));
        ck_assert_ptr_null(strstr(err.detail, "THEIR WORDS"));
        if (row->detail != NULL) {
            ck_assert_str_eq(err.detail, row->detail);
        }
    }
    mem_free(fetcher);
}

static inline void play_at(const struct row *row, const char *base)
{
    setenv("no_proxy", "*", 1);
    void *owner = mem_scope_new(NULL, __func__);
    struct row script = *row;
    struct play play = {
            .row = row, .base = base, .upstream = upstream_new(owner, answer_row, &script)};
    test_in_fiber(play_row, &play);
    mem_free(owner);
}

static inline void play(const struct row *row)
{
    play_at(row, NULL);
}

/* The same against a port where nobody listens. */
static inline void play_nowhere(const struct row *row)
{
    char base[UPSTREAM_BASE_SIZE];
    int deaf = upstream_bind(base);
    play_at(row, base);
    close(deaf);
}
