#include "sandbox/mcp/mcp_session.h"

#include "crypto/crypto.h"

struct session {
    char id[UUID_TEXT_SIZE];    /* "": free */
    uint8_t scope[SHA256_SIZE]; /* its digest: scopes have any length */
    const char *version;
};

struct mcp_sessions {
    struct session items[MCP_SESSIONS_MAX];
    size_t next; /* where the next one goes; the oldest stands there */
};

struct mcp_sessions *mcp_sessions_new(void *owner)
{
    return mem_new(owner, struct mcp_sessions);
}

const char *mcp_session_open(
        struct mcp_sessions *sessions, void *owner, const char *scope, const char *version)
{
    struct session *session = &sessions->items[sessions->next];
    sessions->next = (sessions->next + 1) % MCP_SESSIONS_MAX;
    uuid_v4(session->id);
    sha256(slice_of(scope), session->scope);
    session->version = version;
    return mem_strdup(owner, session->id);
}

static size_t find(const struct mcp_sessions *sessions, struct slice id, const char *scope)
{
    uint8_t digest[SHA256_SIZE];
    sha256(slice_of(scope), digest);
    for (size_t i = 0; i < MCP_SESSIONS_MAX && id.length > 0; i++) {
        const struct session *session = &sessions->items[i];
        if (slice_is(id, session->id) && memcmp(session->scope, digest, sizeof digest) == 0) {
            return i;
        }
    }
    return MCP_SESSIONS_MAX;
}

const char *mcp_session_version(
        const struct mcp_sessions *sessions, struct slice id, const char *scope)
{
    size_t at = find(sessions, id, scope);
    return at == MCP_SESSIONS_MAX ? NULL : sessions->items[at].version;
}

bool mcp_session_close(struct mcp_sessions *sessions, struct slice id, const char *scope)
{
    size_t at = find(sessions, id, scope);
    if (at < MCP_SESSIONS_MAX) {
        sessions->items[at] = (struct session){0};
    }
    return at < MCP_SESSIONS_MAX;
}

void mcp_sessions_clear(struct mcp_sessions *sessions)
{
    *sessions = (struct mcp_sessions){0};
}
