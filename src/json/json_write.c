#include "base/clock.h"
#include "json/json_internal.h"

#include <assert.h>

/* True when all eight bytes are ASCII that stands for itself in a string. */
static bool are_plain(const char *at)
{
    const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    uint64_t word;
    memcpy(&word, at, sizeof word);
    uint64_t quotes = word ^ ones * '"', backslashes = word ^ ones * '\\';
    /* A byte's top bit comes out set where the byte is below 32, zero (so was the character sought), or not ASCII;
     * false alarms, from a borrow, are only above a true one. */
    uint64_t found = (word - ones * 32) | (quotes - ones) | (backslashes - ones) | word;
    return (found & tops) == 0;
}

/* How much of the text's beginning is written as it stands. */
static size_t plain_run(struct slice text)
{
    size_t at = 0;
    while (at < text.length) {
        if (text.length - at >= 8 && are_plain(text.data + at)) {
            at += 8;
            continue;
        }
        unsigned char c = (unsigned char)text.data[at];
        if (c < 0x20 || c == '"' || c == '\\') {
            break;
        }
        size_t length = utf8_sequence(text.data + at, text.length - at);
        if (length == 0) {
            break;
        }
        at += length;
    }
    return at;
}

static bool is_lone_surrogate(struct slice text)
{
    const unsigned char *s = (const unsigned char *)text.data;
    return text.length >= 3 && s[0] == 0xED && (s[1] & 0xE0) == 0xA0 && (s[2] & 0xC0) == 0x80;
}

static void add_unit(struct buffer *out, unsigned unit)
{
    static const char hex[] = "0123456789abcdef";
    char escape[] = {'\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15],
            hex[unit & 15]};
    buffer_add(out, escape, sizeof escape);
}

/* Write what the text begins with and cannot stand as it is; returns its bytes. */
static size_t add_escape(struct buffer *out, struct slice text)
{
    static const char short_forms[] = {['"'] = '"',
            ['\\'] = '\\',
            ['\b'] = 'b',
            ['\f'] = 'f',
            ['\n'] = 'n',
            ['\r'] = 'r',
            ['\t'] = 't'};
    unsigned char c = (unsigned char)text.data[0];
    if (c < sizeof short_forms && short_forms[c] != '\0') {
        char escape[] = {'\\', short_forms[c]};
        buffer_add(out, escape, sizeof escape);
        return 1;
    }
    if (c < 0x20) {
        add_unit(out, c);
        return 1;
    }
    if (is_lone_surrogate(text)) {
        unsigned middle = text.data[1] & 0x3F, low = text.data[2] & 0x3F;
        add_unit(out, 0xD000 | middle << 6 | low);
        return 3;
    }
    buffer_add_text(out, "\xEF\xBF\xBD"); /* U+FFFD */
    return 1;
}

/* Most of a JSON text is tokens of a few bytes: those that fit go in without a call. */
static inline void add(struct buffer *out, const char *bytes, size_t length)
{
    if (length < out->capacity - out->length && length <= out->limit - out->length) {
        char *at = out->data + out->length;
        if (length == 1) {
            at[0] = bytes[0];
        } else if (length > 1) {
            memcpy(at, bytes, length);
        }
        at[length] = '\0';
        out->length += length;
    } else {
        buffer_add(out, bytes, length);
    }
}

static void add_string(struct buffer *out, struct slice text)
{
    size_t run = plain_run(text);
    add(out, "\"", 1);
    add(out, text.data, run);
    while (run < text.length) {
        text = slice_skip(text, run);
        text = slice_skip(text, add_escape(out, text));
        run = plain_run(text);
        add(out, text.data, run);
    }
    add(out, "\"", 1);
}

static void add_value(struct buffer *out, const struct json *value);

static void add_array(struct buffer *out, const struct json *array)
{
    const struct json *at = array + 1;
    add(out, "[", 1);
    for (size_t left = json_length(array); left > 0; left--) {
        add_value(out, at);
        at = json_after(at);
        if (left > 1) {
            add(out, ",", 1);
        }
    }
    add(out, "]", 1);
}

