/* The settings: environment variables, and a .env file's text for those that the environment does not have. What there
 * is, is in options.def. Read once, never changed: threads share it. No I/O. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"

#include <stdint.h>

struct config_address {
    const char *host; /* a name or an address without brackets; "0.0.0.0" when none was given */
    int port;         /* 0: any free one */
};

/* In the order of their choices in options.def. */
enum config_connect_verification {
    CONFIG_CONNECT_VERIFICATION_BROWSER,
    CONFIG_CONNECT_VERIFICATION_STATE
};
enum config_switch { CONFIG_OFF, CONFIG_ON };
enum config_recording {
    CONFIG_RECORDING_FULL,
    CONFIG_RECORDING_REDACTED,
    CONFIG_RECORDING_METADATA
};

enum config_webhooks { CONFIG_WEBHOOKS_AUTO, CONFIG_WEBHOOKS_ON, CONFIG_WEBHOOKS_OFF };

/* A field an option, named as the variable in lower case. Texts, URLs and secrets are NULL when they have neither value
 * nor default; durations are milliseconds, LOG_LEVEL is enum log_level. URLs have no slash at the end. */
struct config {
#define TEXT(group, name, field, ...)       const char *field;
#define URL(group, name, field, ...)        const char *field;
#define SECRET(group, name, field, ...)     const char *field;
#define ADDRESS(group, name, field, ...)    struct config_address field;
#define INT(group, name, field, ...)        int64_t field;
#define DURATION(group, name, field, ...)   int64_t field;
#define ENUM(group, name, field, type, ...) type field;
#include "config/options.def"

    const char *const *warnings; /* for the log, at start; never a secret */
    size_t warning_count;
    const unsigned char *sources; /* of the options in their order; for config_describe() */
};

/* Read the settings. `environment`: "NAME=value" texts with a NULL behind, as environ is; `dotenv`: the text of a .env
 * file, or nothing. The environment comes first, then the file, then the default; an empty value is none.
 *
 * The file's syntax: NAME=value; `export ` before it; # comments; values in 'single' or "double" quotes (these with \n,
 * \r, \t, \", \\ and \$), which may span lines. A name that is none of ours is left to others; one that begins like ours
 * (TENON_, COMPOSIO_AUTH_CONFIG_) gives a warning with the name that was probably meant.
 *
 * False: ERROR_BAD_REQUEST, BAD_CONFIGURATION: the message names the variable and what is allowed, never a secret. */
MUST_CHECK bool config_load(void *owner, const char *const *environment, struct slice dotenv,
        const struct config **config_out, struct error *err);

/* The operator set it, in the environment or in .env: it is not just the default. `name` is one of options.def. */
bool config_is_given(const struct config *config, const char *name);

/* For what a verb cannot do without. `name` is one of options.def. False: it has neither value nor default;
 * ERROR_PRECONDITION_FAILED, NOT_CONFIGURED, whose message says what to set and what it is. */
MUST_CHECK bool config_require(const struct config *config, const char *name, struct error *err);

/* What the verb looks at (NULL: all options), by group: for --help. */
void config_help(struct buffer *out, const char *verb);
/* The same of all options as Markdown: docs/configuration.md. */
void config_markdown(struct buffer *out);
/* A line an option with its value and where it came from; secrets as "set" or "not set". */
void config_describe(const struct config *config, struct buffer *out);

/* "http://host:port" as this machine itself can open it: "localhost" for an address of all interfaces, brackets around
 * IPv6. */
const char *config_address_url(void *owner, struct config_address address);
