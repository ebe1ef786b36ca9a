/* The text of a .env file, one assignment after the other; the syntax is described at config_load(). No I/O. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct dotenv {
    struct slice rest;
    int line; /* of what comes next, from 1 */
};

void dotenv_init(struct dotenv *reader, struct slice text);

struct dotenv_entry {
    struct slice name;
    const char *value;
    int line;
};

/* The next assignment; `entry->name.data` is NULL at the end. `value` belongs to `owner`.
 * False: ERROR_BAD_REQUEST, BAD_CONFIGURATION: a line that cannot be read, by its number; nothing of it is quoted. */
MUST_CHECK bool dotenv_next(
        struct dotenv *reader, void *owner, struct dotenv_entry *entry, struct error *err);
