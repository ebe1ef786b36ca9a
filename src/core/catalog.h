/* The catalog: the app's provider keys, Composio's toolkit slugs, and the tools we know of each. Immutable once made, so
 * all loops share one. The database says what is set up and allowed; the catalog is what `tenon setup` starts from. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

struct catalog_provider {
    const char *provider; /* "calendar": the app's key */
    const char *toolkit;  /* "googlecalendar": Composio's slug */
    const char *display_name, *icon, *description;
    const char **required_scopes, **allowed_tools, **other_tools; /* each ends with NULL */
};

struct catalog {
    const struct catalog_provider *providers;
    size_t count;
};

/* The catalog built into the program; its syntax is its source's, src/core/catalog.json. A mistake in it ends the
 * process. */
const struct catalog *catalog_new(void *owner);
/* NULL: no such provider. */
const struct catalog_provider *catalog_find(const struct catalog *catalog, const char *provider);
/* Allowed by default or not. */
bool catalog_has_tool(const struct catalog_provider *provider, const char *tool);
