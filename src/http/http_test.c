/* A real server on a loop thread of its own, and raw sockets against it: what is served, what is refused and how, what
 * happens to slow, greedy and vanishing clients. */
#include "http/http.h"
#include "testing/fiber.h"
#include "testing/test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the server ---- */

struct scene {
    struct http_options options;
    pthread_t thread;
    sem_t started;
    void *memory; /* of the server's thread */
    struct loop *loop;
    struct http_server *server;
    struct loop_call stop;
    int port;
    sem_t cancelled, closed, begun;      /* posted by the handlers */
    struct http_stream storage, *stream; /* NULL: closed */
    struct loop_call write;
    bool drained;
};

static void stream_closed(void *argument)
{
    struct scene *scene = argument;
    scene->stream = NULL;
    sem_post(&scene->closed);
}

static void reply_text(struct http_request *request, int status, struct slice body)
{
    struct http_reply reply = {.status = status, .content_type = "text/plain", .body = body};
    http_reply(request, &reply);
}

static void waits_until_cancelled(struct scene *scene, struct http_request *request)
{
    struct error err = {0};
    sem_post(&scene->begun);
    bool slept = fiber_sleep(60000, &err);
    ck_assert(!slept);
    if (strcmp(err.reason, "CANCELLED") == 0) {
        sem_post(&scene->cancelled);
    }
    reply_text(request, 504, slice_of(err.reason));
}

static void handler(void *context, struct http_request *request)
{
    struct scene *scene = context;
    if (slice_is(request->path, "/echo")) { /* method, query, body */
        const char *name = http_request_parameter(request, "name");
        reply_text(request, 200,
                slice_of(mem_printf(request->memory, "%.*s|%s|%.*s", SLICE_ARG(request->method),
                        name == NULL ? "-" : name, SLICE_ARG(request->body))));
    } else if (slice_is(request->path, "/wait")) {
        waits_until_cancelled(scene, request);
    } else if (slice_is(request->path, "/large")) {
        char *body = mem_block(request->memory, 32 * 1024 * 1024, "large");
        memset(body, 'x', 32 * 1024 * 1024);
        reply_text(request, 200, (struct slice){body, 32 * 1024 * 1024});
    } else if (slice_is(request->path, "/stream")) {
        struct http_reply reply = {.status = 200,
                .content_type = "text/event-stream",
                .body = SLICE("data: hello\n\n")};
        scene->stream = &scene->storage;
        http_stream_begin(scene->stream, request, &reply, ": beat\n\n", stream_closed, scene);
        sem_post(&scene->begun);
    } else if (slice_is(request->path, "/silent")) {
        return;
    } else if (slice_is(request->path, "/reset")) {
        http_reset(request);
    } else if (slice_is(request->path, "/nothing")) {
        struct http_reply reply = {.status = 204};
        http_reply(request, &reply);
    } else {
        reply_text(request, 200, SLICE("ok"));
    }
}

static void server_begin(void *argument)
{
    struct scene *scene = argument;
    struct error err = {0};
    scene->options.host = "127.0.0.1";
    scene->options.handler = handler;
    scene->options.context = scene;
    bool ok = http_server_new(scene->memory, scene->loop, &scene->options, &scene->server, &err);
    ck_assert_msg(ok, "%s", err.message);
    scene->port = http_server_port(scene->server);
    sem_post(&scene->started);
}

static void server_end(void *argument)
{
    struct scene *scene = argument;
    struct error err = {0};
    scene->drained = http_server_drain(scene->server, &err);
    loop_stop(scene->loop);
}

static void stop(void *argument)
{
    struct scene *scene = argument;
    fiber_start(scene->loop, "end", server_end, scene, clock_monotonic_ms() + 10000);
}

static void *server_main(void *argument)
{
    struct scene *scene = argument;
    scene->memory = mem_scope_new(NULL, "server");
    scene->loop = loop_new(scene->memory);
    fiber_start(scene->loop, "begin", server_begin, scene, FIBER_NO_DEADLINE);
    loop_run(scene->loop);
    mem_free(scene->memory); /* the server first: what is newer goes first */
    return NULL;
}

