/* Lines of the trace, and what must not be in them. */
#include "sandbox/faults/trace.h"

#include "testing/test.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 64

struct scene {
    void *owner;
    char path[PATH_SIZE];
    struct trace *trace;
};

static struct scene scene_begin(const char *name)
{
    struct scene scene = {.owner = mem_scope_new(NULL, name)};
    struct error err = {0};
    snprintf(scene.path, sizeof scene.path, "/tmp/tenon-trace-XXXXXX");
    int descriptor = mkstemp(scene.path);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    ck_assert(trace_open(scene.owner, scene.path, &scene.trace, &err));
    return scene;
}

/* All that is in the file; it is removed. */
static struct slice scene_end(struct scene *scene)
{
    struct buffer text;
    buffer_init(&text, scene->owner, 64 * 1024 * 1024);
    FILE *file = fopen(scene->path, "re");
    ck_assert_ptr_nonnull(file);
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;) {
        buffer_add(&text, part, got);
    }
    fclose(file);
    unlink(scene->path);
    return slice_of(buffer_text(&text));
}

static const struct {
    const char *name, *query, *body, *response; /* as sent */
    const char *path, *request, *answer;        /* as written: a part of the line */
} rows[] = {
        {.name = "a request without a body or query",
                .response = "{\"id\":1.10}",
                .path = "\"path\":\"/api/v3.1/x\"",
                .request = "\"request\":null",
                .answer = "\"response\":{\"id\":1.10}"},
        {.name = "members whose names say what they are",
                .body = "{\"client_secret\":\"s3cret\",\"val\":{\"Access_Token\":\"s3cret\","
                        "\"password\":53,\"client_id\":\"c\"},\"apiKey\":\"s3cret\"}",
                .request =
                        "\"request\":{\"client_secret\":\"[masked]\",\"val\":{\"Access_Token\":"
                        "\"[masked]\",\"password\":0,\"client_id\":\"c\"},\"apiKey\":\"[masked]\"}"},
        {.name = "a list of them",
                .body = "{\"tokens\":[\"s3cret\",[\"s3cret\"]]}",
                .request = "\"request\":{\"tokens\":[\"[masked]\",[\"[masked]\"]]}"},
        {.name = "a header field to be sent on",
                .body = "{\"parameters\":[{\"name\":\"Authorization\",\"value\":\"Bearer s3cret\"},"
                        "{\"name\":\"q\",\"value\":\"v\"}]}",
                .request = "[{\"name\":\"Authorization\",\"value\":\"[masked]\"},"
                           "{\"name\":\"q\",\"value\":\"v\"}]"},
        {.name = "answers too",
                .response = "{\"secret\":\"whsec_s3cret\"}",
                .answer = "\"response\":{\"secret\":\"[masked]\"}"},
        {.name = "the schema of a parameter is no secret",
                .response = "{\"properties\":{\"token\":{\"type\":\"string\"}}}",
                .answer = "{\"properties\":{\"token\":{\"type\":\"string\"}}}"},
        {.name = "places in lists, times and kinds are none",
                .response =
                        "{\"nextPageToken\":\"p\",\"token_expires_at\":\"t\",\"token_type\":\"y\","
                        "\"revoked_tokens\":[\"access_token\"],\"has_token\":true}",
                .answer =
                        "{\"nextPageToken\":\"p\",\"token_expires_at\":\"t\",\"token_type\":\"y\","
                        "\"revoked_tokens\":[\"access_token\"],\"has_token\":true}"},
        {.name = "parameters of the query",
                .query = "a=b%20c&api_key=s3cret&api%5Fkey=s3cret&flag&%zz=s3cret",
                .path = "\"path\":\"/api/v3.1/x?a=b%20c&api_key=[masked]&api%5Fkey=[masked]&flag&"
                        "%zz=[masked]\""},
        {.name = "what is no JSON is not quoted",
                .body = "client_secret=s3cret",
                .response = "s3cret",
                .request = "\"request\":\"[20 bytes that are no JSON]\"",
                .answer = "\"response\":\"[6 bytes that are no JSON]\""},
        {.name = "credentials by name alone", .path = "\"credentials\":[\"x-api-key\",\"cookie\"]"},
        {.name = "who asks", .path = "\"user_agent\":\"tenon\""},
};

