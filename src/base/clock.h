/* Time: wall-clock milliseconds since 1970-01-01T00:00:00Z for what is stored or shown, monotonic milliseconds for
 * deadlines. Timestamps as text are RFC 3339 in UTC with milliseconds, as JavaScript's toISOString() writes them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define CLOCK_TEXT_SIZE 25 /* "2026-01-02T03:04:05.678Z" and a NUL */

int64_t clock_now_ms(void);
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);

/* `text` gets the time of `ms`, clamped to the years 0000–9999; returns text. */
const char *clock_format(int64_t ms, char text[static CLOCK_TEXT_SIZE]);
/* Read an RFC 3339 date-time: any number of decimals, `Z` or an offset (§5.6). A blank for the `T` is accepted, as is
 * a missing offset, which means UTC (how databases print timestamps). False: not such a text. */
bool clock_parse(struct slice text, int64_t *ms_out);
