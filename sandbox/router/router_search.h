/* Finding the tools of a tool router session for a use case: by words, where the service has a model. */
#pragma once

#include "sandbox/router/router_custom.h"
#include "sandbox/router/router_session.h"

struct router_query {
    const struct json *queries;        /* [{use_case, known_fields?}] */
    const struct json *workflow;       /* {id} or {generate_id}; NULL: a new one */
    struct texts toolkits;             /* only of these; none: all that the session allows */
    const struct custom_tools *custom; /* searched too; NULL: none */
};

/* The members results, toolkit_connection_statuses, tool_schemas, time_info, session and next_steps_guidance, into the
 * object that is open. False: ROUTER_INVALID: not 1 to 7 queries of 1 to 1024 characters. */
SUSPENDS MUST_CHECK bool router_search_write(struct call *call,
        const struct router_session *session, const struct router_query *query,
        struct json_writer *json, struct error *err);

/* How well a tool answers a use case; 0: not at all. Words of slug and name count more than those of the description. */
int router_search_score(const char *use_case, const char *slug, const char *name,
        const char *toolkit, const char *description);
