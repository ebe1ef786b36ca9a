/* The SQLite driver. sqlite.c: the store with its writer, and the readers. sqlite_connection.c: one connection, its
 * prepared statements, what its errors mean. sqlite_file.c: the file that a URL names. */
#pragma once

#include "db/db_internal.h"
#include "loop/worker.h"

#include <sqlite3.h>
#include <stdatomic.h>

/* How long a write waits for another process's, and a reading fiber for what little can hold it up. */
#define SQLITE_BUSY_MS 5000

/* ---- sqlite_file.c ---- */

/* The path in a "file:" URL: relative, or absolute with or without an empty host or "localhost" (RFC 8089 §2, appendix B),
 * percent-decoded, without `?…`. It begins with "/" or "./", so that SQLite finds no URI and no ":memory:" in it. */
MUST_CHECK bool sqlite_file_path(
        void *owner, const char *url, const char **path_out, struct error *err);
/* Make the file, empty and for its owner only, unless it is there. */
MUST_CHECK bool sqlite_file_create(const char *path, struct error *err);

/* ---- sqlite_connection.c ---- */

enum sqlite_use { SQLITE_READER, SQLITE_WRITER };

struct sqlite_statement;
/* Used by one thread at a time. Belongs to an owner, and closes with it. */
struct sqlite_connection {
    sqlite3 *handle;
    enum sqlite_use use;
    struct sqlite_statement *statements; /* prepared, by the address of their text */
    struct db_rows_builder builder;
    int wal_pages; /* in the log after the last commit */
};

/* All errors: ERROR_SERVICE_UNAVAILABLE DATABASE_UNAVAILABLE, the message says what is wrong with the file. */
MUST_CHECK bool sqlite_connection_open(void *owner, const char *path, enum sqlite_use use,
        struct sqlite_connection **out, struct error *err);
/* `rows_out` NULL: the rows are not wanted. Nothing of the statement stays open. Errors as db_read() and db_write(). */
MUST_CHECK bool sqlite_connection_run(struct sqlite_connection *connection, void *owner,
        const struct db_statement *statement, const struct db_rows **rows_out, struct error *err);
/* Statements separated by semicolons; they are not kept. */
MUST_CHECK bool sqlite_connection_run_text(
        struct sqlite_connection *connection, const char *text, struct error *err);
/* What failed just now failed for a lock of another connection's. */
bool sqlite_connection_was_busy(const struct sqlite_connection *connection);
bool sqlite_connection_in_transaction(const struct sqlite_connection *connection);
/* Move what the log holds into the file, where it has grown long. Best effort: it is tried again later. */
void sqlite_connection_checkpoint(struct sqlite_connection *connection);

/* ---- sqlite.c ---- */

struct sqlite_store {
    struct db_store store;
    const char *path;
    struct sqlite_connection *writer; /* of the worker's thread */
    struct worker *worker;
    atomic_int waiting; /* writes submitted and not answered */
};
