/* The sandbox's tables: files of earlier versions are opened, brought up to date and served. */
#include "crypto/crypto.h"
#include "db/db.h"
#include "fetch/fetch.h"
#include "sandbox/sandbox.h"
#include "testing/fiber.h"
#include "testing/test.h"

#include <unistd.h>

/* Each change is a file of its own, for ever as it was released: databases keep its checksum. */
extern const char sandbox_schema[], sandbox_schema_consent[], sandbox_schema_webhooks[],
        sandbox_schema_sessions[], sandbox_schema_lists[];

static const struct {
    const char *name, *sql, *sha256;
} files[] = {
        {"schema.sql", sandbox_schema,
                "014bc991f72f114ec80ea7df397c7754dff2bac7bd4130cdf7aef41b59a188f5"},
        {"schema_consent.sql", sandbox_schema_consent,
                "8a8582b9ef41c672f9d3e8c5e1ce5b5d4e5f286c923cb8f83fa62d813ce6a5cf"},
        {"schema_webhooks.sql", sandbox_schema_webhooks,
                "3f104a372c38632b37bd18d43acb96c1a24d5b5b05bacae4a6622e771dd19acf"},
        {"schema_sessions.sql", sandbox_schema_sessions,
                "f0a345aa03d3647d3500fd2a0ea5d5cd4726c71e1c5dc71f0e85e3f80b32096a"},
        {"schema_lists.sql", sandbox_schema_lists,
                "01e472e7e627408b839711eb309a61c985d20cfda7e2e8d243bc8dc8912a0046"},
};

START_TEST(file_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    ck_assert_str_eq(sha256_hex(owner, slice_of(files[_i].sql)), files[_i].sha256);
    mem_free(owner);
}
END_TEST

/* ---- a database of an earlier version ---- */

static const struct db_migration released[] = {
        {"20261124000000_sandbox", sandbox_schema, sandbox_schema},
        {"20261128000000_consent", sandbox_schema_consent, sandbox_schema_consent},
        {NULL, NULL, NULL}};

static const struct {
    const char *name;
    size_t count; /* of `released` */
} versions[] = {{"the first version", 1}, {"with consent pages", 2}};

/* As an earlier version leaves it: an auth config, an account that is ACTIVE and one that is in the making. */
static void make_old(void *owner, const char *url, size_t count)
{
    static const struct db_statement rows[] = {
            {"INSERT INTO auth_config (id, uuid, toolkit, name, managed, auth_scheme, status, "
             "credentials, tool_access, for_tool_router, created_at, updated_at) VALUES "
             "('ac_sandbox_gmail', 'u', 'gmail', 'Gmail', 1, 'OAUTH2', 'ENABLED', '{}', '{}', 1, 1, 1)",
                    {NULL, 0}},
            {"INSERT INTO account (id, uuid, auth_config_id, user_id, status, word_id, shared, data, "
             "email, flow_started_at, created_at, updated_at) VALUES "
             "('ca_old', 'u', 'ac_sandbox_gmail', 'ada', 'ACTIVE', 'w', 0, '{}', 'ada@example.com', 1, 1, 1), "
             "('ca_new', 'v', 'ac_sandbox_gmail', 'ada', 'INITIATED', 'x', 0, '{}', NULL, 1, 1, 1)",
                    {NULL, 0}},
    };
    struct db_migration migrations[sizeof released / sizeof released[0]] = {{NULL, NULL, NULL}};
    struct error err = {0};
    struct db_store *store;
    struct db *db;
    size_t applied;
    memcpy(migrations, released, count * sizeof migrations[0]);
    bool good = db_store_open(owner, url, &store, &err) &&
                db_open(owner, store, fiber_loop(), &db, &err) &&
                db_migrate(db, migrations, &applied, &err) &&
                db_write(db, owner, rows, sizeof rows / sizeof rows[0], NULL, &err);
    ck_assert_msg(good, "%s %s", err.message, err.detail);
}

static void serve(void *owner, const char *url)
{
    const struct sandbox_options options = {.database_url = url};
    const struct fetch_header headers[] = {{"x-api-key", "ak_test"}};
    struct fetcher *fetcher =
            fetcher_new(owner, fiber_loop(), &(struct fetch_options){.user_agent = NULL});
    struct fetch_reply reply;
    struct sandbox *sandbox;
    struct error err = {0};
    ck_assert_msg(sandbox_start(owner, fiber_loop(), &options, &sandbox, &err), "%s %s",
            err.message, err.detail);
    struct fetch_request request = {.method = "GET",
            .url = mem_printf(owner, "%s/api/v3.1/connected_accounts?user_ids=ada&statuses=ACTIVE",
                    sandbox_url(sandbox)),
            .headers = headers,
            .header_count = 1,
            .timeout_ms = 10000,
            .max_reply_bytes = 65536};
    ck_assert_msg(fetch(fetcher, owner, &request, &reply, &err), "%s", err.message);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_ptr_ne(strstr(reply.body.data, "\"ca_old\""), NULL);
    ck_assert_ptr_eq(strstr(reply.body.data, "\"ca_new\""), NULL);
    mem_free(fetcher); /* its connections, so that draining need not wait for them */
    ck_assert_msg(sandbox_drain(sandbox, &err), "%s", err.message);
    mem_free(sandbox);
}

/* Which accounts are to tell that they expired. */
static void check_marks(void *owner, const char *url)
{
    struct error err = {0};
    struct db_store *store;
    struct db *db;
    const struct db_rows *rows;
    bool good = db_store_open(owner, url, &store, &err) &&
                db_open(owner, store, fiber_loop(), &db, &err) &&
                db_read(db, owner, "SELECT id FROM account WHERE was_active = 1", DB_NO_PARAMS,
                        &rows, &err);
    ck_assert_msg(good, "%s %s", err.message, err.detail);
    ck_assert_uint_eq(db_row_count(rows), 1);
    ck_assert_str_eq(db_get_text(rows, 0, 0), "ca_old");
}

static void open_old(void *argument)
{
    const size_t *count = argument;
    char path[] = "/tmp/tenon-schema-test-XXXXXX";
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    const char *url = mem_printf(fiber_memory(), "file:%s", path);
    static void (*const steps[])(void *owner, const char *url) = {serve, check_marks};
    void *owner = mem_scope_new(NULL, "make_old");
    make_old(owner, url, *count);
    mem_free(owner);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        owner = mem_scope_new(NULL, "step");
        steps[i](owner, url);
        mem_free(owner);
    }
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        unlink(mem_printf(fiber_memory(), "%s%s", path, endings[i]));
    }
}

START_TEST(version_row)
{
    size_t count = versions[_i].count;
    test_in_fiber(open_old, &count);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, file_row, files);
    TEST_ADD_ROWS(suite, version_row, versions);
}
TEST_MAIN("sandbox schema", cases)
