#include "auth/auth.h"
#include "base/buffer.h"
#include "crypto/crypto.h"
#include "testing/test.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_MS INT64_C(1700000000000)
#define HS256  "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static void *owner;

static void set_up(void)
{
    owner = mem_scope_new(NULL, "test");
}

static struct auth *new_auth(const struct auth_options *options)
{
    struct auth *auth = NULL;
    struct error err = {0};
    bool ok = auth_new(owner, options, &auth, &err);
    ck_assert_msg(ok, "%s", err.message);
    return auth;
}

/* "Bearer " and a token of any header and payload, signed with `secret`. */
static const char *bearer(const char *secret, struct slice header, struct slice payload)
{
    char *input = mem_printf(
            owner, "%s.%s", base64url_encode(owner, header), base64url_encode(owner, payload));
    uint8_t mac[SHA256_SIZE];
    hmac_sha256(slice_of(secret), slice_of(input), mac);
    struct slice signature = {(const char *)mac, sizeof mac};
    return mem_printf(owner, "Bearer %s.%s", input, base64url_encode(owner, signature));
}

static void assert_refused(const struct auth *auth, const char *authorization, int64_t now_ms,
        const char *reason, const char *detail)
{
    const char *user = "untouched";
    struct error err = {0};
    size_t blocks = talloc_total_blocks(owner);
    ck_assert(!auth_verify(auth, owner, slice_of(authorization), now_ms, &user, &err));
    ck_assert_str_eq(user, "untouched");
    ck_assert_int_eq(err.code, ERROR_UNAUTHORIZED);
    ck_assert_str_eq(err.reason, reason);
    ck_assert_msg(strstr(err.detail, detail) != NULL, "%s", err.detail);
    ck_assert_msg(strstr(err.message, "sign in") != NULL, "%s", err.message);
    ck_assert_uint_eq(talloc_total_blocks(owner), blocks);
}

static void assert_user(const struct auth *auth, const char *authorization, const char *wanted)
{
    const char *user = NULL;
    struct error err = {0};
    bool ok = auth_verify(auth, owner, slice_of(authorization), NOW_MS, &user, &err);
    ck_assert_msg(ok, "%s: %s", err.message, err.detail);
    ck_assert_str_eq(user, wanted);
}

static const struct {
    const char *name, *header, *payload;
    const char *detail; /* of the refusal; NULL: accepted */
} tokens[] = {
        {"plain", HS256, "{\"sub\":\"u1\"}", NULL},
        {"no typ", "{\"alg\":\"HS256\"}", "{\"sub\":\"u1\"}", NULL},
        {"odd typ and unknown parameters", "{\"typ\":7,\"kid\":\"k\",\"x\":[],\"alg\":\"HS256\"}",
                "{\"sub\":\"u1\"}", NULL},
        {"other claims", HS256, "{\"a\":{\"sub\":2},\"sub\":\"u1\",\"exp\":9999999999.5}", NULL},
        {"algorithm none", "{\"alg\":\"none\"}", "{\"sub\":\"u1\"}", "algorithm"},
        {"algorithm in lower case", "{\"alg\":\"hs256\"}", "{\"sub\":\"u1\"}", "algorithm"},
        {"algorithm HS512", "{\"alg\":\"HS512\"}", "{\"sub\":\"u1\"}", "algorithm"},
        {"algorithm RS256", "{\"alg\":\"RS256\"}", "{\"sub\":\"u1\"}", "algorithm"},
        {"no algorithm", "{\"typ\":\"JWT\"}", "{\"sub\":\"u1\"}", "algorithm"},
        {"algorithm is a list", "{\"alg\":[\"HS256\"]}", "{\"sub\":\"u1\"}", "algorithm"},
        {"algorithm with a NUL", "{\"alg\":\"HS256\\u0000\"}", "{\"sub\":\"u1\"}", "algorithm"},
        {"two algorithms (RFC 7515 §4)", "{\"alg\":\"none\",\"alg\":\"HS256\"}", "{\"sub\":\"u1\"}",
                "twice"},
        {"another parameter twice", "{\"alg\":\"HS256\",\"kid\":1,\"x\":2,\"kid\":1}",
                "{\"sub\":\"u1\"}", "twice"},
        {"crit (RFC 7515 §4.1.11)", "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}",
                "{\"sub\":\"u1\"}", "crit"},
        {"crit is null", "{\"alg\":\"HS256\",\"crit\":null}", "{\"sub\":\"u1\"}", "crit"},
        {"header is a list", "[\"HS256\"]", "{\"sub\":\"u1\"}", "header"},
        {"header is no JSON", "HS256", "{\"sub\":\"u1\"}", "header"},
        {"header is empty", "", "{\"sub\":\"u1\"}", "header"},
        {"payload is a list", HS256, "[\"sub\",\"u1\"]", "payload"},
        {"payload is no JSON", HS256, "sub=u1", "payload"},
        {"payload is empty", HS256, "", "payload"},
        {"payload with garbage behind", HS256, "{\"sub\":\"u1\"} x", "payload"},
        {"exp is text", HS256, "{\"sub\":\"u1\",\"exp\":\"9999999999\"}", "exp"},
        {"exp is null", HS256, "{\"sub\":\"u1\",\"exp\":null}", "exp"},
        {"exp beyond a double", HS256, "{\"sub\":\"u1\",\"exp\":1e400}", "exp"},
        {"nbf is true", HS256, "{\"sub\":\"u1\",\"nbf\":true}", "nbf"},
        {"no user", HS256, "{\"name\":\"u1\"}", "user"},
        {"user is a number", HS256, "{\"sub\":1}", "user"},
        {"user is null", HS256, "{\"sub\":null}", "user"},
        {"user is empty", HS256, "{\"sub\":\"\"}", "user"},
        {"user with a comma", HS256, "{\"sub\":\"a,b\"}", "user"},
        {"user with a NUL", HS256, "{\"sub\":\"a\\u0000b\"}", "user"},
        {"user with a line feed", HS256, "{\"sub\":\"a\\nb\"}", "user"},
        {"user with a lone surrogate", HS256, "{\"sub\":\"a\\ud800\"}", "user"},
};

