/* JSON (RFC 8259): reading, looking, writing. yyjson underneath.
 *
 * What passes through keeps every digit of its numbers, the order of its members and members of the same name; so a
 * number is text until asked for. Strings are UTF-8 in which a lone surrogate (`"\ud800"`) is the three bytes that
 * UTF-8 would give it (WTF-8), and is written as an escape again; a NUL is an ordinary byte. No I/O, no fibers. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

#include <stdint.h>

#define JSON_MAX_DEPTH 64

/* A value inside a parsed text; immutable, lives as long as the text's owner. */
struct json;

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Parse a whole text; the value does not refer to `text` afterwards.
 * False: ERROR_PARSE_ERROR, INVALID_JSON: not JSON, not UTF-8, or nested deeper than JSON_MAX_DEPTH; the message says
 * what and at which byte, and quotes nothing of the text. */
MUST_CHECK bool json_parse(
        void *owner, struct slice text, const struct json **value_out, struct error *err);

/* All of these accept NULL, which has type JSON_NULL: so that look-ups chain. */
enum json_type json_type(const struct json *value);
/* The member of an object, the last where the name repeats (as JavaScript has it); NULL: absent, or no object. */
const struct json *json_get(const struct json *object, const char *name);
const struct json *json_get_slice(const struct json *object, struct slice name);
/* Members or elements; 0 for anything else. */
size_t json_count(const struct json *value);
/* A string's bytes, NULs included; data NULL when it is no string. */
struct slice json_string(const struct json *value);
/* A string as C text; NULL when it is no string, or has a NUL in it. */
const char *json_text(const struct json *value);
/* A number's text as it stood, "1.10"; data NULL when it is no number. */
struct slice json_number(const struct json *value);
/* False: not a number, not whole, or not within int64_t. `1e3` and `5.0` are whole. */
bool json_int(const struct json *value, int64_t *out);
/* A number without a fraction, however large: `1e30` is one, `1.5` is not. */
bool json_is_whole(const struct json *value);
/* Two numbers as mathematics has them, every digit counting: negative, 0 or positive as a < b, a = b, a > b. Exponents
 * beyond 10^12 count as that. */
int json_compare_numbers(const struct json *a, const struct json *b);
/* `otherwise` when it is no boolean. */
bool json_bool(const struct json *value, bool otherwise);

/* for (struct json_iterator i = json_iterate(v); json_next(&i);) … i.name, i.value; i.name.data is NULL in arrays.
 * Empty for anything but an object or array. */
struct json_iterator {
    struct slice name;
    const struct json *value;
    size_t index; /* from 0 */
    const struct json *container, *at;
    size_t left;
};
struct json_iterator json_iterate(const struct json *container);
bool json_next(struct json_iterator *iterator);

/* Members in the same order with the same names, texts of numbers, and strings. */
bool json_equal(const struct json *a, const struct json *b);

/* Writing: straight into a buffer, commas by themselves, no checks but assertions of nesting. */
struct json_writer {
    struct buffer *out;
    int depth;
    bool need_comma, after_name;
};
void json_writer_init(struct json_writer *writer, struct buffer *out);
void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);
/* A member's name; its value is written next. */
void json_write_name(struct json_writer *writer, const char *name);
void json_write_name_slice(struct json_writer *writer, struct slice name);
void json_write_null(struct json_writer *writer);
void json_write_bool(struct json_writer *writer, bool value);
void json_write_int(struct json_writer *writer, int64_t value);
/* NULL is written as null. Bytes that are not UTF-8 (nor a lone surrogate's three) become U+FFFD. */
void json_write_text(struct json_writer *writer, const char *text);
void json_write_string(struct json_writer *writer, struct slice text);
void json_write_printf(struct json_writer *writer, const char *format, ...) PRINTF_LIKE(2, 3);
/* A clock time in milliseconds, as a string; see base/clock.h. */
void json_write_time(struct json_writer *writer, int64_t ms);
/* A value as it was read; NULL is written as null. */
void json_write_value(struct json_writer *writer, const struct json *value);
/* A whole JSON text that is known to be one. */
void json_write_raw(struct json_writer *writer, struct slice text);
/* Likewise the members of an object, without its braces: one at least. */
void json_write_raw_members(struct json_writer *writer, struct slice text);

/* The value's text, for storage; lives as long as `owner`. */
struct slice json_to_text(void *owner, const struct json *value);
