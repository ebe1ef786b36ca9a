/* uthash for tables whose keys are addresses of static text: their upper bits are alike, and they are all aligned in
 * some way. */
#pragma once

#include <stdint.h>
#include <string.h>

#define HASH_FUNCTION(key, length, hash)                                               \
    do {                                                                               \
        uintptr_t address;                                                             \
        memcpy(&address, (key), (length));                                             \
        (hash) = (unsigned)(((uint64_t)address * UINT64_C(0x9E3779B97F4A7C15)) >> 32); \
    } while (0)
#include <uthash.h>
