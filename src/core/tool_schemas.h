/* What Composio says of the tools that are allowed here: their version, and the JSON Schemas of that very version. Kept in
 * the table ToolSchema, filled by `tenon setup`, read anew by the reconciler, and whenever Composio refuses a tool.
 * Each loop has copies of the rows in use, so that executing does not read the database for them. */
#pragma once

#include "core/core.h"

struct tool_schema {
    const char *tool; /* Composio's slug */
    bool read;        /* Composio answered at some time; else nothing of what follows is set */
    const char *
            version; /* of which the rest is; "" when Composio does not say; NULL: it has no such tool */
    const char *name, *description; /* NULL when not known */
    struct slice input_schema,
            output_schema;    /* JSON texts; data NULL when not known, or too large to keep */
    const struct json *input; /* input_schema, parsed; NULL without one */
};

/* The loop's copy, a few seconds old at most; `read` is false where there is no row. Good until the caller suspends. */
SUSPENDS MUST_CHECK bool tool_schema_find(
        struct core *core, const char *tool, const struct tool_schema **out, struct error *err);
/* The same from the row itself. */
SUSPENDS MUST_CHECK bool tool_schema_find_newest(
        struct core *core, const char *tool, const struct tool_schema **out, struct error *err);

struct tool_copies *tool_copies_new(void *owner);

/* Store what Composio said just now. */
SUSPENDS MUST_CHECK bool tool_schemas_store(struct core *core, void *memory,
        const struct composio_tool *tools, size_t count, struct error *err);

/* Ask Composio for a tool and store what it says; of all instances together at most once a minute, and true without having
 * asked when somebody did. Errors as composio_tool_get(), but a tool that is not there is no error: that is stored, too. */
SUSPENDS MUST_CHECK bool tool_schema_refresh(
        struct core *core, const char *tool, struct error *err);

/* Refresh some of the allowed tools that were not read for tool_sync_interval_ms, or never, until `*stopping`. */
SUSPENDS MUST_CHECK bool tool_schemas_refresh_due(
        struct core *core, void *memory, const bool *stopping, struct error *err);
