#include "core/tool_schemas.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/core_internal.h"
#include "json/utf8.h"

#include <bsd/sys/queue.h>

#define SCHEMA_MAX_BYTES   (256 * 1024)
#define TEXT_MAX_BYTES     (16 * 1024)
#define COPY_MAX_AGE_MS    5000
#define COPIES_MAX         512
#define COPIES_MAX_BYTES   (8 * 1024 * 1024) /* of texts; parsed they take as much again */
#define ASK_AGAIN_MS       60000
#define GONE_ASK_AGAIN_MS  (10 * 60 * 1000)
#define REFRESHES_PER_TURN 10 /* one a second */
#define FAILURES_PER_TURN  3
#define REFRESH_TIMEOUT_MS 60000

/* ---- the loop's copies ---- */

struct copy {
    TAILQ_ENTRY(copy) link;
    struct tool_schema schema;
    size_t bytes;
    int64_t read_ms; /* monotonic */
};

/* One of each core: the copies, last used first. */
struct tool_copies {
    TAILQ_HEAD(tool_copy_list, copy) list;
    size_t count, bytes;
};

static void drop(struct tool_copies *copies, struct copy *copy)
{
    TAILQ_REMOVE(&copies->list, copy, link);
    copies->count--;
    copies->bytes -= copy->bytes;
    mem_free(copy);
}

static struct copy *find_copy(struct tool_copies *copies, const char *tool)
{
    struct copy *copy;
    TAILQ_FOREACH (copy, &copies->list, link) {
        if (strcmp(copy->schema.tool, tool) == 0) {
            return copy;
        }
    }
    return NULL;
}

static void keep(struct tool_copies *copies, struct copy *copy)
{
    struct copy *old = find_copy(copies, copy->schema.tool);
    if (old != NULL) {
        drop(copies, old);
    }
    TAILQ_INSERT_HEAD(&copies->list, copy, link);
    copies->count++;
    copies->bytes += copy->bytes;
    while (copies->count > 1 && (copies->count > COPIES_MAX || copies->bytes > COPIES_MAX_BYTES)) {
        drop(copies, TAILQ_LAST(&copies->list, tool_copy_list));
    }
}

/* `rows` belongs to the copy, and the texts are the rows'. */
static void take_row(struct copy *copy, const struct db_rows *rows)
{
    struct tool_schema *schema = &copy->schema;
    struct error ignored = {0};
    schema->read = !db_is_null(rows, 0, 0);
    schema->version = db_get_text(rows, 0, 1);
    schema->name = db_get_text(rows, 0, 2);
    schema->description = db_get_text(rows, 0, 3);
    schema->input_schema = db_get_slice(rows, 0, 4);
    schema->output_schema = db_get_slice(rows, 0, 5);
    copy->bytes = schema->input_schema.length + schema->output_schema.length;
    if (schema->input_schema.data != NULL &&
            !json_parse(copy, schema->input_schema, &schema->input, &ignored)) {
        log_warn("the input schema of %s in the database is no JSON", schema->tool);
        schema->input_schema = (struct slice){NULL, 0};
    }
}

bool tool_schema_find_newest(
        struct core *core, const char *tool, const struct tool_schema **out, struct error *err)
{
    static const char sql[] = "SELECT \"readAt\", \"version\", \"name\", \"description\","
                              " \"inputSchema\", \"outputSchema\" FROM \"ToolSchema\""
                              " WHERE \"tool\" = $1";
    struct copy *copy = mem_new(core, struct copy);
    const struct db_rows *rows = NULL;
    copy->schema.tool = mem_strdup(copy, tool);
    if (!db_read(core->db, copy, sql, DB_PARAMS(DB_TEXT(tool)), &rows, err)) {
        mem_free(copy);
        return false;
    }
    if (db_row_count(rows) > 0) {
        take_row(copy, rows);
    }
    copy->read_ms = clock_monotonic_ms();
    keep(core->tool_copies, copy);
    *out = &copy->schema;
    return true;
}

