/* What reading and writing share: how a value lies in memory. */
#pragma once

#include "json/json.h"
#include "json/utf8.h"

#include <yyjson.h>

/* Values of a text lie behind one another in the order of the text; a container is followed by its members (each a
 * name and a value) or elements. */
struct json {
    yyjson_val val;
};

static inline unsigned json_kind(const struct json *value)
{
    return value == NULL ? YYJSON_TYPE_NULL : (unsigned)(value->val.tag & YYJSON_TYPE_MASK);
}

/* Bytes of a string or number, members or elements of a container. */
static inline size_t json_length(const struct json *value)
{
    return (size_t)(value->val.tag >> YYJSON_TAG_BIT);
}

static inline struct slice json_bytes(const struct json *value)
{
    return (struct slice){value->val.uni.str, json_length(value)};
}

static inline bool json_is_container(const struct json *value)
{
    return json_kind(value) == YYJSON_TYPE_ARR || json_kind(value) == YYJSON_TYPE_OBJ;
}

/* What stands behind `value` and all that is in it. */
static inline const struct json *json_after(const struct json *value)
{
    return value + (json_is_container(value) ? value->val.uni.ofs / sizeof *value : 1);
}
