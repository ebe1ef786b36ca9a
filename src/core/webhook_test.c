/* Which deliveries are taken, what they may change, and how set-up subscribes to them. */
#include "base/clock.h"
#include "core/setup.h"
#include "core/test_core.h"
#include "core/webhook.h"
#include "crypto/crypto.h"

#define SECRET_TEXT "whsec_its-own-bytes"

#define EVENT(type, id) \
    "{\"type\":\"" type "\",\"data\":{\"id\":\"" id "\",\"status\":\"EXPIRED\"}}"
#define EXPIRED EVENT("composio.connected_account.expired", "ca_1")

static const char *sign(
        void *memory, const char *secret, const char *id, const char *timestamp, const char *body)
{
    uint8_t mac[SHA256_SIZE];
    hmac_sha256(
            slice_of(secret), slice_of(mem_printf(memory, "%s.%s.%s", id, timestamp, body)), mac);
    return base64_encode(memory, (struct slice){(const char *)mac, sizeof mac});
}

/* ---- which are taken ---- */

static const struct row {
    const char *name;
    const char *secrets;   /* NULL: the stored one */
    const char *id, *body; /* NULL: "msg_1", EXPIRED */
    const char *timestamp; /* NULL: now, plus: */
    int64_t ahead_s;
    const char *signature; /* %s: the right one; NULL: "v1,%s" */
    const char *account;   /* as Composio has it; NULL: EXPIRED */
    const char *reason;    /* NULL: */
    enum webhook_outcome outcome;
    enum connection_status row;
} rows[] = {
        {.name = "expired", .row = CONNECTION_INACTIVE},
        {.name = "a lie", .account = "ACTIVE", .row = CONNECTION_ACTIVE},
        {.name = "the operator's secret", .secrets = SECRET_TEXT, .row = CONNECTION_INACTIVE},
        {.name = "the second of several signatures",
                .signature = "v1,AAAA v1a,%s v1,%s",
                .row = CONNECTION_INACTIVE},
        {.name = "of an account whose trigger was disabled",
                .body = "{\"type\":\"composio.trigger.disabled\",\"metadata\":{"
                        "\"connected_account_id\":\"ca_1\"},\"data\":{}}",
                .row = CONNECTION_INACTIVE},
        {.name = "of a type of the future",
                .body = EVENT("composio.connected_account.forgotten", "ca_1"),
                .row = CONNECTION_INACTIVE},
        {.name = "of a type that is not for us",
                .body = EVENT("composio.trigger.message", "ca_1"),
                .outcome = WEBHOOK_IGNORED,
                .row = CONNECTION_ACTIVE},
        {.name = "of an old version",
                .body = "{\"trigger_name\":\"X\",\"connection_id\":\"ca_1\"}",
                .outcome = WEBHOOK_IGNORED,
                .row = CONNECTION_ACTIVE},
        {.name = "no object",
                .body = "[null]",
                .outcome = WEBHOOK_IGNORED,
                .row = CONNECTION_ACTIVE},
        {.name = "an id that is none",
                .body = "{\"type\":\"composio.connected_account.expired\",\"data\":{\"id\":7}}",
                .outcome = WEBHOOK_IGNORED,
                .row = CONNECTION_ACTIVE},
        {.name = "of nobody's account",
                .body = EVENT("composio.connected_account.expired", "ca_2"),
                .outcome = WEBHOOK_IGNORED,
                .row = CONNECTION_ACTIVE},
        {.name = "signed, but no JSON",
                .body = "{",
                .reason = "INVALID_JSON",
                .row = CONNECTION_ACTIVE},
        {.name = "another secret",
                .secrets = "other",
                .reason = "SIGNATURE_INVALID",
                .row = CONNECTION_ACTIVE},
        {.name = "empty secrets",
                .secrets = "  ",
                .reason = "WEBHOOKS_OFF",
                .row = CONNECTION_ACTIVE},
        {.name = "another version of signature",
                .signature = "v2,%s",
                .reason = "SIGNATURE_INVALID",
                .row = CONNECTION_ACTIVE},
        {.name = "half a signature",
                .signature = "v1,%.20s",
                .reason = "SIGNATURE_INVALID",
                .row = CONNECTION_ACTIVE},
        {.name = "no prefix",
                .signature = "%s",
                .reason = "SIGNATURE_INVALID",
                .row = CONNECTION_ACTIVE},
        {.name = "no signature",
                .signature = "",
                .reason = "SIGNATURE_MISSING",
                .row = CONNECTION_ACTIVE},
        {.name = "no id", .id = "", .reason = "SIGNATURE_MISSING", .row = CONNECTION_ACTIVE},
        {.name = "no timestamp",
                .timestamp = "",
                .reason = "SIGNATURE_MISSING",
                .row = CONNECTION_ACTIVE},
        {.name = "a timestamp with a sign",
                .timestamp = "-1",
                .reason = "SIGNATURE_MISSING",
                .row = CONNECTION_ACTIVE},
        {.name = "a timestamp too long",
                .timestamp = "18446744073709551616",
                .reason = "SIGNATURE_MISSING",
                .row = CONNECTION_ACTIVE},
        {.name = "old", .ahead_s = -310, .reason = "TIMESTAMP_STALE", .row = CONNECTION_ACTIVE},
        {.name = "of the future",
                .ahead_s = 310,
                .reason = "TIMESTAMP_STALE",
                .row = CONNECTION_ACTIVE},
        {.name = "a little old", .ahead_s = -250, .row = CONNECTION_INACTIVE},
};
static int row_index;

