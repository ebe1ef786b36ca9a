/* Answers that go wrong as the faults ordered for them say. */
#pragma once

#include "sandbox/call.h"

/* Of which user a request is, for faults that match one: user_id of query or body, else the owner of the connected account
 * that path or body names. NULL: nobody's. */
SUSPENDS MUST_CHECK bool misbehave_user_of(
        struct call *call, const char **user_out, struct error *err);
/* Send the call's answer, or what the fault makes of it. False: no whole answer was sent. */
bool misbehave_send(struct call *call, const struct fault *fault);
/* Wait until no answer drips any more; their connections are closed before. */
SUSPENDS MUST_CHECK bool misbehave_drain(struct sandbox *sandbox, struct error *err);
