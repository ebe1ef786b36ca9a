#include "crypto/crypto.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static char *encode(void *owner, struct slice data, const char *alphabet, bool pad)
{
    char *text = mem_resize(owner, NULL, (data.length + 2) / 3 * 4 + 1);
    const unsigned char *in = (const unsigned char *)data.data;
    char *out = text;
    size_t left = data.length;
    for (; left >= 3; left -= 3, in += 3) {
        *out++ = alphabet[in[0] >> 2];
        *out++ = alphabet[(in[0] << 4 | in[1] >> 4) & 63];
        *out++ = alphabet[(in[1] << 2 | in[2] >> 6) & 63];
        *out++ = alphabet[in[2] & 63];
    }
    if (left > 0) {
        unsigned first = in[0], second = left == 2 ? in[1] : 0;
        *out++ = alphabet[first >> 2];
        *out++ = alphabet[(first << 4 | second >> 4) & 63];
        if (left == 2) {
            *out++ = alphabet[second << 2 & 63];
        }
        for (; pad && left < 3; left++) {
            *out++ = '=';
        }
    }
    *out = '\0';
    return text;
}

char *base64url_encode(void *owner, struct slice data)
{
    return encode(owner, data, LETTERS "-_", false);
}

char *base64_encode(void *owner, struct slice data)
{
    return encode(owner, data, LETTERS "+/", true);
}

/* Six bits of a letter; more than 63: not of the alphabet. */
static unsigned letter_value(char c)
{
    /* The value plus one, so that 0 stands for all the rest. */
    static const unsigned char values[256] = {['A'] = 1,
            2,
            3,
            4,
            5,
            6,
            7,
            8,
            9,
            10,
            11,
            12,
            13,
            14,
            15,
            16,
            17,
            18,
            19,
            20,
            21,
            22,
            23,
            24,
            25,
            26,
            ['a'] = 27,
            28,
            29,
            30,
            31,
            32,
            33,
            34,
            35,
            36,
            37,
            38,
            39,
            40,
            41,
            42,
            43,
            44,
            45,
            46,
            47,
            48,
            49,
            50,
            51,
            52,
            ['0'] = 53,
            54,
            55,
            56,
            57,
            58,
            59,
            60,
            61,
            62,
            ['-'] = 63,
            ['_'] = 64};
    return values[(unsigned char)c] - 1U;
}

bool base64url_decode(void *owner, struct slice text, struct slice *data_out)
{
    size_t tail = text.length % 4;
    if (tail == 1) {
        return false;
    }
    unsigned char *data = mem_resize(owner, NULL, text.length / 4 * 3 + 3);
    unsigned char *out = data;
    unsigned bits = 0, seen = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned value = letter_value(text.data[i]);
        seen |= value;
        bits = bits << 6 | (value & 63);
        if (i % 4 == 3) {
            *out++ = (unsigned char)(bits >> 16);
            *out++ = (unsigned char)(bits >> 8);
            *out++ = (unsigned char)bits;
        }
    }
    /* What is left of the last letter must be zero: else several texts would mean the same bytes. */
    unsigned stray = 0;
    if (tail == 2) {
        *out++ = (unsigned char)(bits >> 4);
        stray = bits & 15;
    } else if (tail == 3) {
        *out++ = (unsigned char)(bits >> 10);
        *out++ = (unsigned char)(bits >> 2);
        stray = bits & 3;
    }
    if (seen > 63 || stray != 0) {
        mem_free(data);
        return false;
    }
    *out = '\0';
    *data_out = (struct slice){(const char *)data, (size_t)(out - data)};
    return true;
}
