#include "sandbox/world/mail_query.h"

#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

bool mail_has_label(const struct mail *mail, const char *label)
{
    for (struct json_iterator i = json_iterate(mail->labels); json_next(&i);) {
        if (slice_is_nocase(json_string(i.value), label)) {
            return true;
        }
    }
    return false;
}

/* ---- one term ---- */

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80; /* a letter in UTF-8 */
}

/* `words` at the borders of words. */
static bool text_has(const char *text, const char *words)
{
    size_t length = strlen(words);
    if (text == NULL || length == 0) {
        return false;
    }
    for (const char *at = strcasestr(text, words); at != NULL; at = strcasestr(at + 1, words)) {
        bool begins = at == text || !is_word_byte(at[-1]) || !is_word_byte(words[0]);
        bool ends = !is_word_byte(at[length]) || !is_word_byte(words[length - 1]);
        if (begins && ends) {
            return true;
        }
    }
    return false;
}

/* 7d, 2m, 1y in milliseconds; -1: no such text. */
static int64_t age_of(const char *text)
{
    char *unit;
    int64_t count = strtoll(text, &unit, 10);
    int64_t days = *unit == 'd' ? 1 : *unit == 'm' ? 30 : *unit == 'y' ? 365 : 0;
    return days == 0 || count < 0 || count > 10000 ? -1 : count * days * DAY_MS;
}

/* YYYY/MM/DD, YYYY-MM-DD, or seconds since 1970; -1: no such text. */
static int64_t date_of(void *owner, const char *text)
{
    char *end;
    int64_t seconds = strtoll(text, &end, 10), ms;
    if (*end == '\0' && seconds > 100000 && seconds < INT64_MAX / 1000) {
        return seconds * 1000;
    }
    int year, month, day;
    if (sscanf(text, "%4d%*1[/-]%2d%*1[/-]%2d", &year, &month, &day) != 3) {
        return -1;
    }
    char *date = mem_printf(owner, "%04d-%02d-%02dT00:00:00Z", year, month, day);
    return clock_parse(slice_of(date), &ms) ? ms : -1;
}

static bool is_matches(const struct mail *mail, const char *value)
{
    return strcasecmp(value, "read") == 0 ? !mail_has_label(mail, "UNREAD")
                                          : mail_has_label(mail, value);
}

static bool in_matches(const struct mail *mail, const char *value)
{
    return strcasecmp(value, "anywhere") == 0 || mail_has_label(mail, value) ||
           (strcasecmp(value, "drafts") == 0 && mail_has_label(mail, "DRAFT"));
}

static bool operator_matches(void *owner, const char *name, const char *value,
        const struct mail *mail, int64_t now_ms, bool *known_out)
{
    *known_out = true;
    if (strcasecmp(name, "from") == 0) {
        return text_has(mail->from, value);
    }
    if (strcasecmp(name, "to") == 0) {
        return text_has(mail->to, value);
    }
    if (strcasecmp(name, "subject") == 0) {
        return text_has(mail->subject, value);
    }
    if (strcasecmp(name, "is") == 0) {
        return is_matches(mail, value);
    }
    if (strcasecmp(name, "in") == 0 || strcasecmp(name, "label") == 0) {
        return in_matches(mail, value);
    }
    if (strcasecmp(name, "has") == 0) {
        return strcasecmp(value, "attachment") == 0 && mail->attachment;
    }
    if (strcasecmp(name, "newer_than") == 0 || strcasecmp(name, "older_than") == 0) {
        int64_t age = age_of(value);
        bool newer = mail->time_ms >= now_ms - age;
        return age >= 0 && newer == (strcasecmp(name, "newer_than") == 0);
    }
    if (strcasecmp(name, "after") == 0 || strcasecmp(name, "before") == 0) {
        int64_t date = date_of(owner, value);
        bool after = mail->time_ms >= date;
        return date >= 0 && after == (strcasecmp(name, "after") == 0);
    }
    *known_out = false;
    return false;
}

