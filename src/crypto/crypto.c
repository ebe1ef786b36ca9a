#include "crypto/crypto.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define SHA256_BLOCK 64 /* FIPS 180-4 §1 */

/* For what fails only on a broken machine, where going on would be worse than ending. */
static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s failed\n", what);
        abort();
    }
}

void random_bytes(void *bytes, size_t length)
{
    char *at = bytes;
    while (length > 0) {
        ssize_t got = getrandom(at, length, 0);
        must(got > 0 || errno == EINTR, "getrandom()");
        if (got > 0) {
            at += got;
            length -= (size_t)got;
        }
    }
}

char *random_token(void *owner, size_t bytes)
{
    char *random = mem_resize(owner, NULL, bytes);
    random_bytes(random, bytes);
    char *token = base64url_encode(owner, (struct slice){random, bytes});
    mem_free(random);
    return token;
}

void sha256(struct slice data, uint8_t digest[static SHA256_SIZE])
{
    must(EVP_Digest(data.data, data.length, digest, NULL, EVP_sha256(), NULL) == 1, "SHA-256");
}

char *sha256_hex(void *owner, struct slice data)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t digest[SHA256_SIZE];
    sha256(data, digest);
    char *text = mem_array(owner, char, 2 * SHA256_SIZE + 1);
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        text[2 * i] = hex[digest[i] >> 4];
        text[2 * i + 1] = hex[digest[i] & 15];
    }
    return text;
}

/* HMAC (RFC 2104 §4) lets the two blocks made of the key be hashed ahead. Copying these states is several times
 * cheaper than EVP_MAC, which would set up a context of its own for every message. */
struct hmac_key {
    EVP_MD_CTX *inner, *outer;
};

static int hmac_key_free(struct hmac_key *key)
{
    EVP_MD_CTX_free(key->inner); /* wipes */
    EVP_MD_CTX_free(key->outer);
    return 0;
}

static EVP_MD_CTX *begin_with(const uint8_t block[static SHA256_BLOCK], uint8_t pad)
{
    uint8_t padded[SHA256_BLOCK];
    for (size_t i = 0; i < SHA256_BLOCK; i++) {
        padded[i] = block[i] ^ pad;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                    EVP_DigestUpdate(context, padded, sizeof padded) == 1,
            "SHA-256");
    OPENSSL_cleanse(padded, sizeof padded);
    return context;
}

struct hmac_key *hmac_key_new(void *owner, struct slice key)
{
    uint8_t block[SHA256_BLOCK] = {0};
    if (key.length > sizeof block) {
        sha256(key, block);
    } else if (key.length > 0) {
        memcpy(block, key.data, key.length);
    }
    struct hmac_key *prepared = mem_new(owner, struct hmac_key);
    prepared->inner = begin_with(block, 0x36);
    prepared->outer = begin_with(block, 0x5C);
    mem_on_free(prepared, hmac_key_free);
    OPENSSL_cleanse(block, sizeof block);
    return prepared;
}

static void finish(EVP_MD_CTX *context, const EVP_MD_CTX *begun, const void *data, size_t length,
        uint8_t digest[static SHA256_SIZE])
{
    must(EVP_MD_CTX_copy_ex(context, begun) == 1 && EVP_DigestUpdate(context, data, length) == 1 &&
                    EVP_DigestFinal_ex(context, digest, NULL) == 1,
            "SHA-256");
}

void hmac_key_mac(const struct hmac_key *key, struct slice data, uint8_t mac[static SHA256_SIZE])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL, "SHA-256");
    uint8_t inner[SHA256_SIZE];
    finish(context, key->inner, data.data, data.length, inner);
    finish(context, key->outer, inner, sizeof inner, mac);
    EVP_MD_CTX_free(context);
}

void hmac_sha256(struct slice key, struct slice data, uint8_t mac[static SHA256_SIZE])
{
    struct hmac_key *prepared = hmac_key_new(NULL, key);
    hmac_key_mac(prepared, data, mac);
    mem_free(prepared);
}

bool equal_constant_time(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || CRYPTO_memcmp(a.data, b.data, a.length) == 0);
}
