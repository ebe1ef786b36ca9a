/* The consent page as the provider's own, on another origin than Composio's and with Cross-Origin-Opener-Policy, as the real
 * ones are: the app's window loses its hold on the popup. The browser comes from the link page, decides here, goes back
 * through Composio's callback (the one registered at providers as redirect URI) and from there to the app. */
#include "sandbox/accounts/link.h"
#include "sandbox/routes.h"

static const char *consent_action(struct call *call, const char *token)
{
    return mem_printf(call->memory, "%s/consent/%s", call->sandbox->consent_url, token);
}

bool provider_open(struct call *call, struct error *err)
{
    struct link link;
    bool usable;
    call_add_header(call, "Cross-Origin-Opener-Policy", "same-origin");
    return link_find(call, call->values[0], &link, &usable, err) &&
           (!usable || link_page_consent(call, &link, consent_action(call, link.token), err));
}

/* Back to Composio with OAuth's parameters (RFC 6749 §4.1.2). There is no provider to redeem a code at, so the code is the
 * address of the account itself. */
static const char *redirect_uri(
        struct call *call, const char *token, const char *name, const char *value)
{
    struct buffer out;
    buffer_init(&out, call->memory, CALL_BYTES_MAX);
    buffer_printf(&out, "%s/api/v3.1/toolkits/auth/callback?state=", call->sandbox->public_url);
    buffer_add_url_encoded(&out, slice_of(token));
    buffer_printf(&out, "&%s=", name);
    buffer_add_url_encoded(&out, slice_of(value));
    return buffer_text(&out);
}

bool provider_decide(struct call *call, struct error *err)
{
    struct link link;
    const char *email = NULL;
    bool approved, answered;
    call_add_header(call, "Cross-Origin-Opener-Policy", "same-origin");
    if (!link_submitted(call, call->values[0], &link, &approved, &answered, err) ||
            (!answered && !link_picked_email(call, &link.account, &email, err))) {
        return false;
    }
    if (!answered) {
        page_redirect(call, 302,
                redirect_uri(call, link.token, approved ? "code" : "error",
                        approved ? email : "access_denied"));
    }
    return true;
}

/* ---- GET /toolkits/auth/callback ---- */

bool provider_callback(struct call *call, struct error *err)
{
    struct link link;
    const char *token = call_parameter(call, "state"), *code = call_parameter(call, "code");
    struct link_decision decision = {.approved = code != NULL, .email = code};
    bool usable,
            whole = code == NULL ? call_parameter(call, "error") != NULL : link_email_usable(code);
    if (token == NULL || !whole) {
        link_page_stale(call, false);
        return true;
    }
    return link_find(call, token, &link, &usable, err) &&
           (!usable || link_finish(call, &link, &decision, err));
}
