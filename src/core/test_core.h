/* For the tests of core: a fresh database, and a scripted Composio with one account per link, whose status the test sets. */
#pragma once

#include "core/connections.h"
#include "core/core_internal.h"
#include "core/executions.h"
#include "testing/database.h"
#include "testing/fiber.h"
#include "testing/test.h"
#include "testing/upstream.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- a Composio of the test's ---- */

struct fake {
    int links;              /* made so far: accounts ca_1 … */
    const char *status[16]; /* of account ca_N; NULL: 404 */
    const char *owner;      /* user_id of every account */
    int fail_status;        /* answer everything with it; 0: not */
    int executed, deleted, verified;
    int execute_status; /* 0: 200 */
    const char *execute_reply;
    const char
            *tool_version;  /* of the only tool there is, GMAIL_FETCH_EMAILS; NULL: there is none */
    const char *tool_input; /* its schema */
    int tools_read;
};

static char account_json[512];

static inline const char *account_text(const struct fake *fake, int number)
{
    snprintf(account_json, sizeof account_json,
            "{\"id\":\"ca_%d\",\"toolkit\":{\"slug\":\"gmail\"},\"auth_config\":{\"id\":\"ac_gmail\","
            "\"is_disabled\":false},\"user_id\":\"%s\",\"status\":\"%s\",\"status_reason\":null,"
            "\"is_disabled\":false,\"word_id\":\"gmail_river\",\"created_at\":\"2026-01-0%dT00:00:00Z\"}",
            number, fake->owner, fake->status[number], number);
    return account_json;
}

static inline enum upstream_next answer(
        void *context, const struct upstream_request *request, int socket)
{
    struct fake *fake = context;
    char body[2048];
    int number = 0;
    const char *path = strstr(request->target, "/api/v3.1");
    path = path == NULL ? request->target : path + strlen("/api/v3.1");
    if (fake->fail_status != 0) {
        upstream_reply(socket, fake->fail_status, "", "{\"error\":{\"message\":\"no\"}}");
    } else if (strcmp(path, "/connected_accounts/link") == 0) {
        number = ++fake->links;
        fake->status[number] = "INITIATED";
        snprintf(body, sizeof body,
                "{\"link_token\":\"lk\",\"redirect_url\":\"http://link/%d\",\"connected_account_id\":"
                "\"ca_%d\",\"expires_at\":\"2099-01-01T00:00:00Z\"}",
                number, number);
        upstream_reply(socket, 201, "", body);
    } else if (sscanf(path, "/connected_accounts/ca_%d", &number) == 1 &&
               fake->status[number] != NULL) {
        if (strcmp(request->method, "DELETE") == 0) {
            fake->status[number] = NULL;
            fake->deleted++;
            upstream_reply(socket, 200, "", "{\"success\":true}");
        } else if (strcmp(request->method, "POST") == 0) {
            upstream_reply(socket, 200, "", "{\"revoked_tokens\":[]}");
        } else {
            upstream_reply(socket, 200, "", account_text(fake, number));
        }
    } else if (strncmp(path, "/connected_accounts?", 20) == 0) {
        size_t length = (size_t)snprintf(body, sizeof body, "{\"items\":[");
        for (int i = 1; i < 16; i++) {
            if (fake->status[i] != NULL && length < sizeof body - 600) {
                length += (size_t)snprintf(body + length, sizeof body - length, "%s%s",
                        body[length - 1] == '[' ? "" : ",", account_text(fake, i));
            }
        }
        snprintf(body + length, sizeof body - length, "],\"next_cursor\":null}");
        upstream_reply(socket, 200, "", body);
    } else if (strcmp(path, "/connected_accounts/complete_auth") == 0) {
        number = fake->links;
        if (strstr(request->body.data, "urn:session") == NULL) {
            upstream_reply(socket, 404, "", "{}");
        } else if (strstr(request->body.data, "\"user_id\":\"user\"") == NULL) {
            fake->status[number] = "FAILED";
            upstream_reply(socket, 400, "", "{}");
        } else {
            fake->status[number] = "ACTIVE";
            fake->verified++;
            snprintf(body, sizeof body, "{\"connected_account_id\":\"ca_%d\"}", number);
            upstream_reply(socket, 200, "", body);
        }
    } else if (strncmp(path, "/tools/execute/", 15) == 0) {
        fake->executed++;
        upstream_reply(socket, fake->execute_status == 0 ? 200 : fake->execute_status, "",
                fake->execute_reply);
    } else if (strncmp(path, "/tools/GMAIL_FETCH_EMAILS?", 26) == 0) {
        fake->tools_read++;
        snprintf(body, sizeof body,
                "{\"slug\":\"GMAIL_FETCH_EMAILS\",\"name\":\"Fetch emails\",\"version\":\"%s\","
                "\"toolkit\":{\"slug\":\"gmail\"},\"input_parameters\":%s}",
                fake->tool_version, fake->tool_input);
        upstream_reply(socket, fake->tool_version == NULL ? 404 : 200, "",
                fake->tool_version == NULL ? "{}" : body);
    } else {
        upstream_reply(socket, 404, "", "{\"error\":{\"message\":\"not found\",\"status\":404}}");
    }
    return UPSTREAM_KEEP;
}

