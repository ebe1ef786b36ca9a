/* A session of the tool router as the sandbox stores it, and the rules that its config makes. */
#pragma once

#include "sandbox/accounts/account.h"

struct router_session {
    const char *id, *user_id;
    const struct json *config; /* checked; in the form that the API answers, see router_config.h */
    int64_t version, created_at, updated_at;
};

/* The one that the path names. False: ROUTER_NOT_FOUND, also when it was deleted. */
SUSPENDS MUST_CHECK bool router_session_find(
        struct call *call, struct router_session *out, struct error *err);
const char *router_session_url(struct call *call, const struct router_session *session);

/* ---- rules: router_tools.c ---- */

/* A member of an object of the config, `otherwise` when it is not there. */
bool router_flag(const struct router_session *session, const char *section, const char *name,
        bool otherwise);
bool router_allows_toolkit(const struct router_session *session, const char *toolkit);
/* One with accounts that the session allows. NULL: it is none, and err is set: ROUTER_TOOLKITS, ROUTER_NO_AUTH, ROUTER_INVALID. */
const struct toolkit *router_toolkit_find(struct call *call, const struct router_session *session,
        const char *slug, struct error *err);
bool router_allows_tool(const struct router_session *session, const struct tool *tool);
bool router_has_meta_tool(const struct router_session *session, const struct tool *tool);
/* The tools that agents are shown: the meta tools that are on, and the preloaded ones. */
struct router_tools {
    const struct tool **items;
    size_t count;
};
struct router_tools router_tools_shown(struct call *call, const struct router_session *session);

/* ---- accounts: router_accounts.c ---- */

struct accounts {
    struct account *items;
    size_t count;
};

/* Whether sessions of the user may pin it: it is his own, or a SHARED one whose list lets him. */
bool router_account_usable(struct call *call, const struct account *account, const char *user_id);
/* Those that are pinned; else the user's ACTIVE ones of the toolkit (or of the auth config that the session has for it),
 * the newest first. */
SUSPENDS MUST_CHECK bool router_accounts(struct call *call, const struct router_session *session,
        const char *toolkit, struct accounts *out, struct error *err);
/* The one to execute on. `named` is an id, word id or alias, or NULL: the first.
 * False: ROUTER_NOT_CONNECTED; ROUTER_INVALID: no such account, or one has to be named, and the message lists them. */
SUSPENDS MUST_CHECK bool router_account_choose(struct call *call,
        const struct router_session *session, const char *toolkit, const char *named,
        struct account *out, struct error *err);
bool account_is_active(const struct account *account);

/* ---- linking: router_link.c ---- */

struct link_made;
/* `given` as the body of POST …/link. False: the toolkit is unknown, not allowed, pinned or without an auth config. */
SUSPENDS MUST_CHECK bool router_link_make(struct call *call, const struct router_session *session,
        const char *toolkit, const struct json *given, struct link_made *out, struct error *err);
