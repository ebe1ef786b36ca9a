/* Where the browser goes after the consent page. No I/O. */
#pragma once

#include "base/buffer.h"

/* May a browser be sent there: an absolute URL of http, https or an app's own scheme, printable ASCII without blanks, at
 * most 4,096 bytes, and no scheme that runs a script in place. */
bool callback_acceptable(const char *url);

/* `url` with its own query kept and status and connected_account_id appended before a fragment. `legacy_app` is NULL, or
 * the toolkit's slug for the spelling of the retired create call: status, connectedAccountId, appName. */
const char *callback_build(void *owner, const char *url, bool success,
        const char *connected_account_id, const char *legacy_app);
/* To the app's verifier, with nothing but session_uri. */
const char *callback_to_verifier(void *owner, const char *url, const char *session_uri);
