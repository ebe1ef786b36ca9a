#include "db/test_internal.h"

static const struct {
    const char *name, *url;
    const char *key, *value; /* one that libpq is given in the end */
    const char *place;
    bool bouncer;
    const char *problem;
} urls[] = {
        {"plain", "postgresql://u:p@db.example:6000/x", "password", "p", "db.example:6000/x", false,
                NULL},
        {"the other name", "postgres://u@h/x", "user", "u", "h:5432/x", false, NULL},
        {"percent-encoded", "postgresql://u:p%40%2F@h/x", "password", "p@/", "h:5432/x", false,
                NULL},
        {"IPv6", "postgresql://u@[::1]:6000/x", "host", "::1", "::1:6000/x", false, NULL},
        {"two hosts", "postgresql://u@a:1,b:2/x?target_session_attrs=read-write", "host", "a,b",
                "a,b:1,2/x", false, NULL},
        {"socket", "postgresql://u@/x?host=/run/pg", "host", "/run/pg", "/run/pg:5432/x", false,
                NULL},
        {"sslmode", "postgresql://u@h/x?sslmode=require", "sslmode", "require", "h:5432/x", false,
                NULL},
        {"Prisma's public schema", "postgresql://u@h/x?schema=public", "options", NULL, "h:5432/x",
                false, NULL},
        {"another schema", "postgresql://u@h/x?schema=my%20%22s", "options",
                "-c search_path=\\\"my\\ \"\\\"s\\\"", "h:5432/x", false, NULL},
        {"all that Prisma has",
                "postgresql://u@h/x?schema=public&pgbouncer=true&connection_limit=5&pool_timeout=2"
                "&socket_timeout=3&statement_cache_size=0&sslaccept=accept_invalid_certs"
                "&connect_timeout=7",
                "connect_timeout", "7", "h:5432/x", true, NULL},
        {"strict", "postgresql://u@h/x?sslmode=require&sslaccept=strict&sslcert=ca.pem", "sslmode",
                "verify-full", "h:5432/x", false, NULL},
        {"Prisma's sslcert", "postgresql://u@h/x?sslcert=ca.pem", "sslrootcert", "ca.pem",
                "h:5432/x", false, NULL},
        {"libpq's sslcert", "postgresql://u@h/x?sslcert=c.pem&sslkey=k.pem", "sslcert", "c.pem",
                "h:5432/x", false, NULL},
        {"pgbouncer=false", "postgresql://u@h/x?pgbouncer=false", "user", "u", "h:5432/x", false,
                NULL},
        {"a schema through a bouncer", "postgresql://u@h/x?schema=s&pgbouncer=true", NULL, NULL,
                NULL, false, "ALTER ROLE"},
        {"sslidentity", "postgresql://u@h/x?sslidentity=i.p12", NULL, NULL, NULL, false,
                "sslidentity"},
        {"an unknown parameter", "postgresql://u:secret@h/x?colour=red", NULL, NULL, NULL, false,
                "is not one"},
        {"a bracket", "postgresql://u:secret@[h/x", NULL, NULL, NULL, false, "is not one"},
        {"half an escape", "postgresql://u:secret@h/x?a=%2", NULL, NULL, NULL, false, "escape"},
        {"NUL", "postgresql://u:secret@h/x?a=%00", NULL, NULL, NULL, false, "escape"},
};

START_TEST(url_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct postgres_address address = {0};
    struct error err = {0};
    bool ok = postgres_address_parse(owner, urls[_i].url, &address, &err);
    ck_assert_msg(ok == (urls[_i].problem == NULL), "%s", err.message);
    ck_assert_ptr_null(strstr(err.message, "secret"));
    ck_assert_pstr_eq(address.place, urls[_i].place);
    ck_assert_int_eq(address.bouncer, urls[_i].bouncer);
    if (ok) {
        const char *value = NULL;
        for (size_t i = 0; address.names[i] != NULL; i++) {
            value = strcmp(address.names[i], urls[_i].key) == 0 ? address.values[i] : value;
        }
        ck_assert_pstr_eq(value, urls[_i].value);
    } else {
        ck_assert_str_eq(err.reason, "DATABASE_UNAVAILABLE");
        ck_assert_msg(strstr(err.message, urls[_i].problem) != NULL, "%s", err.message);
    }
    mem_free(owner);
}
END_TEST

static void finds_nobody(void *argument)
{
    struct scene *scene = argument;
    struct error err = {0};
    ck_assert(!db_open(scene->owner, scene->store, fiber_loop(), &scene->db, &err));
    ck_assert_int_eq(err.code, ERROR_SERVICE_UNAVAILABLE);
    ck_assert_str_eq(err.reason, "DATABASE_UNAVAILABLE");
    ck_assert_ptr_nonnull(strstr(err.message, "127.0.0.1:1/x"));
    ck_assert_ptr_null(strstr(err.message, "secret"));
    ck_assert_ptr_null(strstr(err.detail, "secret"));
}

START_TEST(a_server_that_is_not_there_is_named)
{
    struct scene scene = {.owner = mem_scope_new(NULL, "scene")};
    struct error err = {0};
    ck_assert(
            db_store_open(scene.owner, "postgresql://u:secret@127.0.0.1:1/x", &scene.store, &err));
    test_in_fiber(finds_nobody, &scene);
    mem_free(scene.owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, url_row, urls);
    TEST_ADD(suite, a_server_that_is_not_there_is_named);
}
TEST_MAIN("postgres_url", cases)
