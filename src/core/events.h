/* Changes of a user's connections, as they happen: by whichever loop or process they are made. What a watcher was not told
 * yet is found by comparing, so a hint too many costs a read and tells nothing, and nothing gets lost between two hints.
 *
 * An event is one provider as it is now. Its id says what the watcher knows after it, of all providers; whoever comes back
 * with that id is told what is different from it, and nothing else. Without an id (or one of another program) he is told
 * all. What only says that a connection was used or looked at makes no event.
 *
 * A fiber a loop while there are watchers, none of theirs; a watcher costs its struct and 8 bytes a provider. */
#pragma once

#include "core/connections.h"

#include <bsd/sys/queue.h>

struct connection_event {
    const struct integration *integration;
    const char *id; /* base64url */
};

/* In a fiber, must not suspend; may end the watcher. What it is given lives until it returns. */
typedef void events_heard(
        void *argument, const struct connection_event *events, size_t event_count);

#define EVENTS_FEW 5 /* integrations, for which a watcher needs no further memory */

/* Embedded in a struct of the caller's, which does not move; the fields are this module's. */
struct events_watcher {
    LIST_ENTRY(events_watcher) link;
    struct watched_user *user;
    events_heard *heard;
    void *argument;
    uint64_t *known; /* digests of what it was told; `few`, where they fit */
    size_t known_count;
    uint64_t few[EVENTS_FEW];
};

/* Tell `heard` what differs from `last_id` (NULL: all), soon, and every change from then on. Never suspends.
 *   ERROR_TOO_MANY_REQUESTS   TOO_MANY_STREAMS  of this user
 *   ERROR_SERVICE_UNAVAILABLE OVERLOADED        of this process */
MUST_CHECK bool events_watch(const struct context *context, struct events_watcher *watcher,
        const char *last_id, events_heard *heard, void *argument, struct error *err);
void events_unwatch(struct events_watcher *watcher);
