#include "sandbox/faults/trace.h"

#include "base/log.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Masking makes a short text longer. */
#define LINE_BYTES (4 * TRACE_BODY_BYTES)

struct trace {
    int descriptor;
    bool failed;
};

static int trace_close(struct trace *trace)
{
    close(trace->descriptor);
    return 0;
}

bool trace_open(void *owner, const char *path, struct trace **trace_out, struct error *err)
{
    int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return error_set(err, ERROR_SERVICE_UNAVAILABLE, "BAD_CONFIGURATION",
                "SANDBOX_TRACE: %.150s cannot be opened: %s", path, strerror(errno));
    }
    struct trace *trace = mem_new(owner, struct trace);
    trace->descriptor = descriptor;
    mem_on_free(trace, trace_close);
    *trace_out = trace;
    return true;
}

/* ---- masking ---- */

static bool has_word(struct slice name, const char *word)
{
    size_t length = strlen(word);
    for (; name.length >= length; name = slice_skip(name, 1)) {
        if (strncasecmp(name.data, word, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_one_of(struct slice name, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (has_word(name, *words)) {
            return true;
        }
    }
    return false;
}

static bool is_secret(struct slice name)
{
    static const char *const secrets[] = {"secret", "password", "token", "api_key", "apikey",
            "api-key", "private_key", "authorization", "bearer", "basic_encoded", "cookie", NULL};
    /* nextPageToken, token_expires_at, revoked_tokens (their names), token_type */
    static const char *const others[] = {"page", "expire", "revoked", "type", NULL};
    return has_one_of(name, secrets) && !has_one_of(name, others);
}

/* A member of a secret name that is an object is no secret itself: it is the schema of a parameter of that name. */
static void write_masked(struct json_writer *json, const struct json *value, bool secret)
{
    enum json_type type = json_type(value);
    if (type == JSON_OBJECT) {
        /* {"name": "Authorization", "value": "Bearer …"} */
        bool named_so = is_secret(json_string(json_get(value, "name")));
        json_begin_object(json);
        for (struct json_iterator i = json_iterate(value); json_next(&i);) {
            json_write_name_slice(json, i.name);
            write_masked(
                    json, i.value, is_secret(i.name) || (named_so && slice_is(i.name, "value")));
        }
        json_end_object(json);
    } else if (type == JSON_ARRAY) {
        json_begin_array(json);
        for (struct json_iterator i = json_iterate(value); json_next(&i);) {
            write_masked(json, i.value, secret);
        }
        json_end_array(json);
    } else if (secret && type == JSON_STRING) {
        json_write_text(json, TRACE_MASK);
    } else if (secret && type == JSON_NUMBER) {
        json_write_int(json, 0);
    } else {
        json_write_value(json, value);
    }
}

static void write_body(struct json_writer *json, void *scratch, struct slice body)
{
    const struct json *value = NULL;
    struct error no_json;
    if (body.length == 0) {
        json_write_null(json);
    } else if (body.length > TRACE_BODY_BYTES) {
        json_write_printf(json, "[%zu bytes, too many for the trace]", body.length);
    } else if (!json_parse(scratch, body, &value, &no_json)) {
        json_write_printf(json, "[%zu bytes that are no JSON]", body.length);
    } else {
        write_masked(json, value, false);
    }
}

static void write_target(
        struct json_writer *json, void *scratch, const struct http_request *request)
{
    struct buffer target;
    buffer_init(&target, scratch, LINE_BYTES);
    buffer_add_slice(&target, request->path);
    char separator = '?';
    for (struct slice rest = request->query; rest.data != NULL; separator = '&') {
        struct slice value = slice_split(&rest, '&'), name = slice_split(&value, '='), plain = name;
        buffer_add_char(&target, separator);
        buffer_add_slice(&target, name);
        if (value.data == NULL) {
            continue;
        }
        buffer_add_char(&target, '=');
        bool readable = http_url_decode(scratch, name, true, &plain);
        buffer_add_slice(&target, !readable || is_secret(plain) ? slice_of(TRACE_MASK) : value);
    }
    json_write_string(json, buffer_slice(&target));
}

/* ---- lines ---- */

static void write_credentials(struct json_writer *json, const struct http_request *request)
{
    static const char *const names[] = {"x-api-key", "x-user-api-key", "x-org-api-key",
            "x-consumer-api-key", "authorization", "proxy-authorization", "cookie"};
    json_begin_array(json);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (http_request_header(request, names[i]).data != NULL) {
            json_write_text(json, names[i]);
        }
    }
    json_end_array(json);
}

static void write_request(
        struct json_writer *json, void *scratch, const struct http_request *request)
{
    struct slice agent = http_request_header(request, "user-agent");
    json_write_name(json, "method");
    json_write_string(json, request->method);
    json_write_name(json, "path");
    write_target(json, scratch, request);
    json_write_name(json, "user_agent");
    if (agent.data == NULL) {
        json_write_null(json);
    } else {
        json_write_string(json, agent);
    }
    json_write_name(json, "credentials");
    write_credentials(json, request);
    json_write_name(json, "request");
    write_body(json, scratch, request->body);
}

static void write_answer(struct json_writer *json, void *scratch, const struct trace_answer *answer)
{
    json_write_name(json, "status");
    if (answer->status == 0) {
        json_write_null(json);
    } else {
        json_write_int(json, answer->status);
    }
    json_write_name(json, "content_type");
    json_write_text(json, answer->status == 0 ? NULL : answer->content_type);
    json_write_name(json, "response");
    write_body(json, scratch, answer->status == 0 ? (struct slice){NULL, 0} : answer->body);
    json_write_name(json, "spoiled");
    json_write_text(json, answer->spoiled);
}

void trace_add(struct trace *trace, int64_t now_ms, const struct http_request *request,
        const struct trace_answer *answer)
{
    void *scratch = mem_scope_new(trace, "trace_line");
    struct buffer line;
    struct json_writer json;
    buffer_init(&line, scratch, LINE_BYTES);
    json_writer_init(&json, &line);
    json_begin_object(&json);
    json_write_name(&json, "time");
    json_write_time(&json, now_ms);
    write_request(&json, scratch, request);
    write_answer(&json, scratch, answer);
    json_end_object(&json);
    buffer_add_char(&line, '\n');
    bool written = !line.overflow &&
                   write(trace->descriptor, line.data, line.length) == (ssize_t)line.length;
    if (!written && !trace->failed) {
        trace->failed = true;
        log_warn("the sandbox's trace misses a line: %s",
                line.overflow ? "it is too long" : strerror(errno));
    }
    mem_free(scratch);
}
