/* The paths of the providers' own APIs that the sandbox answers, and how each provider refuses. */
#pragma once

#include "sandbox/tools/tool_call.h"

#define PROXY_PATH_VALUES_MAX 3

struct proxy_route {
    const char *method, *path; /* "*": any; {} matches one segment */
    const char *tool;          /* whose emulation answers, and whose schema types the arguments */
    tool_emulator *run;        /* in its place; NULL: the tool's own */
    const char *arguments[PROXY_PATH_VALUES_MAX]; /* what the {} are called */
    const char *default_name; /* where the provider's default is not the tool's; NULL: nowhere */
    int default_value;
    struct {
        const char *from, *to;
    } renames[2]; /* members of the answer; from NULL: none */
    int status;   /* 0: 200 */
};

struct proxy_provider {
    const char *toolkit;
    const struct proxy_route *routes; /* ends with method NULL */
    const char *not_found;            /* what it says of a path that it does not have */
    bool omits_null;                  /* members that are null are not there */
    /* The answer in place of data; returns the HTTP status that goes with it. */
    int (*refuse)(struct json_writer *json, int status, const char *message);
};

/* NULL: the sandbox knows none of its paths. */
const struct proxy_provider *proxy_provider(const char *toolkit);
/* NULL: the provider has no such path. `values` get what the {} matched, decoded. */
const struct proxy_route *proxy_route_find(void *owner, const struct proxy_provider *provider,
        const char *method, struct slice path, const char *values[PROXY_PATH_VALUES_MAX]);
