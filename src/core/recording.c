#include "core/recording.h"

#include "json/utf8.h"

#include <ctype.h>
#include <stdlib.h>

#define ESCAPE           "$json"
#define NUMBER_BYTES_MAX 1000
#define NAME_BYTES_MAX   64 /* a longer name of a secret is looked at up to there */

struct recorder {
    void *memory;
    bool redact;
    bool exact; /* inside an escape: nothing is escaped any more */
};

/* ---- secrets ---- */

/* Without regard to case, and to what stands between words: "API-Key" is "apikey". A name that holds one of them names a
 * secret: that "nextPageToken" is lost to the record is the lesser evil. */
static bool names_secret(struct slice name)
{
    static const char *const words[] = {"password", "passwd", "passphrase", "secret", "token",
            "authorization", "apikey", "privatekey", "accesskey", "credential", "cookie", "jwt"};
    char plain[NAME_BYTES_MAX + 1];
    size_t length = 0;
    for (size_t i = 0; i < name.length && length < NAME_BYTES_MAX; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (isalnum(c)) {
            plain[length++] = (char)tolower(c);
        }
    }
    plain[length] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strstr(plain, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* ---- what jsonb keeps ---- */

static bool keeps_string(struct slice text)
{
    return memchr(text.data, '\0', text.length) == NULL && utf8_valid_run(text) == text.length;
}

static bool keeps_number(struct slice number)
{
    bool zero = true;
    for (size_t i = 0; i < number.length; i++) {
        char c = number.data[i];
        if (c == 'e' || c == 'E') {
            return false;
        }
        zero = zero && (c < '1' || c > '9');
    }
    return number.length <= NUMBER_BYTES_MAX && !(zero && number.data[0] == '-');
}

static int compare_names(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    size_t length = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->data, y->data, length);
    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

static bool keeps_names(void *memory, const struct json *object)
{
    size_t count = json_count(object);
    struct slice *names = mem_array(memory, struct slice, count);
    bool keeps = true;
    for (struct json_iterator i = json_iterate(object); json_next(&i);) {
        names[i.index] = i.name;
        keeps = keeps && !slice_is(i.name, ESCAPE) && keeps_string(i.name);
    }
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count && keeps; i++) {
        keeps = !slice_equal(names[i - 1], names[i]);
    }
    mem_free(names);
    return keeps;
}

static bool keeps(const struct recorder *recorder, const struct json *value)
{
    switch (json_type(value)) {
    case JSON_NUMBER:
        return keeps_number(json_number(value));
    case JSON_STRING:
        return keeps_string(json_string(value));
    case JSON_OBJECT:
        return keeps_names(recorder->memory, value);
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_ARRAY:
        break;
    }
    return true;
}

/* ---- writing ---- */

static void write_value(
        const struct recorder *recorder, struct json_writer *json, const struct json *value);

static void write_escape(
        const struct recorder *recorder, struct json_writer *json, const struct json *value)
{
    struct recorder exact = {recorder->memory, recorder->redact, true};
    struct json_writer inner;
    struct buffer text;
    buffer_init(&text, recorder->memory, SIZE_MAX / 2); /* about as long as the value */
    json_writer_init(&inner, &text);
    write_value(&exact, &inner, value);
    json_begin_object(json);
    json_write_name(json, ESCAPE);
    json_write_string(json, buffer_slice(&text));
    json_end_object(json);
    mem_free(text.data);
}

static void write_object(
        const struct recorder *recorder, struct json_writer *json, const struct json *object)
{
    json_begin_object(json);
    for (struct json_iterator i = json_iterate(object); json_next(&i);) {
        json_write_name_slice(json, i.name);
        if (recorder->redact && names_secret(i.name)) {
            json_write_text(json, "[redacted]");
        } else {
            write_value(recorder, json, i.value);
        }
    }
    json_end_object(json);
}

static void write_value(
        const struct recorder *recorder, struct json_writer *json, const struct json *value)
{
    if (!recorder->exact && !keeps(recorder, value)) {
        write_escape(recorder, json, value);
    } else if (json_type(value) == JSON_OBJECT) {
        write_object(recorder, json, value);
    } else if (json_type(value) == JSON_ARRAY) {
        json_begin_array(json);
        for (struct json_iterator i = json_iterate(value); json_next(&i);) {
            write_value(recorder, json, i.value);
        }
        json_end_array(json);
    } else {
        json_write_value(json, value);
    }
}

struct slice recording_text(void *owner, enum recording recording, const struct json *value)
{
    struct recorder recorder = {owner, recording == RECORDING_REDACTED, false};
    struct json_writer json;
    struct buffer text;
    if (recording == RECORDING_METADATA) {
        return SLICE("null");
    }
    buffer_init(&text, owner, SIZE_MAX / 2); /* the value has a limit of its own */
    json_writer_init(&json, &text);
    write_value(&recorder, &json, value);
    return buffer_slice(&text);
}

const char *recording_error(void *owner, enum recording recording, const char *words)
{
    struct recorder recorder = {owner, true, true};
    const struct json *value = NULL;
    struct error no_json;
    if (words == NULL || recording == RECORDING_FULL) {
        return words;
    }
    if (recording == RECORDING_METADATA) {
        return "The tool failed; its words are not recorded here.";
    }
    if (!json_parse(owner, slice_of(words), &value, &no_json)) {
        return words;
    }
    struct json_writer json;
    struct buffer text;
    buffer_init(&text, owner, SIZE_MAX / 2);
    json_writer_init(&json, &text);
    write_value(&recorder, &json, value);
    return buffer_text(&text);
}

/* ---- reading ---- */

static bool not_a_record(struct error *err)
{
    return error_set(err, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_ERROR",
            "the record of an execution holds no JSON");
}

static bool restore(
        void *memory, struct json_writer *json, const struct json *value, struct error *err)
{
    struct slice escaped = json_string(json_get(value, ESCAPE));
    const struct json *exact = NULL;
    struct error no_json;
    if (escaped.data != NULL && json_count(value) == 1) {
        if (!json_parse(memory, escaped, &exact, &no_json)) {
            return not_a_record(err);
        }
        json_write_value(json, exact);
        return true;
    }
    bool is_object = json_type(value) == JSON_OBJECT;
    if (!is_object && json_type(value) != JSON_ARRAY) {
        json_write_value(json, value);
        return true;
    }
    if (is_object) {
        json_begin_object(json);
    } else {
        json_begin_array(json);
    }
    for (struct json_iterator i = json_iterate(value); json_next(&i);) {
        if (is_object) {
            json_write_name_slice(json, i.name);
        }
        if (!restore(memory, json, i.value, err)) {
            return false;
        }
    }
    if (is_object) {
        json_end_object(json);
    } else {
        json_end_array(json);
    }
    return true;
}

bool recording_value(void *owner, struct slice column, struct slice *text_out, struct error *err)
{
    const struct json *value = NULL;
    struct error no_json;
    struct json_writer json;
    struct buffer text;
    if (!json_parse(owner, column, &value, &no_json)) {
        return not_a_record(err);
    }
    buffer_init(&text, owner, SIZE_MAX / 2);
    json_writer_init(&json, &text);
    if (!restore(owner, &json, value, err)) {
        return false;
    }
    *text_out = buffer_slice(&text);
    return true;
}
