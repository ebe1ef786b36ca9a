#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *block)
{
    if (block == NULL) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return block;
}

void *mem_block(const void *owner, size_t size, const char *name)
{
    void *block = checked(talloc_named_const(owner, size, name));
    return memset(block, 0, size);
}

void *mem_block_array(const void *owner, size_t element_size, size_t count, const char *name)
{
    if (count != 0 && element_size > SIZE_MAX / count) {
        checked(NULL);
    }
    return mem_block(owner, element_size * count, name);
}

void *mem_scope_new(const void *owner, const char *name)
{
    return checked(talloc_named_const(owner, 0, name));
}

void *mem_resize(const void *owner, void *block, size_t size)
{
    return checked(talloc_realloc_size(owner, block, size > 0 ? size : 1));
}

void mem_free(void *block)
{
    if (block != NULL) {
        talloc_free(block);
    }
}

void *mem_move(const void *owner, void *block)
{
    return talloc_steal(owner, block);
}

char *mem_strdup(const void *owner, const char *text)
{
    return text == NULL ? NULL : checked(talloc_strdup(owner, text));
}

char *mem_strndup(const void *owner, const char *bytes, size_t length)
{
    if (bytes == NULL) {
        return NULL;
    }
    char *copy = checked(talloc_named_const(owner, length + 1, "char[]"));
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

char *mem_vprintf(const void *owner, const char *format, va_list arguments)
{
    return checked(talloc_vasprintf(owner, format, arguments));
}

char *mem_printf(const void *owner, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = mem_vprintf(owner, format, arguments);
    va_end(arguments);
    return text;
}
