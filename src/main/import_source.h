/* Where `tenon import` reads from: a table of another database, a CSV file (RFC 4180, with a header line) or a file of JSON
 * lines. Columns (members, in JSON) are mapped to the fields of an import_row by name. */
#pragma once

#include "core/import.h"

/* The fields in their order here: user, provider, account, entity, vendor. */
#define IMPORT_FIELDS 5

struct import_source {
    const char *from; /* file:… or postgresql://… for a database, else a path: *.csv or *.jsonl */
    const char *query; /* of a database: what gives the rows; no semicolon at its end */
    const char *columns[IMPORT_FIELDS]; /* NULL: the source has none */
    /* Names of providers that the older layer had for ours: old, new, old, new …, NULL; NULL: none. */
    const char *const *renames;
};

/* Change `columns` by a text such as "user=user_id,provider=app,vendor=". False: BAD_REQUEST, it is no such text. */
MUST_CHECK bool import_source_map(
        void *owner, struct import_source *source, const char *text, struct error *err);
bool import_source_is_database(const struct import_source *source);

/* Read all rows. Suspends for a database, so in a fiber.
 *   ERROR_BAD_REQUEST IMPORT_SOURCE  cannot be read, or is not what it should be; names the line
 *   what db.h says, with the database's own words as the detail */
SUSPENDS MUST_CHECK bool import_source_read(void *owner, const struct import_source *source,
        struct import_row **rows_out, size_t *count_out, struct error *err);

/* Drop a table of the database. */
SUSPENDS MUST_CHECK bool import_source_drop(
        void *owner, const struct import_source *source, const char *table, struct error *err);
