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

const char *uuid_v7(int64_t now_ms, char text[static UUID_TEXT_SIZE])
{
    uint8_t bytes[16];
    random_bytes(bytes, sizeof bytes);
    for (int i = 0; i < 6; i++) {
        bytes[i] = (uint8_t)(now_ms >> (40 - 8 * i));
    }
    return write_uuid(bytes, 7, text);
}
