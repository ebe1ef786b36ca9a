#include "sandbox/api_error.h"

#include <stdio.h>
#include <string.h>

static const struct api_error_row rows[] = {
#define X(name, status, number, slug, fix) {#name, status, number, slug, fix},
        API_ERROR_TABLE(X)
#undef X
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

bool api_error_set(struct error *err, enum api_error kind, const char *format, ...)
{
    const struct api_error_row *row = &rows[kind];
    error_set(err, row->status >= 500 ? ERROR_INTERNAL_SERVER_ERROR : ERROR_BAD_REQUEST, row->name,
            "%s", "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return false;
}

const struct api_error_row *api_error_row_of(enum api_error kind)
{
    return &rows[kind];
}

const struct api_error_row *api_error_row(const struct error *err)
{
    int status = error_http_status(err->code);
    const struct api_error_row *of_status = &rows[API_INTERNAL];
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (err->reason != NULL && strcmp(rows[i].name, err->reason) == 0) {
            return &rows[i];
        }
        if (rows[i].status == status && i <= API_UNAVAILABLE) {
            of_status = &rows[i];
        }
    }
    return of_status;
}
