/* Envelopes, signatures and URLs of webhooks. tests/clients/sandbox-rest.test.mjs verifies what arrives with node's crypto
 * and with the official SDK. */
#include "sandbox/webhooks/webhook_message.h"
#include "testing/test.h"

static const struct {
    const char *name, *url;
    bool good;
} urls[] = {
        {"https", "https://app.example/hooks?x=1", true},
        {"https with a port", "https://app.example:8443", true},
        {"http to this machine", "http://127.0.0.1:4000/hook", true},
        {"http to localhost", "http://localhost/hook", true},
        {"http to ::1", "http://[::1]:80/hook", true},
        {"http to elsewhere", "http://app.example/hook", false},
        {"http to a name that begins like this machine", "http://127.0.0.1.example/hook", false},
        {"http to localhost's namesake", "http://localhost.example/hook", false},
        {"a user", "https://user@app.example/", false},
        {"this machine as a user", "http://127.0.0.1@app.example/", false},
        {"this machine as a user and password", "http://localhost:x@app.example/", false},
        {"no host", "https:///hook", false},
        {"nothing but a scheme", "https://", false},
        {"another scheme", "ftp://app.example/", false},
        {"a blank", "https://app.example/a b", false},
        {"a line break", "https://app.example/\r\nx: y", false},
        {"empty", "", false},
};

START_TEST(url_row)
{
    ck_assert_int_eq(webhook_url_acceptable(urls[_i].url), urls[_i].good);
}
END_TEST

START_TEST(url_too_long)
{
    void *owner = mem_scope_new(NULL, __func__);
    const char *fits = mem_printf(owner, "https://a/%0*d", WEBHOOK_URL_BYTES_MAX - 10, 0);
    ck_assert_uint_eq(strlen(fits), WEBHOOK_URL_BYTES_MAX);
    ck_assert(webhook_url_acceptable(fits));
    ck_assert(!webhook_url_acceptable(mem_printf(owner, "%s0", fits)));
    mem_free(owner);
}
END_TEST

/* ---- envelopes ---- */

static const struct {
    const char *name, *version, *body;
} envelopes[] = {
        {"V1", "V1",
                "{\"trigger_name\":\"GMAIL_NEW\",\"connection_id\":\"ca_1\",\"trigger_id\":\"ti_1\","
                "\"payload\":{\"a\":1.10},\"log_id\":\"log_1\"}"},
        {"V2", "V2",
                "{\"type\":\"gmail_new\",\"timestamp\":\"1970-01-01T00:00:01.234Z\","
                "\"log_id\":\"log_1\",\"data\":{\"connection_id\":\"ca_1\","
                "\"connection_nano_id\":\"ca_1\",\"trigger_nano_id\":\"ti_1\","
                "\"trigger_id\":\"ti_1\",\"user_id\":\"u\",\"a\":1.10}}"},
        {"V3", "V3",
                "{\"id\":\"msg_1\",\"timestamp\":\"1970-01-01T00:00:01.234Z\","
                "\"type\":\"composio.trigger.message\",\"metadata\":{\"log_id\":\"log_1\","
                "\"trigger_slug\":\"GMAIL_NEW\",\"trigger_id\":\"ti_1\","
                "\"connected_account_id\":\"ca_1\",\"user_id\":\"u\"},\"data\":{\"a\":1.10}}"},
};

static const struct json *parse(void *owner, const char *text)
{
    const struct json *value;
    struct error err = {0};
    ck_assert(json_parse(owner, slice_of(text), &value, &err));
    return value;
}

START_TEST(envelope_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct webhook_event event = {.id = "msg_1",
            .type = WEBHOOK_TRIGGER,
            .time_ms = 1234,
            .metadata = parse(owner,
                    "{\"log_id\":\"log_1\",\"trigger_slug\":\"GMAIL_NEW\",\"trigger_id\":\"ti_1\","
                    "\"connected_account_id\":\"ca_1\",\"user_id\":\"u\"}"),
            .data = SLICE("{\"a\":1.10}")};
    ck_assert_str_eq(webhook_body(owner, envelopes[_i].version, &event), envelopes[_i].body);
    mem_free(owner);
}
END_TEST

START_TEST(versions_of_events)
{
    ck_assert(webhook_version_has("V1", WEBHOOK_TRIGGER));
    ck_assert(webhook_version_has("V2", WEBHOOK_TRIGGER));
    ck_assert(!webhook_version_has("V2", WEBHOOK_EXPIRED));
    ck_assert(webhook_version_has("V3", WEBHOOK_EXPIRED));
    ck_assert(webhook_version_has("V3", "composio.something.new"));
    for (const struct webhook_event_type *type = webhook_event_types; type->type != NULL; type++) {
        ck_assert_ptr_eq(webhook_event_type(type->type), type);
        for (const char *const *version = webhook_versions; *version != NULL; version++) {
            bool listed = false;
            for (const char *const *own = type->versions; *own != NULL; own++) {
                listed = listed || strcmp(*own, *version) == 0;
            }
            ck_assert_int_eq(webhook_version_has(*version, type->type), listed);
        }
    }
    ck_assert_ptr_eq(webhook_event_type("composio.something.new"), NULL);
}
END_TEST

/* Made with: printf 'msg_1.1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_c2VjcmV0 -binary | base64 */
START_TEST(signature_takes_the_secret_as_it_is)
{
    void *owner = mem_scope_new(NULL, __func__);
    ck_assert_str_eq(
            webhook_signature(owner, "whsec_c2VjcmV0", "msg_1", "1700000000", SLICE("{\"a\":1}")),
            "v1,LW/uHjyMFPH4zmyGMTLrOzmoUkOmFZiD6uWhmVUCf6Y=");
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, url_row, urls);
    TEST_ADD(suite, url_too_long);
    TEST_ADD_ROWS(suite, envelope_row, envelopes);
    TEST_ADD(suite, versions_of_events);
    TEST_ADD(suite, signature_takes_the_secret_as_it_is);
}

TEST_MAIN("webhook_message", cases)
