/* A run of bytes that somebody else owns. Not NUL-terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
    const char *data; /* NULL only when length is 0 */
    size_t length;    /* bytes */
};

/* For "%.*s". */
#define SLICE_ARG(s) (int)(s).length, (s).data
/* A string literal as a constant slice. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text == NULL ? 0 : strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_of(text));
}

/* ASCII letters without regard to case. */
static inline bool slice_is_nocase(struct slice a, const char *text)
{
    return a.length == strlen(text) && (a.length == 0 || strncasecmp(a.data, text, a.length) == 0);
}

static inline bool slice_starts(struct slice a, const char *prefix)
{
    size_t length = strlen(prefix);
    return a.length >= length && memcmp(a.data, prefix, length) == 0;
}

static inline struct slice slice_skip(struct slice a, size_t count)
{
    return (struct slice){a.data + count, a.length - count};
}

/* What stands before the first `separator`, which is then removed from *rest with it; all of *rest, leaving it empty
 * with data NULL, when there is none. Loop while rest.data is not NULL. */
static inline struct slice slice_split(struct slice *rest, char separator)
{
    struct slice head = *rest;
    const char *at = rest->length == 0 ? NULL : memchr(rest->data, separator, rest->length);
    if (at == NULL) {
        *rest = (struct slice){NULL, 0};
        return head;
    }
    head.length = (size_t)(at - rest->data);
    *rest = slice_skip(*rest, head.length + 1);
    return head;
}

/* Without the blanks and tabs around it. */
static inline struct slice slice_trim(struct slice a)
{
    while (a.length > 0 && (a.data[0] == ' ' || a.data[0] == '\t')) {
        a = slice_skip(a, 1);
    }
    while (a.length > 0 && (a.data[a.length - 1] == ' ' || a.data[a.length - 1] == '\t')) {
        a.length--;
    }
    return a;
}
