/* What the files of the schema checker share: the state of a check, and how rules report. A value that was refused is
 * certainly wrong; one that fits may have been let pass for want of knowledge, which `unknown` counts. */
#pragma once

#include "json/schema.h"

/* Where a value stands in the whole: a chain up to the root. */
struct schema_path {
    const struct schema_path *up;
    struct slice name; /* data NULL: an element, at `index` */
    size_t index;
};

struct schema_check {
    void *owner;
    const struct json *root;
    int depth;
    int64_t work;
    int unknown; /* times that something was let pass for want of knowledge */
    int quiet;   /* above 0: nobody asks why */
    int problems;
    struct buffer report;
};

/* A keyword's rule, and the value that it is about. */
struct schema_rule {
    const struct json *schema; /* that the keyword stands in */
    const struct json *rule;
    const struct json *value;
    const struct schema_path *path; /* NULL: the root */
};

/* Bits of the words that `type` may have. */
enum {
    NULLS = 1,
    BOOLEANS = 2,
    INTEGERS = 4,
    NUMBERS = 8,
    STRINGS = 16,
    ARRAYS = 32,
    OBJECTS = 64
};
#define ANY (NULLS | BOOLEANS | NUMBERS | STRINGS | ARRAYS | OBJECTS)

struct schema_keyword {
    const char *name;
    unsigned types; /* that it says something about */
    bool (*fits)(struct schema_check *check, const struct schema_rule *at);
};
/* Those about a value without what is in it: type, which comes first, enum, limits, lengths. NULL ends the list. */
extern const struct schema_keyword schema_value_keywords[];

/* Let pass what cannot be told. */
bool schema_unknown(struct schema_check *check);
/* The work is done that is done at most. */
bool schema_is_tired(const struct schema_check *check);
/* An object's member; looking costs work. */
const struct json *schema_member(
        struct schema_check *check, const struct json *object, struct slice name);

/* Whether a problem's text would be read. */
bool schema_is_asked_why(const struct schema_check *check);
/* Note a problem; returns false. */
bool schema_misfit(struct schema_check *check, const struct schema_path *path, const char *format,
        ...) PRINTF_LIKE(3, 4);
/* For "%.*s": as much of a name as is shown, whole characters. */
struct slice schema_shown(struct slice name);

/* The types that a schema's `type` allows; 0: it does not say, or a word of it is none that we know. */
unsigned schema_allowed_types(const struct json *schema);
unsigned schema_types_of(const struct json *value);
/* Note that the value is of none of the allowed types; returns false. */
bool schema_wrong_type(struct schema_check *check, const struct schema_path *path, unsigned allowed,
        const struct json *value);
