/* What db.c, migrate.c and the drivers share. A driver puts struct db_store and struct db first in structures of its own;
 * db.c picks it by the scheme of the URL, and nobody else needs to know which it is. */
#pragma once

#include "base/buffer.h"
#include "db/db.h"

struct db_store {
    const struct db_driver *driver;
    struct db_news *news; /* db.c sets it, and the store of struct db */
};
struct db {
    const struct db_driver *driver;
    struct loop *loop;
    struct db_store *store;
};

/* A migration as a driver sees it. */
struct db_script {
    const char *before;         /* one statement, done in any case */
    struct db_statement unless; /* nothing more is done when it gives a row */
    const char *text;           /* statements, separated by semicolons */
    struct db_statement then;
};

struct db_write {
    const struct db_statement *statements;
    size_t count;
    bool alone; /* as if no other write happened meanwhile */
};

/* The functions have the contracts of their namesakes in db.h; fiber_check() has been called before. */
struct db_driver {
    bool (*store_open)(
            void *owner, const char *url, struct db_store **store_out, struct error *err);
    void (*set_connections)(struct db_store *store, int per_loop);
    /* No function: nothing can stand between. */
    bool (*set_direct)(struct db_store *store, const char *url, struct error *err);
    SUSPENDS bool (*open)(void *owner, struct db_store *store, struct loop *loop,
            struct db **db_out, struct error *err);
    SUSPENDS bool (*read)(struct db *db, void *owner, const char *sql, struct db_params params,
            const struct db_rows **rows_out, struct error *err);
    SUSPENDS bool (*write)(struct db *db, void *owner, const struct db_write *write,
            const struct db_rows **rows_out, struct error *err);
    /* All of the script in one transaction, which no other process's script overlaps: look, then change. `*ran_out` is
     * false when there was nothing to do. */
    SUSPENDS bool (*run_script)(
            struct db *db, const struct db_script *script, bool *ran_out, struct error *err);
    SUSPENDS bool (*version)(struct db *db, int64_t *version_out, struct error *err);
    /* Pass news on to the other processes; never suspends. `what` NULL: anything. No function: db_version() tells them. */
    void (*notify)(struct db *db, const char *what);
    /* Somebody listens: have news of other processes told. NULL: as above. */
    void (*listen)(struct db_store *store);
    /* $1: a table's name; a row when it is there. */
    const char *table_exists_sql;
    const char *(*migration_text)(const struct db_migration *migration);
};

extern const struct db_driver db_driver_sqlite;
extern const struct db_driver db_driver_postgres;

/* ---- news: db/news.c ---- */

struct db_news *db_news_new(struct db_store *store);
/* What a driver hears from other processes, from any thread. NULL: something may have been missed. */
void db_news_tell(struct db_news *news, const char *what);

/* ---- results: db/rows.c ---- */

/* Of one result, cells and bytes. Whoever reads more wants a LIMIT. */
#define DB_RESULT_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* Collects the cells of a result, row by row, left to right, in memory that is used again for the next. */
struct db_rows_builder {
    struct buffer cells, bytes;
    size_t cell_count;
};
void db_rows_builder_init(struct db_rows_builder *builder, void *owner);
void db_rows_builder_clear(struct db_rows_builder *builder);
/* data NULL: SQL NULL. False: the result is too large; what is added from then on is dropped. */
MUST_CHECK bool db_rows_builder_add(struct db_rows_builder *builder, struct slice value);
/* One block with everything added since clear. */
const struct db_rows *db_rows_builder_end(
        struct db_rows_builder *builder, void *owner, size_t columns, int64_t affected);
