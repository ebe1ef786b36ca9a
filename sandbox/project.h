/* The settings of the one project that the sandbox has: those of the API (GET and PATCH /org/project/config) and those that
 * the service offers in its dashboard alone, which are set under /_sandbox/project. Kept in the database. */
#pragma once

#include "sandbox/call.h"

struct project {
    const struct json *settings; /* an object with every setting that has a value */
    bool masks_secrets;
    bool wants_mcp_key;
    int64_t file_url_life_ms;
    bool same_browser;        /* a consent counts only in the browser that opened the link */
    const char *verifier_url; /* where browsers go for callback identity verification; NULL: off */
};

/* As stored, or as it is in the beginning. */
SUSPENDS MUST_CHECK bool project_load(struct sandbox *sandbox, void *owner, struct error *err);
/* The settings in `changes` get new values; null takes one back to its beginning. False: BAD_REQUEST names the setting that
 * is unknown or has a value that it cannot have; nothing was changed. */
SUSPENDS MUST_CHECK bool project_change(
        struct call *call, const struct json *changes, struct error *err);
/* All settings, those of the dashboard too. */
void project_write(const struct project *project, struct json_writer *json);
/* Would project_change() take them? */
MUST_CHECK bool project_check(const struct json *changes, struct error *err);
