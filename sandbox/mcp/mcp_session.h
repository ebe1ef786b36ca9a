/* The sessions that MCP clients opened. In memory, as a server of the official SDK has them: after a restart clients
 * are told 404 and initialize again. The oldest one goes when there are too many, as clients rarely end theirs. */
#pragma once

#include "base/mem.h"
#include "base/slice.h"

#define MCP_SESSIONS_MAX 1024

struct mcp_sessions;

struct mcp_sessions *mcp_sessions_new(void *owner);
/* `version` is static. Returns the new id, which lives as long as `owner`. */
const char *mcp_session_open(
        struct mcp_sessions *sessions, void *owner, const char *scope, const char *version);
/* The version agreed on; NULL: no such session of this scope. */
const char *mcp_session_version(
        const struct mcp_sessions *sessions, struct slice id, const char *scope);
/* False: no such session of this scope. */
bool mcp_session_close(struct mcp_sessions *sessions, struct slice id, const char *scope);
void mcp_sessions_clear(struct mcp_sessions *sessions);