/* ---- the fixture ---- */

struct fixture {
    struct fake fake;
    struct upstream *upstream;
    struct test_database database;
    struct db *db;
    struct core *core;
    struct context context;
    struct error err;
    void (*body)(struct fixture *fixture);
    bool state_only;
};

static inline void insert_rows(struct fixture *fixture)
{
    const struct db_statement rows[] = {
            {"INSERT INTO \"AuthConfig\" (\"id\", \"provider\", \"composioAuthId\", \"displayName\","
             " \"requiredScopes\", \"allowedTools\", \"updatedAt\") VALUES ('a', 'gmail', 'ac_gmail',"
             " 'Gmail', $1, $2, '2026-01-01T00:00:00.000Z')",
                    DB_PARAMS(DB_LIST(SLICE("[]")), DB_LIST(SLICE("[\"GMAIL_FETCH_EMAILS\"]")))},
            {"INSERT INTO \"MCPServer\" (\"id\", \"authConfigId\", \"composioServerId\", \"name\","
             " \"updatedAt\") VALUES ('m', 'a', 'server', 'Gmail', '2026-01-01T00:00:00.000Z')",
                    {NULL, 0}},
    };
    ck_assert(db_write(fixture->db, fixture->context.memory, rows, 2, NULL, &fixture->err));
}

static inline void fixture_main(void *argument)
{
    struct fixture *fixture = argument;
    void *memory = fiber_memory();
    struct db_store *store = NULL;
    size_t applied = 0;
    ck_assert(db_store_open(memory, fixture->database.url, &store, &fixture->err));
    ck_assert(db_open(memory, store, fiber_loop(), &fixture->db, &fixture->err));
    ck_assert(db_migrate(fixture->db, db_migrations, &applied, &fixture->err));
    fixture->upstream = upstream_new(memory, answer, &fixture->fake);
    struct composio_options options = {.base_url = fixture->upstream->base,
            .api_key = "ak_test",
            .timeout_ms = 5000,
            .patience_ms = 10000};
    struct fetch_options fetch_options = {0};
    struct composio *composio =
            composio_new(memory, fetcher_new(memory, fiber_loop(), &fetch_options), &options);
    struct core_options core_options = {.public_url = "https://tenon.test",
            .frontend_url = "https://app.test",
            .verify_browser = !fixture->state_only,
            .execute_timeout_ms = 5000,
            .sync_interval_ms = 3600000,
            .tool_sync_interval_ms = 3600000,
            .check_arguments = true};
    fixture->core = core_new(
            memory, fiber_loop(), fixture->db, composio, catalog_new(memory), &core_options);
    fixture->context = (struct context){fixture->core, memory, "user"};
    fixture->fake.owner = "user";
    insert_rows(fixture);
    fixture->body(fixture);
    ck_assert(core_drain(fixture->core, &fixture->err));
}

static inline void with_core(void (*body)(struct fixture *fixture), bool state_only)
{
    struct fixture fixture = {.body = body, .state_only = state_only};
    void *owner = mem_scope_new(NULL, "database");
    test_database_make(owner, &fixture.database);
    test_in_fiber(fixture_main, &fixture);
    test_database_remove(owner, &fixture.database);
    mem_free(owner);
}

static inline struct connect_result connect_once(struct fixture *fixture)
{
    struct connect_result result = {0};
    ck_assert_msg(connections_connect(&fixture->context, "gmail", NULL, &result, &fixture->err),
            "%s", fixture->err.message);
    return result;
}

