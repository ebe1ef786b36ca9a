/* Who is calling: JSON Web Tokens (RFC 7519) in JWS compact form (RFC 7515), HS256 (RFC 7518 §3.2). The algorithm comes
 * from the key, never from the token. Holds no users; no I/O. */
#pragma once

#include "base/error.h"
#include "base/slice.h"

#include <stdint.h>

struct auth; /* immutable: threads may share one */

struct auth_options {
    const char *secret;     /* HS256 */
    const char *issuer;     /* must equal `iss`; NULL: not looked at */
    const char *audience;   /* must be `aud` or among it; NULL: not looked at */
    const char *user_claim; /* NULL: "sub" */
};

/* Copies the options. `secret` of less than 32 bytes: ERROR_BAD_REQUEST (RFC 7518 §3.2 asks for the hash's size). */
MUST_CHECK bool auth_new(
        void *owner, const struct auth_options *options, struct auth **auth_out, struct error *err);

/* The user of an Authorization field's value, "Bearer …" (RFC 6750 §2.1). `authorization.data` NULL: there was none.
 * `*user_out` belongs to `owner`: 1–255 bytes of UTF-8 without control characters or commas (Composio's filters split
 * at commas).
 *
 * False, ERROR_UNAUTHORIZED with one of the reasons:
 *   TOKEN_MISSING   no field, or not a bearer token
 *   TOKEN_INVALID   not a JWT, wrong algorithm, signature, issuer or audience, no fit user id; err->detail says which
 *   TOKEN_EXPIRED   `exp` is over, or `nbf` is to come, by more than 30 s */
MUST_CHECK bool auth_verify(const struct auth *auth, void *owner, struct slice authorization,
        int64_t now_ms, const char **user_out, struct error *err);

/* Whether a text can be a user id: 1–255 bytes of UTF-8 without control characters or commas. */
bool auth_user_fits(struct slice user);

/* A token that auth_verify() of the same options accepts, for development. NULL: `user` does not fit. */
const char *auth_sign(
        const struct auth *auth, void *owner, const char *user, int64_t now_ms, int64_t lifetime_s);
