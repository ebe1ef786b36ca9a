#include "fetch/fetch.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>

#define RUNNING_MAX             1024
#define REPLY_BYTES             (1024 * 1024)
#define HEADER_BYTES_MAX        (64 * 1024)
#define HANDLES_KEPT            64
#define CONNECTION_IDLE_SECONDS 30L

struct fetcher {
    struct loop *loop;
    CURLM *multi;
    ev_timer timer; /* what libcurl wants to be called at */
    const char *user_agent;
    int running, running_max;
    struct fiber_condition turn; /* for those beyond running_max */
    int kept_count;
    CURL *kept[HANDLES_KEPT]; /* a handle costs more to make than a request to send */
};

/* One request under way; on the stack of the fiber that waits for it. */
struct transfer {
    CURL *easy;
    struct fiber_signal done;
    CURLcode result; /* good once `done` is set */
    bool may_repeat; /* RFC 9110 §9.2.2: idempotent */
    bool started;    /* handed to a connection: from then on it may have arrived */
    size_t limit;    /* bytes, of headers and body each */
    size_t header_bytes;
    bool header_overflow, header_ended;
    struct fetch_reply *reply;
    size_t header_capacity;
    struct buffer body;
    char cause[CURL_ERROR_SIZE];
};

/* ---- libcurl on the loop: it tells what to watch, and is told what happened ---- */

static void finish_transfers(struct fetcher *fetcher)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(fetcher->multi, &left)) != NULL) {
        struct transfer *transfer = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        transfer->result = message->data.result;
        fiber_signal_set(&transfer->done);
    }
}

static void socket_ready(struct ev_loop *ev, ev_io *io, int events)
{
    (void)ev;
    struct fetcher *fetcher = io->data;
    int mask =
            (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;
    curl_multi_socket_action(fetcher->multi, io->fd, mask, &running);
    finish_transfers(fetcher);
}

static void timer_fired(struct ev_loop *ev, ev_timer *timer, int events)
{
    (void)ev;
    (void)events;
    struct fetcher *fetcher = timer->data;
    int running;
    curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_transfers(fetcher);
}

/* Called by libcurl, as set_timer() is: neither may call it back. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
    (void)easy;
    struct fetcher *fetcher = context;
    struct ev_loop *ev = loop_ev(fetcher->loop);
    ev_io *io = socket_context;
    if (io == NULL) {
        if (what == CURL_POLL_REMOVE) {
            return 0;
        }
        io = mem_new(fetcher, ev_io);
        ev_init(io, socket_ready);
        io->data = fetcher;
        curl_multi_assign(fetcher->multi, fd, io); /* this one is allowed */
    }
    ev_io_stop(ev, io);
    if (what == CURL_POLL_REMOVE) {
        mem_free(io);
        return 0;
    }
    ev_io_set(io, fd,
            (what & CURL_POLL_IN ? EV_READ : EV_NONE) |
                    (what & CURL_POLL_OUT ? EV_WRITE : EV_NONE));
    ev_io_start(ev, io);
    return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    struct fetcher *fetcher = context;
    struct ev_loop *ev = loop_ev(fetcher->loop);
    ev_timer_stop(ev, &fetcher->timer);
    if (timeout_ms >= 0) {
        ev_timer_set(&fetcher->timer, (double)timeout_ms / 1000., 0.);
        ev_timer_start(ev, &fetcher->timer);
    }
    return 0;
}

static void init_curl(void)
{
    CURLcode failed = curl_global_init(CURL_GLOBAL_DEFAULT);
    assert(failed == CURLE_OK);
}

static int fetcher_end(struct fetcher *fetcher)
{
    assert(fetcher->running == 0);
    while (fetcher->kept_count > 0) {
        curl_easy_cleanup(fetcher->kept[--fetcher->kept_count]);
    }
    curl_multi_cleanup(fetcher->multi);
    ev_timer_stop(loop_ev(fetcher->loop), &fetcher->timer);
    return 0;
}

