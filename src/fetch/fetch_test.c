#include "fetch/fetch.h"

#include "testing/fiber.h"
#include "testing/test.h"
#include "testing/upstream.h"

/* What the scripted server says to the first request, to the later ones, and to which limit we listen. */
struct script {
    const char *first, *later;
    enum upstream_next first_next, later_next;
};

struct scene {
    void (*body)(struct scene *scene);
    struct script script;
    struct fetch_options options;
    int row;
    struct upstream *upstream;
    struct fetcher *fetcher;
    void *owner;
};

static enum upstream_next answer_script(
        void *context, const struct upstream_request *request, int socket)
{
    const struct script *script = context;
    bool first = request->number == 1;
    upstream_send(socket, first ? script->first : script->later);
    return first ? script->first_next : script->later_next;
}

/* Every request gets its own target as the body. */
static enum upstream_next answer_echo(
        void *context, const struct upstream_request *request, int socket)
{
    (void)context;
    upstream_reply(socket, 200, "", request->target);
    return UPSTREAM_KEEP;
}

static void scene_main(void *argument)
{
    struct scene *scene = argument;
    scene->owner = fiber_memory();
    scene->fetcher = fetcher_new(scene->owner, fiber_loop(), &scene->options);
    scene->body(scene);
    mem_free(scene->fetcher);
}

static void play(struct scene scene)
{
    setenv("no_proxy", "*", 1);
    void *owner = mem_scope_new(NULL, __func__);
    bool scripted = scene.script.first != NULL;
    scene.upstream = upstream_new(owner, scripted ? answer_script : answer_echo, &scene.script);
    test_in_fiber(scene_main, &scene);
    mem_free(owner);
}

static const char *url(const struct scene *scene, const char *target)
{
    return mem_printf(scene->owner, "%s%s", scene->upstream->base, target);
}

static bool get(
        struct scene *scene, const char *target, struct fetch_reply *reply, struct error *err)
{
    struct fetch_request request = {
            .method = "GET", .url = url(scene, target), .timeout_ms = 10000};
    return fetch(scene->fetcher, scene->owner, &request, reply, err);
}

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* ---- one exchange ---- */

