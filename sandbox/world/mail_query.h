/* The search syntax of Gmail, as far as mails can be told apart by it. No I/O.
 *
 *   words and "phrases" in sender, recipients, subject and text, whole words, in any case
 *   from: to: subject: label: in: is: has:attachment after: before: (YYYY/MM/DD or seconds) older_than: newer_than: (7d 2m 1y)
 *   -term excludes, a OR b, all other terms must hold */
#pragma once

#include "json/json.h"

struct mail {
    const char *from, *to, *subject, *text;
    const struct json *labels; /* an array of strings */
    bool attachment;
    int64_t time_ms;
};

/* `query` NULL or empty: every mail. */
bool mail_query_matches(void *owner, const char *query, const struct mail *mail, int64_t now_ms);
/* Does the query name where to look (in:, label:, is:trash …), so that the bin and the spam are not left out? */
bool mail_query_says_where(const char *query);
bool mail_has_label(const struct mail *mail, const char *label);