struct fetcher *fetcher_new(void *owner, struct loop *loop, const struct fetch_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);

    struct fetcher *fetcher = mem_new(owner, struct fetcher);
    fetcher->loop = loop;
    fetcher->user_agent =
            mem_strdup(fetcher, options->user_agent == NULL ? "tenon" : options->user_agent);
    ev_timer_init(&fetcher->timer, timer_fired, 0., 0.);
    fetcher->timer.data = fetcher;

    fetcher->running_max = options->running_max > 0 ? options->running_max : RUNNING_MAX;
    fetcher->multi = curl_multi_init();
    assert(fetcher->multi != NULL);
    curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
    curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
    /* Fewer than are in use at once would close them after each request. */
    curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, (long)fetcher->running_max);
    mem_on_free(fetcher, fetcher_end);
    return fetcher;
}

/* ---- what libcurl asks of a transfer ---- */

/* A connection is there and the request goes out next. Called again before libcurl would send the same request once
 * more, which it does, POST or not, when a connection used before closes without an answer. */
static int about_to_send(void *context, char *peer, char *self, int peer_port, int self_port)
{
    (void)peer;
    (void)self;
    (void)peer_port;
    (void)self_port;
    struct transfer *transfer = context;
    if (transfer->started && !transfer->may_repeat) {
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->started = true;
    return CURL_PREREQFUNC_OK;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    buffer_add(&transfer->body, bytes, size * count);
    return transfer->body.overflow ? 0 : size * count;
}

static struct fetch_header *add_header(struct transfer *transfer, void *owner)
{
    struct fetch_reply *reply = transfer->reply;
    if (reply->header_count == transfer->header_capacity) {
        transfer->header_capacity = transfer->header_capacity == 0 ? 32 : 2 * reply->header_count;
        reply->headers = mem_resize(
                owner, reply->headers, transfer->header_capacity * sizeof(struct fetch_header));
    }
    return &reply->headers[reply->header_count++];
}

static void parse_header(struct transfer *transfer, struct slice line)
{
    void *owner = transfer->body.owner;
    struct fetch_reply *reply = transfer->reply;
    if ((line.data[0] == ' ' || line.data[0] == '\t') && reply->header_count > 0) {
        /* A folded line (RFC 9112 §5.2) continues the value before it. */
        struct fetch_header *last = &reply->headers[reply->header_count - 1];
        struct slice more = slice_trim(line);
        last->value = mem_printf(owner, "%s %.*s", last->value, SLICE_ARG(more));
        return;
    }
    struct slice value = line;
    struct slice name = slice_split(&value, ':');
    if (value.data == NULL) {
        return; /* no colon: no header */
    }
    char *lower = mem_strndup(owner, name.data, name.length);
    for (char *at = lower; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    value = slice_trim(value);
    struct fetch_header *header = add_header(transfer, owner);
    header->name = lower;
    header->value = mem_strndup(owner, value.data, value.length);
}

/* One line, its end included; the lines of interim replies (100, 103) and of trailers come here too. */
static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t length = size * count;
    transfer->header_bytes += length;
    if (transfer->header_bytes > transfer->limit || transfer->header_bytes > HEADER_BYTES_MAX) {
        transfer->header_overflow = true;
        return 0;
    }
    struct slice line = {bytes, length};
    while (line.length > 0 &&
            (line.data[line.length - 1] == '\n' || line.data[line.length - 1] == '\r')) {
        line.length--;
    }
    if (slice_starts(line, "HTTP/") && transfer->body.length == 0) {
        transfer->header_ended = false;
        transfer->reply->header_count = 0; /* an interim reply's are not the reply's */
    } else if (line.length == 0) {
        transfer->header_ended = true;
    } else if (
            !transfer->header_ended) { /* RFC 9110 §6.5.1: trailers are not merged into the headers */
        parse_header(transfer, line);
    }
    return length;
}

/* ---- a request ---- */

static CURL *handle_new(struct fetcher *fetcher)
{
    CURL *easy = fetcher->kept_count > 0 ? fetcher->kept[--fetcher->kept_count] : curl_easy_init();
    assert(easy != NULL);
    return easy;
}

static void handle_keep(struct fetcher *fetcher, CURL *easy)
{
    if (fetcher->kept_count < HANDLES_KEPT) {
        curl_easy_reset(easy);
        fetcher->kept[fetcher->kept_count++] = easy;
    } else {
        curl_easy_cleanup(easy);
    }
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(word, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

static bool is_text_without_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7F) {
            return false;
        }
    }
    return true;
}

