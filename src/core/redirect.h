/* Where a browser may be sent after the consent: within FRONTEND_URL, or within an entry of REDIRECT_URIS. An entry is a
 * web origin, with a path if wanted ("https://admin.example.com/app"), or the scheme of a phone app ("myapp://"). */
#pragma once

#include "base/error.h"

/* A comma list of entries; NULL is an empty one.
 * False: ERROR_BAD_REQUEST, BAD_CONFIGURATION: the message quotes the entry that is none. */
MUST_CHECK bool redirect_list_check(const char *list, struct error *err);
/* `frontend_url` as the first entry, then the list's. Compared as text, so strictly: a URI that a browser would read
 * otherwise (backslashes, dot segments, user information) is not within anything. */
bool redirect_allowed(const char *frontend_url, const char *list, const char *uri);