START_TEST(token_row)
{
    set_up();
    struct auth *auth = new_auth(&(struct auth_options){.secret = SECRET});
    const char *authorization =
            bearer(SECRET, slice_of(tokens[_i].header), slice_of(tokens[_i].payload));
    if (tokens[_i].detail == NULL) {
        assert_user(auth, authorization, "u1");
    } else {
        assert_refused(auth, authorization, NOW_MS, "TOKEN_INVALID", tokens[_i].detail);
    }
    mem_free(owner);
}
END_TEST

/* What stands in the field; $1.$2.$3 is a good token, $4 is all but the last letter of $3. */
static const struct {
    const char *name, *field;
    const char *reason, *detail; /* NULL: accepted */
} fields[] = {
        {"good", "Bearer $1.$2.$3", NULL, NULL},
        {"scheme in lower case", "bearer $1.$2.$3", NULL, NULL},
        {"scheme in mixed case", "bEaReR $1.$2.$3", NULL, NULL},
        {"several blanks", "  Bearer    $1.$2.$3  ", NULL, NULL},
        {"empty", "", "TOKEN_MISSING", ""},
        {"scheme alone", "Bearer", "TOKEN_MISSING", ""},
        {"scheme and blanks", "Bearer   ", "TOKEN_MISSING", ""},
        {"basic", "Basic dTpw", "TOKEN_MISSING", ""},
        {"no scheme", "$1.$2.$3", "TOKEN_MISSING", ""},
        {"scheme not alone", "Bearer:$1.$2.$3", "TOKEN_MISSING", ""},
        {"longer scheme", "Bearers $1.$2.$3", "TOKEN_MISSING", ""},
        {"opaque token", "Bearer abcdef", "TOKEN_INVALID", "three parts"},
        {"two parts", "Bearer $1.$2", "TOKEN_INVALID", "three parts"},
        {"four parts", "Bearer $1.$2.$3.", "TOKEN_INVALID", "three parts"},
        {"five parts, as encrypted ones have", "Bearer $1.$2.$3.a.b", "TOKEN_INVALID",
                "three parts"},
        {"no signature", "Bearer $1.$2.", "TOKEN_INVALID", "three parts"},
        {"no header", "Bearer .$2.$3", "TOKEN_INVALID", "header"},
        {"no payload", "Bearer $1..$3", "TOKEN_INVALID", "signature"},
        {"padded header", "Bearer $1=.$2.$3", "TOKEN_INVALID", "header"},
        {"padded payload", "Bearer $1.$2=.$3", "TOKEN_INVALID", "signature"},
        {"padded signature", "Bearer $1.$2.$3=", "TOKEN_INVALID", "signature"},
        {"blank in the token", "Bearer $1.$2. $3", "TOKEN_INVALID", "signature"},
        {"two tokens", "Bearer $1.$2.$3, Bearer x", "TOKEN_INVALID", "signature"},
        {"signature cut", "Bearer $1.$2.$4", "TOKEN_INVALID", "signature"},
        {"signature longer", "Bearer $1.$2.$3A", "TOKEN_INVALID", "signature"},
        {"payload exchanged", "Bearer $1.eyJzdWIiOiJ1MiJ9.$3", "TOKEN_INVALID", "signature"},
        {"header exchanged", "Bearer eyJhbGciOiJIUzI1NiJ9.$2.$3", "TOKEN_INVALID", "signature"},
};

