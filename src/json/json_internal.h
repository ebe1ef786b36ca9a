/* What reading and writing share: how a value lies in memory, and UTF-8. */
#pragma once

#include "json/json.h"

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

/* Bytes of the UTF-8 sequence (RFC 3629 §4) that `at` begins with, 1 to 4; 0: none. `left` is at least 1. */
static inline size_t utf8_sequence(const char *at, size_t left)
{
    const unsigned char *s = (const unsigned char *)at;
    if (s[0] < 0x80) {
        return 1;
    }
    size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || left < length) {
        return 0;
    }
    /* The second byte keeps out overlong forms, surrogates, and what is beyond U+10FFFF. */
    unsigned char low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}