static const struct {
    const char *name, *method, *answer;
    enum upstream_next next;
    size_t max_reply_bytes;
    int64_t timeout_ms;
    int status; /* 0: the fetch fails */
    const char *body, *header, *value;
    enum error_code code;
    const char *reason, *message;
} exchanges[] = {
        {.name = "ok", .answer = OK_HELLO, .status = 200, .body = "hello"},
        {.name = "chunked",
                .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
                .status = 200,
                .body = "hello"},
        {.name = "body up to the end of the connection",
                .answer = "HTTP/1.0 200 OK\r\n\r\nhello",
                .next = UPSTREAM_CLOSE,
                .status = 200,
                .body = "hello"},
        {.name = "no content",
                .answer = "HTTP/1.1 204 No Content\r\n\r\n",
                .status = 204,
                .body = ""},
        {.name = "an error status is a reply",
                .answer = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
                .status = 500,
                .body = ""},
        {.name = "head",
                .method = "HEAD",
                .answer = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
                .status = 200,
                .body = "",
                .header = "content-length",
                .value = "500"},
        {.name = "redirect is not followed",
                .answer = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
                .status = 302,
                .body = "",
                .header = "location",
                .value = "/elsewhere"},
        {.name = "header names in lower case, values trimmed",
                .answer = "HTTP/1.1 200 OK\r\nX-THING: \t a: b \r\nContent-Length: 0\r\n\r\n",
                .status = 200,
                .body = "",
                .header = "x-thing",
                .value = "a: b"},
        {.name = "the first of two headers",
                .answer = "HTTP/1.1 200 OK\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 0\r\n\r\n",
                .status = 200,
                .body = "",
                .header = "x-a",
                .value = "1"},
        {.name = "RFC 9112 §5.2: a folded line continues its value",
                .answer = "HTTP/1.1 200 OK\r\nX-A: 1\r\n  2\r\nContent-Length: 0\r\n\r\n",
                .status = 200,
                .body = "",
                .header = "x-a",
                .value = "1 2"},
        {.name = "headers of an interim reply are dropped",
                .answer = "HTTP/1.1 103 Early Hints\r\nX-A: early\r\n\r\n" OK_HELLO,
                .status = 200,
                .body = "hello",
                .header = "x-a"},
        {.name = "RFC 9110 §6.5.1: trailers are no headers",
                .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "5\r\nhello\r\n0\r\nX-A: late\r\n\r\n",
                .status = 200,
                .body = "hello",
                .header = "x-a"},
        {.name = "body as large as allowed",
                .answer = OK_HELLO,
                .max_reply_bytes = 100,
                .status = 200,
                .body = "hello"},
        {.name = "body larger than allowed, announced",
                .answer = "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
                .next = UPSTREAM_HOLD,
                .max_reply_bytes = 100,
                .code = ERROR_BAD_GATEWAY,
                .reason = "REPLY_TOO_LARGE",
                .message = "the reply of 127.0.0.1 is too large"},
        {.name = "body larger than allowed, in chunks",
                .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "32\r\n01234567890123456789012345678901234567890123456789\r\n"
                          "33\r\n012345678901234567890123456789012345678901234567890\r\n0\r\n\r\n",
                .max_reply_bytes = 100,
                .code = ERROR_BAD_GATEWAY,
                .reason = "REPLY_TOO_LARGE",
                .message = "the reply of 127.0.0.1 is too large"},
        {.name = "headers larger than allowed",
                .answer =
                        "HTTP/1.1 200 OK\r\nX-A: 01234567890123456789012345678901234567890123456789\r\n"
                        "X-B: 01234567890123456789012345678901234567890123456789\r\n"
                        "Content-Length: 0\r\n\r\n",
                .max_reply_bytes = 100,
                .code = ERROR_BAD_GATEWAY,
                .reason = "REPLY_TOO_LARGE",
                .message = "the reply of 127.0.0.1 is too large"},
        {.name = "slow drip past the timeout",
                .answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
                .next = UPSTREAM_HOLD,
                .timeout_ms = 400,
                .code = ERROR_GATEWAY_TIMEOUT,
                .reason = "REPLY_LOST",
                .message = "127.0.0.1 did not answer in time"},
        {.name = "no answer at all",
                .answer = "",
                .next = UPSTREAM_HOLD,
                .timeout_ms = 400,
                .code = ERROR_GATEWAY_TIMEOUT,
                .reason = "REPLY_LOST",
                .message = "127.0.0.1 did not answer in time"},
        {.name = "reset in the body",
                .answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
                .next = UPSTREAM_RESET,
                .code = ERROR_BAD_GATEWAY,
                .reason = "REPLY_LOST"},
        {.name = "closed before an answer",
                .answer = "",
                .next = UPSTREAM_CLOSE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "REPLY_LOST"},
        {.name = "body cut short",
                .answer = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel",
                .next = UPSTREAM_CLOSE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "REPLY_LOST"},
        {.name = "chunks cut short",
                .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                .next = UPSTREAM_CLOSE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "REPLY_LOST"},
        {.name = "not HTTP",
                .answer = "220 mail.example.com ESMTP\r\n\r\n",
                .next = UPSTREAM_CLOSE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "REPLY_LOST"},
        {.name = "Content-Length is no number",
                .answer = "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
                .next = UPSTREAM_CLOSE,
                .code = ERROR_BAD_GATEWAY,
                .reason = "REPLY_LOST"},
};

