#include "auth/auth.h"

#include "crypto/crypto.h"
#include "json/json.h"
#include "json/utf8.h"

#include <math.h>
#include <stdlib.h>

#define HEADER_MAX_BYTES  2048
#define PAYLOAD_MAX_BYTES 8192
#define USER_MAX_BYTES    255
#define LEEWAY_MS         30000 /* between the clocks of two machines */

struct auth {
    const struct hmac_key *key;
    const char *issuer, *audience; /* NULL: not looked at */
    const char *user_claim;
};

bool auth_new(
        void *owner, const struct auth_options *options, struct auth **auth_out, struct error *err)
{
    struct slice secret = slice_of(options->secret);
    if (secret.length < SHA256_SIZE) {
        return error_set(err, ERROR_BAD_REQUEST, "SECRET_TOO_SHORT",
                "the token secret must have at least %d bytes (RFC 7518 §3.2), it has %zu",
                SHA256_SIZE, secret.length);
    }
    struct auth *auth = mem_new(owner, struct auth);
    auth->key = hmac_key_new(auth, secret);
    auth->issuer = mem_strdup(auth, options->issuer);
    auth->audience = mem_strdup(auth, options->audience);
    auth->user_claim = mem_strdup(auth, options->user_claim == NULL ? "sub" : options->user_claim);
    *auth_out = auth;
    return true;
}

static bool refuse(struct error *err, const char *detail)
{
    error_set(err, ERROR_UNAUTHORIZED, "TOKEN_INVALID",
            "sign in again: the access token was not accepted");
    return error_detail(err, "%s", detail);
}

static bool refuse_time(struct error *err, const char *message)
{
    return error_set(err, ERROR_UNAUTHORIZED, "TOKEN_EXPIRED", "%s", message);
}

/* The parts of a JWS in compact form (RFC 7515 §3.1); they point into the token. */
struct token {
    struct slice header, payload, signature; /* base64url */
    struct slice input;                      /* what is signed (§5.1): header, dot, payload */
};

/* Scheme and blanks off (RFC 9110 §11.4: the scheme's case does not matter). */
static bool read_bearer(struct slice authorization, struct slice *token_out)
{
    struct slice rest = slice_trim(authorization);
    struct slice scheme = slice_split(&rest, ' ');
    *token_out = slice_trim(rest);
    return slice_is_nocase(scheme, "Bearer") && token_out->length > 0;
}

static bool split_token(struct slice text, struct token *token)
{
    struct slice rest = text;
    token->header = slice_split(&rest, '.');
    token->payload = slice_split(&rest, '.');
    token->input = (struct slice){text.data, token->header.length + 1 + token->payload.length};
    token->signature = rest;
    return rest.length > 0 && memchr(rest.data, '.', rest.length) == NULL;
}

/* A part that must be a JSON object; NULL when it is not, or larger than allowed. */
static const struct json *decode_object(void *scratch, struct slice part, size_t max_bytes)
{
    struct slice text;
    const struct json *object;
    struct error why;
    if (part.length > (max_bytes * 4 + 2) / 3 || !base64url_decode(scratch, part, &text) ||
            !json_parse(scratch, text, &object, &why) || json_type(object) != JSON_OBJECT) {
        return NULL;
    }
    return object;
}

/* Quadratic, over what HEADER_MAX_BYTES leaves room for. */
static bool has_duplicate_names(const struct json *object)
{
    for (struct json_iterator a = json_iterate(object); json_next(&a);) {
        struct json_iterator b = a;
        while (json_next(&b)) {
            if (slice_equal(a.name, b.name)) {
                return true;
            }
        }
    }
    return false;
}

static bool check_header(void *scratch, struct slice part, struct error *err)
{
    const struct json *header = decode_object(scratch, part, HEADER_MAX_BYTES);
    if (header == NULL) {
        return refuse(err, "the header is not a JSON object in base64url, or too large");
    }
    if (has_duplicate_names(header)) {
        return refuse(err, "a header parameter is there twice (RFC 7515 §4)");
    }
    if (!slice_is(json_string(json_get(header, "alg")), "HS256")) {
        return refuse(err, "the algorithm is not HS256, for which the key is");
    }
    if (json_get(header, "crit") != NULL) {
        return refuse(err, "the header demands an extension (crit, RFC 7515 §4.1.11)");
    }
    return true;
}

static bool check_signature(
        const struct auth *auth, void *scratch, const struct token *token, struct error *err)
{
    uint8_t mac[SHA256_SIZE];
    hmac_key_mac(auth->key, token->input, mac);
    /* The mac is compared as text: each mac has one text only, which a decoder would have to make sure of too. */
    const char *wanted = base64url_encode(scratch, (struct slice){(const char *)mac, sizeof mac});
    if (!equal_constant_time(token->signature, slice_of(wanted))) {
        return refuse(err, "the signature does not match: another secret, or a changed token");
    }
    return true;
}

/* A NumericDate (RFC 7519 §2) in milliseconds, decimals included. Absent: *ms_out stays. */
static bool read_date(void *scratch, const struct json *payload, const char *name, double *ms_out,
        struct error *err)
{
    const struct json *claim = json_get(payload, name);
    if (claim == NULL) {
        return true;
    }
    struct slice digits = json_number(claim);
    if (digits.data == NULL) {
        return refuse(err, "exp or nbf is not a number of seconds");
    }
    double seconds = strtod(mem_strndup(scratch, digits.data, digits.length), NULL);
    if (!isfinite(seconds)) {
        return refuse(err, "exp or nbf is beyond all time");
    }
    *ms_out = seconds * 1000;
    return true;
}