static bool deliver(struct fixture *fixture, const struct row *row, enum webhook_outcome *out)
{
    void *memory = fixture->context.memory;
    const char *id = row->id == NULL ? "msg_1" : row->id;
    const char *body = row->body == NULL ? EXPIRED : row->body;
    const char *timestamp =
            row->timestamp != NULL
                    ? row->timestamp
                    : mem_printf(memory, "%lld", (long long)(clock_now_ms() / 1000 + row->ahead_s));
    struct buffer signature;
    buffer_init(&signature, memory, 4096);
    const char *right = sign(memory, SECRET_TEXT, id, timestamp, body);
    /* `%s` and `%.20s` by hand: a format is never data. */
    for (const char *at = row->signature == NULL ? "v1,%s" : row->signature; *at != '\0';) {
        if (slice_starts(slice_of(at), "%s")) {
            buffer_add_text(&signature, right);
            at += 2;
        } else if (slice_starts(slice_of(at), "%.20s")) {
            buffer_add(&signature, right, 20);
            at += 5;
        } else {
            buffer_add_char(&signature, *at++);
        }
    }
    struct webhook_delivery delivery = {.id = slice_of(id),
            .timestamp = slice_of(timestamp),
            .signature = buffer_slice(&signature),
            .body = slice_of(body)};
    fixture->core->options.webhook_secrets = row->secrets;
    return webhook_take(fixture->core, memory, &delivery, out, &fixture->err);
}

static void store_secret(struct fixture *fixture)
{
    change(fixture,
            "INSERT INTO \"WebhookSubscription\" (\"id\", \"url\", \"secret\", \"updatedAt\")"
            " VALUES ('ws_1', 'https://x', '" SECRET_TEXT "', '2026-01-01T00:00:00.000Z')",
            NULL);
}

static void is_delivered(struct fixture *fixture)
{
    const struct row *row = &rows[row_index];
    enum webhook_outcome outcome;
    connect_fully(fixture);
    fixture->fake.status[1] = row->account == NULL ? "EXPIRED" : row->account;
    if (row->secrets == NULL) {
        store_secret(fixture);
    }
    bool ok = deliver(fixture, row, &outcome);
    ck_assert_pstr_eq(fixture->err.reason, row->reason);
    ck_assert_int_eq(ok, row->reason == NULL);
    ck_assert_ptr_null(strstr(fixture->err.message, SECRET_TEXT));
    ck_assert_ptr_null(strstr(fixture->err.detail, SECRET_TEXT));
    if (ok) {
        ck_assert_int_eq(outcome, row->outcome);
    }
    fixture->err = (struct error){0};
    ck_assert(core_drain(fixture->core, &fixture->err)); /* its fiber has ended */
    ck_assert_int_eq(row_status(fixture), row->row);
}

START_TEST(delivery_row)
{
    row_index = _i;
    with_core(is_delivered, true);
}
END_TEST

static void is_off(struct fixture *fixture)
{
    enum webhook_outcome outcome;
    expect_refusal(
            fixture, deliver(fixture, &(struct row){.name = "off"}, &outcome), "WEBHOOKS_OFF");
}

START_TEST(without_a_secret_there_are_no_webhooks)
{
    with_core(is_off, true);
}
END_TEST

static void rotates(struct fixture *fixture)
{
    enum webhook_outcome outcome;
    void *memory = fixture->context.memory;
    const char *now = mem_printf(memory, "%lld", (long long)(clock_now_ms() / 1000));
    connect_fully(fixture);
    fixture->core->options.webhook_secrets = "new old";
    for (int i = 0; i < 3; i++) {
        const char *secrets[] = {"new", "old", "older"};
        const char *id = mem_printf(memory, "msg_%d", i);
        struct webhook_delivery delivery = {.id = slice_of(id),
                .timestamp = slice_of(now),
                .signature = slice_of(
                        mem_printf(memory, "v1,%s", sign(memory, secrets[i], id, now, EXPIRED))),
                .body = SLICE(EXPIRED)};
        ck_assert_int_eq(
                webhook_take(fixture->core, memory, &delivery, &outcome, &fixture->err), i < 2);
        ck_assert_pstr_eq(fixture->err.reason, i < 2 ? NULL : "SIGNATURE_INVALID");
    }
}

