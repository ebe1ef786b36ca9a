/* UTF-8, strictly as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#pragma once

#include "base/slice.h"

/* Bytes of the sequence (RFC 3629 §4) that `at` begins with, 1 to 4; 0: none. `left` is at least 1. */
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

/* How many bytes of the text's beginning are UTF-8; all of them when all of it is. */
static inline size_t utf8_valid_run(struct slice text)
{
    size_t at = 0;
    while (at < text.length) {
        size_t length = utf8_sequence(text.data + at, text.length - at);
        if (length == 0) {
            break;
        }
        at += length;
    }
    return at;
}
