#include "sandbox/call.h"

#include <assert.h>
#include <bsd/string.h>
#include <stdlib.h>

#define TEXTS_MAX         1000
#define CALL_CONTENT_TYPE "application/json; charset=utf-8"

/* The caller's own id for the request, when it is one: at most 64 letters, digits and hyphens. */
static const char *request_id_of(struct call *call)
{
    struct slice given = http_request_header(call->request, "x-request-id");
    bool usable = given.length > 0 && given.length <= 64;
    for (size_t i = 0; usable && i < given.length; i++) {
        char c = given.data[i];
        usable = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 c == '-';
    }
    if (usable) {
        return mem_strndup(call->memory, given.data, given.length);
    }
    char text[UUID_TEXT_SIZE];
    return mem_strdup(call->memory, uuid_v4(text));
}

void call_init_own(struct call *call, struct sandbox *sandbox, void *memory)
{
    *call = (struct call){.sandbox = sandbox,
            .memory = memory,
            .now_ms = sandbox_now_ms(sandbox),
            .v31 = true,
            .status = 200,
            .content_type = CALL_CONTENT_TYPE};
    buffer_init(&call->out, call->memory, CALL_BYTES_MAX);
    json_writer_init(&call->json, &call->out);
}

void call_init(struct call *call, struct sandbox *sandbox, struct http_request *request)
{
    call_init_own(call, sandbox, request->memory);
    call->request = request;
    call->v31 = false;
    call->request_id = request_id_of(call);
}

void call_add_header(struct call *call, const char *name, const char *value)
{
    assert(call->header_count < CALL_HEADERS_MAX);
    call->headers[call->header_count++] = (struct http_header){slice_of(name), slice_of(value)};
}

void call_answer_error(struct call *call, const struct error *err, int status)
{
    const struct api_error_row *row = api_error_row(err);
    call->status = status == 0 ? row->status : status;
    call->content_type = CALL_CONTENT_TYPE;
    buffer_init(&call->out, call->memory, CALL_BYTES_MAX);
    json_writer_init(&call->json, &call->out);
    struct json_writer *json = &call->json;
    json_begin_object(json);
    if (call->status == 429) {
        /* The service's limiter stands before its API: no `error` around the message. */
        json_write_name(json, "message");
        json_write_text(json, err->message);
        json_end_object(json);
        return;
    }
    json_write_name(json, "error");
    json_begin_object(json);
    json_write_name(json, "message");
    json_write_text(json, err->message);
    json_write_name(json, "code");
    json_write_int(json, status == 0 ? row->number : 10000 + status);
    json_write_name(json, "slug");
    json_write_text(json, row->slug);
    json_write_name(json, "status");
    json_write_int(json, call->status);
    json_write_name(json, "request_id");
    json_write_text(json, call->request_id);
    json_write_name(json, "suggested_fix");
    json_write_text(json, row->fix);
    json_end_object(json);
    json_end_object(json);
}

struct http_reply call_reply(const struct call *call)
{
    return (struct http_reply){.status = call->status,
            .content_type = call->content_type,
            .headers = call->headers,
            .header_count = call->header_count,
            .body = buffer_slice(&call->out)};
}

void call_answer(struct call *call)
{
    call_add_header(call, "X-Request-Id", call->request_id);
    struct http_reply reply = call_reply(call);
    http_reply(call->request, &reply);
}

/* ---- query ---- */