START_TEST(while_a_secret_is_replaced_both_are_good)
{
    with_core(rotates, true);
}
END_TEST

/* ---- once each, and not lost ---- */

static int reads(struct fixture *fixture)
{
    return upstream_requests(fixture->upstream);
}

static void is_repeated(struct fixture *fixture)
{
    enum webhook_outcome outcome;
    struct row row = {.name = "again", .secrets = SECRET_TEXT};
    connect_fully(fixture);
    ck_assert(deliver(fixture, &row, &outcome));
    ck_assert_int_eq(outcome, WEBHOOK_TAKEN);
    ck_assert(core_drain(fixture->core, &fixture->err));
    int before = reads(fixture);
    ck_assert(deliver(fixture, &row, &outcome));
    ck_assert_int_eq(outcome, WEBHOOK_REPEATED);
    ck_assert(core_drain(fixture->core, &fixture->err));
    ck_assert_int_eq(reads(fixture), before);
    /* Swept after a day. */
    turn(fixture);
    ck_assert_int_eq(count(fixture, "SELECT count(*) FROM \"WebhookDelivery\""), 1);
    change(fixture, "UPDATE \"WebhookDelivery\" SET \"receivedAt\" = '2026-01-01T00:00:00.000Z'",
            NULL);
    turn(fixture);
    ck_assert_int_eq(count(fixture, "SELECT count(*) FROM \"WebhookDelivery\""), 0);
}

START_TEST(a_delivery_is_taken_once)
{
    with_core(is_repeated, true);
}
END_TEST

static void is_read_later(struct fixture *fixture)
{
    enum webhook_outcome outcome;
    struct row row = {.name = "down", .secrets = SECRET_TEXT};
    fixture->core->options.sync_interval_ms = 0;
    connect_fully(fixture);
    fixture->fake.status[1] = "EXPIRED";
    fixture->fake.fail_status = 401;
    ck_assert(deliver(fixture, &row, &outcome));
    ck_assert(core_drain(fixture->core, &fixture->err));
    ck_assert_int_eq(row_status(fixture), CONNECTION_ACTIVE);
    fixture->fake.fail_status = 0;
    turn(fixture);
    ck_assert_int_eq(row_status(fixture), CONNECTION_INACTIVE);
}

START_TEST(what_composio_did_not_answer_the_reconciler_asks_again)
{
    with_core(is_read_later, true);
}
END_TEST

/* ---- set-up ---- */

/* Composio's one subscription. */
struct subscription {
    bool exists, says_secret;
    char url[128], secret[32], events[128];
    const char *version;
    int made, changed, rotated;
};

static void take_member(char *into, size_t size, const char *body, const char *before, char end)
{
    const char *at = strstr(body, before);
    ck_assert_ptr_nonnull(at);
    at += strlen(before);
    snprintf(into, size, "%.*s", (int)(strchr(at, end) - at), at);
}

static enum upstream_next answer_subscription(
        void *context, const struct upstream_request *request, int socket)
{
    struct subscription *has = context;
    char body[1024], secret[64] = "";
    bool lists = strcmp(request->method, "GET") == 0;
    if (strstr(request->target, "rotate_secret") != NULL) {
        snprintf(has->secret, sizeof has->secret, "rotated-%d", ++has->rotated);
        snprintf(body, sizeof body, "{\"id\":\"ws_1\",\"secret\":\"%s\"}", has->secret);
        upstream_reply(socket, 200, "", body);
        return UPSTREAM_KEEP;
    }
    if (!lists) {
        *(strcmp(request->method, "POST") == 0 ? &has->made : &has->changed) += 1;
        take_member(has->url, sizeof has->url, request->body.data, "\"webhook_url\":\"", '"');
        take_member(
                has->events, sizeof has->events, request->body.data, "\"enabled_events\":[", ']');
        ck_assert_ptr_nonnull(strstr(request->body.data, "\"version\":\"V3\""));
        has->version = "V3";
        has->exists = true;
    }
    if (has->says_secret) {
        snprintf(secret, sizeof secret, ",\"secret\":\"%s\"", has->secret);
    }
    int length = snprintf(body, sizeof body, "%s", lists ? "{\"items\":[" : "");
    if (has->exists) {
        length += snprintf(body + length, sizeof body - (size_t)length,
                "{\"id\":\"ws_1\",\"webhook_url\":\"%s\",\"version\":\"%s\",\"enabled_events\":[%s]%s}",
                has->url, has->version, has->events, secret);
    }
    snprintf(body + length, sizeof body - (size_t)length, "%s", lists ? "]}" : "");
    upstream_reply(socket, 200, "", body);
    return UPSTREAM_KEEP;
}

