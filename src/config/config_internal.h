/* What loading and printing share: the table made of options.def. */
#pragma once

#include "config/config.h"

enum option_kind {
    OPTION_TEXT,
    OPTION_URL,
    OPTION_SECRET,
    OPTION_ADDRESS,
    OPTION_INT,
    OPTION_DURATION,
    OPTION_ENUM
};

struct option {
    enum option_kind kind;
    const char *group, *name;
    size_t offset;             /* of the field in struct config */
    const char *default_value; /* as one would write it; NULL: none */
    const char *unset;         /* what holds without a value; NULL when there is a default */
    int64_t min, max;          /* of numbers; `min` of secrets, in bytes */
    const char *unit;          /* of numbers */
    const char *choices;       /* "a|b" */
    const char *verbs;         /* words with blanks between */
    const char *help;
};

enum option_source { SOURCE_NONE, SOURCE_DEFAULT, SOURCE_DOTENV, SOURCE_ENVIRONMENT };

extern const struct option config_options[];
extern const size_t config_option_count;

/* The option of that name; NULL: none. */
const struct option *option_find(struct slice name);

/* What values are allowed, as in "must be …". */
void option_describe_values(const struct option *option, struct buffer *out);

/* Put the value of a text into the option's field of `config`, whose owner gets what it needs. False: not allowed. */
bool option_parse(const struct option *option, const char *text, struct config *config);

/* The value of the option's field as one would write it; NULL: none. Not for secrets. */
const char *option_print(const struct option *option, const struct config *config, void *owner);