/* The callback key of the newest link, from the URL that Composio was given. */
static inline const char *newest_key(struct fixture *fixture)
{
    const char *key = NULL;
    pthread_mutex_lock(&fixture->upstream->mutex);
    for (struct upstream_request *at = fixture->upstream->first; at != NULL; at = at->next) {
        const char *found = at->body.data == NULL ? NULL : strstr(at->body.data, "callback?key=");
        if (found != NULL) {
            key = mem_strndup(fixture->context.memory, found + 13, strcspn(found + 13, "\""));
        }
    }
    pthread_mutex_unlock(&fixture->upstream->mutex);
    ck_assert_ptr_nonnull(key);
    return key;
}

/* The code in the location that the callback sends the browser to; NULL: none. */
static inline const char *callback_code(
        struct fixture *fixture, const char *key, const char *account)
{
    struct callback_result result;
    ck_assert_msg(connections_callback(fixture->core, fixture->context.memory, key, account,
                          &result, &fixture->err),
            "%s", fixture->err.message);
    ck_assert(slice_starts(
            slice_of(result.location), "https://app.test/oauth/callback?provider=gmail&state="));
    const char *code = strstr(result.location, "&code=");
    return code == NULL ? NULL
                        : mem_strndup(fixture->context.memory, code + 6, strcspn(code + 6, "&"));
}

static inline void expect_refusal(struct fixture *fixture, bool ok, const char *reason)
{
    ck_assert(!ok);
    ck_assert_str_eq(fixture->err.reason, reason);
    fixture->err = (struct error){0};
}

static inline bool complete(
        struct fixture *fixture, const char *state, const char *code, struct connection *out)
{
    return connections_complete(&fixture->context, "gmail", state, code, out, &fixture->err);
}

static inline enum connection_status row_status(struct fixture *fixture)
{
    struct integration *list = NULL;
    size_t count = 0;
    ck_assert(connections_list(&fixture->context, &list, &count, &fixture->err));
    ck_assert_uint_eq(count, 1);
    ck_assert(list[0].has_connection);
    return list[0].connection.status;
}

static inline bool execute(struct fixture *fixture, const char *tool, const char *arguments,
        struct execution_result *out)
{
    const struct json *parsed = NULL;
    if (arguments != NULL) {
        ck_assert(json_parse(fixture->context.memory, slice_of(arguments), &parsed, &fixture->err));
    }
    struct execution_request request = {.provider = "gmail", .tool = tool, .arguments = parsed};
    return executions_run(&fixture->context, &request, out, &fixture->err);
}

static inline void change(struct fixture *fixture, const char *sql, const char *value)
{
    struct db_statement statement = {sql, DB_PARAMS(DB_TEXT(value))};
    struct db_statement bare = {sql, DB_NO_PARAMS};
    ck_assert_msg(db_write(fixture->db, fixture->context.memory, value == NULL ? &bare : &statement,
                          1, NULL, &fixture->err),
            "%s", fixture->err.detail);
}

/* A column's text as JSON: PostgreSQL has its own spelling. NULL: SQL NULL. */
static inline void expect_json(struct fixture *fixture, struct slice text, const char *expected)
{
    const struct json *a = NULL, *b = NULL;
    void *memory = fixture->context.memory;
    ck_assert_int_eq(text.data == NULL, expected == NULL);
    if (expected != NULL) {
        ck_assert(json_parse(memory, text, &a, &fixture->err));
        ck_assert(json_parse(memory, slice_of(expected), &b, &fixture->err));
        ck_assert_msg(json_equal(a, b), "%.*s", SLICE_ARG(text));
    }
}

static inline int64_t count(struct fixture *fixture, const char *sql)
{
    const struct db_rows *rows = NULL;
    ck_assert(
            db_read(fixture->db, fixture->context.memory, sql, DB_NO_PARAMS, &rows, &fixture->err));
    return db_get_int(rows, 0, 0);
}

static inline void turn(struct fixture *fixture)
{
    if (fixture->core->reconciler == NULL) {
        fixture->core->reconciler = reconciler_new(fixture->core);
    }
    reconciler_turn(fixture->core);
}

static inline void connect_fully(struct fixture *fixture)
{
    struct connection connection;
    struct connect_result result = connect_once(fixture);
    fixture->fake.status[fixture->fake.links] = "ACTIVE";
    ck_assert(complete(fixture, result.state, NULL, &connection));
}
