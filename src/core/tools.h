/* Tools as users see them: which they may execute, what each is and takes, and whether arguments fit it. */
#pragma once

#include "core/core.h"

struct tool {
    const char *provider;
    bool connected;                           /* the user's connection to it is ACTIVE */
    const char *slug;                         /* what executing takes */
    const char *name, *description, *version; /* NULL: Composio was not asked yet */
    struct slice input_schema,
            output_schema; /* JSON Schemas as Composio gave them; data NULL when it gave none */
};

/* The tools that are allowed, in the order of set-up; those that Composio no longer has are left out.
 *
 * provider  only its tools; NULL: of every provider that is set up
 * slugs     only these, a JSON array of strings; NULL: all. One that is not allowed is left out
 *
 *   ERROR_NOT_FOUND           PROVIDER_UNKNOWN
 *   ERROR_PRECONDITION_FAILED PROVIDER_NOT_CONFIGURED */
SUSPENDS MUST_CHECK bool tools_list(const struct context *context, const char *provider,
        const struct json *slugs, struct tool **list_out, size_t *count_out, struct error *err);

/* Before anything is sent: do the arguments (NULL: {}) fit the tool's schema? `*version_out`, in context->memory, is the
 * version whose schema it is, to be executed (composio-api.md §5.5); NULL: it is not known, so the latest.
 *
 *   ERROR_BAD_REQUEST ARGUMENTS_NOT_AN_OBJECT
 *   ERROR_BAD_REQUEST ARGUMENTS_INVALID  says where, and what is expected; never what was given */
SUSPENDS MUST_CHECK bool tool_check_arguments(const struct context *context, const char *tool,
        const struct json *arguments, const char **version_out, struct error *err);

/* Composio refused the tool in this version (NULL: latest), `*err` says: ask what became of it, once, and make `*err` say
 * that: TOOL_CHANGED, TOOL_REMOVED, or what it is. The execution is not sent again by itself, though nothing was run: who
 * chose the arguments read the description of another version. */
SUSPENDS void tool_explain_refusal(
        struct core *core, const char *tool, const char *version, struct error *err);
