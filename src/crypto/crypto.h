/* Randomness, digests and encodings, over OpenSSL's EVP. No I/O, no fibers, no state; what cannot fail on a working
 * machine (the kernel's randomness, a digest) ends the process when it does. */
#pragma once

#include "base/mem.h"
#include "base/slice.h"

#include <stdint.h>

#define SHA256_SIZE    32
#define UUID_TEXT_SIZE 37

void random_bytes(void *bytes, size_t length);
/* `bytes` of randomness as base64url text: 32 give the 256 bits of an OAuth state. */
char *random_token(void *owner, size_t bytes);

void sha256(struct slice data, uint8_t digest[static SHA256_SIZE]);
/* As 64 lower-case hex digits. */
char *sha256_hex(void *owner, struct slice data);
void hmac_sha256(struct slice key, struct slice data, uint8_t mac[static SHA256_SIZE]);
/* The same key again and again: prepared once, a mac then costs a quarter of the call above. Immutable, so threads may
 * share one; wiped when its owner is freed. */
struct hmac_key;
struct hmac_key *hmac_key_new(void *owner, struct slice key);
void hmac_key_mac(const struct hmac_key *key, struct slice data, uint8_t mac[static SHA256_SIZE]);
/* Time depends on the lengths only. */
bool equal_constant_time(struct slice a, struct slice b);

/* RFC 4648 §5 without padding. */
char *base64url_encode(void *owner, struct slice data);
/* Strict: no padding, no blanks, no stray bits (RFC 4648 §3.5). The data is followed by a NUL that does not count.
 * False: not such a text. */
bool base64url_decode(void *owner, struct slice text, struct slice *data_out);
/* RFC 4648 §4 with padding. */
char *base64_encode(void *owner, struct slice data);

/* A version 4 UUID (RFC 9562 §5.4). */
const char *uuid_v4(char text[static UUID_TEXT_SIZE]);
/* A version 7 UUID (RFC 9562 §5.7): sorts by the time given, in wall-clock milliseconds, and within one millisecond by the
 * order in which the thread made them. */
const char *uuid_v7(int64_t now_ms, char text[static UUID_TEXT_SIZE]);
