#include "json/json_internal.h"

enum json_type json_type(const struct json *value)
{
    switch (json_kind(value)) {
    case YYJSON_TYPE_BOOL:
        return JSON_BOOL;
    case YYJSON_TYPE_RAW:
        return JSON_NUMBER;
    case YYJSON_TYPE_STR:
        return JSON_STRING;
    case YYJSON_TYPE_ARR:
        return JSON_ARRAY;
    case YYJSON_TYPE_OBJ:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

const struct json *json_get(const struct json *object, const char *name)
{
    return json_get_slice(object, slice_of(name));
}

const struct json *json_get_slice(const struct json *object, struct slice name)
{
    if (json_kind(object) != YYJSON_TYPE_OBJ) {
        return NULL;
    }
    const struct json *found = NULL, *at = object + 1;
    for (size_t left = json_length(object); left > 0; left--) {
        if (slice_equal(json_bytes(at), name)) {
            found = at + 1;
        }
        at = json_after(at + 1);
    }
    return found;
}

size_t json_count(const struct json *value)
{
    return value != NULL && json_is_container(value) ? json_length(value) : 0;
}

struct slice json_string(const struct json *value)
{
    return json_kind(value) == YYJSON_TYPE_STR ? json_bytes(value) : (struct slice){NULL, 0};
}

const char *json_text(const struct json *value)
{
    struct slice string = json_string(value);
    bool is_text = string.data != NULL && memchr(string.data, '\0', string.length) == NULL;
    return is_text ? string.data : NULL;
}

struct slice json_number(const struct json *value)
{
    return json_kind(value) == YYJSON_TYPE_RAW ? json_bytes(value) : (struct slice){NULL, 0};
}

bool json_bool(const struct json *value, bool otherwise)
{
    if (json_kind(value) != YYJSON_TYPE_BOOL) {
        return otherwise;
    }
    return (value->val.tag & YYJSON_SUBTYPE_MASK) == YYJSON_SUBTYPE_TRUE;
}

struct json_iterator json_iterate(const struct json *container)
{
    size_t count = json_count(container);
    return (struct json_iterator){
            .container = container,
            .at = count > 0 ? container + 1 : NULL,
            .left = count,
    };
}

bool json_next(struct json_iterator *iterator)
{
    if (iterator->left == 0) {
        return false;
    }
    iterator->index = json_count(iterator->container) - iterator->left;
    iterator->left--;
    iterator->value = iterator->at;
    if (json_kind(iterator->container) == YYJSON_TYPE_OBJ) {
        iterator->name = json_bytes(iterator->at);
        iterator->value++;
    }
    iterator->at = json_after(iterator->value);
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    enum json_type type = json_type(a);
    if (type != json_type(b)) {
        return false;
    }
    switch (type) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return json_bool(a, false) == json_bool(b, false);
    case JSON_NUMBER:
    case JSON_STRING:
        return slice_equal(json_bytes(a), json_bytes(b));
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    if (json_count(a) != json_count(b)) {
        return false;
    }
    struct json_iterator in_a = json_iterate(a), in_b = json_iterate(b);
    while (json_next(&in_a) && json_next(&in_b)) {
        if (!slice_equal(in_a.name, in_b.name) || !json_equal(in_a.value, in_b.value)) {
            return false;
        }
    }
    return true;
}
