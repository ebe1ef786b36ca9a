#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/nearest.h"
#include "testing/test.h"

static const struct {
    const char *name, *text;
    int64_t ms;
    const char *again; /* as clock_format() writes it; NULL: not a time */
} times[] = {
        {"epoch", "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"},
        {"milliseconds", "2026-01-02T03:04:05.678Z", 1767323045678, "2026-01-02T03:04:05.678Z"},
        {"more decimals are dropped", "2026-01-02T03:04:05.6789Z", 1767323045678,
                "2026-01-02T03:04:05.678Z"},
        {"offset", "2026-01-02T05:04:05.678+02:00", 1767323045678, "2026-01-02T03:04:05.678Z"},
        {"blank and no offset", "2026-01-02 03:04:05.678", 1767323045678,
                "2026-01-02T03:04:05.678Z"},
        {"offset of hours only", "2026-01-02 03:04:05+00", 1767323045000,
                "2026-01-02T03:04:05.000Z"},
        {"leap day", "2024-02-29T12:00:00Z", 1709208000000, "2024-02-29T12:00:00.000Z"},
        {"before the epoch", "1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z"},
        {"no leap day", "2025-02-29T12:00:00Z", 0, NULL},
        {"1900 was no leap year", "1900-02-29T12:00:00Z", 0, NULL},
        {"day 31 of a short month", "2025-04-31T12:00:00Z", 0, NULL},
        {"month 13", "2025-13-01T12:00:00Z", 0, NULL},
        {"no decimals behind the point", "2025-01-01T12:00:00.Z", 0, NULL},
        {"text behind", "2025-01-01T12:00:00Zx", 0, NULL},
        {"empty", "", 0, NULL},
};

START_TEST(time_row)
{
    int64_t ms = -77;
    char text[CLOCK_TEXT_SIZE];
    bool ok = clock_parse(slice_of(times[_i].text), &ms);
    ck_assert_int_eq(ok, times[_i].again != NULL);
    if (ok) {
        ck_assert_int_eq(ms, times[_i].ms);
        ck_assert_str_eq(clock_format(ms, text), times[_i].again);
    }
}
END_TEST

START_TEST(time_of_every_day_reads_back)
{
    char text[CLOCK_TEXT_SIZE];
    for (int64_t ms = -62167219200000; ms <= 253402300799999; ms += 86400000LL * 13 + 12345) {
        int64_t again = 0;
        ck_assert(clock_parse(slice_of(clock_format(ms, text)), &again));
        ck_assert_int_eq(again, ms);
    }
}
END_TEST

START_TEST(buffer_keeps_its_limit)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct buffer buffer;
    buffer_init(&buffer, owner, 10);
    buffer_add_text(&buffer, "12345");
    buffer_add_text(&buffer, "1234567");
    ck_assert(buffer.overflow);
    ck_assert_str_eq(buffer_text(&buffer), "12345");
    buffer_clear(&buffer);
    ck_assert(!buffer.overflow);
    buffer_add_int(&buffer, -120);
    buffer_printf(&buffer, "%s", "abcdef");
    ck_assert_str_eq(buffer_text(&buffer), "-120abcdef");
    mem_free(owner);
}
END_TEST

START_TEST(buffer_writes_extreme_integers)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct buffer buffer;
    buffer_init(&buffer, owner, 100);
    buffer_add_int(&buffer, INT64_MIN);
    buffer_add_int(&buffer, INT64_MAX);
    ck_assert_str_eq(buffer_text(&buffer), "-92233720368547758089223372036854775807");
    mem_free(owner);
}
END_TEST

START_TEST(buffer_percent_encodes)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct buffer buffer;
    buffer_init(&buffer, owner, 100);
    buffer_add_url_encoded(&buffer, SLICE("aZ9-._~ /?&=%\xc3\xa9\0"));
    ck_assert_str_eq(buffer_text(&buffer), "aZ9-._~%20%2F%3F%26%3D%25%C3%A9%00");
    mem_free(owner);
}
END_TEST

START_TEST(error_texts_are_cut_between_characters)
{
    struct error err = {0};
    char text[400];
    memset(text, 'x', sizeof text);
    /* The three bytes of a euro sign stand across the field's end. */
    memcpy(text + sizeof err.message - 2, "\xe2\x82\xac", 4);
    error_set(&err, ERROR_NOT_FOUND, "REASON", "%s", text);
    ck_assert_uint_eq(strlen(err.message), sizeof err.message - 2);
    ck_assert_int_eq(error_http_status(err.code), 404);
    ck_assert_int_eq(error_rpc_code(err.code), -32004);
    ck_assert_str_eq(error_name(err.code), "NOT_FOUND");
    error_set(&err, ERROR_CONFLICT, NULL, "inner");
    error_prefix(&err, "outer %d", 1);
    ck_assert_str_eq(err.message, "outer 1: inner");
}
END_TEST

START_TEST(slices_split_and_trim)
{
    struct slice rest = SLICE("a,,b"), parts[4];
    size_t count = 0;
    while (rest.data != NULL && count < 4) {
        parts[count++] = slice_split(&rest, ',');
    }
    ck_assert_uint_eq(count, 3);
    ck_assert(slice_is(parts[0], "a") && slice_is(parts[1], "") && slice_is(parts[2], "b"));
    ck_assert(slice_is(slice_trim(SLICE(" \ta b\t ")), "a b"));
    ck_assert(slice_is_nocase(SLICE("Content-TYPE"), "content-type"));
}
END_TEST

static const char *const tools[] = {"GMAIL_FETCH_EMAILS", "GMAIL_SEND_EMAIL",
        "GOOGLECALENDAR_EVENTS_LIST", "SLACK_LIST_ALL_CHANNELS", NULL};

static const struct {
    const char *name, *text, *nearest;
} nearest[] = {
        {"a letter missing", "GMAIL_FETCH_EMAIL", "GMAIL_FETCH_EMAILS"},
        {"another verb", "GMAIL_SEARCH_EMAILS", "GMAIL_FETCH_EMAILS"},
        {"words turned round", "GOOGLECALENDAR_LIST_EVENTS", "GOOGLECALENDAR_EVENTS_LIST"},
        {"words added", "SLACK_LIST_ALL_SLACK_TEAM_CHANNELS_WITH_VARIOUS_FILTERS",
                "SLACK_LIST_ALL_CHANNELS"},
        {"nothing like it", "XYZ", NULL},
        {"empty", "", NULL},
};

START_TEST(nearest_row)
{
    ck_assert_pstr_eq(nearest_text(nearest[_i].text, tools), nearest[_i].nearest);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, time_row, times);
    TEST_ADD(suite, time_of_every_day_reads_back);
    TEST_ADD(suite, buffer_keeps_its_limit);
    TEST_ADD(suite, buffer_writes_extreme_integers);
    TEST_ADD(suite, buffer_percent_encodes);
    TEST_ADD(suite, error_texts_are_cut_between_characters);
    TEST_ADD(suite, slices_split_and_trim);
    TEST_ADD_ROWS(suite, nearest_row, nearest);
}
TEST_MAIN("base", cases)
