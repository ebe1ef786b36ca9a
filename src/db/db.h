/* The database: one API over two drivers, SQLite and PostgreSQL. Statements, not connections: a fiber never holds a
 * transaction, statement or lock across a wait.
 *
 * SQL is static text with $1, $2 …; both drivers accept it. Times are wall-clock milliseconds here, and RFC 3339 text
 * in UTC with milliseconds wherever they are text, whatever the column is. Nothing here knows the product. */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "loop/fiber.h"

/* What a process opens once: SQLite's file and its writer thread, PostgreSQL's address. Shared by all loops. */
struct db_store;
/* What a loop opens once: its connections. */
struct db;

/* `url` is "file:./tenon.db" (parameters behind `?` are ignored, as Prisma's are) or what Prisma and libpq take as
 * "postgresql://…" (db/postgres_url.c says which parameters).
 * False: ERROR_SERVICE_UNAVAILABLE, reason DATABASE_UNAVAILABLE; the message names what to check, never a password. */
MUST_CHECK bool db_store_open(
        void *owner, const char *url, struct db_store **store_out, struct error *err);
/* How many connections a loop may have to PostgreSQL; before db_open(). */
void db_store_set_connections(struct db_store *store, int per_loop);
/* Where PostgreSQL itself is, when what the store was opened with is a bouncer's, which passes on no news; before db_open().
 * False: as db_store_open(), or it is none of PostgreSQL's. */
MUST_CHECK bool db_store_set_direct(struct db_store *store, const char *url, struct error *err);
/* In a fiber of that loop: the database has answered when it returns true. */
SUSPENDS MUST_CHECK bool db_open(void *owner, struct db_store *store, struct loop *loop,
        struct db **db_out, struct error *err);

enum db_type {
    DB_TYPE_NULL,
    DB_TYPE_TEXT,
    DB_TYPE_PROSE,
    DB_TYPE_JSON,
    DB_TYPE_LIST,
    DB_TYPE_INT,
    DB_TYPE_REAL
};
struct db_value {
    enum db_type type;
    struct slice text; /* bytes; may hold NULs only where the column is not text in PostgreSQL */
    int64_t integer;
    double real;
};
struct db_params {
    const struct db_value *values;
    size_t count;
};
/* DB_PARAMS(DB_TEXT(user), DB_INT(5)): good until the end of the enclosing block. */
#define DB_PARAMS(...)                                          \
    ((struct db_params){(const struct db_value[]){__VA_ARGS__}, \
            sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)})
#define DB_NO_PARAMS ((struct db_params){NULL, 0})
#define DB_NULL      ((struct db_value){.type = DB_TYPE_NULL})
#define DB_INT(n)    ((struct db_value){.type = DB_TYPE_INT, .integer = (n)})
#define DB_BOOL(b)   DB_INT((b) ? 1 : 0)
#define DB_TEXT(t)   db_value_text(slice_of(t))
#define DB_SLICE(s)  db_value_text(s)
/* Text for people, which nothing is compared with: what PostgreSQL cannot hold (NULs, what is no UTF-8) is stored there
 * as U+FFFD. */
#define DB_PROSE(t) db_value_typed(DB_TYPE_PROSE, slice_of(t))
/* A JSON text for a column of type jsonb, where a changed copy will do (core/recording.h has another way). PostgreSQL cannot hold everything that JSON can: there a `\\u0000` or half a
 * surrogate pair is stored as U+FFFD, and a number beyond its range as a string. */
#define DB_JSON(s) db_value_typed(DB_TYPE_JSON, (s))
/* A JSON array of strings, for a column of type text[]; comes back as one, too. */
#define DB_LIST(s) db_value_typed(DB_TYPE_LIST, (s))
/* Into `owner`'s memory. */
#define DB_TIME(owner, ms) db_value_time((owner), (ms))
/* data NULL becomes SQL NULL. */
struct db_value db_value_text(struct slice text);
struct db_value db_value_typed(enum db_type type, struct slice text);
struct db_value db_value_time(void *owner, int64_t ms);

/* The rows of one statement; belong to the owner given. Columns count from 0. */
struct db_rows;
size_t db_row_count(const struct db_rows *rows);
/* Rows inserted, changed or deleted by the statement. */
int64_t db_rows_affected(const struct db_rows *rows);
bool db_is_null(const struct db_rows *rows, size_t row, size_t column);
/* Data NULL for SQL NULL; NUL-terminated behind its length. Numbers come as text, times as RFC 3339, lists as JSON. */
struct slice db_get_slice(const struct db_rows *rows, size_t row, size_t column);
/* NULL for SQL NULL. */
const char *db_get_text(const struct db_rows *rows, size_t row, size_t column);
/* 0 for NULL and for what is no whole number. */
int64_t db_get_int(const struct db_rows *rows, size_t row, size_t column);
bool db_get_bool(const struct db_rows *rows, size_t row, size_t column);
/* -1 for NULL and for what is no time; reads every form that Prisma writes (text, or milliseconds as a number). */
int64_t db_get_time(const struct db_rows *rows, size_t row, size_t column);

