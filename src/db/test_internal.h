/* For the tests of this module: a database in a directory of its own, and a fiber that uses it. */
#pragma once

#include "base/clock.h"
#include "db/sqlite_internal.h"
#include "testing/fiber.h"
#include "testing/test.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

struct scene {
    void *owner;
    char *directory;
    const char *path, *url; /* of the database in it */
    struct db_store *store; /* NULL until opened */
    struct db *db;
    void (*body)(struct scene *scene);
};

static inline void scene_begin(struct scene *scene)
{
    *scene = (struct scene){.owner = mem_scope_new(NULL, "scene")};
    const char *temporary = getenv("TMPDIR");
    scene->directory =
            mem_printf(scene->owner, "%s/db-test-XXXXXX", temporary == NULL ? "/tmp" : temporary);
    ck_assert_ptr_nonnull(mkdtemp(scene->directory));
    scene->path = mem_printf(scene->owner, "%s/test.db", scene->directory);
    scene->url = mem_printf(scene->owner, "file:%s", scene->path);
}

static inline void scene_end(struct scene *scene)
{
    mem_free(scene->store);
    DIR *directory = opendir(scene->directory);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char *path = mem_printf(scene->owner, "%s/%s", scene->directory, entry->d_name);
        if (entry->d_name[0] != '.' && unlink(path) != 0) {
            rmdir(path);
        }
    }
    closedir(directory);
    ck_assert_int_eq(rmdir(scene->directory), 0);
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

/* Another program's connection to the same file. */
static inline sqlite3 *stranger_open(const struct scene *scene)
{
    sqlite3 *handle = NULL;
    ck_assert_int_eq(sqlite3_open(scene->path, &handle), SQLITE_OK);
    return handle;
}

static inline void stranger_run(sqlite3 *handle, const char *sql)
{
    ck_assert_msg(sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql,
            sqlite3_errmsg(handle));
    if (fiber_self() != NULL) {
        fiber_yield(); /* the next round's snapshot sees it */
    }
}
