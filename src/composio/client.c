/* One attempt is a fetch; call_send() makes attempts until there is an answer worth having, call_object() judges it. */
#include "composio/breaker.h"
#include "composio/client_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <ctype.h>
#include <stdlib.h>
#include <time.h>

#define ATTEMPT_TIMEOUT_MS 20000
#define RETRIES            2
#define RETRY_WAIT_MAX_MS  60000 /* told to wait longer, the caller is told so instead */
#define REPLY_BYTES        (8 * 1024 * 1024)
#define REQUEST_BYTES      (16 * 1024 * 1024)
#define WORD_LENGTH_MAX    80 /* of a slug, code or request id */
#define HTTP_DATE_SIZE     40

struct composio {
    struct fetcher *fetcher;
    const char *base; /* up to /api */
    const char *api_key;
    int64_t timeout_ms;
    bool sunset_logged;
    struct breaker breaker;
    char date[HTTP_DATE_SIZE]; /* of the newest answer that had one, */
    int64_t date_read_ms;      /* which came then by our clock */
};

struct composio *composio_new(
        void *owner, struct fetcher *fetcher, const struct composio_options *options)
{
    struct composio *client = mem_new(owner, struct composio);
    client->fetcher = fetcher;
    client->breaker.patience_ms = options->patience_ms;
    client->api_key = mem_strdup(client, options->api_key);
    client->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : ATTEMPT_TIMEOUT_MS;
    struct slice base = slice_of(options->base_url);
    while (base.length > 0 && base.data[base.length - 1] == '/') {
        base.length--;
    }
    client->base = mem_printf(client, "%.*s", SLICE_ARG(base));
    return client;
}

/* ---- reading an answer ---- */

const char *member_text(const struct json *object, const char *name, const char *otherwise)
{
    const char *text = json_text(json_get(object, name));
    return text == NULL ? otherwise : text;
}

const char **texts_read(void *owner, const struct json *array, size_t *count_out)
{
    const char **texts = mem_array(owner, const char *, json_count(array));
    size_t count = 0;
    for (struct json_iterator i = json_iterate(array); json_next(&i);) {
        const char *text = json_text(i.value);
        if (text != NULL) {
            texts[count++] = text;
        }
    }
    *count_out = count;
    return texts;
}

void write_texts(
        struct json_writer *writer, const char *name, const char *const *texts, size_t count)
{
    json_write_name(writer, name);
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++) {
        json_write_text(writer, texts[i]);
    }
    json_end_array(writer);
}

/* A word of theirs that may go into the log: short, of letters, digits and "-_." only. */
static const char *plain_word(const struct json *value)
{
    const char *word = json_text(value);
    size_t length = word == NULL ? 0 : strlen(word);
    if (length == 0 || length > WORD_LENGTH_MAX) {
        return "";
    }
    for (const char *at = word; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && *at != '-' && *at != '_' && *at != '.') {
            return "";
        }
    }
    return word;
}

/* Errors come as {"error":{…}}, as {"error":"…"}, as {"message":"…"}, as {} and as the HTML of some gateway. A code may
 * be a number, its digits, or a word that stands for the slug. */
static void read_error(struct answer *answer)
{
    const struct json *error = json_get(answer->body, "error");
    const struct json *said = json_type(error) == JSON_OBJECT ? error : answer->body;
    const struct json *code = json_get(said, "code");
    answer->slug = plain_word(json_get(said, "slug"));
    answer->request_id = plain_word(json_get(said, "request_id"));
    if (json_int(code, &answer->code)) {
        return;
    }
    const char *word = plain_word(json_type(code) == JSON_STRING ? code : error);
    if (*word != '\0' && strspn(word, "0123456789") == strlen(word)) {
        answer->code = strtoll(word, NULL, 10);
    } else if (*answer->slug == '\0') {
        answer->slug = word;
    }
}

