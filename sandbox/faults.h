/* Faults ordered by tests: slow, failing, breaking, babbling answers to requests that match. In memory.
 *
 *   {"match": {"method": "POST", "path": "/tools/execute", "nth": 2},  all optional; path is a prefix, with or without
 *                                                                      /api/v3.1; nth counts the matching ones from 1
 *    "fault": {"latency_ms": 500,          wait first
 *              "status": 503,              an error of that status; with "retry_after" seconds if wanted
 *              "reset": true,              the connection is reset, nothing is answered
 *              "garbage": true,            200 and bytes that are no JSON
 *              "truncate": true,           the answer breaks off in the middle of its JSON
 *              "html": true,               a gateway's error page, 502 or the `status` given
 *              "after": true},             the request takes effect first, then the answer goes wrong
 *    "times": 1}                           how often; without it until the faults are removed */
#pragma once

#include "json/json.h"

#define FAULTS_MAX 100

enum fault_kind {
    FAULT_NONE,
    FAULT_STATUS,
    FAULT_RESET,
    FAULT_GARBAGE,
    FAULT_TRUNCATE,
    FAULT_HTML
};

struct fault {
    enum fault_kind kind; /* NONE: latency alone */
    int64_t latency_ms;   /* 0..600000 */
    int status, retry_after_s;
    bool after;
};

struct faults;

struct faults *faults_new(void *owner);
void faults_clear(struct faults *faults);
/* Add those of an array. False: BAD_REQUEST, nothing was added. */
MUST_CHECK bool faults_add(struct faults *faults, const struct json *list, struct error *err);
/* What is to happen to this request; it counts as one of each fault that it matches. */
struct fault faults_match(struct faults *faults, struct slice method, struct slice path);
/* The array, with `seen` and `left` in each. */
void faults_write(const struct faults *faults, struct json_writer *json);