static bool check_times(
        void *scratch, const struct json *payload, int64_t now_ms, struct error *err)
{
    double now = (double)now_ms, exp_ms = now, nbf_ms = now;
    if (!read_date(scratch, payload, "exp", &exp_ms, err) ||
            !read_date(scratch, payload, "nbf", &nbf_ms, err)) {
        return false;
    }
    if (now > exp_ms + LEEWAY_MS) { /* RFC 7519 §4.1.4 */
        return refuse_time(err, "sign in again: the access token has expired");
    }
    if (now < nbf_ms - LEEWAY_MS) { /* RFC 7519 §4.1.5 */
        return refuse_time(err, "the access token is not valid yet: try later, or sign in again");
    }
    return true;
}

/* RFC 7519 §4.1.3: one text, or a list of them. */
static bool names_audience(const struct json *claim, const char *audience)
{
    if (json_type(claim) == JSON_STRING) {
        return slice_is(json_string(claim), audience);
    }
    if (json_type(claim) == JSON_ARRAY) {
        for (struct json_iterator i = json_iterate(claim); json_next(&i);) {
            if (json_type(i.value) == JSON_STRING && slice_is(json_string(i.value), audience)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_text_claim(const struct json *claim, const char *wanted)
{
    return json_type(claim) == JSON_STRING && slice_is(json_string(claim), wanted);
}

static bool check_claims(const struct auth *auth, const struct json *payload,
        struct slice *user_out, struct error *err)
{
    if (auth->issuer != NULL && !is_text_claim(json_get(payload, "iss"), auth->issuer)) {
        return refuse(err, "the issuer (iss) is not the one configured");
    }
    if (auth->audience != NULL && !names_audience(json_get(payload, "aud"), auth->audience)) {
        return refuse(err, "the audience (aud) does not name the one configured");
    }
    struct slice user = json_string(json_get(payload, auth->user_claim));
    if (!auth_user_fits(user)) {
        return refuse(err, "the claim for the user is missing or no fit user id");
    }
    *user_out = user;
    return true;
}

bool auth_user_fits(struct slice user)
{
    if (user.length == 0 || user.length > USER_MAX_BYTES || utf8_valid_run(user) < user.length) {
        return false;
    }
    for (size_t i = 0; i < user.length; i++) {
        unsigned char c = (unsigned char)user.data[i];
        /* U+0080 to U+009F are control characters too. */
        bool is_c1 = c == 0xC2 && (unsigned char)user.data[i + 1] < 0xA0;
        if (c < 0x20 || c == 0x7F || c == ',' || is_c1) {
            return false;
        }
    }
    return true;
}

/* In the order of RFC 7519 §7.2; nothing but the header is read of what is not signed. */
static bool verify(const struct auth *auth, void *scratch, struct slice text, int64_t now_ms,
        struct slice *user_out, struct error *err)
{
    struct token token;
    if (!split_token(text, &token)) {
        return refuse(err, "not three parts with dots between");
    }
    if (!check_header(scratch, token.header, err) || !check_signature(auth, scratch, &token, err)) {
        return false;
    }
    const struct json *payload = decode_object(scratch, token.payload, PAYLOAD_MAX_BYTES);
    if (payload == NULL) {
        return refuse(err, "the payload is not a JSON object in base64url, or too large");
    }
    return check_times(scratch, payload, now_ms, err) && check_claims(auth, payload, user_out, err);
}

bool auth_verify(const struct auth *auth, void *owner, struct slice authorization, int64_t now_ms,
        const char **user_out, struct error *err)
{
    struct slice text;
    if (!read_bearer(authorization, &text)) {
        return error_set(err, ERROR_UNAUTHORIZED, "TOKEN_MISSING",
                "sign in: the request needs the field \"Authorization: Bearer <access token>\"");
    }
    void *scratch = mem_scope_new(owner, "token");
    struct slice user = {NULL, 0};
    bool ok = verify(auth, scratch, text, now_ms, &user, err);
    if (ok) {
        *user_out = mem_strndup(owner, user.data, user.length);
    }
    mem_free(scratch);
    return ok;
}

static void write_claims(const struct auth *auth, struct buffer *out, const char *user,
        int64_t now_s, int64_t lifetime_s)
{
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_write_name(&writer, auth->user_claim);
    json_write_text(&writer, user);
    json_write_name(&writer, "iat");
    json_write_int(&writer, now_s);
    json_write_name(&writer, "exp");
    json_write_int(&writer, now_s + lifetime_s);
    if (auth->issuer != NULL) {
        json_write_name(&writer, "iss");
        json_write_text(&writer, auth->issuer);
    }
    if (auth->audience != NULL) {
        json_write_name(&writer, "aud");
        json_write_text(&writer, auth->audience);
    }
    json_end_object(&writer);
}

const char *auth_sign(
        const struct auth *auth, void *owner, const char *user, int64_t now_ms, int64_t lifetime_s)
{
    if (!auth_user_fits(slice_of(user))) {
        return NULL;
    }
    void *scratch = mem_scope_new(owner, "token");
    struct buffer claims;
    buffer_init(&claims, scratch, PAYLOAD_MAX_BYTES);
    write_claims(auth, &claims, user, now_ms / 1000, lifetime_s);
    char *input = mem_printf(scratch, "%s.%s",
            base64url_encode(scratch, SLICE("{\"alg\":\"HS256\",\"typ\":\"JWT\"}")),
            base64url_encode(scratch, buffer_slice(&claims)));
    uint8_t mac[SHA256_SIZE];
    hmac_key_mac(auth->key, slice_of(input), mac);
    struct slice signature = {(const char *)mac, sizeof mac};
    char *token = mem_printf(owner, "%s.%s", input, base64url_encode(scratch, signature));
    mem_free(scratch);
    return token;
}