static void scene_begin(struct scene *scene)
{
    sem_init(&scene->started, 0, 0);
    sem_init(&scene->cancelled, 0, 0);
    sem_init(&scene->closed, 0, 0);
    sem_init(&scene->begun, 0, 0);
    pthread_create(&scene->thread, NULL, server_main, scene);
    sem_wait(&scene->started);
}

static void scene_end(struct scene *scene)
{
    scene->stop = (struct loop_call){.function = stop, .argument = scene};
    loop_call(scene->loop, &scene->stop);
    pthread_join(scene->thread, NULL);
    ck_assert(scene->drained);
}

/* ---- the client ---- */

static int dial(const struct scene *scene)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
            .sin_port = htons((uint16_t)scene->port),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text, size_t length)
{
    ck_assert_int_eq(send(fd, text, length, MSG_NOSIGNAL), (ssize_t)length);
}

static void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

/* Everything until the server closes; "" and a reset count as the end. */
static char *hear_all(void *owner, int fd)
{
    struct buffer text;
    buffer_init(&text, owner, 64 * 1024 * 1024);
    char bytes[4096];
    ssize_t count;
    while ((count = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        buffer_add(&text, bytes, (size_t)count);
    }
    close(fd);
    buffer_add(&text, "", 1);
    return text.data;
}

/* Until the text has been heard; everything heard so far. */
static const char *hear_until(void *owner, int fd, const char *wanted)
{
    struct buffer text;
    buffer_init(&text, owner, 1024 * 1024);
    while (strstr(buffer_text(&text), wanted) == NULL) {
        char byte;
        ck_assert_msg(recv(fd, &byte, 1, 0) == 1, "closed after: %s", buffer_text(&text));
        buffer_add_char(&text, byte);
    }
    return buffer_text(&text);
}

static int status_of(const char *reply)
{
    int status = 0;
    return sscanf(reply, "HTTP/1.1 %d ", &status) == 1 ? status : -1;
}

/* ---- what is served and what is refused ---- */

#define HOST "Host: a\r\n"
#define LAST HOST "Connection: close\r\n"

static const struct {
    const char *name, *request;
    int status;      /* of the first reply; -1: none, just closed */
    const char *has; /* in what was heard */
} rows[] = {
        {"a GET", "GET / HTTP/1.1\r\n" LAST "\r\n", 200, "\r\n\r\nok"},
        {"HTTP/1.0 closes", "GET / HTTP/1.0\r\n\r\n", 200, "Connection: close"},
        {"HTTP/1.0 keep-alive is answered",
                "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /echo HTTP/1.0\r\n\r\n", 200,
                "GET|-|"},
        {"an empty line before", "\r\nGET / HTTP/1.1\r\n" LAST "\r\n", 200, "ok"},
        {"HEAD has a length and no body", "HEAD / HTTP/1.1\r\n" LAST "\r\n", 200,
                "Content-Length: 2\r\n"},
        {"204 has no length", "GET /nothing HTTP/1.1\r\n" LAST "\r\n", 204,
                "Connection: close\r\n\r\n"},
        {"absolute form", "GET http://a/echo?name=x HTTP/1.1\r\n" LAST "\r\n", 200, "GET|x|"},
        {"a parameter decoded", "GET /echo?x=1&name=a%20b%2B+c HTTP/1.1\r\n" LAST "\r\n", 200,
                "GET|a b+ c|"},
        {"a parameter whose name is escaped", "GET /echo?n%61me=a HTTP/1.1\r\n" LAST "\r\n", 200,
                "GET|a|"},
        {"a parameter with a NUL", "GET /echo?name=a%00b HTTP/1.1\r\n" LAST "\r\n", 200, "GET|-|"},
        {"a parameter cut short", "GET /echo?name=a%2 HTTP/1.1\r\n" LAST "\r\n", 200, "GET|-|"},
        {"a parameter that ends in an escape", "GET /echo?name=a%2B HTTP/1.1\r\n" LAST "\r\n", 200,
                "GET|a+|"},
        {"a body", "POST /echo HTTP/1.1\r\n" LAST "Content-Length: 5\r\n\r\nhello", 200,
                "POST|-|hello"},
        {"chunks",
                "POST /echo HTTP/1.1\r\n" LAST
                "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
                200, "POST|-|hello"},
        {"trailers are dropped",
                "POST /echo HTTP/1.1\r\n" LAST
                "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
                200, "POST|-|a"},
        {"pipelined",
                "GET /echo HTTP/1.1\r\n" HOST "\r\nPOST /echo HTTP/1.1\r\n" LAST
                "Content-Length: 1\r\n\r\nz",
                200, "POST|-|z"},
        {"a handler without an answer", "GET /silent HTTP/1.1\r\n" LAST "\r\n", 500, "NO_REPLY"},
        {"a reset", "GET /reset HTTP/1.1\r\n" LAST "\r\n", -1, ""},
        {"Expect: 100-continue",
                "POST /echo HTTP/1.1\r\n" LAST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nq",
                200, "POST|-|q"},
        /* RFC 9112 §6.3: the length of the body. */
        {"two lengths that differ",
                "POST / HTTP/1.1\r\n" LAST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400,
                "BAD_MESSAGE"},
        {"two lengths alike",
                "POST / HTTP/1.1\r\n" LAST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400,
                "BAD_MESSAGE"},
        {"a list of lengths", "POST / HTTP/1.1\r\n" LAST "Content-Length: 1, 1\r\n\r\na", 400,
                "BAD_MESSAGE"},
        {"a length with a sign", "POST / HTTP/1.1\r\n" LAST "Content-Length: +1\r\n\r\na", 400,
                "BAD_MESSAGE"},
        {"a negative length", "POST / HTTP/1.1\r\n" LAST "Content-Length: -1\r\n\r\na", 400,
                "BAD_MESSAGE"},
        {"a hexadecimal length", "POST / HTTP/1.1\r\n" LAST "Content-Length: 0x1\r\n\r\na", 400,
                "BAD_MESSAGE"},
        {"a length beyond 64 bits",
                "POST / HTTP/1.1\r\n" LAST "Content-Length: 99999999999999999999\r\n\r\n", 400,
                "BAD_MESSAGE"},
        {"an empty length", "POST / HTTP/1.1\r\n" LAST "Content-Length:\r\n\r\n", 400,
                "BAD_MESSAGE"},
        {"length and chunks",
                "POST / HTTP/1.1\r\n" LAST
                "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400, "BAD_MESSAGE"},
        {"chunks and length",
                "POST / HTTP/1.1\r\n" LAST
                "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
                400, "BAD_MESSAGE"},
        /* RFC 9112 §6.1: the coding of the body. */
        {"another coding", "POST / HTTP/1.1\r\n" LAST "Transfer-Encoding: gzip\r\n\r\n", 400,
                "BAD_MESSAGE"},
        {"two codings",
                "POST / HTTP/1.1\r\n" LAST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400,
                "BAD_MESSAGE"},
        {"chunked twice",
                "POST / HTTP/1.1\r\n" LAST
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400, "BAD_MESSAGE"},
        {"chunked in capitals",
                "POST / HTTP/1.1\r\n" LAST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", 400,
                "BAD_MESSAGE"},
        {"chunked with a comma",
                "POST / HTTP/1.1\r\n" LAST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", 400,
                "BAD_MESSAGE"},
        {"identity", "POST / HTTP/1.1\r\n" LAST "Transfer-Encoding: identity\r\n\r\n", 400,
                "BAD_MESSAGE"},
        {"a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400, "BAD_MESSAGE"},
        /* RFC 9112 §7.1: chunks. */
        {"a chunk size that is none",
                "POST / HTTP/1.1\r\n" LAST "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400,
                "BAD_MESSAGE"},
        {"a chunk size with 0x",
                "POST / HTTP/1.1\r\n" LAST
                "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
                400, "BAD_MESSAGE"},
        {"a chunk size with a blank",
                "POST / HTTP/1.1\r\n" LAST "Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n",
                400, "BAD_MESSAGE"},
        {"a chunk longer than it says",
                "POST / HTTP/1.1\r\n" LAST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
                400, "BAD_MESSAGE"},
        {"a chunk that ends in LF",
                "POST / HTTP/1.1\r\n" LAST "Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n",
                400, "BAD_MESSAGE"},
        {"a chunk size that ends in LF",
                "POST / HTTP/1.1\r\n" LAST "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
                400, "BAD_MESSAGE"},
        {"a chunk size beyond 64 bits",
                "POST / HTTP/1.1\r\n" LAST
                "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\na\r\n",
                400, "BAD_MESSAGE"},
        /* RFC 9112 §2.2: line ends. */
        {"LF for CRLF", "GET / HTTP/1.1\nHost: a\n\n", 400, "BAD_MESSAGE"},
        {"one LF among the fields", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, "BAD_MESSAGE"},
        {"CR alone", "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400, "BAD_MESSAGE"},
        {"LF at the end", "GET / HTTP/1.1\r\n" LAST "\n", 400, "BAD_MESSAGE"},
        /* RFC 9112 §5: fields. */
        {"a folded field", "GET / HTTP/1.1\r\n" LAST "X: a\r\n b\r\n\r\n", 400, "BAD_MESSAGE"},
        {"a blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "BAD_MESSAGE"},
        {"a blank before a field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "BAD_MESSAGE"},
        {"a field without a name", "GET / HTTP/1.1\r\n" LAST ": x\r\n\r\n", 400, "BAD_MESSAGE"},
        {"a field without a colon", "GET / HTTP/1.1\r\n" LAST "X\r\n\r\n", 400, "BAD_MESSAGE"},
        {"a control byte in a value", "GET / HTTP/1.1\r\n" LAST "X: a\x01\r\n\r\n", 400,
                "BAD_MESSAGE"},
        {"DEL in a value", "GET / HTTP/1.1\r\n" LAST "X: a\x7f\r\n\r\n", 400, "BAD_MESSAGE"},
        {"a blank in a name", "GET / HTTP/1.1\r\n" LAST "X Y: a\r\n\r\n", 400, "BAD_MESSAGE"},
        /* RFC 9112 §3.2: Host. */
        {"no Host", "GET / HTTP/1.1\r\n\r\n", 400, "no Host"},
        {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "more than one Host"},
        {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "Host is no host"},
        {"a list of Hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "Host is no host"},
        {"Host against the target", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400,
                "Host is not that"},
        /* RFC 9112 §3: the request line. */
        {"two blanks", "GET  / HTTP/1.1\r\n" LAST "\r\n", 400, "BAD_MESSAGE"},
        {"a tab", "GET\t/ HTTP/1.1\r\n" LAST "\r\n", 400, "BAD_MESSAGE"},
        {"a blank at the end", "GET / HTTP/1.1 \r\n" LAST "\r\n", 400, "BAD_MESSAGE"},
        {"a method in small letters", "get / HTTP/1.1\r\n" LAST "\r\n", 400, "BAD_MESSAGE"},
        {"an unknown method", "FETCH / HTTP/1.1\r\n" LAST "\r\n", 400, "BAD_MESSAGE"},
        {"CONNECT", "CONNECT a:1 HTTP/1.1\r\n" LAST "\r\n", 400, "BAD_MESSAGE"},
        {"a target without a slash", "GET x HTTP/1.1\r\n" LAST "\r\n", 400, "BAD_MESSAGE"},
        {"no version", "GET /\r\n\r\n", 400, "BAD_MESSAGE"},
        {"HTTP/2.0", "GET / HTTP/2.0\r\n" LAST "\r\n", 505, "VERSION_NOT_SUPPORTED"},
        {"HTTP/1.2", "GET / HTTP/1.2\r\n" LAST "\r\n", 505, "VERSION_NOT_SUPPORTED"},
        {"HTTP/0.9", "GET / HTTP/0.9\r\n" LAST "\r\n", 505, "VERSION_NOT_SUPPORTED"},
        {"another protocol", "GET / ICE/1.0\r\n" LAST "\r\n", 400, "BAD_MESSAGE"},
        {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "VERSION_NOT_SUPPORTED"},
        {"TLS", "\x16\x03\x01\x02\x00\x01", 400, "BAD_MESSAGE"},
        {"an expectation", "POST / HTTP/1.1\r\n" LAST "Expect: tea\r\nContent-Length: 1\r\n\r\n",
                417, "EXPECTATION_FAILED"},
        {"Upgrade is ignored",
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n",
                200, "ok"},
        {"a body that is declared too large",
                "POST / HTTP/1.1\r\n" LAST "Content-Length: 1048577\r\n\r\n", 413,
                "BODY_TOO_LARGE"},
};

static void expect_row(int row, const char *heard)
{
    const char *final = heard;
    if (strncmp(heard, "HTTP/1.1 100 ", 13) == 0) {
        final = strstr(heard, "\r\n\r\n") + 4;
    }
    ck_assert_msg(status_of(final) == rows[row].status, "%s", heard);
    ck_assert_msg(strstr(heard, rows[row].has) != NULL, "%s", heard);
    if (rows[row].status >= 400) {
        /* Refused, and closed: nothing that follows is taken for a request. */
        ck_assert_ptr_nonnull(strstr(heard, "Connection: close\r\n"));
    }
}

static struct slice refusal_text(void *context, void *owner, const struct error *err)
{
    (void)context;
    return slice_of(mem_printf(owner, "%s %s", err->reason, err->message));
}

START_TEST(row_at_once)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {.options = {.refusal = refusal_text}};
    scene_begin(&scene);
    int fd = dial(&scene);
    say_text(fd, rows[_i].request);
    expect_row(_i, hear_all(owner, fd));
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

/* The same, cut in two at every byte: over one connection each, all alive at once. */
START_TEST(row_in_pieces)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {.options = {.refusal = refusal_text}};
    scene_begin(&scene);
    size_t length = strlen(rows[_i].request);
    for (size_t cut = 1; cut < length; cut++) {
        int fd = dial(&scene);
        say(fd, rows[_i].request, cut);
        /* The server reads the first piece by itself when it answers another connection first. */
        int other = dial(&scene);
        say_text(other, "GET / HTTP/1.1\r\n" LAST "\r\n");
        ck_assert_int_eq(status_of(hear_all(owner, other)), 200);
        ssize_t sent = send(fd, rows[_i].request + cut, length - cut, MSG_NOSIGNAL);
        (void)sent; /* it may be refused by now */
        expect_row(_i, hear_all(owner, fd));
    }
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

/* ---- limits ---- */

static const struct {
    const char *name, *before;
    size_t count; /* of 'a' in between */
    const char *after;
    int status;
} sizes[] = {
        {"a long target", "GET /", 16000, " HTTP/1.1\r\n" LAST "\r\n", 200},
        {"a target too long", "GET /", 16400, " HTTP/1.1\r\n" LAST "\r\n", 414},
        {"a long field", "GET / HTTP/1.1\r\n" LAST "X: ", 16000, "\r\n\r\n", 200},
        {"a field too long", "GET / HTTP/1.1\r\n" LAST "X: ", 16400, "\r\n\r\n", 431},
        {"a field that does not end", "GET / HTTP/1.1\r\n" LAST "X: ", 40000, "", 431},
        {"a target that does not end", "GET /", 40000, "", 414},
        {"a large body", "POST /echo HTTP/1.1\r\n" LAST "Content-Length: 1000000\r\n\r\n", 1000000,
                "", 200},
        {"a large chunk",
                "POST /echo HTTP/1.1\r\n" LAST "Transfer-Encoding: chunked\r\n\r\nf4240\r\n",
                1000000, "\r\n0\r\n\r\n", 200},
        {"a chunk too large",
                "POST /echo HTTP/1.1\r\n" LAST "Transfer-Encoding: chunked\r\n\r\n1e8480\r\n",
                2000000, "\r\n0\r\n\r\n", 413},
        {"trailers too long",
                "POST / HTTP/1.1\r\n" LAST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", 40000,
                "\r\n\r\n", 431},
};

struct speech {
    int fd;
    char *text;
    size_t length;
};

static void *speak(void *argument)
{
    struct speech *speech = argument;
    for (size_t sent = 0; sent < speech->length;) {
        ssize_t count = send(speech->fd, speech->text + sent, speech->length - sent, MSG_NOSIGNAL);
        if (count <= 0) {
            break;
        }
        sent += (size_t)count;
    }
    return NULL;
}

START_TEST(size_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {.options = {.refusal = refusal_text}};
    scene_begin(&scene);
    char *filling = mem_block(owner, sizes[_i].count + 1, "filling");
    memset(filling, 'a', sizes[_i].count);
    struct speech speech = {.fd = dial(&scene)};
    speech.text = mem_printf(owner, "%s%s%s", sizes[_i].before, filling, sizes[_i].after);
    speech.length = strlen(speech.text);
    pthread_t thread;
    pthread_create(&thread, NULL, speak, &speech);
    const char *heard = hear_all(owner, dup(speech.fd));
    pthread_join(thread, NULL);
    close(speech.fd);
    ck_assert_msg(status_of(heard) == sizes[_i].status, "%.200s", heard);
    if (sizes[_i].count == 1000000) {
        ck_assert_uint_ge(strlen(heard), 1000000);
    }
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

START_TEST(too_many_fields_are_refused)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {0};
    scene_begin(&scene);
    for (int count = 99; count <= 101; count++) {
        struct buffer text;
        buffer_init(&text, owner, 65536);
        buffer_add_text(&text, "GET / HTTP/1.0\r\n");
        for (int i = 0; i < count; i++) {
            buffer_printf(&text, "X%d: y\r\n", i);
        }
        buffer_add_text(&text, "\r\n");
        int fd = dial(&scene);
        say_text(fd, buffer_text(&text));
        ck_assert_int_eq(status_of(hear_all(owner, fd)), count <= 100 ? 200 : 431);
    }
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

/* ---- time ---- */

static const struct {
    const char *name, *text;
    int status; /* -1: closed without a word */
} slow[] = {
        {"nothing", "", -1},
        {"half a header", "GET / HTTP/1.1\r\nHost: a\r\n", 408},
        {"half a body", "POST / HTTP/1.1\r\n" LAST "Content-Length: 9\r\n\r\nhalf", 408},
        {"idle after a request", "GET / HTTP/1.1\r\n" HOST "\r\n", 200},
};

START_TEST(slow_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {
            .options = {.header_timeout_ms = 60, .body_timeout_ms = 60, .idle_timeout_ms = 60}};
    scene_begin(&scene);
    int fd = dial(&scene);
    say_text(fd, slow[_i].text);
    ck_assert_int_eq(status_of(hear_all(owner, fd)), slow[_i].status);
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

START_TEST(a_dripping_client_is_cut_off)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {.options = {.header_timeout_ms = 100}};
    scene_begin(&scene);
    int fd = dial(&scene);
    /* A byte every few milliseconds never lets a timer of silence run out; this one is absolute. */
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    say_text(fd, "GET / HTTP/1.1\r\nX: ");
    while (poll(&wait, 1, 5) == 0) {
        ssize_t sent = send(fd, "a", 1, MSG_NOSIGNAL);
        (void)sent;
    }
    ck_assert_int_eq(status_of(hear_all(owner, fd)), 408);
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

START_TEST(a_handler_has_a_deadline)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {.options = {.handler_timeout_ms = 30}};
    scene_begin(&scene);
    int fd = dial(&scene);
    say_text(fd, "GET /wait HTTP/1.1\r\n" LAST "\r\n");
    const char *heard = hear_all(owner, fd);
    ck_assert_int_eq(status_of(heard), 504);
    ck_assert_ptr_nonnull(strstr(heard, "DEADLINE"));
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

/* ---- clients that go away ---- */

START_TEST(a_vanished_client_cancels_its_request)
{
    struct scene scene = {0};
    scene_begin(&scene);
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    for (int how = 0; how < 2; how++) { /* in order, and by a reset */
        int fd = dial(&scene);
        say_text(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
        sem_wait(&scene.begun);
        if (how == 1) {
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        }
        close(fd);
        sem_wait(&scene.cancelled);
    }
    scene_end(&scene);
}
END_TEST

START_TEST(a_slow_reader_gets_all)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {0};
    scene_begin(&scene);
    int fd = dial(&scene);
    say_text(fd, "GET /large HTTP/1.1\r\n" HOST "\r\nGET /echo HTTP/1.1\r\n" LAST "\r\n");
    const char *heard = hear_all(owner, fd);
    ck_assert_uint_gt(strlen(heard), 32 * 1024 * 1024);
    ck_assert_ptr_nonnull(strstr(heard + 32 * 1024 * 1024, "GET|-|"));
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

/* ---- many ---- */

START_TEST(requests_beyond_the_limit_are_told_to_come_back)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {.options = {.max_requests = 1, .refusal = refusal_text}};
    scene_begin(&scene);
    int first = dial(&scene), second;
    say_text(first, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&scene.begun);
    second = dial(&scene);
    say_text(second, "GET / HTTP/1.1\r\n" LAST "\r\n");
    const char *heard = hear_all(owner, second);
    ck_assert_int_eq(status_of(heard), 503);
    ck_assert_ptr_nonnull(strstr(heard, "Retry-After: 1\r\n"));
    close(first);
    sem_wait(&scene.cancelled);
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

START_TEST(connections_beyond_the_limit_are_told_to_come_back)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {.options = {.max_connections = 2, .refusal = refusal_text}};
    scene_begin(&scene);
    int first = dial(&scene), second = dial(&scene), third = dial(&scene);
    const char *heard = hear_all(owner, third);
    ck_assert_int_eq(status_of(heard), 503);
    ck_assert_ptr_nonnull(strstr(heard, "TOO_MANY_CONNECTIONS"));
    say_text(first, "GET / HTTP/1.1\r\n" LAST "\r\n");
    ck_assert_int_eq(status_of(hear_all(owner, first)), 200);
    close(second);
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

/* ---- streams ---- */

static void write_more(void *argument)
{
    struct scene *scene = argument;
    if (scene->stream != NULL) {
        http_stream_write(scene->stream, SLICE("data: more\n\n"));
    }
}

START_TEST(a_stream_is_written_beats_and_ends)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {.options = {.heartbeat_ms = 40, .idle_timeout_ms = 60}};
    scene_begin(&scene);
    int fd = dial(&scene);
    say_text(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    hear_until(owner, fd, "Transfer-Encoding: chunked\r\n");
    hear_until(owner, fd, "d\r\ndata: hello\n\n\r\n");
    sem_wait(&scene.begun);
    scene.write = (struct loop_call){.function = write_more, .argument = &scene};
    loop_call(scene.loop, &scene.write);
    hear_until(owner, fd, "data: more\n\n");
    /* Twice the idle timeout's length of beats: it spares streams. */
    for (int i = 0; i < 3; i++) {
        hear_until(owner, fd, ": beat\n\n");
    }
    scene_end(&scene); /* the drain ends it properly */
    ck_assert_ptr_nonnull(strstr(hear_all(owner, fd), "0\r\n\r\n"));
    sem_wait(&scene.closed);
    mem_free(owner);
}
END_TEST

START_TEST(a_stream_ends_when_its_time_is_over)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {.options = {.max_stream_ms = 50, .heartbeat_ms = 40}};
    scene_begin(&scene);
    int fd = dial(&scene);
    say_text(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_ptr_nonnull(strstr(hear_all(owner, fd), "0\r\n\r\n")); /* in order, not cut off */
    sem_wait(&scene.closed);
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

START_TEST(a_stream_notices_that_its_client_left)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {0};
    scene_begin(&scene);
    int fd = dial(&scene);
    say_text(fd, "GET /stream HTTP/1.0\r\n\r\n");
    const char *heard = hear_until(owner, fd, "data: hello\n\n");
    ck_assert_ptr_null(strstr(heard, "chunked"));
    close(fd);
    sem_wait(&scene.closed);
    scene_end(&scene);
    mem_free(owner);
}
END_TEST

static void write_much(void *argument)
{
    struct scene *scene = argument;
    char *text = mem_block(NULL, 100000, "much");
    for (int i = 0; i < 200 && scene->stream != NULL; i++) {
        http_stream_write(scene->stream, (struct slice){text, 100000});
    }
    mem_free(text);
}

START_TEST(a_stream_that_is_not_read_is_closed)
{
    struct scene scene = {.options = {.max_stream_queue_bytes = 100000, .heartbeat_ms = 40}};
    scene_begin(&scene);
    int fd = dial(&scene);
    say_text(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&scene.begun);
    scene.write = (struct loop_call){.function = write_much, .argument = &scene};
    loop_call(scene.loop, &scene.write);
    sem_wait(&scene.closed);
    close(fd);
    scene_end(&scene);
}
END_TEST

/* ---- the end ---- */

START_TEST(a_drain_lets_requests_finish_and_closes_the_idle)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct scene scene = {.options = {.handler_timeout_ms = 150}};
    scene_begin(&scene);
    int idle = dial(&scene), busy = dial(&scene);
    say_text(idle, "GET / HTTP/1.1\r\n" HOST "\r\n");
    hear_until(owner, idle, "ok");
    say_text(busy, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&scene.begun);
    scene_end(&scene);
    ck_assert_str_eq(hear_all(owner, idle), "");
    const char *heard = hear_all(owner, busy);
    ck_assert_int_eq(status_of(heard), 504);
    ck_assert_ptr_nonnull(strstr(heard, "Connection: close"));
    mem_free(owner);
}
END_TEST

START_TEST(a_taken_address_is_named)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct loop *loop = loop_new(owner);
    struct http_options options = {.host = "192.0.2.1", .handler = handler};
    struct http_server *server = NULL;
    struct error err = {0};
    ck_assert(!http_server_new(owner, loop, &options, &server, &err));
    ck_assert_int_eq(err.code, ERROR_SERVICE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.message, "192.0.2.1"));
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, row_at_once, rows);
    TEST_ADD_ROWS(suite, row_in_pieces, rows);
    TEST_ADD_ROWS(suite, size_row, sizes);
    TEST_ADD(suite, too_many_fields_are_refused);
    TEST_ADD_ROWS(suite, slow_row, slow);
    TEST_ADD(suite, a_dripping_client_is_cut_off);
    TEST_ADD(suite, a_handler_has_a_deadline);
    TEST_ADD(suite, a_vanished_client_cancels_its_request);
    TEST_ADD(suite, a_slow_reader_gets_all);
    TEST_ADD(suite, requests_beyond_the_limit_are_told_to_come_back);
    TEST_ADD(suite, connections_beyond_the_limit_are_told_to_come_back);
    TEST_ADD(suite, a_stream_is_written_beats_and_ends);
    TEST_ADD(suite, a_stream_ends_when_its_time_is_over);
    TEST_ADD(suite, a_stream_notices_that_its_client_left);
    TEST_ADD(suite, a_stream_that_is_not_read_is_closed);
    TEST_ADD(suite, a_drain_lets_requests_finish_and_closes_the_idle);
    TEST_ADD(suite, a_taken_address_is_named);
}
TEST_MAIN("http", cases)