START_TEST(trace_row)
{
    const struct http_header headers[] = {{SLICE("X-Api-Key"), SLICE("s3cret")},
            {SLICE("Cookie"), SLICE("s3cret")}, {SLICE("User-Agent"), SLICE("tenon")}};
    struct scene scene = scene_begin(__func__);
    struct http_request request = {.memory = scene.owner,
            .method = SLICE("POST"),
            .path = SLICE("/api/v3.1/x"),
            .query = slice_of(rows[_i].query),
            .headers = headers,
            .header_count = 3,
            .body = slice_of(rows[_i].body)};
    struct trace_answer answer = {
            .status = 200, .content_type = "application/json", .body = slice_of(rows[_i].response)};
    trace_add(scene.trace, 0, &request, &answer);
    const char *line = scene_end(&scene).data;
    ck_assert_msg(strstr(line, "s3cret") == NULL, "%s", line);
    const char *const parts[] = {rows[_i].path, rows[_i].request, rows[_i].answer};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_msg(parts[i] == NULL || strstr(line, parts[i]) != NULL, "%s", line);
    }
    mem_free(scene.owner);
}
END_TEST

START_TEST(lines_are_json_and_are_added)
{
    struct scene scene = scene_begin(__func__);
    struct error err = {0};
    struct http_request request = {
            .memory = scene.owner, .method = SLICE("GET"), .path = SLICE("/api/v3/tools\xff\"\n")};
    trace_add(scene.trace, 0, &request, &(struct trace_answer){.spoiled = "reset"});
    struct trace *again;
    ck_assert(trace_open(scene.owner, scene.path, &again, &err));
    trace_add(again, 0, &request, &(struct trace_answer){.status = 200, .body = SLICE("{}")});
    struct slice rest = scene_end(&scene);
    for (int line = 0; line < 2; line++) {
        const struct json *value;
        ck_assert(json_parse(scene.owner, slice_split(&rest, '\n'), &value, &err));
        ck_assert_int_eq(json_type(json_get(value, "status")), line == 0 ? JSON_NULL : JSON_NUMBER);
        ck_assert_pstr_eq(json_text(json_get(value, "spoiled")), line == 0 ? "reset" : NULL);
    }
    ck_assert_uint_eq(rest.length, 0);
    mem_free(scene.owner);
}
END_TEST

START_TEST(a_body_that_is_too_long_is_left_out)
{
    struct scene scene = scene_begin(__func__);
    struct buffer body;
    buffer_init(&body, scene.owner, 2 * TRACE_BODY_BYTES);
    buffer_add_char(&body, '"');
    while (body.length < TRACE_BODY_BYTES) {
        buffer_add_char(&body, '\x01');
    }
    buffer_add_char(&body, '"');
    struct http_request request = {
            .memory = scene.owner, .method = SLICE("GET"), .path = SLICE("/x")};
    trace_add(scene.trace, 0, &request,
            &(struct trace_answer){.status = 200, .body = buffer_slice(&body)});
    const char *line = scene_end(&scene).data;
    ck_assert_ptr_nonnull(strstr(line, "bytes, too many for the trace]"));
    mem_free(scene.owner);
}
END_TEST

START_TEST(the_file_is_for_this_user_alone)
{
    struct scene scene = scene_begin(__func__);
    struct error err = {0};
    struct stat status;
    unlink(scene.path);
    ck_assert(trace_open(scene.owner, scene.path, &scene.trace, &err));
    ck_assert_int_eq(stat(scene.path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    scene_end(&scene);
    mem_free(scene.owner);
}
END_TEST

START_TEST(a_place_that_cannot_be_written_is_named)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct error err = {0};
    struct trace *trace = NULL;
    ck_assert(!trace_open(owner, "/no/such/place", &trace, &err));
    ck_assert_ptr_null(trace);
    ck_assert_str_eq(err.message,
            "SANDBOX_TRACE: /no/such/place cannot be opened: No such file or directory");
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, trace_row, rows);
    TEST_ADD(suite, lines_are_json_and_are_added);
    TEST_ADD(suite, a_body_that_is_too_long_is_left_out);
    TEST_ADD(suite, the_file_is_for_this_user_alone);
    TEST_ADD(suite, a_place_that_cannot_be_written_is_named);
}
TEST_MAIN("trace", cases)
