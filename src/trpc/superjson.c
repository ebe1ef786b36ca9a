/* superjson (https://github.com/flightcontrolhq/superjson, 2.2): `{"json":…,"meta":{"values":…,"v":1}}`, where
 * `values` names the places whose value JSON has no word for. */
#include "trpc/trpc_internal.h"

#include <assert.h>
#include <stdarg.h>

/* ---- reading ---- */

/* Each costs a walk through the input, and a look at every object when it is copied. */
#define PLACES_MAX 256

/* Members that are undefined: all of this name, since JavaScript knows but one. */
struct drop {
    const struct json *object;
    struct slice name;
};

struct unwrapping {
    void *owner;
    bool escapes; /* paths have `\.` and `\\` (`v` is 1), else `\.` alone */
    int places;   /* looked up so far */
    int drop_count;
    struct drop drops[PLACES_MAX];
};

/* A place that a path leads to. */
struct place {
    const struct json *parent, *value; /* value NULL: it leads nowhere */
    struct slice name;                 /* in the parent */
};

static bool refuse(struct error *err, const char *message)
{
    return error_set(err, ERROR_BAD_REQUEST, "INVALID_INPUT", "%s", message);
}

/* Take a path's first key off; path->data NULL behind the last. */
static bool next_key(const struct unwrapping *unwrapping, struct slice *path, struct slice *key_out,
        struct error *err)
{
    if (path->length == 0 || memchr(path->data, '\\', path->length) == NULL) {
        *key_out = slice_split(path, '.');
        return true;
    }
    char *key = mem_block(unwrapping->owner, path->length, "superjson key");
    size_t length = 0, at = 0;
    for (; at < path->length && path->data[at] != '.'; at++) {
        char next = at + 1 < path->length ? path->data[at + 1] : '\0';
        if (path->data[at] == '\\' && (next == '.' || (unwrapping->escapes && next == '\\'))) {
            at++;
        } else if (path->data[at] == '\\' && unwrapping->escapes) {
            return refuse(err, "invalid path");
        }
        key[length++] = path->data[at];
    }
    *path = at < path->length ? slice_skip(*path, at + 1) : (struct slice){NULL, 0};
    *key_out = (struct slice){key, length};
    return true;
}

/* SIZE_MAX: not an index. */
static size_t index_of(struct slice key)
{
    size_t index = 0;
    if (key.length == 0 || key.length > 9) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < key.length; i++) {
        if (key.data[i] < '0' || key.data[i] > '9') {
            return SIZE_MAX;
        }
        index = index * 10 + (size_t)(key.data[i] - '0');
    }
    return index;
}

static const struct json *child(const struct json *container, struct slice key)
{
    bool is_array = json_type(container) == JSON_ARRAY;
    size_t index = is_array ? index_of(key) : SIZE_MAX;
    const struct json *found = NULL;
    for (struct json_iterator i = json_iterate(container); json_next(&i);) {
        if (is_array ? i.index == index : slice_equal(i.name, key)) {
            found = i.value;
        }
    }
    return found;
}

/* `walk` false: only check the path. */
static bool resolve(const struct unwrapping *unwrapping, const struct json *at, struct slice path,
        bool walk, struct place *place_out, struct error *err)
{
    struct place place = {.value = at};
    do {
        struct slice key = {NULL, 0};
        if (!next_key(unwrapping, &path, &key, err)) {
            return false;
        }
        if (slice_is(key, "__proto__") || slice_is(key, "prototype") ||
                slice_is(key, "constructor")) {
            /* In JavaScript these reach what all objects share. */
            return error_set(err, ERROR_BAD_REQUEST, "INVALID_INPUT",
                    "%.*s is not allowed as a property", SLICE_ARG(key));
        }
        if (walk && place.value != NULL) {
            place = (struct place){place.value, child(place.value, key), key};
        }
    } while (path.data != NULL);
    *place_out = place;
    return true;
}

/* A mark is `[type]`, `[type, marks inside]`, or only marks inside. */
struct mark {
    bool is_undefined, is_number;
    const struct json *inside; /* NULL: none */
};

static struct mark read_mark(const struct json *tree)
{
    struct mark mark = {.inside = json_type(tree) == JSON_OBJECT ? tree : NULL};
    if (json_type(tree) != JSON_ARRAY) {
        return mark;
    }
    for (struct json_iterator i = json_iterate(tree); json_next(&i);) {
        if (i.index == 0) {
            mark.is_undefined = slice_is(json_string(i.value), "undefined");
            mark.is_number = slice_is(json_string(i.value), "number");
        } else if (i.index == 1 && json_type(i.value) == JSON_OBJECT) {
            mark.inside = i.value;
        }
    }
    return mark;
}

static bool apply(struct unwrapping *unwrapping, const struct json *value, const struct json *marks,
        struct error *err)
{
    for (struct json_iterator i = json_iterate(marks); json_next(&i);) {
        struct mark mark = read_mark(i.value);
        struct place place = {.value = NULL};
        /* The text of a Date, bigint, URL … stands for it. */
        bool walk = mark.is_undefined || mark.is_number || mark.inside != NULL;
        if (walk && ++unwrapping->places > PLACES_MAX) {
            return refuse(err, "The input has too many undefined members: leave them out.");
        }
        if (!resolve(unwrapping, value, i.name, walk, &place, err)) {
            return false;
        }
        if (!walk || place.value == NULL) {
            continue;
        }
        if (mark.is_number) {
            return refuse(err, "NaN, Infinity and -0 have no form in JSON: leave them out.");
        }
        if (mark.is_undefined && json_type(place.parent) == JSON_OBJECT) {
            unwrapping->drops[unwrapping->drop_count++] = (struct drop){place.parent, place.name};
        }
        if (mark.inside != NULL && !apply(unwrapping, place.value, mark.inside, err)) {
            return false;
        }
    }
    return true;
}