static void note(void *argument, const char *line)
{
    struct buffer *report = argument;
    buffer_add_text(report, line);
    buffer_add_char(report, '\n');
}

static struct subscription subscription;

static void set_up(struct fixture *fixture, const char *url, const char *expected_secret)
{
    struct buffer report;
    const struct db_rows *stored = NULL;
    buffer_init(&report, fixture->context.memory, 1 << 20);
    fixture->upstream->answer = answer_subscription;
    fixture->upstream->context = &subscription;
    ck_assert_msg(setup_webhooks(fixture->core, url, note, &report, &fixture->err), "%s",
            fixture->err.message);
    ck_assert_ptr_null(strstr(buffer_text(&report), subscription.secret));
    ck_assert(db_read(fixture->db, fixture->context.memory,
            "SELECT \"secret\" FROM \"WebhookSubscription\"", DB_NO_PARAMS, &stored,
            &fixture->err));
    ck_assert_uint_eq(db_row_count(stored), expected_secret == NULL ? 0 : 1);
    if (expected_secret != NULL) {
        ck_assert_str_eq(db_get_text(stored, 0, 0), expected_secret);
    }
}

static void subscribes(struct fixture *fixture)
{
    subscription = (struct subscription){.says_secret = true, .secret = "first"};
    set_up(fixture, "https://a.example", "first");
    ck_assert_str_eq(subscription.url, "https://a.example/webhooks/composio");
    ck_assert_str_eq(subscription.events, "\"composio.connected_account.expired\"");
    subscription.says_secret = false; /* as a changelog says: at creation only */
    set_up(fixture, "https://a.example", "first");
    ck_assert_int_eq(subscription.made, 1);
    ck_assert_int_eq(subscription.changed, 0);
    set_up(fixture, "https://b.example", "first");
    ck_assert_int_eq(subscription.changed, 1);
    ck_assert_str_eq(subscription.url, "https://b.example/webhooks/composio");
    subscription.says_secret = true;
    snprintf(subscription.secret, sizeof subscription.secret, "second"); /* rotated elsewhere */
    set_up(fixture, "https://b.example", "second");
    ck_assert_int_eq(subscription.rotated, 0);
}

START_TEST(set_up_subscribes_and_keeps_the_secret)
{
    with_core(subscribes, true);
}
END_TEST

static void takes_over(struct fixture *fixture)
{
    subscription = (struct subscription){.exists = true,
            .url = "https://old.example/hook",
            .secret = "never said",
            .events = "\"composio.trigger.message\"",
            .version = "V1"};
    set_up(fixture, "https://a.example", "rotated-1");
    ck_assert_str_eq(subscription.events,
            "\"composio.trigger.message\",\"composio.connected_account.expired\"");
    ck_assert_int_eq(subscription.made, 0);
    set_up(fixture, "https://a.example", "rotated-1");
    ck_assert_int_eq(subscription.rotated, 1);
    ck_assert_int_eq(subscription.changed, 1);
}

START_TEST(set_up_takes_over_a_subscription_and_leaves_its_events)
{
    with_core(takes_over, true);
}
END_TEST

static void leaves_the_secret(struct fixture *fixture)
{
    subscription = (struct subscription){.says_secret = true, .secret = "first"};
    fixture->core->options.webhook_secrets = "the operator's";
    set_up(fixture, "https://a.example", NULL);
    expect_refusal(fixture,
            setup_webhooks(fixture->core, NULL, note,
                    &(struct buffer){.owner = fixture->context.memory, .limit = 1000},
                    &fixture->err),
            "NOT_CONFIGURED");
}

START_TEST(set_up_stores_no_secret_where_the_operator_has_one)
{
    with_core(leaves_the_secret, true);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, delivery_row, rows);
    TEST_ADD(suite, without_a_secret_there_are_no_webhooks);
    TEST_ADD(suite, while_a_secret_is_replaced_both_are_good);
    TEST_ADD(suite, a_delivery_is_taken_once);
    TEST_ADD(suite, what_composio_did_not_answer_the_reconciler_asks_again);
    TEST_ADD(suite, set_up_subscribes_and_keeps_the_secret);
    TEST_ADD(suite, set_up_takes_over_a_subscription_and_leaves_its_events);
    TEST_ADD(suite, set_up_stores_no_secret_where_the_operator_has_one);
}
TEST_MAIN("webhook", cases)