START_TEST(field_row)
{
    set_up();
    struct auth *auth = new_auth(&(struct auth_options){.secret = SECRET});
    struct slice rest = slice_of(auth_sign(auth, owner, "u1", NOW_MS, 60));
    struct slice parts[4];
    for (int i = 0; i < 3; i++) {
        parts[i] = slice_split(&rest, '.');
    }
    parts[3] = (struct slice){parts[2].data, parts[2].length - 1};
    struct buffer text;
    buffer_init(&text, owner, 10000);
    for (const char *at = fields[_i].field; *at != '\0'; at++) {
        if (*at == '$') {
            buffer_add_slice(&text, parts[*++at - '1']);
        } else {
            buffer_add_char(&text, *at);
        }
    }
    const char *authorization = buffer_text(&text);
    if (fields[_i].reason == NULL) {
        assert_user(auth, authorization, "u1");
    } else {
        assert_refused(auth, authorization, NOW_MS, fields[_i].reason, fields[_i].detail);
    }
    mem_free(owner);
}
END_TEST

START_TEST(no_field_is_no_token)
{
    set_up();
    struct auth *auth = new_auth(&(struct auth_options){.secret = SECRET});
    assert_refused(auth, NULL, NOW_MS, "TOKEN_MISSING", "");
    mem_free(owner);
}
END_TEST

/* RFC 7519 §4.1.4 and §4.1.5, with half a minute between the clocks. */
static const struct {
    const char *name, *claims;
    int64_t now_ms;
    bool accepted;
} times[] = {
        {"exp to come", "\"exp\":1700000001", NOW_MS, true},
        {"exp just over", "\"exp\":1700000000", NOW_MS + 30000, true},
        {"exp over", "\"exp\":1700000000", NOW_MS + 30001, false},
        {"exp with decimals, just over", "\"exp\":1700000000.25", NOW_MS + 30250, true},
        {"exp with decimals, over", "\"exp\":1700000000.25", NOW_MS + 30251, false},
        {"exp with an exponent", "\"exp\":1.7e9", NOW_MS, true},
        {"exp long ago", "\"exp\":0", NOW_MS, false},
        {"exp negative", "\"exp\":-1", NOW_MS, false},
        {"exp in milliseconds by mistake", "\"exp\":1700000000000", NOW_MS, true},
        {"exp twice: the last counts", "\"exp\":9999999999,\"exp\":1", NOW_MS, false},
        {"nbf over", "\"nbf\":1699999999", NOW_MS, true},
        {"nbf just to come", "\"nbf\":1700000030", NOW_MS, true},
        {"nbf to come", "\"nbf\":1700000030.001", NOW_MS, false},
        {"nbf far", "\"nbf\":1e300", NOW_MS, false},
        {"between both", "\"nbf\":1699999999,\"exp\":1700000001", NOW_MS, true},
};

START_TEST(time_row)
{
    set_up();
    struct auth *auth = new_auth(&(struct auth_options){.secret = SECRET});
    char *payload = mem_printf(owner, "{\"sub\":\"u1\",%s}", times[_i].claims);
    const char *authorization = bearer(SECRET, SLICE(HS256), slice_of(payload));
    if (times[_i].accepted) {
        const char *user;
        struct error err = {0};
        ck_assert(auth_verify(auth, owner, slice_of(authorization), times[_i].now_ms, &user, &err));
    } else {
        assert_refused(auth, authorization, times[_i].now_ms, "TOKEN_EXPIRED", "");
    }
    mem_free(owner);
}
END_TEST

