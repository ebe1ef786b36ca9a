#include "db/db.h"

#include "base/clock.h"
#include "db/db_internal.h"

#include <assert.h>

struct db_value db_value_text(struct slice text)
{
    return (struct db_value){.type = text.data == NULL ? DB_TYPE_NULL : DB_TYPE_TEXT, .text = text};
}

struct db_value db_value_typed(enum db_type type, struct slice text)
{
    return (struct db_value){.type = text.data == NULL ? DB_TYPE_NULL : type, .text = text};
}

struct db_value db_value_time(void *owner, int64_t ms)
{
    char *text = mem_array(owner, char, CLOCK_TEXT_SIZE);
    return db_value_text(slice_of(clock_format(ms, text)));
}

static bool open_with(const struct db_driver *driver, void *owner, const char *url,
        struct db_store **store_out, struct error *err)
{
    struct db_store *store = NULL;
    if (!driver->store_open(owner, url, &store, err)) {
        return false;
    }
    store->news = db_news_new(store);
    *store_out = store;
    return true;
}

bool db_store_open(void *owner, const char *url, struct db_store **store_out, struct error *err)
{
    struct slice text = slice_of(url);
    if (slice_starts(text, "file:")) {
        return open_with(&db_driver_sqlite, owner, url, store_out, err);
    }
    if (slice_starts(text, "postgresql:") || slice_starts(text, "postgres:")) {
        return open_with(&db_driver_postgres, owner, url, store_out, err);
    }
    return error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
            "the database URL must begin with \"file:\", as in file:./data.db, or with \"postgresql:\"");
}

void db_store_set_connections(struct db_store *store, int per_loop)
{
    assert(per_loop > 0);
    store->driver->set_connections(store, per_loop);
}

bool db_store_set_direct(struct db_store *store, const char *url, struct error *err)
{
    if (store->driver->set_direct == NULL) {
        return error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
                "DATABASE_DIRECT_URL is for PostgreSQL behind a bouncer, and DATABASE_URL is none of"
                " PostgreSQL's; leave it out");
    }
    return store->driver->set_direct(store, url, err);
}

bool db_open(void *owner, struct db_store *store, struct loop *loop, struct db **db_out,
        struct error *err)
{
    assert(loop == fiber_loop());
    struct db *db = NULL;
    if (!store->driver->open(owner, store, loop, &db, err)) {
        return false;
    }
    db->store = store;
    *db_out = db;
    return true;
}

bool db_read(struct db *db, void *owner, const char *sql, struct db_params params,
        const struct db_rows **rows_out, struct error *err)
{
    assert(db->loop == fiber_loop());
    return fiber_check(err) && db->driver->read(db, owner, sql, params, rows_out, err);
}

static bool write_all(struct db *db, void *owner, const struct db_write *write,
        const struct db_rows **rows_out, struct error *err)
{
    assert(db->loop == fiber_loop());
    assert(write->count > 0);
    return fiber_check(err) && db->driver->write(db, owner, write, rows_out, err);
}

bool db_write(struct db *db, void *owner, const struct db_statement *statements, size_t count,
        const struct db_rows **rows_out, struct error *err)
{
    struct db_write write = {.statements = statements, .count = count, .alone = count > 1};
    return write_all(db, owner, &write, rows_out, err);
}

bool db_write_apart(struct db *db, void *owner, const struct db_statement *statements, size_t count,
        const struct db_rows **rows_out, struct error *err)
{
    struct db_write write = {.statements = statements, .count = count};
    return write_all(db, owner, &write, rows_out, err);
}

bool db_version(struct db *db, int64_t *version_out, struct error *err)
{
    assert(db->loop == fiber_loop());
    return fiber_check(err) && db->driver->version(db, version_out, err);
}