static void exchange(struct scene *scene)
{
    int i = scene->row;
    struct fetch_request request = {.method = exchanges[i].method ? exchanges[i].method : "GET",
            .url = url(scene, "/path?secret=1"),
            .timeout_ms = exchanges[i].timeout_ms ? exchanges[i].timeout_ms : 20000,
            .max_reply_bytes = exchanges[i].max_reply_bytes};
    struct fetch_reply reply = {0};
    struct error err = {0};
    bool ok = fetch(scene->fetcher, scene->owner, &request, &reply, &err);
    ck_assert_str_eq(err.reason ? err.reason : "", exchanges[i].reason ? exchanges[i].reason : "");
    ck_assert_int_eq(ok, exchanges[i].status != 0);
    ck_assert_int_eq(upstream_requests(scene->upstream), 1);
    if (ok) {
        ck_assert_int_eq(reply.status, exchanges[i].status);
        ck_assert_str_eq(reply.body.data, exchanges[i].body);
        ck_assert_uint_eq(reply.body.length, strlen(exchanges[i].body));
        const char *name = exchanges[i].header;
        ck_assert_pstr_eq(name ? fetch_reply_header(&reply, name) : NULL, exchanges[i].value);
        return;
    }
    ck_assert_int_eq(err.code, exchanges[i].code);
    ck_assert_ptr_nonnull(strstr(err.message, "127.0.0.1"));
    ck_assert_ptr_null(strstr(err.message, "secret"));
    ck_assert_ptr_null(strstr(err.detail, "secret"));
    if (exchanges[i].message != NULL) {
        ck_assert_str_eq(err.message, exchanges[i].message);
    }
}

START_TEST(exchange_row)
{
    play((struct scene){.body = exchange,
            .row = _i,
            .script = {.first = exchanges[_i].answer, .first_next = exchanges[_i].next}});
}
END_TEST

static void gets_large_headers(struct scene *scene)
{
    struct fetch_reply reply;
    struct error err = {0};
    ck_assert(!get(scene, "/", &reply, &err));
    ck_assert_str_eq(err.message, "the reply of 127.0.0.1 is too large");
}

START_TEST(headers_end_at_64_kib_whatever_the_limit)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct buffer head;
    buffer_init(&head, owner, 200000);
    buffer_add_text(&head, "HTTP/1.1 200 OK\r\n");
    while (head.length <= 65536) {
        buffer_printf(&head, "X-A: %0500d\r\n", 1);
    }
    buffer_add_text(&head, "Content-Length: 0\r\n\r\n");
    play((struct scene){.body = gets_large_headers, .script = {.first = buffer_text(&head)}});
    mem_free(owner);
}
END_TEST

/* ---- what is sent ---- */

static void sends(struct scene *scene)
{
    struct fetch_header headers[] = {{"X-Api-Key", "k: 1"}, {"X-Empty", ""}};
    struct fetch_request request = {.method = "PATCH",
            .url = url(scene, "/a%20b?c=d"),
            .headers = headers,
            .header_count = 2,
            .body = SLICE("{\"a\":1}")};
    struct fetch_reply reply;
    struct error err = {0};
    ck_assert(fetch(scene->fetcher, scene->owner, &request, &reply, &err));
    const struct upstream_request *seen = upstream_wait_request(scene->upstream, 1);
    ck_assert_str_eq(seen->method, "PATCH");
    ck_assert_str_eq(seen->target, "/a%20b?c=d");
    ck_assert_int_eq(slice_is(seen->body, "{\"a\":1}"), true);
    ck_assert_pstr_eq(upstream_header(scene->owner, seen, "x-api-key"), "k: 1");
    ck_assert_pstr_eq(upstream_header(scene->owner, seen, "x-empty"), "");
    ck_assert_pstr_eq(upstream_header(scene->owner, seen, "user-agent"), "tenon");
    ck_assert_pstr_eq(upstream_header(scene->owner, seen, "content-type"), NULL);
    ck_assert_pstr_eq(upstream_header(scene->owner, seen, "accept-encoding"), NULL);
    ck_assert_pstr_eq(upstream_header(scene->owner, seen, "cookie"), NULL);
}

START_TEST(sends_what_was_asked_and_nothing_more)
{
    play((struct scene){.body = sends});
}
END_TEST

