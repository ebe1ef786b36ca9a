#include "sandbox/sandbox.h"

#include "base/clock.h"
#include "crypto/crypto.h"
#include "sandbox/faults/misbehave.h"
#include "sandbox/page.h"
#include "sandbox/project.h"
#include "sandbox/sandbox_internal.h"
#include "sandbox/webhooks/webhook.h"
#include "sandbox/world/seed.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* sandbox/schema.sql and the changes after it, embedded by the build. What was released stays as it is: databases have it. */
extern const char sandbox_schema[], sandbox_schema_consent[], sandbox_schema_webhooks[],
        sandbox_schema_sessions[], sandbox_schema_lists[];

/* ---- the file ---- */

struct temporary_file {
    char *path;
};

static int temporary_file_remove(struct temporary_file *file)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        unlink(mem_printf(file, "%s%s", file->path, endings[i]));
    }
    return 0;
}

/* Its URL; removed when `owner` is freed, after what was allocated behind it: talloc frees the youngest child first. */
static const char *temporary_file_new(void *owner, struct error *err)
{
    const char *folder = getenv("TMPDIR");
    struct temporary_file *file = mem_new(owner, struct temporary_file);
    file->path = mem_printf(file, "%s/tenon-sandbox-XXXXXX", folder == NULL ? "/tmp" : folder);
    int descriptor = mkstemp(file->path);
    if (descriptor < 0) {
        error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
                "cannot make a temporary file in %s", folder == NULL ? "/tmp" : folder);
        return NULL;
    }
    close(descriptor);
    mem_on_free(file, temporary_file_remove);
    return mem_printf(file, "file:%s", file->path);
}

/* ---- the clock ---- */

int64_t sandbox_now_ms(const struct sandbox *sandbox)
{
    return clock_now_ms() + sandbox->clock_offset_ms;
}

static MUST_CHECK bool read_clock(struct sandbox *sandbox, void *owner, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(sandbox->db, owner, "SELECT value FROM meta WHERE name = 'clock_offset_ms'",
                DB_NO_PARAMS, &rows, err)) {
        return false;
    }
    sandbox->clock_offset_ms = db_row_count(rows) == 0 ? 0 : db_get_int(rows, 0, 0);
    return true;
}

