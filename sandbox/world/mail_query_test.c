#include "sandbox/world/mail_query.h"

#include "base/clock.h"
#include "testing/test.h"

static const struct {
    const char *name, *query;
    bool matches;
} rows[] = {
        {.name = "no query", .query = NULL, .matches = true},
        {.name = "empty query", .query = "", .matches = true},
        {.name = "word of the text", .query = "lake", .matches = true},
        {.name = "word in another case", .query = "LAKE", .matches = true},
        {.name = "part of a word", .query = "lak", .matches = false},
        {.name = "word behind a letter of UTF-8", .query = "tes", .matches = false},
        {.name = "word of the sender", .query = "mara", .matches = true},
        {.name = "all words", .query = "lake june", .matches = true},
        {.name = "one word is missing", .query = "lake july", .matches = false},
        {.name = "phrase", .query = "\"the lake\"", .matches = true},
        {.name = "phrase in another order", .query = "\"lake the\"", .matches = false},
        {.name = "excluded word is there", .query = "lake -june", .matches = false},
        {.name = "excluded word is not there", .query = "lake -july", .matches = true},
        {.name = "or, the second holds", .query = "july OR june", .matches = true},
        {.name = "or, none holds", .query = "july OR august", .matches = false},
        {.name = "or, then another word", .query = "july OR june lake", .matches = true},
        {.name = "or, then a missing word", .query = "july OR june sea", .matches = false},
        {.name = "missing word, then or", .query = "sea july OR june", .matches = false},
        {.name = "from, name", .query = "from:mara", .matches = true},
        {.name = "from, address", .query = "from:mara@lindqvist.example", .matches = true},
        {.name = "from, somebody else", .query = "from:jonas", .matches = false},
        {.name = "not from", .query = "-from:jonas", .matches = true},
        {.name = "to", .query = "to:alice@example.com", .matches = true},
        {.name = "subject", .query = "subject:offsite", .matches = true},
        {.name = "subject, word of the text", .query = "subject:lake", .matches = false},
        {.name = "subject, phrase", .query = "subject:\"team offsite\"", .matches = true},
        {.name = "subject, wrong phrase", .query = "subject:\"offsite team\"", .matches = false},
        {.name = "subject in brackets", .query = "subject:(team offsite)", .matches = true},
        {.name = "unread", .query = "is:unread", .matches = true},
        {.name = "read", .query = "is:read", .matches = false},
        {.name = "starred", .query = "is:starred", .matches = false},
        {.name = "in the inbox", .query = "in:inbox", .matches = true},
        {.name = "in sent", .query = "in:sent", .matches = false},
        {.name = "anywhere", .query = "in:anywhere", .matches = true},
        {.name = "label", .query = "label:important", .matches = true},
        {.name = "attachment", .query = "has:attachment", .matches = true},
        {.name = "newer", .query = "newer_than:2d", .matches = true},
        {.name = "not newer", .query = "newer_than:1d", .matches = false},
        {.name = "older", .query = "older_than:1d", .matches = true},
        {.name = "age without a unit", .query = "newer_than:2", .matches = false},
        {.name = "after", .query = "after:2026/03/08", .matches = true},
        {.name = "not after", .query = "after:2026/03/10", .matches = false},
        {.name = "before", .query = "before:2026-03-10", .matches = true},
        {.name = "after, in seconds", .query = "after:1772900000", .matches = true},
        {.name = "no date", .query = "after:soon", .matches = false},
        {.name = "unknown operator is a word", .query = "foo:bar", .matches = false},
        {.name = "open quote", .query = "\"the lake", .matches = true},
        {.name = "only a hyphen", .query = "-", .matches = false},
        {.name = "only brackets", .query = "()", .matches = true},
};

START_TEST(mail_query_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    const struct json *labels;
    struct error err = {0};
    struct mail mail = {.from = "Mara Lindqvist <mara@lindqvist.example>",
            .to = "alice@example.com",
            .subject = "Team offsite in June",
            .text = "Shall we take the house by the lake? Zw\xc3\xb6lf t\xc3\xa9tes.",
            .attachment = true};
    int64_t now_ms;
    ck_assert(json_parse(owner, SLICE("[\"INBOX\",\"UNREAD\",\"IMPORTANT\"]"), &labels, &err));
    ck_assert(clock_parse(SLICE("2026-03-09T10:00:00Z"), &mail.time_ms));
    ck_assert(clock_parse(SLICE("2026-03-10T22:00:00Z"), &now_ms));
    mail.labels = labels;
    ck_assert_int_eq(mail_query_matches(owner, rows[_i].query, &mail, now_ms), rows[_i].matches);
    mem_free(owner);
}
END_TEST

START_TEST(says_where)
{
    ck_assert(!mail_query_says_where(NULL));
    ck_assert(!mail_query_says_where("lake is:unread"));
    ck_assert(mail_query_says_where("lake in:trash"));
    ck_assert(mail_query_says_where("is:spam"));
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, mail_query_row, rows);
    TEST_ADD(suite, says_where);
}
TEST_MAIN("mail_query", cases)
