/* Memory: every block has an owner and dies with it (talloc). An owner is any block; a request has one, freed when
 * its fiber ends, so error paths free nothing. Out of memory ends the process: whatever grows with outside input
 * has a limit of its own first. Blocks of one tree belong to one thread at a time. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <talloc.h>

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
/* Marks a function that may switch fibers: only callable inside one, and shared state must be looked up again after. */
#define SUSPENDS

/* 1 when built with AddressSanitizer. */
#if defined(__SANITIZE_ADDRESS__)
#    define WITH_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define WITH_ASAN 1
#    endif
#endif
#ifndef WITH_ASAN
#    define WITH_ASAN 0
#endif

/* A zeroed block of the type, named for leak reports. */
#define mem_new(owner, type) ((type *)mem_block((owner), sizeof(type), #type))
/* `count` zeroed elements; count 0 gives an empty block, not NULL. */
#define mem_array(owner, type, count) \
    ((type *)mem_block_array((owner), sizeof(type), (count), #type "[]"))

void *mem_block(const void *owner, size_t size, const char *name);
void *mem_block_array(const void *owner, size_t element_size, size_t count, const char *name);
/* An empty block to own others. `owner` may be NULL: then the caller frees it. */
void *mem_scope_new(const void *owner, const char *name);
/* Grow or shrink a block of plain bytes; new bytes are not zeroed. NULL makes one. */
void *mem_resize(const void *owner, void *block, size_t size);
/* NULL is allowed. */
void mem_free(void *block);
/* Give `block` to `owner`; returns it. */
void *mem_move(const void *owner, void *block);
/* Run `destructor` just before `block` is freed; its result must be 0. */
#define mem_on_free(block, destructor) talloc_set_destructor((block), (destructor))

/* NUL-terminated copies. NULL in, NULL out. */
char *mem_strdup(const void *owner, const char *text);
char *mem_strndup(const void *owner, const char *bytes, size_t length);
char *mem_printf(const void *owner, const char *format, ...) PRINTF_LIKE(2, 3);
char *mem_vprintf(const void *owner, const char *format, va_list arguments) PRINTF_LIKE(2, 0);
