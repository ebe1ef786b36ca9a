/* Answers that go wrong as the faults ordered for them say. */
#pragma once

#include "sandbox/call.h"

/* Of which user a request is, for faults that match one: user_id of query or body, else the owner of the connected account
 * or session that path or body names. NULL: nobody's. */
SUSPENDS MUST_CHECK bool misbehave_user_of(
        struct call *call, const char **user_out, struct error *err);
/* Make of the call's answer what the fault makes of it. False: there is to be none. */
bool misbehave_spoil(struct call *call, const struct fault *fault);
/* Send it, as slowly as the fault says, or end the connection. */
void misbehave_send(struct call *call, const struct fault *fault);
/* Wait until no answer drips any more; their connections are closed before. */
SUSPENDS MUST_CHECK bool misbehave_drain(struct sandbox *sandbox, struct error *err);
