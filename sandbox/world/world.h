/* The things that tools work on: mails, events, channels, pages, issues. A world is furnished from world.json the first
 * time a tool looks at it, the same for the same user, toolkit and account; what tools change is kept in the database. */
#pragma once

#include "sandbox/tools/tool_call.h"

#define WORLD_THINGS_MAX 5000 /* looked at in one call; of more, the newest */

struct thing {
    const char *id, *parent; /* parent "" when it has none */
    int64_t time_ms;
    const struct json *body;
};
struct things {
    struct thing *items;
    size_t count;
};

/* The world's id. */
const char *world_id(void *owner, const char *user_id, const char *toolkit, const char *email);
/* Before anything else of one call. */
SUSPENDS MUST_CHECK bool world_open(struct tool_call *tool, struct error *err);

/* `parent` NULL: any. Newest first. */
SUSPENDS MUST_CHECK bool world_list(struct tool_call *tool, const char *kind, const char *parent,
        struct things *out, struct error *err);
/* *found_out false: there is none. */
SUSPENDS MUST_CHECK bool world_get(struct tool_call *tool, const char *kind, const char *id,
        struct thing *out, bool *found_out, struct error *err);
/* Make it, or change it when it is there. */
SUSPENDS MUST_CHECK bool world_put(struct tool_call *tool, const char *kind, const char *id,
        const char *parent, int64_t time_ms, const char *body, struct error *err);
/* Make one whose id is `head` and one more than the number of its kind under `parent`, of `digits` digits (0: as many
 * as it takes). */
SUSPENDS MUST_CHECK bool world_append(struct tool_call *tool, const char *kind, const char *parent,
        const char *head, int digits, const char *body, const char **id_out, struct error *err);
/* *found_out false: there was none. */
SUSPENDS MUST_CHECK bool world_remove(struct tool_call *tool, const char *kind, const char *id,
        bool *found_out, struct error *err);

/* A body to be put, built with `json` and finished with body_text(). */
struct body {
    struct buffer out;
    struct json_writer json;
};
void body_begin(struct body *body, void *owner);
const char *body_end(struct body *body);

/* Sixteen random hex digits and the like. */
const char *world_new_id(void *owner, size_t hex_digits);
