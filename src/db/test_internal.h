/* For the tests of this module: a database in a directory of its own, and a fiber that uses it. */
#pragma once

#include "base/clock.h"
#include "db/postgres_internal.h"
#include "db/sqlite_internal.h"
#include "testing/database.h"
#include "testing/fiber.h"
#include "testing/test.h"

#include <stdio.h>
#include <unistd.h>

struct scene {
    void *owner;
    struct test_database database;
    const char *directory, *path, *url; /* of the database; the first two are SQLite's */
    struct db_store *store;             /* NULL until opened */
    struct db *db;
    void (*body)(struct scene *scene);
};

static inline void scene_begin(struct scene *scene)
{
    *scene = (struct scene){.owner = mem_scope_new(NULL, "scene")};
    test_database_make(scene->owner, &scene->database);
    scene->directory = scene->database.directory;
    scene->path = scene->database.path;
    scene->url = scene->database.url;
}

static inline void scene_end(struct scene *scene)
{
    mem_free(scene->store);
    test_database_remove(scene->owner, &scene->database);
    mem_free(scene->owner);
}

static inline void scene_fiber(void *argument)
{
    struct scene *scene = argument;
    struct error err = {0};
    ck_assert_msg(
            db_open(scene->owner, scene->store, fiber_loop(), &scene->db, &err), "%s", err.message);
    scene->body(scene);
    mem_free(scene->db);
}

/* Run `body` in a fiber with the scene's database open. */
static inline void scene_play(struct scene *scene, void (*body)(struct scene *scene))
{
    struct error err = {0};
    if (scene->store == NULL) {
        ck_assert_msg(db_store_open(NULL, scene->url, &scene->store, &err), "%s", err.message);
    }
    scene->body = body;
    test_in_fiber(scene_fiber, scene);
}

/* A whole test: a fresh database, `body`, the end. */
static inline void in_database(void (*body)(struct scene *scene))
{
    struct scene scene;
    scene_begin(&scene);
    scene_play(&scene, body);
    scene_end(&scene);
}

static inline const struct db_rows *read_ok(struct db *db, const char *sql, struct db_params params)
{
    const struct db_rows *rows = NULL;
    struct error err = {0};
    ck_assert_msg(db_read(db, fiber_memory(), sql, params, &rows, &err), "%s: %s (%s)", sql,
            err.message, err.detail);
    return rows;
}

static inline const struct db_rows *write_ok(
        struct db *db, const char *sql, struct db_params params)
{
    const struct db_rows *rows = NULL;
    struct error err = {0};
    struct db_statement statement = {sql, params};
    ck_assert_msg(db_write(db, fiber_memory(), &statement, 1, &rows, &err), "%s: %s (%s)", sql,
            err.message, err.detail);
    return rows;
}

static inline int64_t read_int(struct db *db, const char *sql)
{
    return db_get_int(read_ok(db, sql, DB_NO_PARAMS), 0, 0);
}

/* Another program's connection to the same database. */
struct stranger {
    sqlite3 *sqlite;
    PGconn *postgres;
};

static inline int stranger_end(struct stranger *stranger)
{
    sqlite3_close(stranger->sqlite);
    PQfinish(stranger->postgres);
    return 0;
}

static inline struct stranger *stranger_open(const struct scene *scene)
{
    struct stranger *stranger = mem_new(scene->owner, struct stranger);
    if (scene->path == NULL) {
        stranger->postgres = PQconnectdb(scene->url);
        ck_assert_int_eq(PQstatus(stranger->postgres), CONNECTION_OK);
    } else {
        ck_assert_int_eq(sqlite3_open(scene->path, &stranger->sqlite), SQLITE_OK);
    }
    mem_on_free(stranger, stranger_end);
    return stranger;
}

static inline void stranger_run(struct stranger *stranger, const char *sql)
{
    if (stranger->postgres == NULL) {
        ck_assert_msg(sqlite3_exec(stranger->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s",
                sql, sqlite3_errmsg(stranger->sqlite));
    } else {
        PGresult *result = PQexec(stranger->postgres, sql);
        ck_assert_msg(PQresultStatus(result) != PGRES_FATAL_ERROR, "%s: %s", sql,
                PQresultErrorMessage(result));
        PQclear(result);
    }
    if (fiber_self() != NULL) {
        fiber_yield(); /* the next round's snapshot sees it */
    }
}

/* Writes that were sent, or wait for their turn, and are not answered; on PostgreSQL those sent together count as one. */
static inline int writes_waiting(const struct scene *scene)
{
    if (scene->path != NULL) {
        return atomic_load(&((struct sqlite_store *)scene->store)->waiting);
    }
    const struct postgres_db *db = (const struct postgres_db *)scene->db;
    int count = db->group.waiting_count;
    for (int i = 0; i < db->count; i++) {
        count += db->connections[i]->writes_under_way;
    }
    return count;
}

static inline void until_waiting(const struct scene *scene, int count)
{
    while (writes_waiting(scene) < count) {
        fiber_yield();
    }
}

/* ---- PostgreSQL's ---- */

static inline void kill_all(const struct scene *scene)
{
    test_postgres_run(scene->url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()");
}

/* Until the server is at work on a statement that sleeps. */
static inline void until_asleep(const struct scene *scene)
{
    static const char sql[] = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
                              " AND wait_event = 'PgSleep'";
    struct stranger *stranger = stranger_open(scene);
    int found = 0;
    while (found == 0) {
        PGresult *result = PQexec(stranger->postgres, sql);
        found = PQntuples(result);
        PQclear(result);
        fiber_yield();
    }
    mem_free(stranger);
}

/* ---- a fiber that writes ---- */

/* Three statements on a row of its own in a table item (id, a, n). */
struct write_fiber {
    struct db *db;
    const char *id;
    bool ok;
    struct error err;
    int *left;
};

static inline void writes_one(void *argument)
{
    struct write_fiber *write = argument;
    struct db_statement statements[] = {
            {"UPDATE item SET n = 5 WHERE id = $1", DB_PARAMS(DB_TEXT(write->id))},
            {"INSERT INTO item (id, a, n) VALUES ($1, $2, $3)",
                    DB_PARAMS(DB_TEXT(write->id), DB_TEXT(write->id), DB_INT(0))},
            {"UPDATE item SET n = 1 WHERE id = $1", DB_PARAMS(DB_TEXT(write->id))},
    };
    write->ok = db_write(write->db, fiber_memory(), statements, 3, NULL, &write->err);
    --*write->left;
}