bool sandbox_advance_clock(
        struct sandbox *sandbox, void *owner, int64_t milliseconds, struct error *err)
{
    int64_t offset = sandbox->clock_offset_ms + milliseconds;
    struct db_statement statement = {
            "INSERT INTO meta (name, value) VALUES ('clock_offset_ms', $1) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            DB_PARAMS(DB_TEXT(mem_printf(owner, "%lld", (long long)offset)))};
    if (!db_write(sandbox->db, owner, &statement, 1, NULL, err)) {
        return false;
    }
    sandbox->clock_offset_ms = offset;
    return true;
}

/* ---- what is there from the beginning ---- */

static MUST_CHECK bool add_auth_configs(struct sandbox *sandbox, void *owner, struct error *err)
{
    struct db_statement statements[CATALOG_TOOLKITS_MAX];
    struct db_value values[CATALOG_TOOLKITS_MAX][5];
    size_t count = 0;
    const struct toolkit *toolkit = catalog_toolkits(sandbox->catalog);
    for (; toolkit != NULL; toolkit = toolkit->next, count++) {
        assert(count < CATALOG_TOOLKITS_MAX);
        char uuid[UUID_TEXT_SIZE];
        struct db_value *value = values[count];
        value[0] = DB_TEXT(mem_printf(owner, "%s%s", SANDBOX_AUTH_CONFIG_PREFIX, toolkit->slug));
        value[1] = DB_TEXT(mem_strdup(owner, uuid_v4(uuid)));
        value[2] = DB_TEXT(toolkit->slug);
        value[3] = DB_TEXT(mem_printf(owner, "%s (sandbox)", toolkit->name));
        value[4] = DB_INT(sandbox_now_ms(sandbox));
        statements[count] = (struct db_statement){
                "INSERT INTO auth_config (id, uuid, toolkit, name, managed, auth_scheme, status, "
                "credentials, tool_access, for_tool_router, created_at, updated_at) "
                "VALUES ($1, $2, $3, $4, 1, 'OAUTH2', 'ENABLED', '{}', '{}', 1, $5, $5) "
                "ON CONFLICT (id) DO NOTHING",
                {value, 5}};
    }
    return db_write(sandbox->db, owner, statements, count, NULL, err);
}

bool sandbox_reset(struct sandbox *sandbox, void *owner, struct error *err)
{
    static const struct db_statement statements[] = {
            {"DELETE FROM webhook_delivery", {NULL, 0}},
            {"DELETE FROM webhook_subscription", {NULL, 0}},
            {"DELETE FROM thing", {NULL, 0}},
            {"DELETE FROM world", {NULL, 0}},
            {"DELETE FROM verification", {NULL, 0}},
            {"DELETE FROM router_file_url", {NULL, 0}},
            {"DELETE FROM router_file", {NULL, 0}},
            {"DELETE FROM router_config", {NULL, 0}},
            {"DELETE FROM router_session", {NULL, 0}},
            {"DELETE FROM link", {NULL, 0}},
            {"DELETE FROM account", {NULL, 0}},
            {"DELETE FROM mcp_instance", {NULL, 0}},
            {"DELETE FROM mcp_server", {NULL, 0}},
            {"DELETE FROM auth_config", {NULL, 0}},
            {"DELETE FROM meta", {NULL, 0}},
    };
    if (!db_write(sandbox->db, owner, statements, sizeof statements / sizeof statements[0], NULL,
                err)) {
        return false;
    }
    sandbox->clock_offset_ms = 0;
    faults_clear(sandbox->faults);
    journal_clear(sandbox->journal);
    mcp_sessions_clear(sandbox->mcp_sessions);
    return project_load(sandbox, owner, err) && add_auth_configs(sandbox, owner, err);
}

/* ---- starting ---- */

static MUST_CHECK bool open_store(
        struct sandbox *sandbox, struct loop *loop, const char *url, struct error *err)
{
    const struct db_migration migrations[] = {
            {"20261124000000_sandbox", sandbox_schema, sandbox_schema},
            {"20261128000000_consent", sandbox_schema_consent, sandbox_schema_consent},
            {"20261128010000_webhooks", sandbox_schema_webhooks, sandbox_schema_webhooks},
            {"20261128020000_sessions", sandbox_schema_sessions, sandbox_schema_sessions},
            {"20261128030000_lists", sandbox_schema_lists, sandbox_schema_lists},
            {NULL, NULL, NULL}};
    void *scratch = mem_scope_new(sandbox, "open_store");
    size_t applied;
    bool good = db_store_open(sandbox, url, &sandbox->store, err) &&
                db_open(sandbox, sandbox->store, loop, &sandbox->db, err) &&
                db_migrate(sandbox->db, migrations, &applied, err) &&
                read_clock(sandbox, scratch, err) && project_load(sandbox, scratch, err) &&
                add_auth_configs(sandbox, scratch, err);
    mem_free(scratch);
    return good;
}

/* JSON for what the HTTP server refuses by itself. */
static struct slice refusal(void *context, void *owner, const struct error *err)
{
    (void)context;
    const struct api_error_row *row = api_error_row(err);
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, owner, 4096);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    json_write_name(&json, "error");
    json_begin_object(&json);
    json_write_name(&json, "message");
    json_write_text(&json, err->message);
    json_write_name(&json, "code");
    json_write_int(&json, row->number);
    json_write_name(&json, "slug");
    json_write_text(&json, row->slug);
    json_write_name(&json, "status");
    json_write_int(&json, error_http_status(err->code));
    json_end_object(&json);
    json_end_object(&json);
    return buffer_slice(&out);
}

static const char *url_of(struct sandbox *sandbox, const char *host, int port)
{
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0) {
        host = "localhost"; /* a browser cannot go to "any address" */
    }
    bool ipv6 = strchr(host, ':') != NULL;
    return mem_printf(sandbox, ipv6 ? "http://[%s]:%d" : "http://%s:%d", host, port);
}

