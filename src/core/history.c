/* Pages of a user's executions, newest first, along an index of UserExecution: of all, of a provider, or of a tool. What no
 * index knows is looked at row by row, up to a bound for each page. */
#include "core/execution_record.h"
#include "crypto/crypto.h"

#include <ctype.h>
#include <stdlib.h>

#define ROWS_AT_ONCE  250             /* when rows are looked at … */
#define ROWS_PER_PAGE 1000            /* … up to so many */
#define TIME_MAX_MS   253402300799999 /* the end of the year 9999 */

/* Behind which row to go on. */
struct position {
    int64_t time_ms;
    const char *id;
};

/* ---- the cursor: base64url of "MILLISECONDS ID" ---- */

static const char *cursor_write(void *memory, const struct position *position)
{
    const char *text = mem_printf(memory, "%lld %s", (long long)position->time_ms, position->id);
    return base64url_encode(memory, slice_of(text));
}

static bool is_id(const char *text)
{
    size_t length = 0;
    while (isgraph((unsigned char)text[length])) {
        length++;
    }
    return length > 0 && text[length] == '\0';
}

static bool cursor_read(void *memory, const char *cursor, struct position *out, struct error *err)
{
    struct slice text;
    char *end = NULL;
    if (cursor == NULL) {
        *out = (struct position){TIME_MAX_MS, ""};
        return true;
    }
    if (base64url_decode(memory, slice_of(cursor), &text) && text.length > 0 &&
            strlen(text.data) == text.length && isdigit((unsigned char)text.data[0])) {
        out->time_ms = strtoll(text.data, &end, 10);
        if (out->time_ms <= TIME_MAX_MS && *end == ' ' && is_id(end + 1)) {
            out->id = end + 1;
            return true;
        }
    }
    return error_set(err, ERROR_BAD_REQUEST, "CURSOR_INVALID",
            "That is no cursor of integrations.history; begin without one.");
}

/* ---- reading ---- */

#define HISTORY_SQL(filter)                                                                     \
    "SELECT e.\"executedAt\", e.\"executionId\", e.\"provider\", e.\"toolName\", t.\"status\"," \
    " substr(t.\"error\", 1, $5), t.\"duration\" FROM \"UserExecution\" e"                      \
    " JOIN \"ToolExecution\" t ON t.\"id\" = e.\"executionId\" WHERE e.\"userId\" = $1" filter  \
    " AND (e.\"executedAt\", e.\"executionId\") < ($2, $3)"                                     \
    " ORDER BY e.\"executedAt\" DESC, e.\"executionId\" DESC LIMIT $4"

const char *history_sql(const struct history_query *query)
{
    static const char of_all[] = HISTORY_SQL(""),
                      of_provider[] = HISTORY_SQL(" AND e.\"provider\" = $6"),
                      of_tool[] = HISTORY_SQL(" AND e.\"toolName\" = $6");
    return query->tool != NULL ? of_tool : query->provider != NULL ? of_provider : of_all;
}

/* Up to `limit` rows behind the position. */
static bool read_rows(const struct context *context, const struct history_query *query,
        const struct position *from, int64_t limit, const struct db_rows **rows_out,
        struct error *err)
{
    const struct db_value values[] = {DB_TEXT(context->user),
            DB_TIME(context->memory, from->time_ms), DB_TEXT(from->id), DB_INT(limit),
            DB_INT(HISTORY_ERROR_CHARS),
            DB_TEXT(query->tool != NULL ? query->tool : query->provider)};
    struct db_params params = {values, query->tool == NULL && query->provider == NULL ? 5 : 6};
    return db_read(context->core->db, context->memory, history_sql(query), params, rows_out, err);
}

static bool fits(const struct history_query *query, const struct history_item *item)
{
    return (query->provider == NULL || strcmp(query->provider, item->provider) == 0) &&
           (query->status == NULL || strcmp(query->status, item->status) == 0);
}

static struct history_item item_of(const struct db_rows *rows, size_t i)
{
    return (struct history_item){
            .executed_at_ms = db_get_time(rows, i, 0),
            .id = db_get_text(rows, i, 1),
            .provider = db_get_text(rows, i, 2),
            .tool = db_get_text(rows, i, 3),
            .status = db_get_text(rows, i, 4),
            .error = db_get_text(rows, i, 5),
            .duration_ms = db_is_null(rows, i, 6) ? -1 : db_get_int(rows, i, 6),
    };
}

bool executions_history(const struct context *context, const struct history_query *query,
        struct history_item **items_out, size_t *count_out, const char **next_cursor_out,
        struct error *err)
{
    bool looks = query->status != NULL || (query->tool != NULL && query->provider != NULL);
    int64_t at_once =
            looks ? ROWS_AT_ONCE : query->limit + 1; /* one more tells whether there are */
    struct position position = {0};
    struct history_item *items =
            mem_array(context->memory, struct history_item, (size_t)query->limit);
    size_t count = 0;
    bool more = true;
    if (!cursor_read(context->memory, query->cursor, &position, err)) {
        return false;
    }
    for (int64_t looked = 0; more && count < (size_t)query->limit && looked < ROWS_PER_PAGE;) {
        const struct db_rows *rows = NULL;
        size_t i = 0;
        if (!read_rows(context, query, &position, at_once, &rows, err)) {
            return false;
        }
        for (; i < db_row_count(rows) && count < (size_t)query->limit; i++, looked++) {
            items[count] = item_of(rows, i);
            position = (struct position){items[count].executed_at_ms, items[count].id};
            count += fits(query, &items[count]);
        }
        more = i < db_row_count(rows) || db_row_count(rows) == (size_t)at_once;
    }
    *items_out = items;
    *count_out = count;
    *next_cursor_out = more ? cursor_write(context->memory, &position) : NULL;
    return true;
}