/* libcurl's list made in our memory: it only reads it, while the transfer runs. */
static struct curl_slist *header_list(void *owner, const struct fetch_request *request)
{
    struct curl_slist *nodes = mem_array(owner, struct curl_slist, request->header_count + 2);
    size_t count = 0;
    bool has_type = false;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct fetch_header *header = &request->headers[i];
        if (!is_text_without_control(header->name) || !is_text_without_control(header->value)) {
            return NULL;
        }
        has_type |= strcasecmp(header->name, "content-type") == 0;
        /* "name;" is how libcurl is told of an empty value. */
        nodes[count++].data = *header->value == '\0'
                                      ? mem_printf(owner, "%s;", header->name)
                                      : mem_printf(owner, "%s: %s", header->name, header->value);
    }
    nodes[count++].data = mem_strdup(owner, "Expect:"); /* no waiting for 100 Continue */
    if (!has_type) {
        nodes[count++].data = mem_strdup(owner, "Content-Type:"); /* libcurl would make one up */
    }
    for (size_t i = 0; i + 1 < count; i++) {
        nodes[i].next = &nodes[i + 1];
    }
    return nodes;
}

static void set_method(CURL *easy, const struct fetch_request *request)
{
    static const char *const with_body[] = {"POST", "PUT", "PATCH", NULL};
    if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (request->body.data != NULL || is_one_of(request->method, with_body)) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                request->body.data == NULL ? "" : request->body.data); /* not copied */
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void transfer_prepare(struct fetcher *fetcher, struct transfer *transfer,
        const struct fetch_request *request, struct curl_slist *headers)
{
    static const char *const idempotent[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", NULL};
    transfer->may_repeat = is_one_of(request->method, idempotent);
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    set_method(easy, request);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, fetcher->user_agent);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    if (strncasecmp(request->url, "https:", 6) == 0) {
        /* Wait for the first connection to say whether it takes many requests, instead of opening more. */
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    }
    /* The other side closes idle connections too; the younger one is, the less likely both happen at once. */
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_SECONDS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(
            easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a name look-up when cancelled */
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)transfer->limit);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, about_to_send);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->cause);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

/* The queue is ours: libcurl's own, behind CURLMOPT_MAX_HOST_CONNECTIONS, is forgotten by 8.14 when the transfer ahead
 * is removed. */
static bool take_turn(struct fetcher *fetcher, struct error *err)
{
    while (fetcher->running >= fetcher->running_max) {
        if (!fiber_condition_wait(&fetcher->turn, err)) {
            return false;
        }
    }
    fetcher->running++;
    return true;
}

static void end_turn(struct fetcher *fetcher)
{
    fetcher->running--;
    fiber_condition_wake_one(&fetcher->turn);
}

/* Until it is done; false, with err set, when time is up or the fiber is cancelled. */
static bool transfer_run(
        struct fetcher *fetcher, struct transfer *transfer, int64_t timeout_ms, struct error *err)
{
    int64_t outer_deadline_ms = fiber_deadline_ms();
    int64_t deadline_ms = timeout_ms > 0 ? clock_monotonic_ms() + timeout_ms : outer_deadline_ms;
    if (deadline_ms < outer_deadline_ms) {
        fiber_set_deadline(deadline_ms);
    }
    bool ok = fiber_check(err) && take_turn(fetcher, err);
    if (ok) {
        curl_multi_add_handle(fetcher->multi, transfer->easy);
        ok = fiber_signal_wait(&transfer->done, err);
        curl_multi_remove_handle(fetcher->multi, transfer->easy);
        end_turn(fetcher);
    }
    fiber_set_deadline(outer_deadline_ms);
    return ok;
}

