#include "sandbox/world/world.h"

#include "base/clock.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#define FURNITURE_MAX 100
#define MINUTE_MS     60000
#define DAY_MS        (24 * 60 * MINUTE_MS)
#define TEXT_MAX      (256 * 1024)

extern const char sandbox_world[];
extern const size_t sandbox_world_size;

const char *world_id(void *owner, const char *user_id, const char *toolkit, const char *email)
{
    char *key = mem_printf(owner, "%s\n%s\n%s", user_id, toolkit, email);
    return mem_strndup(owner, sha256_hex(owner, slice_of(key)), 16);
}

const char *world_new_id(void *owner, size_t hex_digits)
{
    uint8_t bytes[SHA256_SIZE];
    assert(hex_digits <= 64);
    random_bytes(bytes, sizeof bytes);
    char *hex = sha256_hex(owner, (struct slice){(const char *)bytes, sizeof bytes});
    hex[hex_digits] = '\0';
    return hex;
}

void body_begin(struct body *body, void *owner)
{
    buffer_init(&body->out, owner, CALL_BYTES_MAX);
    json_writer_init(&body->json, &body->out);
    json_begin_object(&body->json);
}

const char *body_end(struct body *body)
{
    json_end_object(&body->json);
    return buffer_text(&body->out);
}

/* ---- furnishing: the placeholders of world.json ---- */

/* hex:N:key  N hex digits, the same for the same world and key; HEX in capitals; uuid:key  in a UUID's form */
static void expand_id(
        struct tool_call *tool, struct slice form, struct slice rest, struct buffer *out)
{
    struct slice digits = slice_is(form, "uuid") ? SLICE("32") : slice_split(&rest, ':');
    size_t count = (size_t)(digits.data[0] - '0') * (digits.length > 1 ? 10 : 1) +
                   (digits.length > 1 ? (size_t)(digits.data[1] - '0') : 0);
    char *key = mem_printf(tool->memory, "%s\n%.*s", tool->world, SLICE_ARG(rest));
    const char *hex = sha256_hex(tool->memory, slice_of(key));
    for (size_t i = 0; i < count; i++) {
        bool hyphen = slice_is(form, "uuid") && (i == 8 || i == 12 || i == 16 || i == 20);
        buffer_add_text(out, hyphen ? "-" : "");
        buffer_add_char(out, slice_is(form, "HEX") ? (char)toupper((unsigned char)hex[i]) : hex[i]);
    }
}

static int64_t number_of(struct slice text)
{
    return strtoll(text.data, NULL, 10); /* every placeholder ends before a `}` or `:` */
}

/* `minutes` from now, or the minute of a day so many days from today (UTC). */
static int64_t time_of_day(const struct tool_call *tool, int64_t day, int64_t minute)
{
    return (tool->now_ms / DAY_MS + day) * DAY_MS + minute * MINUTE_MS;
}

static void expand_placeholder(
        struct tool_call *tool, struct slice name, int64_t time_ms, struct buffer *out)
{
    struct slice rest = name, local = slice_of(tool->email);
    struct slice form = slice_split(&rest, ':');
    char text[CLOCK_TEXT_SIZE];
    if (slice_is(form, "email")) {
        buffer_add_text(out, tool->email);
    } else if (slice_is(form, "login")) {
        /* What GitHub would allow: letters, digits and hyphens. */
        local = slice_split(&local, '@');
        for (size_t i = 0; i < local.length; i++) {
            bool kept = isalnum((unsigned char)local.data[i]);
            buffer_add_char(out, kept ? local.data[i] : '-');
        }
    } else if (slice_is(form, "ts")) {
        buffer_printf(out, "%" PRId64 ".%03d000", time_ms / 1000, (int)(time_ms % 1000));
    } else if (slice_is(form, "time")) {
        buffer_add_text(out, clock_format(tool->now_ms + number_of(rest) * MINUTE_MS, text));
    } else if (slice_is(form, "day")) {
        struct slice day = slice_split(&rest, ':');
        buffer_add_text(
                out, clock_format(time_of_day(tool, number_of(day), number_of(rest)), text));
    } else {
        expand_id(tool, form, rest, out);
    }
}