static void sends_large(struct scene *scene)
{
    size_t length = 3 * 1024 * 1024;
    char *body = mem_array(scene->owner, char, length);
    for (size_t i = 0; i < length; i++) {
        body[i] = (char)('a' + i % 26);
    }
    struct fetch_request request = {
            .method = "POST", .url = url(scene, "/"), .body = {body, length}};
    struct fetch_reply reply;
    struct error err = {0};
    ck_assert(fetch(scene->fetcher, scene->owner, &request, &reply, &err));
    const struct upstream_request *seen = upstream_wait_request(scene->upstream, 1);
    ck_assert(slice_equal(seen->body, request.body));
    ck_assert_pstr_eq(upstream_header(scene->owner, seen, "expect"), NULL);
}

START_TEST(large_bodies_go_out_whole_without_expect)
{
    play((struct scene){.body = sends_large});
}
END_TEST

static void posts_nothing(struct scene *scene)
{
    struct fetch_request request = {.method = "POST", .url = url(scene, "/")};
    struct fetch_reply reply;
    struct error err = {0};
    ck_assert(fetch(scene->fetcher, scene->owner, &request, &reply, &err));
    const struct upstream_request *seen = upstream_wait_request(scene->upstream, 1);
    ck_assert_str_eq(seen->method, "POST");
    ck_assert_pstr_eq(upstream_header(scene->owner, seen, "content-length"), "0");
}

START_TEST(post_without_a_body_says_so)
{
    play((struct scene){.body = posts_nothing});
}
END_TEST

/* ---- connections ---- */

static void keeps_alive(struct scene *scene)
{
    for (int i = 1; i <= 5; i++) {
        struct fetch_reply reply;
        struct error err = {0};
        ck_assert(get(scene, "/x", &reply, &err));
        ck_assert_str_eq(reply.body.data, "/x");
        ck_assert_int_eq(upstream_wait_request(scene->upstream, i)->connection, 1);
    }
}

START_TEST(a_connection_is_reused)
{
    play((struct scene){.body = keeps_alive});
}
END_TEST

static const struct {
    const char *name, *method, *body;
    bool repeats;
} deaths[] = {
        {.name = "RFC 9110 §9.2.2: POST is not sent twice", .method = "POST", .body = "{}"},
        {.name = "POST without a body is not sent twice", .method = "POST"},
        {.name = "PATCH is not sent twice", .method = "PATCH", .body = "{}"},
        {.name = "GET is sent again", .method = "GET", .repeats = true},
        {.name = "DELETE is sent again", .method = "DELETE", .repeats = true},
        {.name = "PUT is sent again", .method = "PUT", .body = "{}", .repeats = true},
};

static enum upstream_next answer_but_die_on_the_second(
        void *context, const struct upstream_request *request, int socket)
{
    (void)context;
    if (request->number == 2) {
        return UPSTREAM_CLOSE;
    }
    upstream_send(socket, OK_HELLO);
    return UPSTREAM_KEEP;
}

static void reused_connection_dies(struct scene *scene)
{
    scene->upstream = upstream_new(scene->owner, answer_but_die_on_the_second, NULL);
    struct fetch_reply reply;
    struct error err = {0};
    ck_assert(get(scene, "/", &reply, &err));
    struct fetch_request request = {.method = deaths[scene->row].method,
            .url = url(scene, "/"),
            .body = slice_of(deaths[scene->row].body)};
    bool ok = fetch(scene->fetcher, scene->owner, &request, &reply, &err);
    ck_assert_int_eq(ok, deaths[scene->row].repeats);
    ck_assert_int_eq(upstream_requests(scene->upstream), ok ? 3 : 2);
    ck_assert_int_eq(upstream_wait_request(scene->upstream, 2)->connection, 1); /* it was reused */
    if (!ok) {
        ck_assert_int_eq(err.code, ERROR_BAD_GATEWAY);
        ck_assert_str_eq(err.reason, "REPLY_LOST");
    }
}

START_TEST(death_row)
{
    play((struct scene){.body = reused_connection_dies, .row = _i});
}
END_TEST