const char *call_parameter(struct call *call, const char *name)
{
    const char *value = http_request_parameter(call->request, name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* False: `text`, which is `name`'s, is none of `choices`. */
static bool check_choice(
        const char *name, const char *text, const char *const *choices, struct error *err)
{
    char list[200] = "";
    for (const char *const *choice = choices; *choice != NULL; choice++) {
        if (strcmp(*choice, text) == 0) {
            return true;
        }
        strlcat(list, choice == choices ? "" : ", ", sizeof list);
        strlcat(list, *choice, sizeof list);
    }
    return api_error_set(err, API_BAD_REQUEST, "%s: expected one of %s", name, list);
}

bool call_parameter_choice(struct call *call, const char *name, const char *const *choices,
        const char **out, struct error *err)
{
    const char *value = call_parameter(call, name);
    if (value != NULL && !check_choice(name, value, choices, err)) {
        return false;
    }
    *out = value == NULL ? *out : value;
    return true;
}

bool call_parameter_bool(
        struct call *call, const char *name, bool otherwise, bool *out, struct error *err)
{
    static const char *const choices[] = {"true", "false", "1", "0", NULL};
    const char *value = otherwise ? "true" : "false";
    if (!call_parameter_choice(call, name, choices, &value, err)) {
        return false;
    }
    *out = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    return true;
}

bool call_parameter_int(struct call *call, const char *name, int64_t otherwise, int64_t least,
        int64_t most, int64_t *out, struct error *err)
{
    const char *value = call_parameter(call, name);
    if (value == NULL) {
        *out = otherwise;
        return true;
    }
    char *end;
    long long number = strtoll(value, &end, 10);
    if (*end != '\0') {
        return api_error_set(err, API_BAD_REQUEST, "%s: expected a number", name);
    }
    *out = number < least ? least : number > most ? most : number;
    return true;
}

void texts_add(void *owner, struct texts *texts, struct slice text)
{
    if (text.length == 0 || texts->count == TEXTS_MAX) {
        return;
    }
    texts->items = mem_resize(owner, texts->items, (texts->count + 1) * sizeof *texts->items);
    texts->items[texts->count++] = mem_strndup(owner, text.data, text.length);
}

struct texts call_parameter_list(struct call *call, const char *name)
{
    struct texts list = {0};
    const char *bracketed = mem_printf(call->memory, "%s[]", name);
    struct slice rest = call->request->query;
    while (rest.data != NULL) {
        struct slice value = slice_split(&rest, '&');
        struct slice key = slice_split(&value, '='), decoded;
        if (!http_url_decode(call->memory, key, true, &key) ||
                !(slice_is(key, name) || slice_is(key, bracketed)) || value.data == NULL ||
                !http_url_decode(call->memory, value, true, &decoded)) {
            continue;
        }
        /* The official clients join with commas, escaped or not; an id has none. */
        while (decoded.data != NULL) {
            texts_add(call->memory, &list, slice_split(&decoded, ','));
        }
    }
    return list;
}

bool call_parameter_choices(struct call *call, const char *name, const char *const *choices,
        struct texts *out, struct error *err)
{
    struct texts list = call_parameter_list(call, name);
    for (size_t i = 0; i < list.count; i++) {
        if (!check_choice(name, list.items[i], choices, err)) {
            return false;
        }
    }
    *out = list;
    return true;
}

const char *version_or_usual(const struct call *call, const char *version)
{
    if (version == NULL) {
        return call->v31 ? CATALOG_VERSION : CATALOG_BASE_VERSION;
    }
    return strcmp(version, "latest") == 0 ? CATALOG_VERSION : version;
}

/* ---- body ---- */

static bool field_absent(const struct json *value)
{
    return value == NULL || json_type(value) == JSON_NULL;
}

bool field_text(const struct json *object, const char *name, const char **out, struct error *err)
{
    const struct json *value = json_get(object, name);
    if (!field_absent(value) && json_text(value) == NULL) {
        return api_error_set(err, API_BAD_REQUEST, "%s: expected a string", name);
    }
    *out = json_text(value);
    return true;
}

bool field_required(
        const struct json *object, const char *name, const char **out, struct error *err)
{
    const char *text;
    if (!field_text(object, name, &text, err)) {
        return false;
    }
    if (text == NULL || text[0] == '\0') {
        return api_error_set(err, API_BAD_REQUEST, "%s: required", name);
    }
    *out = text;
    return true;
}

bool field_choice(const struct json *object, const char *name, const char *const *choices,
        const char **out, struct error *err)
{
    const char *text;
    if (!field_text(object, name, &text, err) ||
            (text != NULL && !check_choice(name, text, choices, err))) {
        return false;
    }
    *out = text == NULL ? *out : text;
    return true;
}

bool field_list(void *owner, const struct json *object, const char *name, struct texts *out,
        struct error *err)
{
    const struct json *value = json_get(object, name);
    struct texts list = {0};
    bool good = field_absent(value) || json_type(value) == JSON_ARRAY;
    for (struct json_iterator i = json_iterate(value); good && json_next(&i);) {
        good = json_text(i.value) != NULL && i.index < TEXTS_MAX;
        texts_add(owner, &list, json_string(i.value));
    }
    if (!good) {
        return api_error_set(err, API_BAD_REQUEST, "%s: expected an array of strings", name);
    }
    *out = list;
    return true;
}

bool field_object(
        const struct json *object, const char *name, const struct json **out, struct error *err)
{
    const struct json *value = json_get(object, name);
    if (!field_absent(value) && json_type(value) != JSON_OBJECT) {
        return api_error_set(err, API_BAD_REQUEST, "%s: expected an object", name);
    }
    *out = field_absent(value) ? NULL : value;
    return true;
}

static bool clears(const struct json *value)
{
    enum json_type type = json_type(value);
    return type == JSON_NULL || (type == JSON_STRING && json_string(value).length == 0) ||
           (type == JSON_ARRAY && json_count(value) == 0);
}

const char *object_merged(void *owner, const char *object, const struct json *patch)
{
    const struct json *old = NULL;
    struct error ignored = {0};
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, owner, CALL_BYTES_MAX);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    if (json_parse(owner, slice_of(object), &old, &ignored)) {
        for (struct json_iterator i = json_iterate(old); json_next(&i);) {
            if (json_get(patch, mem_strndup(owner, i.name.data, i.name.length)) == NULL) {
                json_write_name_slice(&json, i.name);
                json_write_value(&json, i.value);
            }
        }
    }
    for (struct json_iterator i = json_iterate(patch); json_next(&i);) {
        if (!clears(i.value)) {
            json_write_name_slice(&json, i.name);
            json_write_value(&json, i.value);
        }
    }
    json_end_object(&json);
    return buffer_text(&out);
}

/* ---- texts ---- */

bool texts_have(const struct texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (strcmp(texts->items[i], text) == 0) {
            return true;
        }
    }
    return false;
}

bool texts_have_nocase(const struct texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (strcasecmp(texts->items[i], text) == 0) {
            return true;
        }
    }
    return false;
}

void texts_write(struct json_writer *json, const struct texts *texts)
{
    json_begin_array(json);
    for (size_t i = 0; i < texts->count; i++) {
        json_write_text(json, texts->items[i]);
    }
    json_end_array(json);
}

const char *texts_json(void *owner, const struct texts *texts)
{
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, owner, CALL_BYTES_MAX);
    json_writer_init(&json, &out);
    texts_write(&json, texts);
    return buffer_text(&out);
}

struct texts texts_parse(void *owner, const char *text)
{
    struct texts list = {0};
    const struct json *value = NULL;
    struct error ignored = {0};
    if (json_parse(owner, slice_of(text), &value, &ignored)) {
        for (struct json_iterator i = json_iterate(value); json_next(&i);) {
            texts_add(owner, &list, json_string(i.value));
        }
    }
    return list;
}

void call_write_list(struct json_writer *json, const char *name, const struct json *list)
{
    json_write_name(json, name);
    if (list == NULL) {
        json_begin_array(json);
        json_end_array(json);
    } else {
        json_write_value(json, list);
    }
}
