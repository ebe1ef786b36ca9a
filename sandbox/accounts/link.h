/* A link as the consent pages have it: opened once or more often, decided once, good for ten minutes. The browser's way:
 *
 *   link.c         the hosted page at /link/{token}: OAuth's consent, or the form of another scheme
 *   provider.c     the consent page as the provider's, when that has an origin of its own, and the way back from it
 *   link_finish.c  what was decided takes effect; the browser goes on to the app
 *   link_page.c    the HTML of them */
#pragma once

#include "sandbox/accounts/account.h"
#include "sandbox/page.h"

struct link {
    const char *token;
    struct account account;
    const char *browser; /* the hash of the cookie of the browser it is bound to; NULL: none yet */
    bool legacy;         /* of the retired create call */
};

/* *usable_out false: there is none, it was decided or is too old; the page that says so is the answer. */
SUSPENDS MUST_CHECK bool link_find(struct call *call, const char *token, struct link *out,
        bool *usable_out, struct error *err);
/* The page was shown: an account that was INITIALIZING becomes INITIATED, and with same-browser binding the browser is
 * remembered. */
SUSPENDS MUST_CHECK bool link_note_opened(
        struct call *call, const struct link *link, struct error *err);

bool link_email_usable(const char *email);
/* With same-browser binding: is this not the browser that the link is bound to? */
bool link_is_other_browser(struct call *call, const struct link *link);

struct link_decision {
    bool approved;
    const char *email; /* who the user is at the provider */
    const char *data;  /* what the account has from now on, a JSON object; NULL: what it had */
};
/* Do it and send the browser on: back to the app, or to its verifier. Whoever comes second gets a page. */
SUSPENDS MUST_CHECK bool link_finish(struct call *call, const struct link *link,
        const struct link_decision *decision, struct error *err);

/* A form was sent: of which link, and which button was pressed. *answered_out: the answer is a page already, as the link is
 * not usable, or was left undecided. False also for BAD_REQUEST: no button of ours. */
SUSPENDS MUST_CHECK bool link_submitted(struct call *call, const char *token, struct link *out,
        bool *approved_out, bool *answered_out, struct error *err);
/* The account that the user picked on an OAuth page. */
SUSPENDS MUST_CHECK bool link_picked_email(
        struct call *call, const struct account *account, const char **out, struct error *err);

/* ---- link_page.c ---- */

/* OAuth's consent page; its buttons post to `action`. */
SUSPENDS MUST_CHECK bool link_page_consent(
        struct call *call, const struct link *link, const char *action, struct error *err);
/* The form of a scheme with fields, filled in with what is known; `problem` is told first, NULL: none. */
void link_page_fields(struct call *call, const struct link *link, const char *problem);
void link_page_stale(struct call *call, bool known);
void link_page_decided(struct call *call, bool approved);
/* Left without a decision: the window closes itself where it may. */
void link_page_left(struct call *call);
void link_page_other_browser(struct call *call);

/* The fields that a user has to fill in for the scheme of the account; an array as in auth_config_details of the toolkit. */
const struct json *link_fields(struct call *call, const struct account *account);
/* The name of such a field in the form. */
const char *link_field_name(struct call *call, const char *name);
