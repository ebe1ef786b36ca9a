/* For unit tests: a fresh database, and its end. SQLite in a directory of its own; where TENON_TEST_POSTGRES is set, a
 * database of that PostgreSQL server. It is the URL of another one there, of a role that may make databases
 * (scripts/with-postgres). */
#pragma once

#include "base/mem.h"
#include "crypto/crypto.h"
#include "testing/test.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <string.h>
#include <unistd.h>

struct test_database {
    const char *url;
    char *directory;  /* SQLite's */
    const char *path; /* in it */
    const char *name; /* PostgreSQL's */
};

static inline bool test_on_postgres(void)
{
    return getenv("TENON_TEST_POSTGRES") != NULL;
}

static inline void test_postgres_run(const char *url, const char *sql)
{
    PGconn *handle = PQconnectdb(url);
    PGresult *result = PQexec(handle, sql);
    ExecStatusType status = PQresultStatus(result);
    ck_assert_msg(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", sql,
            PQerrorMessage(handle));
    PQclear(result);
    PQfinish(handle);
}

static inline void test_database_make(void *owner, struct test_database *out)
{
    const char *server = getenv("TENON_TEST_POSTGRES");
    if (server != NULL) {
        char id[UUID_TEXT_SIZE];
        size_t length = (size_t)(strrchr(server, '/') + 1 - server);
        out->name = mem_printf(owner, "test-%s", uuid_v4(id));
        out->url = mem_printf(owner, "%.*s%s", (int)length, server, out->name);
        test_postgres_run(server, mem_printf(owner, "CREATE DATABASE \"%s\"", out->name));
        return;
    }
    const char *temporary = getenv("TMPDIR");
    out->directory = mem_printf(owner, "%s/db-test-XXXXXX", temporary == NULL ? "/tmp" : temporary);
    ck_assert_ptr_nonnull(mkdtemp(out->directory));
    out->path = mem_printf(owner, "%s/test.db", out->directory);
    out->url = mem_printf(owner, "file:%s", out->path);
}

static inline void test_database_remove(void *owner, const struct test_database *database)
{
    if (database->name != NULL) {
        test_postgres_run(getenv("TENON_TEST_POSTGRES"),
                mem_printf(owner, "DROP DATABASE \"%s\" WITH (FORCE)", database->name));
        return;
    }
    DIR *directory = opendir(database->directory);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char *path = mem_printf(owner, "%s/%s", database->directory, entry->d_name);
        if (entry->d_name[0] != '.' && unlink(path) != 0) {
            rmdir(path);
        }
    }
    closedir(directory);
    ck_assert_int_eq(rmdir(database->directory), 0);
}