/* RFC 9110 §5.6.7, all of its forms. */
static bool parse_http_date(const char *text, int64_t *ms_out)
{
    static const char *const forms[] = {
            "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm date = {0};
        const char *end = strptime(text, forms[i], &date);
        if (end != NULL && *end == '\0') {
            *ms_out = (int64_t)timegm(&date) * 1000;
            return true;
        }
    }
    return false;
}

/* RFC 9110 §10.2.3: seconds, or a date. -1: neither. */
static int64_t parse_retry_after(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && text[digits] == '\0') {
        return digits > 9 ? INT32_MAX * 1000LL : strtoll(text, NULL, 10) * 1000;
    }
    int64_t date_ms;
    if (!parse_http_date(text, &date_ms)) {
        return -1;
    }
    int64_t left = date_ms - clock_now_ms();
    return left > 0 ? left : 0;
}

static int64_t read_retry_after(const struct fetch_reply *reply)
{
    const char *exact = fetch_reply_header(reply, "retry-after-ms");
    if (exact != NULL) {
        size_t digits = strspn(exact, "0123456789");
        if (digits > 0 && digits <= 9 && exact[digits] == '\0') {
            return strtoll(exact, NULL, 10);
        }
    }
    const char *text = fetch_reply_header(reply, "retry-after");
    return text == NULL ? -1 : parse_retry_after(text);
}

/* Kept as it came: it is read when somebody asks. */
static void note_date(struct composio *client, const struct fetch_reply *reply)
{
    const char *date = fetch_reply_header(reply, "date");
    if (date != NULL && strlen(date) < sizeof client->date) {
        memcpy(client->date, date, strlen(date) + 1);
        client->date_read_ms = clock_now_ms();
    }
}

bool composio_clock_skew(const struct composio *client, int64_t *ms_out)
{
    int64_t date_ms;
    if (!parse_http_date(client->date, &date_ms)) {
        return false;
    }
    *ms_out = date_ms - client->date_read_ms;
    return true;
}

static void warn_of_sunset(
        struct composio *client, const struct call *call, const struct fetch_reply *reply)
{
    const char *sunset = fetch_reply_header(reply, "sunset");
    if (sunset != NULL && !client->sunset_logged) {
        client->sunset_logged = true;
        log_warn("Composio retires an endpoint in use (%s, %s) on %.40s: update tenon",
                call->method, call->what, sunset);
    }
}

/* Whether Composio itself is there: not whether it, or the tool, likes this request. */
static enum breaker_outcome judge_reach(
        const struct call *call, bool answered, int status, const struct error *lost)
{
    if (answered) {
        return status >= 502 && status <= 504 ? BREAKER_NOT_REACHED : BREAKER_REACHED;
    }
    bool no_connection = lost->code == ERROR_SERVICE_UNAVAILABLE;
    bool read_lost =
            !call->once && (lost->code == ERROR_BAD_GATEWAY || lost->code == ERROR_GATEWAY_TIMEOUT);
    return no_connection || read_lost ? BREAKER_NOT_REACHED : BREAKER_NOTHING_LEARNT;
}

static bool attempt(struct composio *client, void *owner, const struct call *call,
        struct answer *answer, struct error *err)
{
    if (!breaker_admit(&client->breaker, clock_monotonic_ms(), err)) {
        return false;
    }
    void *scratch = mem_scope_new(owner, "composio_attempt");
    const struct fetch_header headers[] = {{"x-api-key", client->api_key},
            {"accept", "application/json"}, {"content-type", "application/json"}};
    const struct fetch_request request = {.method = call->method,
            .url = mem_printf(scratch, "%s%s%s", client->base,
                    slice_starts(slice_of(call->path), "/api/") ? "" : "/api/v3.1", call->path),
            .headers = headers,
            .header_count = call->body.data == NULL ? 2 : 3,
            .body = call->body,
            .timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : client->timeout_ms,
            .max_reply_bytes = call->max_reply_bytes > 0 ? call->max_reply_bytes : REPLY_BYTES};
    struct fetch_reply reply;
    bool ok = fetch(client->fetcher, scratch, &request, &reply, err);
    breaker_note(&client->breaker, clock_monotonic_ms(),
            judge_reach(call, ok, ok ? reply.status : 0, err));
    if (ok) {
        *answer = (struct answer){.status = reply.status, .slug = "", .request_id = ""};
        struct error no_json;
        if (json_parse(owner, reply.body, &answer->body, &no_json) && reply.status >= 400) {
            read_error(answer);
        }
        answer->retry_after_ms = read_retry_after(&reply);
        const char *should = fetch_reply_header(&reply, "x-should-retry");
        answer->should_retry = should == NULL ? -1 : strcmp(should, "true") == 0;
        warn_of_sunset(client, call, &reply);
        note_date(client, &reply);
    }
    mem_free(scratch);
    return ok;
}

