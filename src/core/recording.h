/* What the JSON columns of a record hold of arguments and results. No state, no I/O.
 *
 * The columns are jsonb in PostgreSQL, which holds fewer values than JSON has, and alters others without a word. What it
 * would not keep is recorded as an object with the one member "$json", whose string is the value's exact text, on every
 * database alike: {"limit": 1e2} is kept as {"limit": {"$json": "1e2"}}. That is so for
 *
 *   strings with U+0000 or a lone surrogate
 *   numbers with an exponent, negative zeros, numbers of more than 1,000 characters
 *   objects with such a string as a name, with one name twice, or with a member "$json" of their own
 *
 * Everything else stands as it came, every digit and code point; the order of names is the database's. */
#pragma once

#include "json/json.h"

enum recording {
    RECORDING_FULL,
    RECORDING_REDACTED, /* without what stands under names like password, token, api_key, at any depth */
    RECORDING_METADATA, /* neither arguments nor results */
};

/* The column's text for a value; null with RECORDING_METADATA. */
struct slice recording_text(void *owner, enum recording recording, const struct json *value);
/* A tool's own words for its failure. With RECORDING_METADATA only that there were some; an error that is a JSON text is
 * redacted as results are. */
const char *recording_error(void *owner, enum recording recording, const char *words);
/* The value that a column holds, as its exact text again.
 * False: ERROR_INTERNAL_SERVER_ERROR DATABASE_ERROR: it is no JSON, or an escape holds none. */
MUST_CHECK bool recording_value(
        void *owner, struct slice column, struct slice *text_out, struct error *err);
