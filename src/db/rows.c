#include "base/clock.h"
#include "db/db_internal.h"

#include <assert.h>

/* A builder's memory beyond this is given back: one large result should not stay for good. */
#define BUILDER_KEPT_BYTES ((size_t)256 * 1024)

struct cell {
    uint32_t at;     /* in the bytes */
    uint32_t length; /* CELL_NULL: SQL NULL */
};
#define CELL_NULL UINT32_MAX

struct db_rows {
    size_t count, columns;
    int64_t affected;
    const char *bytes; /* behind the cells; each text is followed by a NUL */
    struct cell cells[];
};

/* ---- building ---- */

void db_rows_builder_init(struct db_rows_builder *builder, void *owner)
{
    builder->cell_count = 0;
    buffer_init(&builder->cells, owner, DB_RESULT_BYTES_MAX);
    buffer_init(&builder->bytes, owner, DB_RESULT_BYTES_MAX);
}

static void clear(struct buffer *buffer)
{
    if (buffer->capacity > BUILDER_KEPT_BYTES) {
        mem_free(buffer->data);
        buffer_init(buffer, buffer->owner, buffer->limit);
    }
    buffer_clear(buffer);
}

void db_rows_builder_clear(struct db_rows_builder *builder)
{
    builder->cell_count = 0;
    clear(&builder->cells);
    clear(&builder->bytes);
}

bool db_rows_builder_add(struct db_rows_builder *builder, struct slice value)
{
    struct cell cell = {.at = (uint32_t)builder->bytes.length, .length = CELL_NULL};
    if (value.data != NULL) {
        cell.length = (uint32_t)value.length;
        char *at = buffer_reserve(&builder->bytes, value.length + 1);
        if (at == NULL) {
            return false;
        }
        memcpy(at, value.data, value.length);
        at[value.length] = '\0';
        builder->bytes.length += value.length + 1;
    }
    buffer_add(&builder->cells, &cell, sizeof cell);
    builder->cell_count++;
    return !builder->cells.overflow &&
           builder->cells.length + builder->bytes.length <= DB_RESULT_BYTES_MAX;
}

const struct db_rows *db_rows_builder_end(
        struct db_rows_builder *builder, void *owner, size_t columns, int64_t affected)
{
    size_t cells_size = builder->cells.length, bytes_size = builder->bytes.length;
    struct db_rows *rows =
            mem_resize(owner, NULL, sizeof(struct db_rows) + cells_size + bytes_size);
    char *bytes = (char *)rows->cells + cells_size;
    *rows = (struct db_rows){
            .count = columns == 0 ? 0 : builder->cell_count / columns,
            .columns = columns,
            .affected = affected,
            .bytes = bytes,
    };
    if (cells_size > 0) {
        memcpy(rows->cells, builder->cells.data, cells_size);
    }
    if (bytes_size > 0) {
        memcpy(bytes, builder->bytes.data, bytes_size);
    }
    return rows;
}

/* ---- reading ---- */

size_t db_row_count(const struct db_rows *rows)
{
    return rows->count;
}

int64_t db_rows_affected(const struct db_rows *rows)
{
    return rows->affected;
}

struct slice db_get_slice(const struct db_rows *rows, size_t row, size_t column)
{
    assert(row < rows->count);
    assert(column < rows->columns);
    struct cell cell = rows->cells[row * rows->columns + column];
    if (cell.length == CELL_NULL) {
        return (struct slice){NULL, 0};
    }
    return (struct slice){rows->bytes + cell.at, cell.length};
}

bool db_is_null(const struct db_rows *rows, size_t row, size_t column)
{
    return db_get_slice(rows, row, column).data == NULL;
}

const char *db_get_text(const struct db_rows *rows, size_t row, size_t column)
{
    return db_get_slice(rows, row, column).data;
}

/* The whole text is a decimal number of 64 bits. */
static bool parse_int(struct slice text, int64_t *out)
{
    bool negative = text.length > 0 && text.data[0] == '-';
    if (negative) {
        text = slice_skip(text, 1);
    }
    int64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        int digit = text.data[i] - '0';
        /* Built up below zero, where there is room for one more than above. */
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
                __builtin_sub_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (text.length == 0 || (!negative && value == INT64_MIN)) {
        return false;
    }
    *out = negative ? value : -value;
    return true;
}

int64_t db_get_int(const struct db_rows *rows, size_t row, size_t column)
{
    int64_t value = 0;
    parse_int(db_get_slice(rows, row, column), &value);
    return value;
}

bool db_get_bool(const struct db_rows *rows, size_t row, size_t column)
{
    struct slice text = db_get_slice(rows, row, column);
    return slice_is(text, "1") || slice_is(text, "t"); /* SQLite's word, PostgreSQL's word */
}

int64_t db_get_time(const struct db_rows *rows, size_t row, size_t column)
{
    int64_t ms = -1;
    struct slice text = db_get_slice(rows, row, column);
    if (!parse_int(text, &ms)) {
        clock_parse(text, &ms);
    }
    return ms;
}