static const struct {
    const char *name, *claims;
    const char *detail; /* NULL: accepted */
} audiences[] = {
        {"audience as text", "\"iss\":\"https://id\",\"aud\":\"tenon\"", NULL},
        {"audience in a list", "\"iss\":\"https://id\",\"aud\":[\"x\",1,\"tenon\"]", NULL},
        {"no issuer", "\"aud\":\"tenon\"", "issuer"},
        {"other issuer", "\"iss\":\"https://id/\",\"aud\":\"tenon\"", "issuer"},
        {"issuer as a list", "\"iss\":[\"https://id\"],\"aud\":\"tenon\"", "issuer"},
        {"no audience", "\"iss\":\"https://id\"", "audience"},
        {"other audience", "\"iss\":\"https://id\",\"aud\":\"Tenon\"", "audience"},
        {"other audiences", "\"iss\":\"https://id\",\"aud\":[\"ten\",\"tenon2\"]", "audience"},
        {"empty list", "\"iss\":\"https://id\",\"aud\":[]", "audience"},
        {"list in a list", "\"iss\":\"https://id\",\"aud\":[[\"tenon\"]]", "audience"},
        {"audience as a name", "\"iss\":\"https://id\",\"aud\":{\"tenon\":\"tenon\"}", "audience"},
};

START_TEST(audience_row)
{
    set_up();
    struct auth *auth = new_auth(
            &(struct auth_options){.secret = SECRET, .issuer = "https://id", .audience = "tenon"});
    char *payload = mem_printf(owner, "{\"sub\":\"u1\",%s}", audiences[_i].claims);
    const char *authorization = bearer(SECRET, SLICE(HS256), slice_of(payload));
    if (audiences[_i].detail == NULL) {
        assert_user(auth, authorization, "u1");
    } else {
        assert_refused(auth, authorization, NOW_MS, "TOKEN_INVALID", audiences[_i].detail);
    }
    mem_free(owner);
}
END_TEST

/* The example of RFC 7515 appendix A.1: its key is bytes, its payload has no sub. */
START_TEST(rfc_7515_a1)
{
    static const char token[] =
            "Bearer eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290"
            "Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    set_up();
    struct slice secret;
    ck_assert(base64url_decode(owner,
            SLICE("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr"
                  "1Z9CAow"),
            &secret));
    struct auth *auth =
            new_auth(&(struct auth_options){.secret = secret.data, .user_claim = "iss"});
    const char *user = NULL;
    struct error err = {0};
    ck_assert(auth_verify(auth, owner, slice_of(token), INT64_C(1300819379000), &user, &err));
    ck_assert_str_eq(user, "joe");
    assert_refused(auth, token, NOW_MS, "TOKEN_EXPIRED", "");
    mem_free(owner);
}
END_TEST

START_TEST(every_changed_letter_is_refused)
{
    set_up();
    struct auth *auth = new_auth(&(struct auth_options){.secret = SECRET});
    char *field = mem_printf(owner, "Bearer %s", auth_sign(auth, owner, "u1", NOW_MS, 60));
    for (char *at = field + 7; *at != '\0'; at++) {
        static const char others[] = "AQgw4_-.x";
        for (const char *other = others; *other != '\0'; other++) {
            char kept = *at;
            *at = *other;
            if (*other != kept) {
                assert_refused(auth, field, NOW_MS, "TOKEN_INVALID", "");
            }
            *at = kept;
        }
    }
    assert_user(auth, field, "u1");
    mem_free(owner);
}
END_TEST

START_TEST(another_secret_is_refused)
{
    set_up();
    struct auth *auth = new_auth(&(struct auth_options){.secret = SECRET});
    const char *field = bearer(SECRET "x", SLICE(HS256), SLICE("{\"sub\":\"u1\"}"));
    assert_refused(auth, field, NOW_MS, "TOKEN_INVALID", "signature");
    mem_free(owner);
}
END_TEST

