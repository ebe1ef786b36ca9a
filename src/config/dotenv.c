#include "config/dotenv.h"

#include "base/buffer.h"

void dotenv_init(struct dotenv *reader, struct slice text)
{
    *reader = (struct dotenv){.rest = text, .line = 1};
    if (slice_starts(text, "\xEF\xBB\xBF")) { /* a byte order mark */
        reader->rest = slice_skip(text, 3);
    }
}

static bool refuse(struct error *err, int line, const char *what)
{
    return error_set(err, ERROR_BAD_REQUEST, "BAD_CONFIGURATION", "line %d of .env %s", line, what);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct dotenv *reader)
{
    while (reader->rest.length > 0 && is_blank(reader->rest.data[0])) {
        reader->rest = slice_skip(reader->rest, 1);
    }
}

/* What is left of the line, which ends the line. */
static struct slice take_line(struct dotenv *reader)
{
    struct slice line = slice_split(&reader->rest, '\n');
    reader->line++;
    while (line.length > 0 && is_blank(line.data[line.length - 1])) {
        line.length--;
    }
    return line;
}

static bool is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

static struct slice take_name(struct dotenv *reader)
{
    struct slice name = {reader->rest.data, 0};
    while (name.length < reader->rest.length && is_name_char(name.data[name.length])) {
        name.length++;
    }
    reader->rest = slice_skip(reader->rest, name.length);
    return name;
}

/* Up to a comment, which has a blank before it. */
static const char *take_bare_value(struct dotenv *reader, void *owner)
{
    struct slice value = take_line(reader);
    for (size_t i = 0; i < value.length; i++) {
        if (value.data[i] == '#' && (i == 0 || is_blank(value.data[i - 1]))) {
            value.length = i;
        }
    }
    value = slice_trim(value);
    return value.length == 0 ? "" : mem_strndup(owner, value.data, value.length);
}

/* One byte of a value in double quotes, or an escape; `at` is moved behind it. */
static void add_double_quoted(struct buffer *value, struct slice text, size_t *at)
{
    static const char letters[] = "nrt\"\\$", meanings[] = "\n\r\t\"\\$";
    char c = text.data[(*at)++];
    if (c == '\\' && *at < text.length && text.data[*at] != '\0') {
        const char *letter = strchr(letters, text.data[*at]);
        if (letter != NULL) {
            c = meanings[letter - letters];
            (*at)++;
        }
    }
    buffer_add_char(value, c);
}

/* From behind the opening quote to the end of the line with the closing one. */
static bool take_quoted_value(
        struct dotenv *reader, char quote, void *owner, const char **value_out, struct error *err)
{
    int line = reader->line;
    struct slice text = reader->rest;
    struct buffer value;
    buffer_init(&value, owner, text.length);
    size_t at = 0;
    while (at < text.length && text.data[at] != quote) {
        reader->line += text.data[at] == '\n';
        if (quote == '"') {
            add_double_quoted(&value, text, &at);
        } else {
            buffer_add_char(&value, text.data[at++]);
        }
    }
    if (at == text.length) {
        return refuse(err, line, "opens a quote that is never closed");
    }
    reader->rest = slice_skip(text, at + 1);
    line = reader->line;
    skip_blanks(reader);
    struct slice behind = take_line(reader);
    if (behind.length > 0 && behind.data[0] != '#') {
        return refuse(err, line, "has text behind the closing quote");
    }
    *value_out = buffer_text(&value);
    return true;
}

static bool take_assignment(
        struct dotenv *reader, void *owner, struct dotenv_entry *entry, struct error *err)
{
    entry->line = reader->line;
    entry->name = take_name(reader);
    skip_blanks(reader);
    if (slice_is(entry->name, "export") && reader->rest.length > 0 &&
            is_name_char(reader->rest.data[0])) {
        entry->name = take_name(reader);
        skip_blanks(reader);
    }
    if (entry->name.length == 0 || reader->rest.length == 0 || reader->rest.data[0] != '=') {
        return refuse(err, entry->line, "is not NAME=value");
    }
    reader->rest = slice_skip(reader->rest, 1);
    skip_blanks(reader);
    if (slice_starts(reader->rest, "\"") || slice_starts(reader->rest, "'")) {
        char quote = reader->rest.data[0];
        reader->rest = slice_skip(reader->rest, 1);
        return take_quoted_value(reader, quote, owner, &entry->value, err);
    }
    entry->value = take_bare_value(reader, owner);
    return true;
}

bool dotenv_next(struct dotenv *reader, void *owner, struct dotenv_entry *entry, struct error *err)
{
    skip_blanks(reader);
    while (reader->rest.length > 0 &&
            (reader->rest.data[0] == '\n' || reader->rest.data[0] == '#')) {
        take_line(reader);
        skip_blanks(reader);
    }
    if (reader->rest.length == 0) {
        entry->name = (struct slice){NULL, 0};
        return true;
    }
    if (memchr(reader->rest.data, '\0', reader->rest.length) != NULL) {
        return error_set(err, ERROR_BAD_REQUEST, "BAD_CONFIGURATION", ".env is not a text file");
    }
    return take_assignment(reader, owner, entry, err);
}