SUSPENDS static MUST_CHECK bool apply_seed(
        struct sandbox *sandbox, struct slice text, struct error *err)
{
    void *scratch = mem_scope_new(sandbox, "apply_seed");
    const struct json *seed;
    bool good = json_parse(scratch, text, &seed, err) && seed_apply(sandbox, scratch, seed, err);
    mem_free(scratch);
    return good || error_prefix(err, "the seed");
}

static MUST_CHECK bool listen_on(struct sandbox *sandbox, struct loop *loop, const char *host,
        int port, http_handler *handler, struct http_server **server_out, struct error *err)
{
    struct http_options http = {.host = host,
            .port = port,
            .handler = handler,
            .context = sandbox,
            .refusal = refusal,
            .max_body_bytes = CALL_BYTES_MAX};
    return http_server_new(sandbox, loop, &http, server_out, err);
}

bool sandbox_start(void *owner, struct loop *loop, const struct sandbox_options *options,
        struct sandbox **sandbox_out, struct error *err)
{
    struct sandbox *sandbox = mem_new(owner, struct sandbox);
    sandbox->api_key = mem_strdup(sandbox, options->api_key);
    sandbox->rate_limit = options->rate_limit == 0 ? 1000000 : options->rate_limit;
    sandbox->page_policy = page_policy(sandbox);
    sandbox->catalog = catalog_load(sandbox);
    sandbox->faults = faults_new(sandbox);
    sandbox->journal = journal_new(sandbox);
    sandbox->mcp_sessions = mcp_sessions_new(sandbox);
    const char *database = options->database_url == NULL ? temporary_file_new(sandbox, err)
                                                         : options->database_url;
    const char *host = options->host == NULL ? "127.0.0.1" : options->host;
    if (database == NULL ||
            (options->trace_path != NULL &&
                    !trace_open(sandbox, options->trace_path, &sandbox->trace, err)) ||
            !open_store(sandbox, loop, database, err) ||
            (options->seed.length > 0 && !apply_seed(sandbox, options->seed, err)) ||
            !listen_on(sandbox, loop, host, options->port, sandbox_handle, &sandbox->server, err) ||
            (options->consent_host != NULL &&
                    !listen_on(sandbox, loop, options->consent_host, options->consent_port,
                            sandbox_handle_consent, &sandbox->consent_server, err))) {
        mem_free(sandbox);
        return false;
    }
    sandbox->public_url = options->public_url == NULL
                                  ? url_of(sandbox, host, http_server_port(sandbox->server))
                                  : mem_strdup(sandbox, options->public_url);
    if (sandbox->consent_server != NULL) {
        sandbox->consent_url =
                url_of(sandbox, options->consent_host, http_server_port(sandbox->consent_server));
    }
    sandbox->webhooks = webhooks_start(sandbox, loop);
    *sandbox_out = sandbox;
    return true;
}

int sandbox_port(const struct sandbox *sandbox)
{
    return http_server_port(sandbox->server);
}

const char *sandbox_url(const struct sandbox *sandbox)
{
    return sandbox->public_url;
}

bool sandbox_drain(struct sandbox *sandbox, struct error *err)
{
    sandbox->draining = true;
    return webhooks_stop(sandbox->webhooks, err) && http_server_drain(sandbox->server, err) &&
           (sandbox->consent_server == NULL || http_server_drain(sandbox->consent_server, err)) &&
           misbehave_drain(sandbox, err);
}

/* ---- ids ---- */

char *sandbox_new_id(void *owner, const char *prefix, size_t length)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    struct buffer id;
    buffer_init(&id, owner, 64);
    buffer_add_text(&id, prefix);
    while (length > 0) {
        uint8_t byte;
        random_bytes(&byte, 1);
        if (byte < 62 * 4) { /* all letters equally likely */
            buffer_add_char(&id, alphabet[byte % 62]);
            length--;
        }
    }
    return mem_strdup(owner, buffer_text(&id));
}
