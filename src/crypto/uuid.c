#include "crypto/crypto.h"

/* Marks the bytes as a UUID of the version (RFC 9562 §4.1, §4.2) and writes them. */
static const char *write_uuid(
        uint8_t bytes[static 16], uint8_t version, char text[static UUID_TEXT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    bytes[6] = (uint8_t)(version << 4 | (bytes[6] & 0x0F));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3F));
    char *out = text;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *out++ = '-';
        }
        *out++ = hex[bytes[i] >> 4];
        *out++ = hex[bytes[i] & 15];
    }
    *out = '\0';
    return text;
}

const char *uuid_v4(char text[static UUID_TEXT_SIZE])
{
    uint8_t bytes[16];
    random_bytes(bytes, sizeof bytes);
    return write_uuid(bytes, 4, text);
}

/* RFC 9562 §6.2, method 1: what one thread makes in one millisecond counts up, in the twelve bits after the time. A new
 * millisecond starts at random in the lower half, so that there is room. */
static uint16_t count_in_millisecond(int64_t now_ms, uint16_t start)
{
    static _Thread_local int64_t last_ms;
    static _Thread_local uint16_t count;
    count = now_ms == last_ms ? count + 1 : start & 0x7FF;
    last_ms = now_ms;
    return count;
}

const char *uuid_v7(int64_t now_ms, char text[static UUID_TEXT_SIZE])
{
    uint8_t bytes[16];
    random_bytes(bytes, sizeof bytes);
    for (int i = 0; i < 6; i++) {
        bytes[i] = (uint8_t)(now_ms >> (40 - 8 * i));
    }
    uint16_t count = count_in_millisecond(now_ms, (uint16_t)(bytes[6] << 8 | bytes[7]));
    bytes[6] = (uint8_t)(count >> 8);
    bytes[7] = (uint8_t)count;
    return write_uuid(bytes, 7, text);
}