static const char *url_host(void *owner, const char *text)
{
    char *host = NULL;
    CURLU *url = curl_url();
    if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
        curl_url_get(url, CURLUPART_HOST, &host, 0);
    }
    const char *copy = mem_strdup(owner, host == NULL ? "a URL that is not valid" : host);
    curl_free(host);
    curl_url_cleanup(url);
    return copy;
}

/* The wait ended before the transfer did. */
static bool fail_unfinished(const struct transfer *transfer, const char *host, struct error *err)
{
    const char *reason = transfer->started ? "REPLY_LOST" : "NOT_SENT";
    if (err->code == ERROR_CLIENT_CLOSED_REQUEST) {
        return error_set(
                err, ERROR_CLIENT_CLOSED_REQUEST, reason, "the request to %s was cancelled", host);
    }
    return error_set(err, ERROR_GATEWAY_TIMEOUT, reason,
            transfer->started ? "%s did not answer in time" : "no connection to %s in time", host);
}

static bool fail_finished(const struct transfer *transfer, const char *host, struct error *err)
{
    if (transfer->header_overflow || transfer->body.overflow ||
            transfer->result == CURLE_FILESIZE_EXCEEDED) {
        return error_set(
                err, ERROR_BAD_GATEWAY, "REPLY_TOO_LARGE", "the reply of %s is too large", host);
    }
    if (transfer->started) {
        error_set(err, ERROR_BAD_GATEWAY, "REPLY_LOST", "the reply of %s was lost: %s", host,
                curl_easy_strerror(transfer->result));
    } else {
        error_set(err, ERROR_SERVICE_UNAVAILABLE, "NOT_SENT", "no connection to %s: %s", host,
                curl_easy_strerror(transfer->result));
    }
    return error_detail(err, "%s", transfer->cause);
}

bool fetch(struct fetcher *fetcher, void *owner, const struct fetch_request *request,
        struct fetch_reply *reply_out, struct error *err)
{
    void *scratch = mem_scope_new(NULL, "fetch");
    struct curl_slist *headers = header_list(scratch, request);
    if (headers == NULL) {
        mem_free(scratch);
        return error_set(err, ERROR_SERVICE_UNAVAILABLE, "NOT_SENT",
                "a header of the request has a control character");
    }

    struct fetch_reply reply = {0};
    void *kept = mem_scope_new(owner, "fetch_reply");
    struct transfer transfer = {.easy = handle_new(fetcher), .reply = &reply};
    transfer.limit = request->max_reply_bytes == 0 ? REPLY_BYTES : request->max_reply_bytes;
    buffer_init(&transfer.body, kept, transfer.limit);
    transfer_prepare(fetcher, &transfer, request, headers);

    bool ok = transfer_run(fetcher, &transfer, request->timeout_ms, err);
    if (!ok) {
        fail_unfinished(&transfer, url_host(scratch, request->url), err);
    } else if (transfer.result != CURLE_OK) {
        ok = fail_finished(&transfer, url_host(scratch, request->url), err);
    }
    if (ok) {
        long status = 0;
        curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
        reply.status = (int)status;
        reply.body = (struct slice){buffer_text(&transfer.body), transfer.body.length};
        *reply_out = reply;
    } else {
        mem_free(kept);
    }
    handle_keep(fetcher, transfer.easy);
    mem_free(scratch);
    return ok;
}

const char *fetch_reply_header(const struct fetch_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0) {
            return reply->headers[i].value;
        }
    }
    return NULL;
}