static void add_object(struct buffer *out, const struct json *object)
{
    const struct json *at = object + 1;
    add(out, "{", 1);
    for (size_t left = json_length(object); left > 0; left--) {
        add_string(out, json_bytes(at));
        add(out, ":", 1);
        add_value(out, at + 1);
        at = json_after(at + 1);
        if (left > 1) {
            add(out, ",", 1);
        }
    }
    add(out, "}", 1);
}

static void add_value(struct buffer *out, const struct json *value)
{
    switch (json_type(value)) {
    case JSON_NULL:
        add(out, "null", 4);
        return;
    case JSON_BOOL:
        buffer_add_text(out, json_bool(value, false) ? "true" : "false");
        return;
    case JSON_NUMBER:
        buffer_add_slice(out, json_bytes(value));
        return;
    case JSON_STRING:
        add_string(out, json_bytes(value));
        return;
    case JSON_ARRAY:
        add_array(out, value);
        return;
    case JSON_OBJECT:
        add_object(out, value);
        return;
    }
}

void json_writer_init(struct json_writer *writer, struct buffer *out)
{
    *writer = (struct json_writer){.out = out};
}

/* Before any value: the comma behind the one before it. */
static void begin_value(struct json_writer *writer)
{
    if (writer->need_comma && !writer->after_name) {
        assert(writer->depth > 0);
        add(writer->out, ",", 1);
    }
    writer->need_comma = true;
    writer->after_name = false;
}

static void begin_container(struct json_writer *writer, char bracket)
{
    begin_value(writer);
    buffer_add_char(writer->out, bracket);
    writer->depth++;
    writer->need_comma = false;
}

static void end_container(struct json_writer *writer, char bracket)
{
    assert(writer->depth > 0);
    assert(!writer->after_name);
    buffer_add_char(writer->out, bracket);
    writer->depth--;
    writer->need_comma = true;
}

void json_begin_object(struct json_writer *writer)
{
    begin_container(writer, '{');
}

void json_end_object(struct json_writer *writer)
{
    end_container(writer, '}');
}

void json_begin_array(struct json_writer *writer)
{
    begin_container(writer, '[');
}

void json_end_array(struct json_writer *writer)
{
    end_container(writer, ']');
}

void json_write_name(struct json_writer *writer, const char *name)
{
    json_write_name_slice(writer, slice_of(name));
}

void json_write_name_slice(struct json_writer *writer, struct slice name)
{
    assert(writer->depth > 0);
    assert(!writer->after_name);
    begin_value(writer);
    add_string(writer->out, name);
    add(writer->out, ":", 1);
    writer->after_name = true;
}

void json_write_null(struct json_writer *writer)
{
    json_write_value(writer, NULL);
}

void json_write_bool(struct json_writer *writer, bool value)
{
    begin_value(writer);
    buffer_add_text(writer->out, value ? "true" : "false");
}

void json_write_int(struct json_writer *writer, int64_t value)
{
    begin_value(writer);
    buffer_add_int(writer->out, value);
}

void json_write_text(struct json_writer *writer, const char *text)
{
    if (text == NULL) {
        json_write_null(writer);
    } else {
        json_write_string(writer, slice_of(text));
    }
}

void json_write_string(struct json_writer *writer, struct slice text)
{
    begin_value(writer);
    add_string(writer->out, text);
}

void json_write_printf(struct json_writer *writer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = mem_vprintf(writer->out->owner, format, arguments);
    va_end(arguments);
    json_write_text(writer, text);
    mem_free(text);
}

void json_write_time(struct json_writer *writer, int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];
    json_write_text(writer, clock_format(ms, text));
}

void json_write_value(struct json_writer *writer, const struct json *value)
{
    begin_value(writer);
    add_value(writer->out, value);
}

void json_write_raw(struct json_writer *writer, struct slice text)
{
    begin_value(writer);
    buffer_add_slice(writer->out, text);
}

void json_write_raw_members(struct json_writer *writer, struct slice text)
{
    assert(!writer->after_name);
    json_write_raw(writer, text);
}

struct slice json_to_text(void *owner, const struct json *value)
{
    struct buffer text;
    buffer_init(&text, owner, SIZE_MAX - 1);
    add_value(&text, value);
    return buffer_slice(&text);
}
