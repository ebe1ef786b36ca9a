/* Values go and come as text, without types: so the server takes a text for an enum, a timestamp, jsonb or a number,
 * whatever the place it stands in asks for. */
#include "base/clock.h"
#include "db/postgres_internal.h"
#include "json/json.h"
#include "json/utf8.h"

#include <inttypes.h>

/* Their numbers are the same in every PostgreSQL (pg_type.dat). */
#define OID_TIMESTAMP     1114
#define OID_TIMESTAMPTZ   1184
#define OID_TEXT_ARRAY    1009
#define OID_VARCHAR_ARRAY 1015

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */
/* numeric's: digits before the point (PostgreSQL's manual, 8.1.2), and enough behind it for anybody. */
#define NUMBER_DIGITS_MAX 1000
#define EXPONENT_MAX      10000
#define VALUE_BYTES_MAX   ((size_t)256 * 1024 * 1024)

/* ---- going ---- */

static const char *prose(void *memory, struct slice text)
{
    struct buffer out;
    buffer_init(&out, memory, VALUE_BYTES_MAX);
    while (text.length > 0) {
        size_t run = utf8_valid_run(text);
        const char *nul = memchr(text.data, '\0', run);
        run = nul == NULL ? run : (size_t)(nul - text.data);
        buffer_add(&out, text.data, run);
        text = slice_skip(text, run);
        if (text.length > 0) {
            buffer_add_text(&out, REPLACEMENT);
            text = slice_skip(text, 1);
        }
    }
    return buffer_text(&out);
}

/* The code unit of a "\uXXXX" that the text begins with; -1: it begins with none. */
static int escaped_unit(struct slice text)
{
    if (text.length < 6 || text.data[0] != '\\' || text.data[1] != 'u') {
        return -1;
    }
    int unit = 0;
    for (size_t i = 2; i < 6; i++) {
        char c = text.data[i];
        unit = unit * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return unit;
}

/* Copy the escape that *rest begins with, unless jsonb has no such character. */
static void copy_escape(struct buffer *out, struct slice *rest)
{
    int unit = escaped_unit(*rest);
    size_t length = unit < 0 ? 2 : 6;
    bool lone = unit == 0;
    if (unit >= 0xD800 && unit <= 0xDFFF) {
        int second = unit < 0xDC00 ? escaped_unit(slice_skip(*rest, 6)) : -1;
        lone = second < 0xDC00 || second > 0xDFFF;
        length = lone ? 6 : 12;
    }
    if (lone) {
        buffer_add_text(out, REPLACEMENT);
    } else {
        buffer_add(out, rest->data, length);
    }
    *rest = slice_skip(*rest, length);
}

static bool number_fits(struct slice number)
{
    size_t at = 0;
    while (at < number.length && (number.data[at] | 0x20) != 'e') {
        at++;
    }
    int64_t exponent = 0;
    for (size_t i = at + 1; i < number.length; i++) {
        if (number.data[i] >= '0' && exponent <= EXPONENT_MAX) {
            exponent = exponent * 10 + (number.data[i] - '0');
        }
    }
    return at <= NUMBER_DIGITS_MAX && exponent <= EXPONENT_MAX;
}

static void copy_number(struct buffer *out, struct slice *rest)
{
    size_t length = 1;
    while (length < rest->length && rest->data[length] != '\0' &&
            strchr("0123456789+-.eE", rest->data[length]) != NULL) {
        length++;
    }
    struct slice number = {rest->data, length};
    const char *quote = number_fits(number) ? "" : "\"";
    buffer_add_text(out, quote);
    buffer_add_slice(out, number);
    buffer_add_text(out, quote);
    *rest = slice_skip(*rest, length);
}

/* A JSON text that jsonb takes. What comes in was parsed or written by src/json. */
static const char *jsonb(void *memory, struct slice rest)
{
    struct buffer out;
    bool in_string = false;
    buffer_init(&out, memory, VALUE_BYTES_MAX);
    while (rest.length > 0) {
        char c = rest.data[0];
        if (in_string && c == '\\') {
            copy_escape(&out, &rest);
        } else if (!in_string && (c == '-' || (c >= '0' && c <= '9'))) {
            copy_number(&out, &rest);
        } else {
            in_string = in_string != (c == '"');
            buffer_add_char(&out, c);
            rest = slice_skip(rest, 1);
        }
    }
    return buffer_text(&out);
}

/* {"a","b"}: PostgreSQL's manual, 8.15.6. NULL: not a JSON array of strings. */
static const char *array(void *memory, struct slice text)
{
    const struct json *list = NULL;
    struct error ignored = {0};
    struct buffer out;
    buffer_init(&out, memory, VALUE_BYTES_MAX);
    if (!json_parse(memory, text, &list, &ignored) || json_type(list) != JSON_ARRAY) {
        return NULL;
    }
    buffer_add_char(&out, '{');
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        const char *item = json_text(i.value);
        if (item == NULL) {
            return NULL;
        }
        buffer_add_text(&out, i.index == 0 ? "\"" : ",\"");
        for (; *item != '\0'; item++) {
            if (*item == '"' || *item == '\\') {
                buffer_add_char(&out, '\\');
            }
            buffer_add_char(&out, *item);
        }
        buffer_add_char(&out, '"');
    }
    buffer_add_char(&out, '}');
    return buffer_text(&out);
}

