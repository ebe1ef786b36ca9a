#include "base/error.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int status, rpc;
} kinds[] = {[ERROR_NONE] = {"NONE", 200, 0},
#define X(kind, http, json_rpc) [ERROR_##kind] = {#kind, http, json_rpc},
        ERROR_TABLE(X)
#undef X
};

/* Cutting must not leave half a UTF-8 sequence: the text goes into JSON. */
static void trim_partial_utf8(char *text)
{
    size_t length = strlen(text);
    size_t start = length;
    while (start > 0 && length - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start == 0) {
        return;
    }
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (length - (start - 1) < want) {
        text[start - 1] = '\0';
    }
}

PRINTF_LIKE(3, 0)
static void format_into(char *field, size_t size, const char *format, va_list arguments)
{
    vsnprintf(field, size, format, arguments);
    if (strlen(field) == size - 1) {
        trim_partial_utf8(field);
    }
}

bool error_set(struct error *err, enum error_code code, const char *reason, const char *format, ...)
{
    assert(code != ERROR_NONE);
    *err = (struct error){.code = code, .reason = reason};
    va_list arguments;
    va_start(arguments, format);
    format_into(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return false;
}

bool error_detail(struct error *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    format_into(err->detail, sizeof err->detail, format, arguments);
    va_end(arguments);
    return false;
}

bool error_prefix(struct error *err, const char *format, ...)
{
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    va_list arguments;
    va_start(arguments, format);
    format_into(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    size_t used = strlen(err->message);
    int written = snprintf(err->message + used, sizeof err->message - used, ": %s", old);
    if (written < 0 || used + (size_t)written >= sizeof err->message) {
        trim_partial_utf8(err->message);
    }
    return false;
}

const char *error_name(enum error_code code)
{
    return kinds[code].name;
}

int error_http_status(enum error_code code)
{
    return kinds[code].status;
}

int error_rpc_code(enum error_code code)
{
    return kinds[code].rpc;
}
