/* The doctor: finds what is wrong between the settings, the database and Composio, says how to mend it, and mends what is
 * safe to mend. Reads and compares; what it mends it does by the same code that serves (setup, reconciler). */
#pragma once

#include "core/setup.h"

enum doctor_verdict {
    DOCTOR_OK,
    DOCTOR_NOTE,    /* worth a look; no problem */
    DOCTOR_PROBLEM, /* somebody must act */
    DOCTOR_FIXED,   /* was a problem */
};

struct doctor_finding {
    enum doctor_verdict verdict;
    const char *check;  /* what was looked at: "auth config"; static */
    const char *what;   /* what was found; no secrets */
    const char *remedy; /* what to do; NULL when there is nothing to do */
    bool fixable;       /* a problem that `fix` would mend */
};
/* A finding, good until the function returns. */
typedef void doctor_report(void *argument, const struct doctor_finding *finding);

struct doctor_options {
    const struct setup_provider *providers;
    size_t provider_count;
    const char *webhooks_to; /* the public URL; NULL: no webhooks are wanted */
    bool fix;
    int pages_max; /* accounts of one auth config that are looked at, in pages of 50; 0: all */
};

/* Look at everything, in an order that goes from what all depends on to what one user has: a step that makes the next ones
 * meaningless ends it. Needs the migrations applied. Returns how many problems are left. */
SUSPENDS size_t doctor_run(struct core *core, const struct doctor_options *options,
        doctor_report *report, void *argument);
