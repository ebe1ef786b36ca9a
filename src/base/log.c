#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

struct log_context {
    struct log_context *outer;
    const char *key, *value;
};

static enum log_level lowest = LOG_INFO;
static _Thread_local struct log_context *current;

void log_set_level(enum log_level level)
{
    lowest = level;
}

enum log_level log_get_level(void)
{
    return lowest;
}

struct log_context *log_context_swap(struct log_context *context)
{
    struct log_context *before = current;
    current = context;
    return before;
}

/* A field goes out of the chain with its owner, wherever it stands there. */
static int field_freed(struct log_context *field)
{
    for (struct log_context **at = &current; *at != NULL; at = &(*at)->outer) {
        if (*at == field) {
            *at = field->outer;
            break;
        }
    }
    return 0;
}

void log_add_field(void *owner, const char *key, const char *value)
{
    struct log_context *field = mem_new(owner, struct log_context);
    field->key = key;
    field->value = mem_strdup(field, value);
    field->outer = current;
    current = field;
    mem_on_free(field, field_freed);
}

/* A line lives on the stack; one that does not fit is cut, and closed as JSON all the same. */
struct line {
    char text[2048];
    size_t length;
};

static void put(struct line *line, const char *text)
{
    size_t room = sizeof line->text - 4 - line->length; /* `"}\n` and one to spare */
    size_t length = strlen(text);
    length = length < room ? length : room;
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void put_escaped(struct line *line, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        char escaped[8];
        if (c == '"' || c == '\\') {
            snprintf(escaped, sizeof escaped, "\\%c", c);
        } else if (c < 0x20 || c == 0x7F) {
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
        } else {
            snprintf(escaped, sizeof escaped, "%c", c);
        }
        if (line->length + strlen(escaped) > sizeof line->text - 4) {
            return;
        }
        put(line, escaped);
    }
}

static void put_field(struct line *line, const char *key, const char *value)
{
    if (line->length + strlen(key) + 16 > sizeof line->text) {
        return;
    }
    put(line, line->length == 0 ? "{\"" : ",\"");
    put(line, key);
    put(line, "\":\"");
    put_escaped(line, value);
    /* put() keeps room for the quote. */
    line->text[line->length++] = '"';
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < lowest) {
        return;
    }
    char message[1024], time[CLOCK_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);

    struct line line = {.length = 0};
    put_field(&line, "time", clock_format(clock_now_ms(), time));
    put_field(&line, "level", names[level]);
    put_field(&line, "message", message);
    for (const struct log_context *field = current; field != NULL; field = field->outer) {
        put_field(&line, field->key, field->value);
    }
    memcpy(line.text + line.length, "}\n", 2);
    /* Nothing sensible is left to do when the log itself cannot be written. */
    ssize_t written = write(STDERR_FILENO, line.text, line.length + 2);
    (void)written;
}