static const char *expand(struct tool_call *tool, struct slice text, int64_t time_ms)
{
    struct buffer out;
    buffer_init(&out, tool->memory, TEXT_MAX);
    while (text.length > 0) {
        const char *open = memmem(text.data, text.length, "{{", 2);
        size_t before = open == NULL ? text.length : (size_t)(open - text.data);
        buffer_add(&out, text.data, before);
        text = slice_skip(text, before);
        if (open != NULL) {
            const char *close = memmem(text.data, text.length, "}}", 2);
            assert(close != NULL);
            struct slice name = {text.data + 2, (size_t)(close - text.data) - 2};
            expand_placeholder(tool, name, time_ms, &out);
            text = slice_skip(text, name.length + 4);
        }
    }
    return mem_strdup(tool->memory, buffer_text(&out));
}

static void write_expanded(
        struct tool_call *tool, struct json_writer *json, const struct json *value, int64_t time_ms)
{
    enum json_type type = json_type(value);
    if (type == JSON_STRING) {
        json_write_text(json, expand(tool, json_string(value), time_ms));
        return;
    }
    if (type != JSON_ARRAY && type != JSON_OBJECT) {
        json_write_value(json, value);
        return;
    }
    if (type == JSON_ARRAY) {
        json_begin_array(json);
    } else {
        json_begin_object(json);
    }
    for (struct json_iterator i = json_iterate(value); json_next(&i);) {
        if (type == JSON_OBJECT) {
            json_write_name_slice(json, i.name);
        }
        write_expanded(tool, json, i.value, time_ms);
    }
    if (type == JSON_ARRAY) {
        json_end_array(json);
    } else {
        json_end_object(json);
    }
}

static int64_t furniture_time(struct tool_call *tool, const struct json *item)
{
    int64_t day = 0, minute = 0, minutes = 0;
    if (json_int(json_get(item, "day"), &day)) {
        (void)json_int(json_get(item, "minute"), &minute);
        return time_of_day(tool, day, minute);
    }
    (void)json_int(json_get(item, "minutes"), &minutes);
    return tool->now_ms + minutes * MINUTE_MS;
}

static void furniture_values(
        struct tool_call *tool, const struct json *item, struct db_value values[6])
{
    int64_t time_ms = furniture_time(tool, item);
    struct buffer body;
    struct json_writer json;
    buffer_init(&body, tool->memory, TEXT_MAX);
    json_writer_init(&json, &body);
    write_expanded(tool, &json, json_get(item, "body"), time_ms);
    struct slice parent = json_string(json_get(item, "parent"));
    values[0] = DB_TEXT(tool->world);
    values[1] = DB_SLICE(json_string(json_get(item, "kind")));
    values[2] = DB_TEXT(expand(tool, json_string(json_get(item, "id")), time_ms));
    values[3] = DB_TEXT(expand(tool, parent, time_ms));
    values[4] = DB_INT(time_ms);
    values[5] = DB_TEXT(buffer_text(&body));
}

