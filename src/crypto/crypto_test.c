#include "crypto/crypto.h"
#include "testing/test.h"

#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static const char *hex_of(void *owner, const uint8_t *bytes, size_t count)
{
    char *text = mem_array(owner, char, 2 * count + 1);
    for (size_t i = 0; i < count; i++) {
        sprintf(text + 2 * i, "%02x", bytes[i]);
    }
    return text;
}

static struct slice repeated(void *owner, char c, size_t count)
{
    char *bytes = mem_array(owner, char, count);
    memset(bytes, c, count);
    return (struct slice){bytes, count};
}

/* FIPS 180-4 (NIST's example values), and the empty message. */
static const struct {
    const char *name;
    struct slice data;
    const char *digest;
} digests[] = {
        {"nothing", {NULL, 0}, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"one block", BYTES("abc"),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"two blocks", BYTES("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

START_TEST(sha256_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    ck_assert_str_eq(sha256_hex(owner, digests[_i].data), digests[_i].digest);
    mem_free(owner);
}
END_TEST

START_TEST(sha256_of_a_million)
{
    void *owner = mem_scope_new(NULL, __func__);
    ck_assert_str_eq(sha256_hex(owner, repeated(owner, 'a', 1000000)),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    mem_free(owner);
}
END_TEST

/* RFC 4231 §4: keys shorter and longer than a block. `repeat` above 0 repeats the one byte given. */
static const struct {
    const char *name;
    struct slice key;
    size_t key_repeat;
    struct slice data;
    size_t data_repeat;
    const char *mac; /* its beginning, where the RFC cuts it */
} macs[] = {
        {"RFC 4231 case 1", BYTES("\x0b"), 20, BYTES("Hi There"), 0,
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"RFC 4231 case 2", BYTES("Jefe"), 0, BYTES("what do ya want for nothing?"), 0,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"RFC 4231 case 3", BYTES("\xaa"), 20, BYTES("\xdd"), 50,
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {"RFC 4231 case 4",
                BYTES("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12"
                      "\x13\x14\x15\x16\x17\x18\x19"),
                0, BYTES("\xcd"), 50,
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {"RFC 4231 case 5", BYTES("\x0c"), 20, BYTES("Test With Truncation"), 0,
                "a3b6167473100ee06e0c796c2955552b"},
        {"RFC 4231 case 6", BYTES("\xaa"), 131,
                BYTES("Test Using Larger Than Block-Size Key - Hash Key First"), 0,
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {"RFC 4231 case 7", BYTES("\xaa"), 131,
                BYTES("This is a test using a larger than block-size key and a larger than "
                      "block-size data. The key needs to be hashed before being used by the HMAC "
                      "algorithm."),
                0, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
};

START_TEST(hmac_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct slice key = macs[_i].key, data = macs[_i].data;
    if (macs[_i].key_repeat > 0) {
        key = repeated(owner, key.data[0], macs[_i].key_repeat);
    }
    if (macs[_i].data_repeat > 0) {
        data = repeated(owner, data.data[0], macs[_i].data_repeat);
    }
    uint8_t mac[SHA256_SIZE];
    hmac_sha256(key, data, mac);
    ck_assert(slice_starts(slice_of(hex_of(owner, mac, sizeof mac)), macs[_i].mac));

    /* A prepared key gives the same, every time. */
    const struct hmac_key *prepared = hmac_key_new(owner, key);
    for (int round = 0; round < 2; round++) {
        uint8_t again[SHA256_SIZE];
        hmac_key_mac(prepared, data, again);
        ck_assert_mem_eq(again, mac, sizeof mac);
    }
    mem_free(owner);
}
END_TEST

START_TEST(hmac_with_edge_sizes_of_keys)
{
    /* A key of exactly a block is used as it is; a shorter one equals itself with zeros behind (RFC 2104 §2). */
    void *owner = mem_scope_new(NULL, __func__);
    uint8_t mac[SHA256_SIZE], padded[SHA256_SIZE], empty[SHA256_SIZE];
    char key[64] = "sixty-three bytes need one more zero, which makes no difference";
    ck_assert_uint_eq(strlen(key), 63);
    hmac_sha256((struct slice){key, 63}, SLICE("x"), mac);
    hmac_sha256((struct slice){key, 64}, SLICE("x"), padded);
    ck_assert_mem_eq(mac, padded, sizeof mac);
    hmac_sha256((struct slice){NULL, 0}, (struct slice){NULL, 0}, empty);
    ck_assert_str_eq(hex_of(owner, empty, sizeof empty),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    mem_free(owner);
}
END_TEST

/* RFC 4648 §10, and the letters in which the alphabets differ. */
static const struct {
    const char *name;
    struct slice data;
    const char *base64, *base64url;
} encodings[] = {
        {"nothing", {NULL, 0}, "", ""},
        {"f", BYTES("f"), "Zg==", "Zg"},
        {"fo", BYTES("fo"), "Zm8=", "Zm8"},
        {"foo", BYTES("foo"), "Zm9v", "Zm9v"},
        {"foob", BYTES("foob"), "Zm9vYg==", "Zm9vYg"},
        {"fooba", BYTES("fooba"), "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", BYTES("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
        {"letters 62 and 63", BYTES("\xfb\xff\xfe"), "+//+", "-__-"},
        {"zeros", BYTES("\0\0\0\0"), "AAAAAA==", "AAAAAA"},
};

START_TEST(base64_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    ck_assert_str_eq(base64_encode(owner, encodings[_i].data), encodings[_i].base64);
    ck_assert_str_eq(base64url_encode(owner, encodings[_i].data), encodings[_i].base64url);
    struct slice data = {NULL, 0};
    ck_assert(base64url_decode(owner, slice_of(encodings[_i].base64url), &data));
    ck_assert(slice_equal(data, encodings[_i].data));
    ck_assert_int_eq(data.data[data.length], '\0');
    mem_free(owner);
}
END_TEST

static const struct {
    const char *name;
    struct slice text;
} not_base64url[] = {
        {"one letter", BYTES("Z")},
        {"five letters", BYTES("Zm9vY")},
        {"padding", BYTES("Zg==")},
        {"padding of one", BYTES("Zm8=")},
        {"blank", BYTES("Zm 9v")},
        {"newline behind", BYTES("Zm9\n")},
        {"plus of the other alphabet", BYTES("+___")},
        {"slash of the other alphabet", BYTES("/___")},
        {"NUL", BYTES("Zm9\0")},
        {"byte above ASCII", BYTES("Zm9\xC3")},
        {"stray bits after one byte", BYTES("Zh")},
        {"highest stray bit after one byte", BYTES("Zo")},
        {"stray bits after two bytes", BYTES("Zm9")},
        {"highest stray bit after two bytes", BYTES("Zm-")},
};

START_TEST(not_base64url_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct slice data = {"untouched", 9};
    ck_assert(!base64url_decode(owner, not_base64url[_i].text, &data));
    ck_assert(slice_is(data, "untouched"));
    ck_assert_uint_eq(talloc_total_blocks(owner), 1);
    mem_free(owner);
}
END_TEST

START_TEST(base64url_of_every_length_reads_back)
{
    void *owner = mem_scope_new(NULL, __func__);
    for (size_t length = 0; length < 300; length++) {
        char bytes[300];
        random_bytes(bytes, length);
        struct slice data, again;
        data = (struct slice){bytes, length};
        ck_assert(base64url_decode(owner, slice_of(base64url_encode(owner, data)), &again));
        ck_assert(slice_equal(data, again));
    }
    mem_free(owner);
}
END_TEST

START_TEST(compares_in_constant_time)
{
    ck_assert(equal_constant_time(SLICE("same"), SLICE("same")));
    ck_assert(!equal_constant_time(SLICE("same"), SLICE("sane")));
    ck_assert(!equal_constant_time(SLICE("same"), SLICE("same longer")));
    ck_assert(equal_constant_time((struct slice){NULL, 0}, SLICE("")));
}
END_TEST

START_TEST(random_is_not_repeated)
{
    void *owner = mem_scope_new(NULL, __func__);
    char bytes[5000] = {0}; /* more than the kernel gives at once to an interrupted caller */
    random_bytes(bytes, sizeof bytes);
    ck_assert_mem_ne(bytes, bytes + 2500, 2500);
    const char *token = random_token(owner, 32);
    ck_assert_uint_eq(strlen(token), 43);
    ck_assert_str_ne(token, random_token(owner, 32));
    mem_free(owner);
}
END_TEST

static void check_uuid(const char *text, char version)
{
    ck_assert_uint_eq(strlen(text), UUID_TEXT_SIZE - 1);
    for (size_t i = 0; i < UUID_TEXT_SIZE - 1; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        ck_assert(hyphen ? text[i] == '-' : strchr("0123456789abcdef", text[i]) != NULL);
    }
    ck_assert_int_eq(text[14], version);
    ck_assert_ptr_nonnull(strchr("89ab", text[19]));
}

START_TEST(uuids_have_their_form)
{
    char a[UUID_TEXT_SIZE], b[UUID_TEXT_SIZE];
    for (int round = 0; round < 100; round++) {
        check_uuid(uuid_v4(a), '4');
        check_uuid(uuid_v7(1700000000000, b), '7');
    }
    ck_assert_str_ne(a, uuid_v4(b));
    /* RFC 9562 appendix A.6: 2022-02-22 19:22:22.000 UTC. */
    ck_assert(slice_starts(slice_of(uuid_v7(1645557742000, a)), "017f22e2-79b0-7"));
    ck_assert_str_lt(a, uuid_v7(1645557742001, b));
    ck_assert_str_lt(b, uuid_v7(1700000000000, a));
    for (int i = 0; i < 2000; i++) { /* of one millisecond: in the order of making */
        ck_assert_str_lt(a, uuid_v7(1700000000000, b));
        memcpy(a, b, sizeof a);
    }
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, sha256_row, digests);
    TEST_ADD(suite, sha256_of_a_million);
    TEST_ADD_ROWS(suite, hmac_row, macs);
    TEST_ADD(suite, hmac_with_edge_sizes_of_keys);
    TEST_ADD_ROWS(suite, base64_row, encodings);
    TEST_ADD_ROWS(suite, not_base64url_row, not_base64url);
    TEST_ADD(suite, base64url_of_every_length_reads_back);
    TEST_ADD(suite, compares_in_constant_time);
    TEST_ADD(suite, random_is_not_repeated);
    TEST_ADD(suite, uuids_have_their_form);
}

TEST_MAIN("crypto", cases)