bool postgres_params(
        void *memory, struct db_params params, const char *const **values_out, struct error *err)
{
    const char **values = mem_array(memory, const char *, params.count);
    for (size_t i = 0; i < params.count; i++) {
        const struct db_value *value = &params.values[i];
        switch (value->type) {
        case DB_TYPE_NULL:
            continue;
        case DB_TYPE_TEXT:
            if (utf8_valid_run(value->text) != value->text.length ||
                    memchr(value->text.data, '\0', value->text.length) != NULL) {
                return error_set(err, ERROR_BAD_REQUEST, "TEXT_INVALID",
                        "A text holds what cannot be stored: a NUL, or half of a surrogate pair.");
            }
            values[i] = mem_strndup(memory, value->text.data, value->text.length);
            break;
        case DB_TYPE_PROSE:
            values[i] = prose(memory, value->text);
            break;
        case DB_TYPE_JSON:
            values[i] = jsonb(memory, value->text);
            break;
        case DB_TYPE_LIST:
            values[i] = array(memory, value->text);
            break;
        case DB_TYPE_INT:
            values[i] = mem_printf(memory, "%" PRId64, value->integer);
            break;
        case DB_TYPE_REAL:
            values[i] = mem_printf(memory, "%.17g", value->real);
            break;
        }
        if (values[i] == NULL) {
            return postgres_broken(err, "a list is no JSON array of strings");
        }
    }
    *values_out = values;
    return true;
}

/* ---- coming ---- */

/* "2026-01-02 03:04:05.678" as we write it; what is no such time (infinity, BC) as it is. */
static struct slice time_text(struct slice text, char scratch[static CLOCK_TEXT_SIZE])
{
    int64_t ms;
    return clock_parse(text, &ms) ? slice_of(clock_format(ms, scratch)) : text;
}

/* {a,"b c",NULL} as JSON. An array of several dimensions, which nobody makes, comes as one list. */
static struct slice list_text(void *memory, struct slice text)
{
    struct buffer json, item;
    struct json_writer writer;
    buffer_init(&json, memory, VALUE_BYTES_MAX);
    buffer_init(&item, memory, VALUE_BYTES_MAX);
    json_writer_init(&writer, &json);
    json_begin_array(&writer);
    bool quoted = false, in_quotes = false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '\\' && i + 1 < text.length) {
            buffer_add_char(&item, text.data[++i]);
        } else if (c == '"') {
            in_quotes = !in_quotes;
            quoted = true;
        } else if (!in_quotes && (c == ',' || c == '}' || c == '{')) {
            if (quoted || item.length > 0) {
                struct slice value = buffer_slice(&item);
                if (!quoted && slice_is(value, "NULL")) {
                    json_write_null(&writer);
                } else {
                    json_write_string(&writer, value.data == NULL ? SLICE("") : value);
                }
            }
            buffer_clear(&item);
            quoted = false;
        } else {
            buffer_add_char(&item, c);
        }
    }
    json_end_array(&writer);
    return buffer_slice(&json);
}

static int64_t affected(const PGresult *result)
{
    /* libpq asks for one that is not const, and does not change it. */
    PGresult *same = (PGresult *)(uintptr_t)result;
    const char *tuples = PQcmdTuples(same);
    return slice_starts(slice_of(PQcmdStatus(same)), "SELECT") ? 0 : strtoll(tuples, NULL, 10);
}

bool postgres_rows(struct db_rows_builder *builder, void *owner, const PGresult *result,
        const struct db_rows **rows_out, struct error *err)
{
    int rows = PQntuples(result), columns = PQnfields(result);
    char scratch[CLOCK_TEXT_SIZE];
    void *memory = NULL;
    bool fits = true;
    for (int row = 0; row < rows && fits; row++) {
        for (int column = 0; column < columns && fits; column++) {
            struct slice value = {NULL, 0};
            if (PQgetisnull(result, row, column) == 0) {
                Oid type = PQftype(result, column);
                value = (struct slice){
                        PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)};
                if (type == OID_TIMESTAMP || type == OID_TIMESTAMPTZ) {
                    value = time_text(value, scratch);
                } else if (type == OID_TEXT_ARRAY || type == OID_VARCHAR_ARRAY) {
                    memory = memory == NULL ? mem_scope_new(NULL, "lists") : memory;
                    value = list_text(memory, value);
                }
            }
            fits = db_rows_builder_add(builder, value);
        }
    }
    mem_free(memory);
    if (fits) {
        *rows_out = db_rows_builder_end(builder, owner, (size_t)columns, affected(result));
    } else {
        error_set(err, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_RESULT_TOO_LARGE",
                "That is more than can be read at once; ask for less.");
        error_detail(err, "more than %zu bytes in one result", DB_RESULT_BYTES_MAX);
    }
    db_rows_builder_clear(builder);
    return fits;
}