bool tool_schema_find(
        struct core *core, const char *tool, const struct tool_schema **out, struct error *err)
{
    struct tool_copies *copies = core->tool_copies;
    struct copy *copy = find_copy(copies, tool);
    int64_t now = clock_monotonic_ms();
    if (copy == NULL || now - copy->read_ms > COPY_MAX_AGE_MS) {
        if (copy != NULL) {
            copy->read_ms = now; /* others use the old one while this fiber reads */
        }
        return tool_schema_find_newest(core, tool, out, err);
    }
    TAILQ_REMOVE(&copies->list, copy, link);
    TAILQ_INSERT_HEAD(&copies->list, copy, link);
    *out = &copy->schema;
    return true;
}

struct tool_copies *tool_copies_new(void *owner)
{
    struct tool_copies *copies = mem_new(owner, struct tool_copies);
    TAILQ_INIT(&copies->list);
    return copies;
}

/* ---- the rows ---- */

static struct db_value schema_value(
        void *memory, const char *tool, const char *what, const struct json *schema)
{
    if (schema == NULL) {
        return DB_NULL;
    }
    struct slice text = json_to_text(memory, schema);
    if (text.length > SCHEMA_MAX_BYTES) {
        log_warn("the %s schema of %s has %zu bytes and is not kept: arguments go unchecked", what,
                tool, text.length);
        return DB_NULL;
    }
    return DB_SLICE(text);
}

/* What is too long, or no text that every database takes, is as if it were not said. */
static struct db_value text_value(const char *text)
{
    struct slice slice = slice_of(text);
    bool fits = slice.length <= TEXT_MAX_BYTES && utf8_valid_run(slice) == slice.length;
    return fits ? DB_SLICE(slice) : DB_TEXT("");
}

/* `found` NULL: Composio has no such tool. */
static struct db_statement store_statement(
        void *memory, const char *tool, const struct composio_tool *found)
{
    static const char sql[] =
            "INSERT INTO \"ToolSchema\" (\"tool\", \"version\", \"name\", \"askedAt\", \"readAt\","
            " \"description\", \"inputSchema\", \"outputSchema\")"
            " VALUES ($1, $2, $3, $4, $4, $5, $6, $7) ON CONFLICT (\"tool\") DO UPDATE SET"
            " \"version\" = excluded.\"version\", \"name\" = excluded.\"name\","
            " \"askedAt\" = excluded.\"askedAt\", \"readAt\" = excluded.\"readAt\","
            " \"description\" = excluded.\"description\","
            " \"inputSchema\" = excluded.\"inputSchema\","
            " \"outputSchema\" = excluded.\"outputSchema\"";
    static const struct composio_tool nothing = {.slug = NULL};
    const struct composio_tool *row = found == NULL ? &nothing : found;
    struct db_value *values = mem_array(memory, struct db_value, 7);
    values[0] = DB_TEXT(tool);
    values[1] = text_value(row->version);
    values[2] = text_value(row->name);
    values[3] = DB_TIME(memory, clock_now_ms());
    values[4] = text_value(row->description);
    values[5] = schema_value(memory, tool, "input", row->input_parameters);
    values[6] = schema_value(memory, tool, "output", row->output_parameters);
    return (struct db_statement){sql, {values, 7}};
}

static bool store(struct core *core, void *memory, const char *tool,
        const struct composio_tool *found, struct error *err)
{
    struct db_statement statement = store_statement(memory, tool, found);
    return db_write(core->db, memory, &statement, 1, NULL, err);
}

bool tool_schemas_store(struct core *core, void *memory, const struct composio_tool *tools,
        size_t count, struct error *err)
{
    struct db_statement *statements = mem_array(memory, struct db_statement, count);
    for (size_t i = 0; i < count; i++) {
        statements[i] = store_statement(memory, tools[i].slug, &tools[i]);
    }
    return count == 0 || db_write(core->db, memory, statements, count, NULL, err);
}

/* ---- asking Composio ---- */

/* Whoever moves "askedAt" on asks. */
static bool claim(
        struct core *core, void *memory, const char *tool, bool *mine_out, struct error *err)
{
    static const char sql[] =
            "INSERT INTO \"ToolSchema\" (\"tool\", \"askedAt\") VALUES ($1, $2)"
            " ON CONFLICT (\"tool\") DO UPDATE SET \"askedAt\" = excluded.\"askedAt\""
            " WHERE \"ToolSchema\".\"askedAt\" < $3";
    int64_t now = clock_now_ms();
    const struct db_rows *rows = NULL;
    struct db_statement statement = {sql,
            DB_PARAMS(DB_TEXT(tool), DB_TIME(memory, now), DB_TIME(memory, now - ASK_AGAIN_MS))};
    if (!db_write(core->db, memory, &statement, 1, &rows, err)) {
        return false;
    }
    *mine_out = db_rows_affected(rows) > 0;
    return true;
}