/* Safe when two calls do it at once: ids are the same for the same world. */
SUSPENDS static MUST_CHECK bool furnish(struct tool_call *tool, struct error *err)
{
    const struct json *all;
    if (!json_parse(tool->memory, (struct slice){sandbox_world, sandbox_world_size}, &all, err)) {
        return false;
    }
    const struct json *items = json_get(all, tool->tool->toolkit->slug);
    size_t count = json_count(items);
    struct db_statement *statements = mem_array(tool->memory, struct db_statement, count + 1);
    struct db_value *values = mem_array(tool->memory, struct db_value, 6 * count);
    statements[0] = (struct db_statement){
            "INSERT INTO world (id, created_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            DB_PARAMS(DB_TEXT(tool->world), DB_INT(tool->now_ms))};
    for (struct json_iterator i = json_iterate(items); json_next(&i);) {
        struct db_value *own = &values[6 * i.index];
        furniture_values(tool, i.value, own);
        statements[i.index + 1] = (struct db_statement){
                "INSERT INTO thing (world, kind, id, parent, time, body) "
                "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (world, kind, id) DO NOTHING",
                {own, 6}};
    }
    return db_write(tool->call->sandbox->db, tool->memory, statements, count + 1, NULL, err);
}

bool world_open(struct tool_call *tool, struct error *err)
{
    const struct db_rows *rows;
    return db_read(tool->call->sandbox->db, tool->memory, "SELECT 1 FROM world WHERE id = $1",
                   DB_PARAMS(DB_TEXT(tool->world)), &rows, err) &&
           (db_row_count(rows) > 0 || furnish(tool, err));
}

/* ---- looking ---- */

static MUST_CHECK bool thing_read(struct tool_call *tool, const struct db_rows *rows, size_t row,
        struct thing *out, struct error *err)
{
    out->id = db_get_text(rows, row, 0);
    out->parent = db_get_text(rows, row, 1);
    out->time_ms = db_get_int(rows, row, 2);
    return json_parse(tool->memory, db_get_slice(rows, row, 3), &out->body, err);
}

bool world_list(struct tool_call *tool, const char *kind, const char *parent, struct things *out,
        struct error *err)
{
    static const char of_parent[] =
            "SELECT id, parent, time, body FROM thing WHERE world = $1 AND kind = $2 "
            "AND parent = $3 ORDER BY time DESC, seq DESC LIMIT $4";
    static const char of_kind[] =
            "SELECT id, parent, time, body FROM thing WHERE world = $1 AND kind = $2 "
            "AND $3 IS NULL ORDER BY time DESC, seq DESC LIMIT $4";
    const struct db_rows *rows;
    if (!db_read(tool->call->sandbox->db, tool->memory, parent == NULL ? of_kind : of_parent,
                DB_PARAMS(DB_TEXT(tool->world), DB_TEXT(kind), DB_TEXT(parent),
                        DB_INT(WORLD_THINGS_MAX)),
                &rows, err)) {
        return false;
    }
    struct things things = {.count = db_row_count(rows)};
    things.items = mem_array(tool->memory, struct thing, things.count);
    for (size_t i = 0; i < things.count; i++) {
        if (!thing_read(tool, rows, i, &things.items[i], err)) {
            return false;
        }
    }
    *out = things;
    return true;
}

bool world_get(struct tool_call *tool, const char *kind, const char *id, struct thing *out,
        bool *found_out, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(tool->call->sandbox->db, tool->memory,
                "SELECT id, parent, time, body FROM thing "
                "WHERE world = $1 AND kind = $2 AND id = $3",
                DB_PARAMS(DB_TEXT(tool->world), DB_TEXT(kind), DB_TEXT(id)), &rows, err) ||
            (db_row_count(rows) > 0 && !thing_read(tool, rows, 0, out, err))) {
        return false;
    }
    *found_out = db_row_count(rows) > 0;
    return true;
}

/* ---- changing ---- */

bool world_put(struct tool_call *tool, const char *kind, const char *id, const char *parent,
        int64_t time_ms, const char *body, struct error *err)
{
    struct db_statement statement = {
            "INSERT INTO thing (world, kind, id, parent, time, body) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (world, kind, id) "
            "DO UPDATE SET parent = excluded.parent, time = excluded.time, body = excluded.body",
            DB_PARAMS(DB_TEXT(tool->world), DB_TEXT(kind), DB_TEXT(id), DB_TEXT(parent),
                    DB_INT(time_ms), DB_TEXT(body))};
    return db_write(tool->call->sandbox->db, tool->memory, &statement, 1, NULL, err);
}

bool world_append(struct tool_call *tool, const char *kind, const char *parent, const char *head,
        int digits, const char *body, const char **id_out, struct error *err)
{
    struct db_statement statement = {
            "INSERT INTO thing (world, kind, id, parent, time, body) "
            "SELECT $1, $2, $4 || CASE WHEN $5 = 0 THEN 1 + count(*) "
            "ELSE substr('000000' || (1 + count(*)), -$5) END, $3, $6, $7 "
            "FROM thing WHERE world = $1 AND kind = $2 AND parent = $3 RETURNING id",
            DB_PARAMS(DB_TEXT(tool->world), DB_TEXT(kind), DB_TEXT(parent), DB_TEXT(head),
                    DB_INT(digits), DB_INT(tool->now_ms), DB_TEXT(body))};
    const struct db_rows *rows;
    if (!db_write(tool->call->sandbox->db, tool->memory, &statement, 1, &rows, err)) {
        return false;
    }
    *id_out = db_get_text(rows, 0, 0);
    return true;
}

bool world_remove(struct tool_call *tool, const char *kind, const char *id, bool *found_out,
        struct error *err)
{
    const struct db_rows *rows;
    struct db_statement statement = {"DELETE FROM thing WHERE world = $1 AND kind = $2 AND id = $3",
            DB_PARAMS(DB_TEXT(tool->world), DB_TEXT(kind), DB_TEXT(id))};
    if (!db_write(tool->call->sandbox->db, tool->memory, &statement, 1, &rows, err)) {
        return false;
    }
    *found_out = db_rows_affected(rows) > 0;
    return true;
}