static bool is_dropped(
        const struct unwrapping *unwrapping, const struct json *object, struct slice name)
{
    for (int i = 0; i < unwrapping->drop_count; i++) {
        const struct drop *drop = &unwrapping->drops[i];
        if (drop->object == object && slice_equal(drop->name, name)) {
            return true;
        }
    }
    return false;
}

static void copy(
        const struct unwrapping *unwrapping, struct json_writer *writer, const struct json *value)
{
    if (json_type(value) == JSON_OBJECT) {
        json_begin_object(writer);
        for (struct json_iterator i = json_iterate(value); json_next(&i);) {
            if (!is_dropped(unwrapping, value, i.name)) {
                json_write_name_slice(writer, i.name);
                copy(unwrapping, writer, i.value);
            }
        }
        json_end_object(writer);
    } else if (json_type(value) == JSON_ARRAY) {
        json_begin_array(writer);
        for (struct json_iterator i = json_iterate(value); json_next(&i);) {
            copy(unwrapping, writer, i.value);
        }
        json_end_array(writer);
    } else {
        json_write_value(writer, value);
    }
}

/* Values do not change, so the value without the dropped members is a new one: this is rare. */
static bool drop_members(
        const struct unwrapping *unwrapping, const struct json **value, struct error *err)
{
    struct buffer text;
    struct json_writer writer;
    buffer_init(&text, unwrapping->owner, SIZE_MAX / 2); /* about as long as what was received */
    json_writer_init(&writer, &text);
    copy(unwrapping, &writer, *value);
    return json_parse(unwrapping->owner, buffer_slice(&text), value, err);
}

bool trpc_superjson_unwrap(
        void *owner, const struct json *wrapped, const struct json **value_out, struct error *err)
{
    const struct json *value = json_get(wrapped, "json");
    const struct json *meta = json_get(wrapped, "meta");
    const struct json *marks = json_get(meta, "values");
    struct mark root = read_mark(marks);
    int64_t version = 0;
    if (root.is_number) {
        return refuse(err, "NaN, Infinity and -0 have no form in JSON: leave them out.");
    }
    if (root.is_undefined || root.inside == NULL) {
        *value_out = root.is_undefined ? NULL : value;
        return true;
    }
    struct unwrapping *unwrapping = mem_new(owner, struct unwrapping);
    unwrapping->owner = owner;
    unwrapping->escapes = json_int(json_get(meta, "v"), &version) && version >= 1;
    if (!apply(unwrapping, value, root.inside, err) ||
            (unwrapping->drop_count > 0 && !drop_members(unwrapping, &value, err))) {
        return false;
    }
    *value_out = value;
    return true;
}

/* ---- writing ---- */

#define MARKS_MAX_BYTES (4 * 1024 * 1024)
#define PATH_MAX_BYTES  255

void trpc_marks_init(struct trpc_marks *marks, void *owner, bool superjson, const char *prefix)
{
    *marks = (struct trpc_marks){.prefix = prefix, .wanted = superjson};
    buffer_init(&marks->text, owner, MARKS_MAX_BYTES);
}

PRINTF_LIKE(2, 0)
static void add_date(struct trpc_marks *marks, const char *path, va_list arguments)
{
    struct buffer *text = &marks->text;
    size_t start = text->length;
    bool has_prefix = *marks->prefix != '\0';
    buffer_add_text(text, start > 0 ? ",\"" : "\"");
    buffer_add_text(text, marks->prefix);
    buffer_add_text(text, has_prefix ? "." : "");
    char *at = buffer_reserve(text, PATH_MAX_BYTES);
    if (at == NULL) {
        return; /* the overflow fails the call */
    }
    int length = vsnprintf(at, PATH_MAX_BYTES + 1, path, arguments);
    assert(length >= 0);
    assert(length <= PATH_MAX_BYTES);
    assert(strpbrk(at, "\"\\") == NULL);
    if (length == 0 && !has_prefix) {
        marks->root = true;
        text->length = start;
        return;
    }
    text->length += (size_t)length;
    text->length -= length == 0; /* the dot */
    buffer_add_text(text, "\":[\"Date\"]");
}

void trpc_write_time(struct trpc_call *call, int64_t ms, const char *path, ...)
{
    if (ms < 0) {
        json_write_null(call->output);
        return;
    }
    json_write_time(call->output, ms);
    if (call->marks->wanted) {
        va_list arguments;
        va_start(arguments, path);
        add_date(call->marks, path, arguments);
        va_end(arguments);
    }
}

void trpc_marks_write(const struct trpc_marks *marks, struct buffer *out)
{
    if (marks->root) {
        buffer_add_text(out, ",\"meta\":{\"values\":[\"Date\"],\"v\":1}");
    } else if (marks->text.length > 0) {
        buffer_add_text(out, ",\"meta\":{\"values\":{");
        buffer_add_slice(out, buffer_slice(&marks->text));
        buffer_add_text(out, "},\"v\":1}");
    }
}
