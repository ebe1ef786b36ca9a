/* One request to the sandbox and the answer in the making. Handlers look at parameters and body, write JSON (or a page)
 * into the call, and return true; or set an error and return false. routes.c sends what came of it. */
#pragma once

#include "crypto/crypto.h"
#include "sandbox/api_error.h"
#include "sandbox/sandbox_internal.h"
#include "json/json.h"

#define CALL_VALUES_MAX  2
#define CALL_HEADERS_MAX 16
/* Of a request's body, and of an answer. */
#define CALL_BYTES_MAX (64 * 1024 * 1024)

struct call {
    struct sandbox *sandbox;
    struct http_request *request;
    void *memory; /* freed after the answer */
    int64_t now_ms;
    bool v31;                            /* under /api/v3.1, not /api/v3 */
    bool echo;                           /* faults.h: a tool gives back its arguments */
    const char *values[CALL_VALUES_MAX]; /* what the {} of the route matched, decoded */
    const struct json *body;             /* an object; NULL when none was sent */
    const char *request_id;

    int status; /* 200 to begin with */
    const char *content_type;
    struct http_header headers[CALL_HEADERS_MAX];
    size_t header_count;
    struct buffer out;
    struct json_writer json; /* onto `out` */
};

/* Some texts. */
struct texts {
    const char **items;
    size_t count;
};

void call_init(struct call *call, struct sandbox *sandbox, struct http_request *request);
/* One of the sandbox's own, without a request, as v3.1 has it: for what writes into a call. */
void call_init_own(struct call *call, struct sandbox *sandbox, void *memory);
/* `name` is static, `value` lives as long as the call. */
void call_add_header(struct call *call, const char *name, const char *value);
/* Drop what was written and answer with the error, in the API's form; `status` 0: the error's own. */
void call_answer_error(struct call *call, const struct error *err, int status);

/* The answer as it stands; good as long as the call. */
struct http_reply call_reply(const struct call *call);
void call_answer(struct call *call);

/* ---- query ---- */

/* NULL: absent or empty. */
const char *call_parameter(struct call *call, const char *name);
/* `otherwise` when absent. False: neither "true" nor "false", "1" nor "0". */
MUST_CHECK bool call_parameter_bool(
        struct call *call, const char *name, bool otherwise, bool *out, struct error *err);
/* `choices` end with NULL; *out stays as it is when absent. False: none of them. */
MUST_CHECK bool call_parameter_choice(struct call *call, const char *name,
        const char *const *choices, const char **out, struct error *err);
/* Clamped to the range, as the service does silently. False: no number. */
MUST_CHECK bool call_parameter_int(struct call *call, const char *name, int64_t otherwise,
        int64_t least, int64_t most, int64_t *out, struct error *err);
/* The values of name=a,b, of name=a&name=b and of name[]=a: no items when absent. */
struct texts call_parameter_list(struct call *call, const char *name);
/* The same, each one of `choices`, which end with NULL. */
MUST_CHECK bool call_parameter_choices(struct call *call, const char *name,
        const char *const *choices, struct texts *out, struct error *err);

/* "latest", or none by the version of the API: v3 has the first by default, v3.1 the latest. */
const char *version_or_usual(const struct call *call, const char *version);

/* ---- body ---- */

/* *out is NULL when the member is absent or null. False: it has another type. */
MUST_CHECK bool field_text(
        const struct json *object, const char *name, const char **out, struct error *err);
/* False also when it is absent or empty. */
MUST_CHECK bool field_required(
        const struct json *object, const char *name, const char **out, struct error *err);
/* `choices` end with NULL; *out stays as it is when absent. False: none of them. */
MUST_CHECK bool field_choice(const struct json *object, const char *name,
        const char *const *choices, const char **out, struct error *err);
/* No items when absent. False: no array of strings. */
MUST_CHECK bool field_list(void *owner, const struct json *object, const char *name,
        struct texts *out, struct error *err);
/* *out is NULL when absent. False: no object. */
MUST_CHECK bool field_object(
        const struct json *object, const char *name, const struct json **out, struct error *err);

/* The JSON text of an object with the members of `patch` set in it; those that are null, "" or [] are taken out. */
const char *object_merged(void *owner, const char *object, const struct json *patch);

/* ---- texts ---- */

/* Nothing for an empty text, or beyond a thousand. */
void texts_add(void *owner, struct texts *texts, struct slice text);
bool texts_have(const struct texts *texts, const char *text);
bool texts_have_nocase(const struct texts *texts, const char *text);
void texts_write(struct json_writer *json, const struct texts *texts);
/* As a JSON array, for json_each() in SQL. */
const char *texts_json(void *owner, const struct texts *texts);
/* From a JSON array of strings. */
struct texts texts_parse(void *owner, const char *json);

/* A member that is `list`, or an empty array for NULL. */
void call_write_list(struct json_writer *json, const char *name, const struct json *list);