/* Errors of db_read() and db_write():
 *   ERROR_SERVICE_UNAVAILABLE  DATABASE_UNAVAILABLE  cannot be reached, disk full, locked; nothing was changed
 *   ERROR_SERVICE_UNAVAILABLE  DATABASE_OUTCOME_UNKNOWN  db_write() only: PostgreSQL's connection broke after the write was
 *                              sent and before it answered, or its standby did not take it in time; it is all done or
 *                              not at all. Look before doing it again
 *   ERROR_CONFLICT             DATABASE_UNIQUE       a unique index refused it; err->detail names the columns
 *   ERROR_CONFLICT             DATABASE_FOREIGN_KEY
 *   ERROR_BAD_REQUEST          TEXT_INVALID          PostgreSQL cannot hold a value: a NUL, or what is no UTF-8
 *   ERROR_INTERNAL_SERVER_ERROR DATABASE_RESULT_TOO_LARGE  a result of more than 64 MiB; say LIMIT
 *   ERROR_INTERNAL_SERVER_ERROR DATABASE_ERROR       anything else; only err->detail says what
 *   ERROR_TIMEOUT, ERROR_CLIENT_CLOSED_REQUEST       as fiber_check(); nothing was changed
 * Messages are fit for callers: no SQL, no values. */

/* One statement that changes nothing. `sql` is static: its prepared form is kept under its address. It ends with the
 * fiber's deadline; after a lost connection PostgreSQL is asked again. */
SUSPENDS MUST_CHECK bool db_read(struct db *db, void *owner, const char *sql,
        struct db_params params, const struct db_rows **rows_out, struct error *err);

struct db_statement {
    const char *sql; /* static */
    struct db_params params;
};
/* Statements in one transaction: all durable when true, none done when false. `rows_out` is NULL or takes `count`
 * results. Several statements happen as if no other such write happened meanwhile (on PostgreSQL SERIALIZABLE, and done
 * again when that fails); one statement alone compares and sets.
 *
 * Writes that are not as if alone may share a transaction with other fibers' of the loop, and so a commit; one that fails
 * fails by itself all the same.
 *
 * A write that was sent is waited for whatever a cancellation says, so the answer is known but for
 * DATABASE_OUTCOME_UNKNOWN. PostgreSQL is told to give it up at the deadline. */
SUSPENDS MUST_CHECK bool db_write(struct db *db, void *owner, const struct db_statement *statements,
        size_t count, const struct db_rows **rows_out, struct error *err);
/* The same for statements that do not look at what others write: all or nothing, but not as if alone. Cheaper on
 * PostgreSQL where many write the same few rows. */
SUSPENDS MUST_CHECK bool db_write_apart(struct db *db, void *owner,
        const struct db_statement *statements, size_t count, const struct db_rows **rows_out,
        struct error *err);

/* ---- news: db/news.c ----
 *
 * Words from one process to all that use the database: that something was changed, for those who show it. They are hints:
 * whoever hears one reads again. Nothing is kept for who does not listen. */

#define DB_NEWS_MAX_BYTES 255

/* Tell every listener, of this process and of others; once the write it is about has returned. Best effort, never suspends.
 *
 * what  longer than DB_NEWS_MAX_BYTES, it becomes "anything" */
void db_notify(struct db *db, const char *what);

struct db_listener;
/* On the loop's own stack, must not suspend nor unlisten. `what` NULL: more was told than is kept, or may have been. */
typedef void db_heard(void *argument, const char *what);
/* Until db_unlisten(), on the loop that `db` was opened on. */
struct db_listener *db_listen(struct db *db, db_heard *heard, void *argument);
void db_unlisten(struct db_listener *listener);
/* A number that is another one when another process may have written without telling: it has to be asked for (SQLite,
 * whose processes share only the file; PostgreSQL behind a bouncer; other programs, which tell nothing). Compare what the same `db` says. */
SUSPENDS MUST_CHECK bool db_version(struct db *db, int64_t *version_out, struct error *err);

/* ---- migrations: db/migrate.c ---- */

/* One directory of prisma/migrations; the build embeds them in order (db_migrations[], ending with name NULL). */
struct db_migration {
    const char *name;       /* "20261124000000_init" */
    const char *postgresql; /* migration.sql, as Prisma Migrate has it */
    const char *sqlite;     /* migration.sqlite.sql, the same change for SQLite */
};
extern const struct db_migration db_migrations[];

struct db_migration_state {
    size_t applied, pending;
    const char *first_pending; /* NULL when none */
};
/* Which of `migrations` the database has. A migration whose recorded checksum differs, or that failed half-way, is
 * ERROR_PRECONDITION_FAILED with reason MIGRATION_CHANGED or MIGRATION_FAILED. */
SUSPENDS MUST_CHECK bool db_migration_check(struct db *db, const struct db_migration *migrations,
        struct db_migration_state *state_out, struct error *err);
/* Apply what is pending, each migration in one transaction with its row in `_prisma_migrations` (id, checksum: SHA-256
 * of the file, finished_at, migration_name, logs, rolled_back_at, started_at, applied_steps_count), as Prisma Migrate
 * keeps them. Safe when several processes do it at once. `*applied_out` counts those applied by this call. */
SUSPENDS MUST_CHECK bool db_migrate(struct db *db, const struct db_migration *migrations,
        size_t *applied_out, struct error *err);