static bool anywhere(const struct mail *mail, const char *words)
{
    return text_has(mail->from, words) || text_has(mail->to, words) ||
           text_has(mail->subject, words) || text_has(mail->text, words);
}

/* ---- the terms of a query ---- */

struct term {
    const char *name; /* of an operator; NULL: words */
    const char *text;
    bool negated;
};

static const char *take_until(void *owner, struct slice *rest, const char *ends)
{
    size_t length = 0;
    while (length < rest->length && strchr(ends, rest->data[length]) == NULL) {
        length++;
    }
    const char *text = mem_strndup(owner, rest->data, length);
    *rest = slice_skip(*rest, length);
    return text;
}

static const char *take_value(void *owner, struct slice *rest)
{
    if (rest->length == 0 || rest->data[0] != '"') {
        return take_until(owner, rest, " ()");
    }
    *rest = slice_skip(*rest, 1);
    const char *text = take_until(owner, rest, "\"");
    *rest = slice_skip(*rest, rest->length > 0 ? 1 : 0);
    return text;
}

/* False: none is left. Brackets only part terms. */
static bool next_term(void *owner, struct slice *rest, struct term *out)
{
    while (rest->length > 0 && strchr(" ()\t\r\n", rest->data[0]) != NULL) {
        *rest = slice_skip(*rest, 1);
    }
    if (rest->length == 0) {
        return false;
    }
    *out = (struct term){.negated = rest->data[0] == '-'};
    *rest = slice_skip(*rest, out->negated ? 1 : 0);
    bool quoted = rest->length > 0 && rest->data[0] == '"';
    out->text = take_value(owner, rest);
    const char *colon = quoted ? NULL : strchr(out->text, ':');
    if (colon != NULL && colon > out->text) {
        out->name = mem_strndup(owner, out->text, (size_t)(colon - out->text));
        out->text = colon + 1;
        /* subject:"two words" broke off at the blank inside the quotes. */
        if (out->text[0] == '"') {
            const char *closed = strchr(out->text + 1, '"');
            const char *head = out->text + 1;
            const char *tail = closed == NULL ? take_until(owner, rest, "\"") : "";
            *rest = slice_skip(*rest, closed == NULL && rest->length > 0 ? 1 : 0);
            out->text = closed == NULL ? mem_printf(owner, "%s%s", head, tail)
                                       : mem_strndup(owner, head, (size_t)(closed - head));
        } else if (out->text[0] == '\0' && rest->length > 0 && rest->data[0] == '(') {
            *rest = slice_skip(*rest, 1); /* subject:(two words), taken as they stand */
            out->text = take_until(owner, rest, ")");
        }
    }
    return true;
}

static bool term_matches(
        void *owner, const struct term *term, const struct mail *mail, int64_t now_ms)
{
    bool known = false, matches = false;
    if (term->name != NULL) {
        matches = operator_matches(owner, term->name, term->text, mail, now_ms, &known);
    }
    if (!known) {
        const char *words = term->name == NULL ? term->text
                                               : mem_printf(owner, "%s:%s", term->name, term->text);
        matches = words[0] == '\0' || anywhere(mail, words);
    }
    return matches != term->negated;
}

bool mail_query_matches(void *owner, const char *query, const struct mail *mail, int64_t now_ms)
{
    struct slice rest = slice_of(query);
    struct term term;
    bool all = true, group = false, first = true, joined = false;
    /* A query is groups of terms joined by OR; every group must hold. */
    while (next_term(owner, &rest, &term)) {
        if (term.name == NULL && !term.negated && strcmp(term.text, "OR") == 0) {
            joined = !first;
            continue;
        }
        bool matches = term_matches(owner, &term, mail, now_ms);
        all = all && (first || joined || group);
        group = joined ? group || matches : matches;
        joined = first = false;
    }
    return all && (first || group);
}

bool mail_query_says_where(const char *query)
{
    return query != NULL &&
           (strcasestr(query, "in:") != NULL || strcasestr(query, "label:") != NULL ||
                   strcasestr(query, "is:trash") != NULL || strcasestr(query, "is:spam") != NULL);
}
