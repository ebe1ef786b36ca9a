/* The toolkits and tools that the sandbox knows, from toolkits.json and tools.json, embedded by the build; and the meta tools
 * of tool router sessions, from meta_tools.json. Immutable. */
#pragma once

#include "json/json.h"

#define CATALOG_TOOLKITS_MAX 16
/* The latest version of every toolkit, and the frozen first one, without what came later. */
#define CATALOG_VERSION      "20260223_00"
#define CATALOG_BASE_VERSION "00000000_00"

struct catalog;

struct toolkit {
    const char *slug, *name, *description, *logo;
    const char *scopes;      /* of the managed app, parted by blanks */
    const struct json *json; /* the entry of toolkits.json */
    int tool_count;
    struct toolkit *next;
};

struct tool {
    const char *slug, *name, *description;
    const struct toolkit *toolkit;
    const struct json *input; /* JSON Schema of the arguments */
    const struct json *tags, *scopes;
    bool important, deprecated;
    bool newer; /* not in CATALOG_BASE_VERSION */
    bool older; /* in that alone: renamed since */
    bool no_auth;
    struct tool *next;
};

struct catalog *catalog_load(void *owner);
/* The first of the chain. */
const struct toolkit *catalog_toolkits(const struct catalog *catalog);
const struct tool *catalog_tools(const struct catalog *catalog);
/* NULL: unknown. Slugs of toolkits are lower-case, of tools upper-case; asked for in any case. */
const struct toolkit *catalog_toolkit(const struct catalog *catalog, const char *slug);
const struct tool *catalog_tool(const struct catalog *catalog, const char *slug);
/* Those of tool router sessions, which no other list has: COMPOSIO_SEARCH_TOOLS … */
const struct toolkit *catalog_meta_toolkit(const struct catalog *catalog);
const struct tool *catalog_meta_tools(const struct catalog *catalog);
const struct tool *catalog_meta_tool(const struct catalog *catalog, const char *slug);
bool toolkit_has_scheme(const struct toolkit *toolkit, const char *scheme);
/* `version` NULL or "latest": the latest. */
bool version_exists(const char *version);
bool tool_has_version(const struct tool *tool, const char *version);
