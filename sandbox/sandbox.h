/* The sandbox: an emulator of the Composio API (v3.1 and v3) that runs without a network. It is a product of its own: for
 * `tenon dev`, and for anybody's tests. Answers have the shapes of the published OpenAPI document; accounts go through
 * the real states by a clock that tests can move; tools run against a small world of mails, events and issues.
 *
 * Everything that a caller was told survives a crash: it is in the SQLite file. Only the journal of requests and the
 * faults ordered for tests are kept in memory. */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "loop/loop.h"

struct sandbox;

struct sandbox_options {
    const char *
            host; /* NULL: "127.0.0.1". What is under /_sandbox asks for no key, so keep to loopback */
    int port;     /* 0: any free one */
    const char
            *public_url; /* where browsers reach it, no slash at the end; NULL: http://host:port */
    const char *
            database_url; /* "file:./sandbox.db"; NULL: a temporary file, removed with the sandbox */
    const char *api_key;  /* the key accepted; NULL: any that begins with ak_ */
    const char *consent_host; /* the consent pages as of a provider of their own, on this host … */
    int consent_port;       /* … and port, with Cross-Origin-Opener-Policy; NULL: with the rest */
    struct slice seed;      /* JSON as sandbox/seed.h has it; length 0: none */
    int rate_limit;         /* requests a minute before 429; 0: 1,000,000 */
    const char *trace_path; /* a file to append requests and answers to: trace.h; NULL: none */
};

/* Open the file, bring its tables up to date and listen. Copies the options.
 * False: as db_store_open(), db_migrate(), http_server_new() and trace_open(). */
SUSPENDS MUST_CHECK bool sandbox_start(void *owner, struct loop *loop,
        const struct sandbox_options *options, struct sandbox **sandbox_out, struct error *err);
int sandbox_port(const struct sandbox *sandbox);
/* "http://127.0.0.1:4100" */
const char *sandbox_url(const struct sandbox *sandbox);
/* Stop listening and let running requests finish; as http_server_drain(). */
SUSPENDS MUST_CHECK bool sandbox_drain(struct sandbox *sandbox, struct error *err);