static bool ask(struct core *core, void *memory, const char *tool, struct error *err)
{
    struct composio_tool found;
    struct error read_error = {0};
    bool mine = false;
    if (!claim(core, memory, tool, &mine, err)) {
        return false;
    }
    if (!mine) {
        return true;
    }
    if (!composio_tool_get(core->composio, memory, tool, NULL, &found, &read_error)) {
        if (read_error.code != ERROR_NOT_FOUND) {
            *err = read_error;
            return false;
        }
        log_warn("Composio has no tool %s", tool);
        return store(core, memory, tool, NULL, err);
    }
    /* Under another name it is another tool. */
    return store(core, memory, tool, strcasecmp(found.slug, tool) == 0 ? &found : NULL, err);
}

bool tool_schema_refresh(struct core *core, const char *tool, struct error *err)
{
    void *memory = mem_scope_new(NULL, "tool schema");
    bool ok = ask(core, memory, tool, err);
    mem_free(memory);
    return ok;
}

/* ---- those that are due ---- */

/* `rows` are those of ToolSchema. */
static bool is_due(const struct core *core, const struct db_rows *rows, const char *tool)
{
    int64_t now = clock_now_ms();
    for (size_t i = 0; i < db_row_count(rows); i++) {
        if (!slice_is(db_get_slice(rows, i, 0), tool)) {
            continue;
        }
        bool gone = db_is_null(rows, i, 3);
        int64_t interval = core->options.tool_sync_interval_ms;
        interval = gone && interval > GONE_ASK_AGAIN_MS ? GONE_ASK_AGAIN_MS : interval;
        return now - db_get_time(rows, i, 1) > ASK_AGAIN_MS &&
               (db_is_null(rows, i, 2) || now - db_get_time(rows, i, 2) > interval);
    }
    return true;
}

struct turn {
    const struct db_rows *rows; /* of ToolSchema */
    int refreshes, failures;
};

static bool turn_is_over(const struct turn *turn, const bool *stopping)
{
    return *stopping || turn->refreshes >= REFRESHES_PER_TURN ||
           turn->failures >= FAILURES_PER_TURN;
}

static void refresh_one(struct core *core, struct turn *turn, const char *tool)
{
    struct error err = {0};
    turn->refreshes++;
    fiber_set_deadline(clock_monotonic_ms() + REFRESH_TIMEOUT_MS);
    if (!tool_schema_refresh(core, tool, &err)) {
        turn->failures++;
        log_warn("the schema of %s was not read again: %s", tool, err.message);
    }
}

bool tool_schemas_refresh_due(
        struct core *core, void *memory, const bool *stopping, struct error *err)
{
    static const char known_sql[] =
            "SELECT \"tool\", \"askedAt\", \"readAt\", \"version\" FROM \"ToolSchema\" LIMIT 10000";
    static const char allowed_sql[] = "SELECT \"allowedTools\" FROM \"AuthConfig\"";
    struct turn turn = {0};
    const struct db_rows *allowed = NULL;
    if (!db_read(core->db, memory, known_sql, DB_NO_PARAMS, &turn.rows, err) ||
            !db_read(core->db, memory, allowed_sql, DB_NO_PARAMS, &allowed, err)) {
        return false;
    }
    for (size_t i = 0; i < db_row_count(allowed); i++) {
        const struct json *tools = NULL;
        struct error ignored = {0};
        if (!json_parse(memory, db_get_slice(allowed, i, 0), &tools, &ignored)) {
            continue; /* executing says so */
        }
        for (struct json_iterator at = json_iterate(tools);
                !turn_is_over(&turn, stopping) && json_next(&at);) {
            const char *tool = json_text(at.value);
            if (tool != NULL && is_due(core, turn.rows, tool)) {
                refresh_one(core, &turn, tool);
            }
        }
    }
    return true;
}