/* ---- trying again ---- */

static bool is_passing(const struct call *call, const struct answer *answer)
{
    if (call->once || answer->status < 400) {
        return false; /* it did arrive */
    }
    if (answer->status == 409 && call->conflict_is_final) {
        return false;
    }
    if (answer->should_retry >= 0) {
        return answer->should_retry == 1;
    }
    return answer->status == 408 || answer->status == 409 || answer->status == 429 ||
           answer->status >= 500;
}

static bool may_send_again(const struct call *call, const struct error *lost)
{
    if (lost->retry_after_s > 0) {
        return false; /* the breaker is open */
    }
    return lost->code == ERROR_SERVICE_UNAVAILABLE ||        /* not sent */
           (lost->code == ERROR_BAD_GATEWAY && !call->once); /* timeouts took long enough already */
}

/* How long before the next attempt; -1: longer than there is time. */
static int64_t retry_wait_ms(int tries, int64_t told_ms)
{
    int64_t wait_ms = told_ms;
    if (told_ms < 0) {
        uint32_t full_ms = 500U << (tries - 1);
        wait_ms = full_ms - arc4random_uniform(full_ms / 4 + 1);
    }
    bool in_time =
            wait_ms <= RETRY_WAIT_MAX_MS && wait_ms < fiber_deadline_ms() - clock_monotonic_ms();
    return in_time ? wait_ms : -1;
}

bool call_send(struct composio *client, void *owner, const struct call *call,
        struct answer *answer_out, struct error *err)
{
    for (int tries = 1;; tries++) {
        void *memory = mem_scope_new(owner, "composio_answer");
        struct answer answer = {0};
        struct error lost = {0};
        bool answered = attempt(client, memory, call, &answer, &lost);
        bool again = answered ? is_passing(call, &answer) : may_send_again(call, &lost);
        int64_t wait_ms = again && tries <= RETRIES
                                  ? retry_wait_ms(tries, answered ? answer.retry_after_ms : -1)
                                  : -1;
        if (wait_ms < 0) {
            if (answered) {
                *answer_out = answer;
            } else {
                mem_free(memory);
                *err = lost;
            }
            return answered;
        }
        log_debug("Composio (%s, %s): trying again in %lld ms", call->method, call->what,
                (long long)wait_ms);
        mem_free(memory);
        if (!fiber_sleep(wait_ms, err)) {
            return false;
        }
    }
}

/* ---- judging ---- */

bool fail_unanswered(const struct error *lost, struct error *err)
{
    struct error cause = *lost; /* may be *err */
    if (cause.code == ERROR_CLIENT_CLOSED_REQUEST) {
        error_set(err, ERROR_CLIENT_CLOSED_REQUEST, "CANCELLED", "the request was cancelled");
    } else if (cause.code == ERROR_GATEWAY_TIMEOUT || cause.code == ERROR_TIMEOUT) {
        error_set(err, ERROR_GATEWAY_TIMEOUT, "UPSTREAM_TIMEOUT",
                "Composio did not answer in time; try again");
    } else {
        error_set(err, cause.code, "UPSTREAM_UNAVAILABLE",
                "Composio cannot be reached at the moment; try again");
        err->retry_after_s = cause.retry_after_s;
    }
    return error_detail(err, "%s", cause.message);
}

