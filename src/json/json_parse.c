#include "json/json_internal.h"

static void *allocate(void *owner, size_t size)
{
    return mem_resize(owner, NULL, size);
}

static void *reallocate(void *owner, void *block, size_t old_size, size_t size)
{
    (void)old_size;
    return mem_resize(owner, block, size);
}

static void release(void *owner, void *block)
{
    (void)owner;
    mem_free(block);
}

/* The UTF-16 code unit of an escape `\uXXXX` at `at`; -1: there is none. */
static int escaped_unit(struct slice text, size_t at)
{
    if (text.length < 6 || at > text.length - 6 || text.data[at] != '\\' ||
            text.data[at + 1] != 'u') {
        return -1;
    }
    int unit = 0;
    for (size_t i = at + 2; i < at + 6; i++) {
        char c = text.data[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_high_surrogate(int unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(int unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* Where the next escape of a surrogate without its partner begins; the text's length when there is none. Needs no
 * idea of strings: a backslash outside of them makes the text no JSON, here as in the copy that is parsed. */
static size_t find_lone_surrogate(struct slice text, size_t from)
{
    while (from < text.length) {
        const char *backslash = memchr(text.data + from, '\\', text.length - from);
        if (backslash == NULL) {
            break;
        }
        size_t at = (size_t)(backslash - text.data);
        int unit = escaped_unit(text, at);
        if (is_high_surrogate(unit) && is_low_surrogate(escaped_unit(text, at + 6))) {
            from = at + 12;
        } else if (is_high_surrogate(unit) || is_low_surrogate(unit)) {
            return at;
        } else {
            from = at + 2;
        }
    }
    return text.length;
}

/* Copy `text` with every lone surrogate as the three bytes that UTF-8 would give it; returns the copy's length. */
static size_t copy_with_surrogates(struct slice text, char *copy)
{
    char *out = copy;
    for (size_t from = 0; from < text.length;) {
        size_t at = find_lone_surrogate(text, from);
        memcpy(out, text.data + from, at - from);
        out += at - from;
        from = at;
        if (at < text.length) {
            int unit = escaped_unit(text, at);
            *out++ = (char)(0xE0 | unit >> 12);
            *out++ = (char)(0x80 | (unit >> 6 & 0x3F));
            *out++ = (char)(0x80 | (unit & 0x3F));
            from += 6;
        }
    }
    return (size_t)(out - copy);
}

/* The place in `text` of a place in its copy: each lone surrogate before it was six bytes and became three. */
static size_t place_in_text(struct slice text, size_t place)
{
    for (size_t at = 0; (at = find_lone_surrogate(text, at)) < place; at += 6) {
        place += 3;
    }
    return place;
}

/* The parser below does not recurse, so depth is looked at afterwards, a step a value: several times cheaper than a
 * scan of the bytes beforehand. All that walks values recurses, and relies on this. */
static bool is_too_deep(const struct json *root, size_t count)
{
    const struct json *ends[JSON_MAX_DEPTH];
    int depth = 0;
    for (const struct json *value = root; value < root + count; value++) {
        while (depth > 0 && value == ends[depth - 1]) {
            depth--;
        }
        if (json_is_container(value)) {
            if (depth == JSON_MAX_DEPTH) {
                return true;
            }
            ends[depth++] = json_after(value);
        }
    }
    return false;
}

/* The bracket that opens one level too many in a text that is JSON. */
static size_t find_too_deep(struct slice text)
{
    int depth = 0;
    bool in_string = false;
    for (size_t at = 0; at < text.length; at++) {
        char c = text.data[at];
        if (in_string) {
            at += c == '\\';
            in_string = c != '"';
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_MAX_DEPTH) {
                return at;
            }
        } else {
            depth -= c == ']' || c == '}';
            in_string = c == '"';
        }
    }
    return text.length;
}

static bool refuse(struct error *err, size_t at, const char *what)
{
    return error_set(
            err, ERROR_PARSE_ERROR, "INVALID_JSON", "this is not JSON: %s, at byte %zu", what, at);
}

bool json_parse(void *owner, struct slice text, const struct json **value_out, struct error *err)
{
    bool has_lone_surrogates = find_lone_surrogate(text, 0) < text.length;
    yyjson_read_flag flags = YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW;
    if (has_lone_surrogates) {
        /* The copy will have bytes that only this flag lets through; so the text's own are checked here. */
        flags |= YYJSON_READ_ALLOW_INVALID_UNICODE;
        size_t invalid = utf8_valid_run(text);
        if (invalid < text.length) {
            return refuse(err, invalid, "invalid UTF-8");
        }
    }

    char *copy = mem_resize(owner, NULL, text.length + YYJSON_PADDING_SIZE);
    size_t length = text.length;
    if (has_lone_surrogates) {
        length = copy_with_surrogates(text, copy);
    } else if (length > 0) {
        memcpy(copy, text.data, length);
    }
    memset(copy + length, 0, YYJSON_PADDING_SIZE);

    /* Strings and numbers stay in the copy, and the values are its children: all die with it. */
    yyjson_alc memory = {allocate, reallocate, release, copy};
    yyjson_read_err why;
    yyjson_doc *doc = yyjson_read_opts(copy, length, flags, &memory, &why);
    if (doc == NULL) {
        mem_free(copy);
        size_t at = has_lone_surrogates ? place_in_text(text, why.pos) : why.pos;
        return refuse(err, at, why.msg);
    }
    const struct json *root = (const struct json *)doc->root;
    if (is_too_deep(root, doc->val_read)) {
        mem_free(copy);
        return refuse(err, find_too_deep(text), "nested too deeply");
    }
    *value_out = root;
    return true;
}
