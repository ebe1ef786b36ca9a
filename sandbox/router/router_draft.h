/* What router_config.c, and the files of its sections, share. A section is a member of a session's config. */
#pragma once

#include "sandbox/router/router_config.h"
#include "sandbox/tools/tool_call.h"

/* A config in the making. */
struct draft {
    struct call *call;
    const struct router_change *change;
    struct buffer text;
    struct json_writer json;
};

/* Writes the section, its name and its value; `given` is the request's, `before` that of the config before, either may be
 * NULL. False: err set. */
typedef bool section_writer(struct draft *draft, const struct json *given,
        const struct json *before, struct error *err);

/* router_allow.c */
section_writer router_section_toolkits, router_section_tags, router_section_tools,
        router_section_preload;
/* router_pins.c */
section_writer router_section_auth_configs, router_section_connected_accounts;
/* router_switches.c */
section_writer router_section_manage_connections, router_section_workbench,
        router_section_multi_account, router_section_search, router_section_execute,
        router_section_experimental;

/* ---- members: router_switches.c ---- */

/* False: `given` is none, or has others than `members` (ends with NULL; NULL: any). */
MUST_CHECK bool draft_expect_object(
        const struct json *given, const char *name, const char *const *members, struct error *err);
/* The member of `given`, else of `before`; NULL: of neither. */
const struct json *draft_member(
        const struct json *given, const struct json *before, const char *name);

struct flag {
    const char *given, *stored; /* its name in requests and in the config */
    bool otherwise;
};
/* A null is as good as nothing, as the published schema has it for some. */
MUST_CHECK bool draft_write_flag(struct draft *draft, const struct flag *flag,
        const struct json *given, const struct json *before, struct error *err);
MUST_CHECK bool draft_write_url(struct draft *draft, const char *name, const struct json *given,
        const struct json *before, struct error *err);
/* The toolkit of a map's key. False: ROUTER_TOOLKITS. */
MUST_CHECK bool draft_find_toolkit(
        struct draft *draft, struct slice name, const struct toolkit **out, struct error *err);
