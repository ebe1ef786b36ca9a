/* The last requests, for tests that want to see what was sent. In memory. */
#pragma once

#include "json/json.h"

#define JOURNAL_ENTRIES    1000
#define JOURNAL_BODY_BYTES (16 * 1024) /* of each body; the rest is cut off */

struct journal;

struct journal *journal_new(void *owner);
/* A request comes in; returns the number by which its end is noted. */
int64_t journal_add(struct journal *journal, int64_t now_ms, struct slice method,
        struct slice target, struct slice body);
/* `status` 0: no whole answer was sent. */
void journal_note(struct journal *journal, int64_t number, int status, int64_t duration_ms);
void journal_clear(struct journal *journal);
/* Those after number `after` (0: all that are kept), at most `limit`, the newest.
 * {"items": [oldest first: {number, time, method, path, body, body_sha256 (hex, of all of it), body_cut, status or null,
 * duration_ms or null}], "total": since the beginning} */
void journal_write(
        const struct journal *journal, int64_t after, int64_t limit, struct json_writer *json);