bool fail_detail(const struct answer *answer, struct error *err)
{
    return error_detail(err, "Composio answered %d, slug %s, code %lld, request %s", answer->status,
            *answer->slug == '\0' ? "-" : answer->slug, (long long)answer->code,
            *answer->request_id == '\0' ? "-" : answer->request_id);
}

bool fail_status(const struct call *call, const struct answer *answer, struct error *err)
{
    int status = answer->status;
    if (status == 404 && json_type(answer->body) != JSON_OBJECT) {
        /* Some gateway's page, or another server: it does not say that the thing is gone. */
        error_set(err, ERROR_BAD_GATEWAY, "UPSTREAM_UNAVAILABLE",
                "COMPOSIO_BASE_URL does not answer as Composio does; try again");
    } else if (status == 404) {
        error_set(
                err, ERROR_NOT_FOUND, "UPSTREAM_NOT_FOUND", "Composio has no such %s", call->what);
    } else if (status == 401 || status == 403) {
        error_set(err, ERROR_BAD_GATEWAY, "UPSTREAM_KEY_REFUSED",
                "Composio refused our API key; the operator must check it and its permissions");
    } else if (status == 429) {
        error_set(err, ERROR_TOO_MANY_REQUESTS, "UPSTREAM_BUSY",
                "Composio limits our requests; try again a little later");
    } else if (status == 408) {
        error_set(err, ERROR_GATEWAY_TIMEOUT, "UPSTREAM_TIMEOUT",
                "Composio did not answer in time; try again");
    } else if (status >= 400 && status < 500) {
        error_set(err, ERROR_BAD_REQUEST, "UPSTREAM_REJECTED",
                "Composio refused the request for this %s; the server's log has its reason",
                call->what);
    } else {
        error_set(err, ERROR_BAD_GATEWAY, "UPSTREAM_UNAVAILABLE",
                "Composio has trouble at the moment; try again");
    }
    if (answer->retry_after_ms >= 0) {
        err->retry_after_s = (int)((answer->retry_after_ms + 999) / 1000);
    }
    return fail_detail(answer, err);
}

bool fail_promise(const char *what, struct error *err)
{
    error_set(err, ERROR_BAD_GATEWAY, "UPSTREAM_UNAVAILABLE",
            "Composio's answer makes no sense; try again");
    return error_detail(err, "not the promised JSON: %s", what);
}

static bool call_answer(struct composio *client, void *owner, const struct call *call,
        struct answer *answer, struct error *err)
{
    if (!call_send(client, owner, call, answer, err)) {
        return fail_unanswered(err, err);
    }
    return (answer->status >= 200 && answer->status < 300) || fail_status(call, answer, err);
}

bool call_object(struct composio *client, void *owner, const struct call *call,
        const struct json **object_out, struct error *err)
{
    struct answer answer;
    if (!call_answer(client, owner, call, &answer, err)) {
        return false;
    }
    if (json_type(answer.body) != JSON_OBJECT) {
        return fail_promise(call->what, err);
    }
    *object_out = answer.body;
    return true;
}

/* ---- building ---- */

void request_buffer_init(struct buffer *buffer, void *owner)
{
    buffer_init(buffer, owner, REQUEST_BYTES);
}

const char *path_with(void *owner, const char *prefix, const char *segment)
{
    struct buffer path;
    request_buffer_init(&path, owner);
    buffer_add_text(&path, prefix);
    buffer_add_url_encoded(&path, slice_of(segment));
    return buffer_text(&path);
}

void query_add(struct buffer *path, const char *name, const char *value)
{
    bool first = path->length == 0 || memchr(path->data, '?', path->length) == NULL;
    buffer_add_char(path, first ? '?' : '&');
    buffer_add_text(path, name);
    buffer_add_char(path, '=');
    buffer_add_url_encoded(path, slice_of(value));
}
