/* Faults ordered by tests: slow, failing, breaking, babbling answers to requests that match. In memory.
 *
 *   {"match": {"method": "POST", "path": "/tools/execute",       all optional; path is a prefix, with or without /api/v3.1;
 *              "user": "ada", "nth": 2},                          nth counts the matching ones from 1
 *    "fault": {"latency_ms": 500,          wait first
 *              "status": 503,              an error of that status; with "retry_after" seconds if wanted
 *              "reset": true,              the connection is reset, nothing is answered
 *              "garbage": true,            200 and bytes that are no JSON
 *              "truncate": true,           the answer breaks off in the middle of its JSON
 *              "html": true,               a gateway's error page, 502 or the `status` given
 *              "drip_ms": 100,             the body comes slowly: every so many milliseconds
 *              "drip_bytes": 64,             so many bytes
 *              "duplicate": true,          the request takes effect twice, as when a proxy that lost an answer asks again;
 *                                            the second answer is delivered
 *              "after": true,              the request takes effect first, then the answer goes wrong
 *              "echo": true},              no fault: a tool does nothing and gives back its arguments, whatever they are
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
    FAULT_HTML,
    FAULT_DRIP,
    FAULT_DUPLICATE
};

struct fault {
    enum fault_kind kind; /* NONE: latency alone */
    int64_t latency_ms;   /* 0..600000 */
    int64_t drip_ms, drip_bytes;
    int status, retry_after_s;
    bool after, echo;
};

struct faults;

struct faults *faults_new(void *owner);
void faults_clear(struct faults *faults);
/* Add those of an array. False: BAD_REQUEST, nothing was added. */
MUST_CHECK bool faults_add(struct faults *faults, const struct json *list, struct error *err);
/* Does any match a user? Only then faults_match() needs to be told one. */
bool faults_ask_for_users(const struct faults *faults);
/* What is to happen to this request; it counts as one of each fault that it matches. `user` NULL: nobody's. */
struct fault faults_match(
        struct faults *faults, struct slice method, struct slice path, const char *user);
/* "status", "reset", …; "latency" for FAULT_NONE */
const char *fault_kind_name(enum fault_kind kind);
/* The array, with `seen` and `left` in each. */
void faults_write(const struct faults *faults, struct json_writer *json);
