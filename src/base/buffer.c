#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>

void buffer_init(struct buffer *buffer, void *owner, size_t limit_bytes)
{
    *buffer = (struct buffer){.owner = owner, .limit = limit_bytes};
}

char *buffer_reserve(struct buffer *buffer, size_t more)
{
    if (more > buffer->limit || buffer->length > buffer->limit - more) {
        buffer->overflow = true;
        return NULL;
    }
    size_t need = buffer->length + more + 1;
    if (need > buffer->capacity) {
        size_t capacity = buffer->capacity < 128 ? 128 : buffer->capacity;
        while (capacity < need) {
            capacity *= 2;
        }
        buffer->data = mem_resize(buffer->owner, buffer->data, capacity);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

void buffer_add(struct buffer *buffer, const void *bytes, size_t length)
{
    char *at = buffer_reserve(buffer, length);
    if (at == NULL) {
        return;
    }
    if (length > 0) {
        memcpy(at, bytes, length);
    }
    at[length] = '\0';
    buffer->length += length;
}

void buffer_add_char(struct buffer *buffer, char c)
{
    buffer_add(buffer, &c, 1);
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_add_slice(struct buffer *buffer, struct slice slice)
{
    buffer_add(buffer, slice.data, slice.length);
}

void buffer_add_int(struct buffer *buffer, long long value)
{
    char digits[24];
    char *at = digits + sizeof digits;
    unsigned long long rest =
            value < 0 ? 0ULL - (unsigned long long)value : (unsigned long long)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        *--at = '-';
    }
    buffer_add(buffer, at, (size_t)(digits + sizeof digits - at));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *at = length < 0 ? NULL : buffer_reserve(buffer, (size_t)length);
    if (at != NULL) {
        vsnprintf(at, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
}

void buffer_add_url_encoded(struct buffer *buffer, struct slice text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '-' || c == '.' || c == '_' || c == '~') {
            buffer_add_char(buffer, (char)c);
        } else {
            char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
            buffer_add(buffer, escape, sizeof escape);
        }
    }
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    buffer->overflow = false;
    if (buffer->data != NULL) {
        buffer->data[0] = '\0';
    }
}

struct slice buffer_slice(const struct buffer *buffer)
{
    return (struct slice){buffer->data, buffer->length};
}

const char *buffer_text(struct buffer *buffer)
{
    return buffer->data == NULL ? "" : buffer->data;
}
