/* One execution of a tool: its checked arguments, the world it works on, and `data` in the making. */
#pragma once

#include "sandbox/call.h"

struct tool_call {
    struct call *call;
    void *memory;
    int64_t now_ms;
    const struct tool *tool;
    const struct json *arguments; /* an object, or NULL for none */
    const char *world;            /* what one user sees of one account: the id of its row */
    const char *email;            /* who the user is there */

    struct buffer out; /* the object `data` */
    struct json_writer json;
    int failure_status; /* of the provider; 0: the tool succeeded */
    const char *failure;
};

/* Writes `data`, or calls tool_fail(). False: the sandbox itself failed. */
typedef bool tool_emulator(struct tool_call *tool, struct error *err);

/* NULL: the sandbox has no emulation of it. execute.c calls; gmail.c, googlecalendar.c … define. */
struct emulation {
    const char *slug;
    tool_emulator *run;
};
extern const struct emulation gmail_emulations[], googlecalendar_emulations[], slack_emulations[],
        notion_emulations[], github_emulations[];

/* The provider refuses: HTTP 200 with successful:false for the caller. True, for `return tool_fail(…)`. */
bool tool_fail(struct tool_call *tool, int status, const char *format, ...) PRINTF_LIKE(3, 4);

/* Arguments; types were checked against the tool's schema. NULL: absent or empty. */
const char *argument_text(const struct tool_call *tool, const char *name);
/* "" for absent: for what the schema requires. */
const char *argument_required(const struct tool_call *tool, const char *name);
int64_t argument_int(const struct tool_call *tool, const char *name, int64_t otherwise,
        int64_t least, int64_t most);
bool argument_bool(const struct tool_call *tool, const char *name, bool otherwise);
/* An array of strings, or one string. */
struct texts argument_list(const struct tool_call *tool, const char *name);

/* Do the arguments fit the schema: what is required is there, top-level types are right. NULL: they do; else the
 * service's words for what is wrong. */
const char *arguments_problem(void *owner, const struct json *schema, const struct json *arguments);

/* ---- writing ---- */

void write_text_member(struct json_writer *json, const char *name, const char *text);
void write_int_member(struct json_writer *json, const char *name, int64_t number);
void write_bool_member(struct json_writer *json, const char *name, bool value);
/* All members of `object` into the object that is open. */
void write_members_of(struct json_writer *json, const struct json *object);
