/* "Did you mean …?" */
#pragma once

#include "base/slice.h"

/* The letters to insert, delete or replace to make one text of the other (Levenshtein); SIZE_MAX when one has more than
 * 120 bytes. */
size_t nearest_distance(struct slice a, struct slice b);

/* The candidate nearest to `text` in edits, failing that in words shared (between underscores); NULL when none is near.
 * `candidates` ends with NULL. */
const char *nearest_text(const char *text, const char *const *candidates);