static void idle_connection_closes(struct scene *scene)
{
    for (int i = 1; i <= 3; i++) {
        struct fetch_request request = {
                .method = "POST", .url = url(scene, "/"), .body = SLICE("{}")};
        struct fetch_reply reply;
        struct error err = {0};
        ck_assert(fetch(scene->fetcher, scene->owner, &request, &reply, &err));
        upstream_wait_closed(scene->upstream);
        ck_assert_int_eq(upstream_requests(scene->upstream), i);
        ck_assert_int_eq(upstream_wait_request(scene->upstream, i)->connection, i);
    }
}

START_TEST(a_connection_closed_while_idle_is_replaced)
{
    play((struct scene){.body = idle_connection_closes,
            .script = {.first = OK_HELLO,
                    .first_next = UPSTREAM_CLOSE,
                    .later = OK_HELLO,
                    .later_next = UPSTREAM_CLOSE}});
}
END_TEST

/* ---- never sent ---- */

static void check_not_sent(struct scene *scene, const struct fetch_request *request,
        enum error_code code, const char *message)
{
    struct fetch_reply reply;
    struct error err = {0};
    ck_assert(!fetch(scene->fetcher, scene->owner, request, &reply, &err));
    ck_assert_str_eq(err.reason, "NOT_SENT");
    ck_assert_int_eq(err.code, code);
    ck_assert_msg(strncmp(err.message, message, strlen(message)) == 0, "%s", err.message);
    ck_assert_ptr_null(strstr(err.message, "secret"));
    ck_assert_ptr_null(strstr(err.detail, "secret"));
}

static void does_not_send(struct scene *scene)
{
    char base[UPSTREAM_BASE_SIZE];
    int deaf = upstream_bind(base);
    struct fetch_request request = {.method = "POST",
            .url = mem_printf(scene->owner, "%s/secret?secret", base),
            .body = SLICE("{}")};
    check_not_sent(scene, &request, ERROR_SERVICE_UNAVAILABLE, "no connection to 127.0.0.1: ");
    close(deaf);
    request.url = "ftp://127.0.0.1/secret";
    check_not_sent(scene, &request, ERROR_SERVICE_UNAVAILABLE, "no connection to 127.0.0.1: ");
    request.url = "http://127.0.0.1:99999/secret";
    check_not_sent(scene, &request, ERROR_SERVICE_UNAVAILABLE,
            "no connection to a URL that is not valid: ");
    request.url = url(scene, "/secret");
    struct fetch_header evil[] = {{"x-a", "1\r\nx-b: secret"}};
    request.headers = evil;
    request.header_count = 1;
    check_not_sent(scene, &request, ERROR_SERVICE_UNAVAILABLE, "a header of the request has");
    request.header_count = 0;
    fiber_set_deadline(clock_monotonic_ms());
    check_not_sent(scene, &request, ERROR_GATEWAY_TIMEOUT, "no connection to 127.0.0.1 in time");
    fiber_set_deadline(FIBER_NO_DEADLINE);
    fiber_cancel(fiber_self());
    check_not_sent(scene, &request, ERROR_CLIENT_CLOSED_REQUEST, "the request to 127.0.0.1 was");
    ck_assert_int_eq(upstream_requests(scene->upstream), 0);
}

START_TEST(says_when_nothing_was_sent)
{
    play((struct scene){.body = does_not_send});
}
END_TEST

/* ---- many fibers ---- */

struct client {
    struct scene *scene;
    const char *target;
    int64_t timeout_ms;
    bool ended, ok;
    struct fetch_reply reply;
    struct error err;
};

static void client_main(void *argument)
{
    struct client *client = argument;
    struct fetch_request request = {.method = "POST",
            .url = url(client->scene, client->target),
            .body = SLICE("{}"),
            .timeout_ms = client->timeout_ms};
    client->ok = fetch(
            client->scene->fetcher, client->scene->owner, &request, &client->reply, &client->err);
    client->ended = true;
}

static struct fiber *client_start(struct client *client)
{
    return fiber_start(fiber_loop(), "client", client_main, client, FIBER_NO_DEADLINE);
}

static void until_ended(const struct client *client)
{
    struct error err = {0};
    while (!client->ended) {
        ck_assert(fiber_sleep(1, &err));
    }
}

