/* A growing run of bytes for building replies and requests. Belongs to the owner given at init; always followed by a
 * NUL that does not count. Past `limit` the buffer keeps what it had, drops what is added and remembers: check
 * `overflow` once, at the end. */
#pragma once

#include "base/mem.h"
#include "base/slice.h"

struct buffer {
    void *owner;
    char *data;      /* NULL until the first byte */
    size_t length;   /* bytes */
    size_t capacity; /* bytes */
    size_t limit;    /* bytes */
    bool overflow;
};

void buffer_init(struct buffer *buffer, void *owner, size_t limit_bytes);
/* Room for `more` bytes behind the present ones, to be filled by the caller, who then adds to length; NULL past the
 * limit. */
char *buffer_reserve(struct buffer *buffer, size_t more);
void buffer_add(struct buffer *buffer, const void *bytes, size_t length);
void buffer_add_char(struct buffer *buffer, char c);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_slice(struct buffer *buffer, struct slice slice);
void buffer_add_int(struct buffer *buffer, long long value);
void buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
/* Percent-encode everything but RFC 3986 §2.3's unreserved characters. */
void buffer_add_url_encoded(struct buffer *buffer, struct slice text);
/* Forget the contents, keep the memory. */
void buffer_clear(struct buffer *buffer);
struct slice buffer_slice(const struct buffer *buffer);
/* The contents as a NUL-terminated string, "" when empty; lives as long as the buffer's owner. */
const char *buffer_text(struct buffer *buffer);
