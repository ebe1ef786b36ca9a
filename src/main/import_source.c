#include "main/import_source.h"

#include "auth/auth.h"
#include "json/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((size_t)1024 * 1024 * 1024)
#define PAGE_ROWS      5000 /* of a database, at a time */
#define SQL_BYTES_MAX  (1024 * 1024)

static const char *const field_names[IMPORT_FIELDS] = {
        "user", "provider", "account", "entity", "vendor"};

struct reading {
    void *owner;
    const struct import_source *source;
    struct import_row *rows;
    size_t count, capacity;
};

PRINTF_LIKE(2, 3) static bool bad_source(struct error *err, const char *format, ...)
{
    char text[sizeof err->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(err, ERROR_BAD_REQUEST, "IMPORT_SOURCE", "%s", text);
}

bool import_source_map(
        void *owner, struct import_source *source, const char *text, struct error *err)
{
    struct slice rest = slice_of(text);
    while (rest.data != NULL) {
        struct slice column = slice_split(&rest, ',');
        struct slice name = slice_trim(slice_split(&column, '='));
        size_t i = 0;
        while (i < IMPORT_FIELDS && !slice_is(name, field_names[i])) {
            i++;
        }
        if (i == IMPORT_FIELDS || column.data == NULL) {
            return bad_source(err,
                    "--map takes FIELD=COLUMN with commas between; the fields are user, provider, "
                    "account, entity and vendor");
        }
        column = slice_trim(column);
        source->columns[i] =
                column.length == 0 ? NULL : mem_strndup(owner, column.data, column.length);
    }
    return true;
}

bool import_source_is_database(const struct import_source *source)
{
    struct slice from = slice_of(source->from);
    return slice_starts(from, "file:") || slice_starts(from, "postgresql:") ||
           slice_starts(from, "postgres:");
}

/* ---- rows ---- */

static const char *rename_provider(const struct import_source *source, const char *provider)
{
    const char *const *renames = source->renames;
    for (size_t i = 0; provider != NULL && renames != NULL && renames[i] != NULL; i += 2) {
        if (strcasecmp(provider, renames[i]) == 0) {
            return renames[i + 1];
        }
    }
    return provider;
}

/* `values` in the order of the fields; an empty text is none. */
static void add_row(struct reading *reading, const struct slice values[static IMPORT_FIELDS])
{
    const char *texts[IMPORT_FIELDS];
    for (size_t i = 0; i < IMPORT_FIELDS; i++) {
        struct slice value = slice_trim(values[i]);
        texts[i] = value.length == 0 ? NULL : mem_strndup(reading->owner, value.data, value.length);
    }
    if (reading->count == reading->capacity) {
        reading->capacity = reading->capacity == 0 ? 1024 : 2 * reading->capacity;
        reading->rows = mem_resize(
                reading->owner, reading->rows, reading->capacity * sizeof reading->rows[0]);
    }
    bool user_fits = texts[0] != NULL && auth_user_fits(slice_of(texts[0]));
    reading->rows[reading->count++] = (struct import_row){
            .user = user_fits ? texts[0] : NULL,
            .provider = rename_provider(reading->source, texts[1]),
            .account = texts[2],
            .entity = texts[3],
            .vendor = texts[4],
    };
}

/* ---- files ---- */

static bool read_file(void *owner, const char *path, struct slice *out, struct error *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return bad_source(err, "%.150s cannot be read: %s", path, strerror(errno));
    }
    struct buffer bytes;
    buffer_init(&bytes, owner, FILE_BYTES_MAX);
    size_t got = 1;
    while (got > 0 && !bytes.overflow) {
        char *room = buffer_reserve(&bytes, 65536);
        got = room == NULL ? 0 : fread(room, 1, 65536, file);
        bytes.length += got;
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    *out = buffer_slice(&bytes);
    return !failed && !bytes.overflow
                   ? true
                   : bad_source(err, "%.150s cannot be read, or is larger than 1 GiB", path);
}

/* ---- CSV ---- */

struct csv {
    struct slice rest;
    size_t line;
    struct buffer text; /* of the record's fields, each with a NUL behind */
    size_t *ends;
    size_t count, capacity;
};

static void csv_end_field(struct csv *csv, void *owner)
{
    buffer_add_char(&csv->text, '\0');
    if (csv->count == csv->capacity) {
        csv->capacity = csv->capacity == 0 ? 32 : 2 * csv->capacity;
        csv->ends = mem_resize(owner, csv->ends, csv->capacity * sizeof csv->ends[0]);
    }
    csv->ends[csv->count++] = csv->text.length - 1;
}

static struct slice csv_field(const struct csv *csv, size_t i)
{
    size_t start = i == 0 ? 0 : csv->ends[i - 1] + 1;
    return (struct slice){csv->text.data + start, csv->ends[i] - start};
}

/* A quoted field, behind its first quote: RFC 4180 §2, rules 5 to 7. False: it does not end. */
static bool csv_quoted(struct csv *csv)
{
    for (size_t i = 0; i < csv->rest.length; i++) {
        char c = csv->rest.data[i];
        csv->line += c == '\n';
        if (c != '"') {
            buffer_add_char(&csv->text, c);
        } else if (i + 1 < csv->rest.length && csv->rest.data[i + 1] == '"') {
            buffer_add_char(&csv->text, '"');
            i++;
        } else {
            csv->rest = slice_skip(csv->rest, i + 1);
            return true;
        }
    }
    return false;
}

/* The next record, into csv. *end_out: there was none. */
static bool csv_record(struct csv *csv, void *owner, bool *end_out, struct error *err)
{
    buffer_clear(&csv->text);
    csv->count = 0;
    *end_out = csv->rest.length == 0;
    bool more = !*end_out;
    while (more) {
        if (csv->rest.length > 0 && csv->rest.data[0] == '"') {
            csv->rest = slice_skip(csv->rest, 1);
            if (!csv_quoted(csv)) {
                return bad_source(err, "line %zu: a quoted field does not end", csv->line);
            }
        }
        size_t length = 0;
        while (length < csv->rest.length && strchr(",\n", csv->rest.data[length]) == NULL) {
            length++;
        }
        struct slice plain = {csv->rest.data, length};
        if (length > 0 && plain.data[length - 1] == '\r') {
            plain.length--;
        }
        buffer_add_slice(&csv->text, plain);
        csv_end_field(csv, owner);
        more = length < csv->rest.length && csv->rest.data[length] == ',';
        csv->line += length < csv->rest.length && !more;
        csv->rest = slice_skip(csv->rest, length < csv->rest.length ? length + 1 : length);
    }
    return true;
}

/* Where each mapped column stands; SIZE_MAX: not mapped. */
static bool csv_header(const struct csv *csv, const struct import_source *source,
        size_t places[static IMPORT_FIELDS], struct error *err)
{
    for (size_t field = 0; field < IMPORT_FIELDS; field++) {
        const char *column = source->columns[field];
        places[field] = SIZE_MAX;
        for (size_t i = 0; column != NULL && i < csv->count; i++) {
            if (slice_is(slice_trim(csv_field(csv, i)), column)) {
                places[field] = i;
            }
        }
        if (column != NULL && places[field] == SIZE_MAX) {
            return bad_source(
                    err, "there is no column \"%.60s\" in the first line; see --map", column);
        }
    }
    return true;
}

static bool read_csv(struct reading *reading, struct slice text, struct error *err)
{
    struct csv csv = {.rest = text, .line = 1};
    size_t places[IMPORT_FIELDS];
    bool end = false;
    if (slice_starts(text, "\xEF\xBB\xBF")) {
        csv.rest = slice_skip(text, 3); /* a byte order mark, as spreadsheets write it */
    }
    buffer_init(&csv.text, reading->owner, FILE_BYTES_MAX);
    if (!csv_record(&csv, reading->owner, &end, err) ||
            !csv_header(&csv, reading->source, places, err)) {
        return false;
    }
    while (csv_record(&csv, reading->owner, &end, err) && !end) {
        struct slice values[IMPORT_FIELDS] = {0};
        if (csv.count == 1 && csv_field(&csv, 0).length == 0) {
            continue; /* an empty line */
        }
        for (size_t field = 0; field < IMPORT_FIELDS; field++) {
            if (places[field] < csv.count) {
                values[field] = csv_field(&csv, places[field]);
            }
        }
        add_row(reading, values);
    }
    return end;
}

/* ---- JSON lines ---- */

static bool read_json_lines(struct reading *reading, struct slice text, struct error *err)
{
    size_t number = 0;
    while (text.data != NULL) {
        struct slice line = slice_split(&text, '\n'), values[IMPORT_FIELDS] = {0};
        const struct json *object = NULL;
        number++;
        line.length -= line.length > 0 && line.data[line.length - 1] == '\r';
        line = slice_trim(line);
        if (line.length == 0) {
            continue;
        }
        if (!json_parse(reading->owner, line, &object, err) || json_type(object) != JSON_OBJECT) {
            return bad_source(err, "line %zu is not a JSON object", number);
        }
        for (size_t field = 0; field < IMPORT_FIELDS; field++) {
            const char *column = reading->source->columns[field];
            const struct json *value = column == NULL ? NULL : json_get(object, column);
            if (value != NULL && json_type(value) != JSON_NULL) {
                values[field] = json_type(value) == JSON_STRING
                                        ? json_string(value)
                                        : json_to_text(reading->owner, value);
            }
        }
        add_row(reading, values);
    }
    return true;
}

/* ---- databases ---- */

static void add_identifier(struct buffer *sql, const char *name)
{
    buffer_add_char(sql, '"');
    for (; *name != '\0'; name++) {
        buffer_add_text(sql, *name == '"' ? "\"\"" : (const char[]){*name, '\0'});
    }
    buffer_add_char(sql, '"');
}

/* The fields in their order, of the query's rows. The table's name before each column keeps SQLite from reading a name that
 * it does not know as a text. */
static const char *page_sql(void *owner, const struct import_source *source)
{
    struct buffer sql;
    buffer_init(&sql, owner, SQL_BYTES_MAX);
    buffer_add_text(&sql, "SELECT ");
    for (size_t i = 0; i < IMPORT_FIELDS; i++) {
        buffer_add_text(&sql, i == 0 ? "CAST(" : ", CAST(");
        if (source->columns[i] == NULL) {
            buffer_add_text(&sql, "NULL");
        } else {
            buffer_add_text(&sql, "\"old\".");
            add_identifier(&sql, source->columns[i]);
        }
        buffer_add_text(&sql, " AS TEXT)");
    }
    buffer_printf(&sql, " FROM (%s) AS \"old\" ORDER BY 1, 2, 3 LIMIT $1 OFFSET $2", source->query);
    return buffer_text(&sql);
}

static bool open_database(
        void *owner, const struct import_source *source, struct db **db_out, struct error *err)
{
    struct db_store *store = NULL;
    struct slice from = slice_of(source->from);
    if (slice_starts(from, "file:")) {
        struct slice rest = slice_skip(from, strlen("file:"));
        struct slice path = slice_split(&rest, '?');
        if (access(mem_strndup(owner, path.data, path.length), F_OK) != 0) {
            return bad_source(err, "there is no file %.150s", source->from);
        }
    }
    return db_store_open(owner, source->from, &store, err) &&
           db_open(owner, store, fiber_loop(), db_out, err);
}

static bool read_database(struct reading *reading, struct error *err)
{
    const char *sql = page_sql(reading->owner, reading->source);
    struct db *db = NULL;
    size_t got = PAGE_ROWS;
    if (reading->source->query == NULL) {
        return bad_source(err, "which rows? say --query \"SELECT …\"");
    }
    if (!open_database(reading->owner, reading->source, &db, err)) {
        return false;
    }
    while (got == PAGE_ROWS) {
        void *page = mem_scope_new(reading->owner, "page");
        const struct db_rows *rows = NULL;
        if (!db_read(db, page, sql, DB_PARAMS(DB_INT(PAGE_ROWS), DB_INT((int64_t)reading->count)),
                    &rows, err)) {
            return false;
        }
        got = db_row_count(rows);
        for (size_t row = 0; row < got; row++) {
            struct slice values[IMPORT_FIELDS];
            for (size_t i = 0; i < IMPORT_FIELDS; i++) {
                values[i] = db_get_slice(rows, row, i);
            }
            add_row(reading, values);
        }
        mem_free(page);
    }
    return true;
}

bool import_source_drop(
        void *owner, const struct import_source *source, const char *table, struct error *err)
{
    struct buffer sql;
    struct db *db = NULL;
    buffer_init(&sql, owner, SQL_BYTES_MAX);
    buffer_add_text(&sql, "DROP TABLE ");
    add_identifier(&sql, table);
    struct db_statement drop = {buffer_text(&sql), DB_NO_PARAMS};
    return open_database(owner, source, &db, err) && db_write(db, owner, &drop, 1, NULL, err);
}

/* ---- the whole ---- */

static bool has_ending(const char *path, const char *ending)
{
    size_t length = strlen(path), wanted = strlen(ending);
    return length > wanted && strcasecmp(path + length - wanted, ending) == 0;
}

bool import_source_read(void *owner, const struct import_source *source,
        struct import_row **rows_out, size_t *count_out, struct error *err)
{
    struct reading reading = {.owner = owner, .source = source};
    struct slice text;
    bool ok;
    if (import_source_is_database(source)) {
        ok = read_database(&reading, err);
    } else if (has_ending(source->from, ".csv")) {
        ok = read_file(owner, source->from, &text, err) && read_csv(&reading, text, err);
    } else if (has_ending(source->from, ".jsonl") || has_ending(source->from, ".ndjson")) {
        ok = read_file(owner, source->from, &text, err) && read_json_lines(&reading, text, err);
    } else {
        ok = bad_source(err, "%.100s is no database URL and no path that ends in .csv or .jsonl",
                source->from);
    }
    if (ok) {
        *rows_out = reading.rows;
        *count_out = reading.count;
    }
    return ok;
}