static void until_requests(struct scene *scene, int count)
{
    struct error err = {0};
    while (upstream_requests(scene->upstream) < count) {
        ck_assert(fiber_sleep(1, &err));
    }
}

static void cancels(struct scene *scene)
{
    struct client client = {.scene = scene, .target = "/"};
    struct fiber *fiber = client_start(&client);
    until_requests(scene, 1);
    fiber_cancel(fiber);
    until_ended(&client);
    ck_assert(!client.ok);
    ck_assert_int_eq(client.err.code, ERROR_CLIENT_CLOSED_REQUEST);
    ck_assert_str_eq(client.err.reason, "REPLY_LOST");
    upstream_wait_closed(scene->upstream); /* the connection is not left hanging */
    struct fetch_reply reply;
    struct error err = {0};
    ck_assert(get(scene, "/", &reply, &err)); /* and the fetcher goes on */
}

START_TEST(a_cancelled_fetch_ends_at_once)
{
    play((struct scene){.body = cancels,
            .script = {.first = "", .first_next = UPSTREAM_HOLD, .later = OK_HELLO}});
}
END_TEST

static void waits_for_a_turn(struct scene *scene)
{
    struct client holder = {.scene = scene, .target = "/"};
    struct fiber *fiber = client_start(&holder);
    until_requests(scene, 1);
    struct client late = {.scene = scene, .target = "/", .timeout_ms = 30};
    client_start(&late);
    until_ended(&late);
    ck_assert(!late.ok);
    ck_assert_int_eq(late.err.code, ERROR_GATEWAY_TIMEOUT);
    ck_assert_str_eq(late.err.reason, "NOT_SENT");

    struct client patient = {.scene = scene, .target = "/"};
    client_start(&patient);
    fiber_yield();
    fiber_cancel(fiber);
    until_ended(&patient);
    ck_assert_msg(patient.ok, "%s", patient.err.message);
    ck_assert_int_eq(upstream_requests(scene->upstream), 2);
    until_ended(&holder);
}

START_TEST(waiting_for_a_turn_counts_and_is_not_sent)
{
    play((struct scene){.body = waits_for_a_turn,
            .options = {.running_max = 1},
            .script = {.first = "", .first_next = UPSTREAM_HOLD, .later = OK_HELLO}});
}
END_TEST

enum { CLIENTS = 200 };

static void many_at_once(struct scene *scene)
{
    struct client *clients = mem_array(scene->owner, struct client, CLIENTS);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            clients[i] = (struct client){
                    .scene = scene, .target = mem_printf(scene->owner, "/%d/%d", round, i)};
            client_start(&clients[i]);
        }
        for (int i = 0; i < CLIENTS; i++) {
            until_ended(&clients[i]);
            ck_assert_msg(clients[i].ok, "%s", clients[i].err.message);
            ck_assert_str_eq(clients[i].reply.body.data, clients[i].target);
        }
    }
    ck_assert_int_eq(upstream_requests(scene->upstream), 3 * CLIENTS);
    ck_assert_int_eq(scene->upstream->connection_count, 16); /* kept from round to round */
}

START_TEST(two_hundred_fibers_take_sixteen_connections)
{
    play((struct scene){.body = many_at_once, .options = {.running_max = 16}});
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, exchange_row, exchanges);
    TEST_ADD(suite, headers_end_at_64_kib_whatever_the_limit);
    TEST_ADD(suite, sends_what_was_asked_and_nothing_more);
    TEST_ADD(suite, large_bodies_go_out_whole_without_expect);
    TEST_ADD(suite, post_without_a_body_says_so);
    TEST_ADD(suite, a_connection_is_reused);
    TEST_ADD_ROWS(suite, death_row, deaths);
    TEST_ADD(suite, a_connection_closed_while_idle_is_replaced);
    TEST_ADD(suite, says_when_nothing_was_sent);
    TEST_ADD(suite, a_cancelled_fetch_ends_at_once);
    TEST_ADD(suite, waiting_for_a_turn_counts_and_is_not_sent);
    TEST_ADD(suite, two_hundred_fibers_take_sixteen_connections);
}
TEST_MAIN("fetch", cases)