START_TEST(sizes_are_limited)
{
    set_up();
    struct auth *auth = new_auth(&(struct auth_options){.secret = SECRET});
    for (int over = 0; over <= 1; over++) {
        char *payload = mem_printf(owner, "{\"sub\":\"u1\",\"x\":\"%0*d\"}", 8192 - 19 + over, 0);
        ck_assert_uint_eq(strlen(payload), 8192U + (unsigned)over);
        const char *field = bearer(SECRET, SLICE(HS256), slice_of(payload));
        if (over == 0) {
            assert_user(auth, field, "u1");
        } else {
            assert_refused(auth, field, NOW_MS, "TOKEN_INVALID", "payload");
        }
        char *header = mem_printf(owner, "{\"alg\":\"HS256\",\"x\":\"%0*d\"}", 2048 - 22 + over, 0);
        ck_assert_uint_eq(strlen(header), 2048U + (unsigned)over);
        field = bearer(SECRET, slice_of(header), SLICE("{\"sub\":\"u1\"}"));
        if (over == 0) {
            assert_user(auth, field, "u1");
        } else {
            assert_refused(auth, field, NOW_MS, "TOKEN_INVALID", "header");
        }
    }
    mem_free(owner);
}
END_TEST

START_TEST(short_secret_is_refused)
{
    set_up();
    struct auth *auth = NULL;
    struct error err = {0};
    ck_assert(!auth_new(owner, &(struct auth_options){.secret = "only-thirty-one-bytes-are-here!"},
            &auth, &err));
    ck_assert_int_eq(err.code, ERROR_BAD_REQUEST);
    ck_assert_ptr_null(strstr(err.message, "only-thirty"));
    ck_assert_ptr_null(auth);
    ck_assert(!auth_new(owner, &(struct auth_options){0}, &auth, &err));
    mem_free(owner);
}
END_TEST

START_TEST(signed_tokens_are_accepted)
{
    set_up();
    struct auth *auth = new_auth(&(struct auth_options){.secret = SECRET,
            .issuer = "https://id",
            .audience = "tenon",
            .user_claim = "https://id/user"});
    const char *token = auth_sign(auth, owner, "Zo\xC3\xAB \"\\ 1", NOW_MS, 60);
    assert_user(auth, mem_printf(owner, "Bearer %s", token), "Zo\xC3\xAB \"\\ 1");
    assert_refused(
            auth, mem_printf(owner, "Bearer %s", token), NOW_MS + 90001, "TOKEN_EXPIRED", "");
    ck_assert_ptr_null(auth_sign(auth, owner, "a,b", NOW_MS, 60));
    mem_free(owner);
}
END_TEST

static const struct {
    const char *name;
    struct slice user;
    bool fits;
} users[] = {
        {"letters", BYTES("user_2abc"), true},
        {"mail address", BYTES("a.b+c@example.org"), true},
        {"blanks and signs", BYTES(" |:/\"'\\ "), true},
        {"UTF-8", BYTES("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xC2\xA0"), true},
        {"empty", BYTES(""), false},
        {"absent", {NULL, 0}, false},
        {"comma", BYTES("a,"), false},
        {"NUL", BYTES("a\0"), false},
        {"tab", BYTES("a\tb"), false},
        {"DEL", BYTES("\x7F"), false},
        {"last of the second control characters", BYTES("a\xC2\x9F"), false},
        {"next line",
                BYTES("a\xC2\x85"
                      "b"),
                false},
        {"not UTF-8", BYTES("a\xFF"), false},
        {"sequence cut", BYTES("a\xC2"), false},
        {"surrogate", BYTES("\xED\xA0\x80"), false},
};

START_TEST(user_row)
{
    ck_assert_int_eq(auth_user_fits(users[_i].user), users[_i].fits);
}
END_TEST

START_TEST(user_length_is_limited)
{
    char user[256];
    memset(user, 'u', sizeof user);
    ck_assert(auth_user_fits((struct slice){user, 255}));
    ck_assert(!auth_user_fits((struct slice){user, 256}));
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, token_row, tokens);
    TEST_ADD_ROWS(suite, field_row, fields);
    TEST_ADD(suite, no_field_is_no_token);
    TEST_ADD_ROWS(suite, time_row, times);
    TEST_ADD_ROWS(suite, audience_row, audiences);
    TEST_ADD(suite, rfc_7515_a1);
    TEST_ADD(suite, every_changed_letter_is_refused);
    TEST_ADD(suite, another_secret_is_refused);
    TEST_ADD(suite, sizes_are_limited);
    TEST_ADD(suite, short_secret_is_refused);
    TEST_ADD(suite, signed_tokens_are_accepted);
    TEST_ADD_ROWS(suite, user_row, users);
    TEST_ADD(suite, user_length_is_limited);
}

TEST_MAIN("auth", cases)
