/* The PostgreSQL driver. postgres.c: what a loop asks for, over its connections, and trying again. postgres_connection.c:
 * one connection. postgres_exchange.c: several fibers' statements under way on it. postgres_group.c: several fibers' writes
 * in one transaction. postgres_script.c: migrations.
 * postgres_news.c: what processes tell each other. postgres_value.c: values as text, both ways. postgres_error.c: what its errors mean. postgres_url.c: the address.
 *
 * PgBouncer in transaction mode may stand between: then each Sync may be another server's. So a transaction is what
 * stands before one Sync, without BEGIN and COMMIT (an implicit transaction block: what fails leaves nothing open for
 * those behind it), and nothing is left in a session. Prepared statements are named by the digest of their text, so that
 * a name never means another statement; a bouncer before 1.21, which knows none, is found out by the errors that follow,
 * or told of by `pgbouncer=true`: from then on every statement is parsed anew. */
#pragma once

#include "crypto/crypto.h"
#include "db/db_internal.h"
#include "loop/worker.h"

#include <libpq-fe.h>
#include <stdatomic.h>
#include <sys/queue.h>

/* ---- postgres_url.c ---- */

struct postgres_address {
    const char *const *names, *const *values; /* for PQconnectStartParams(), NULL behind */
    const char *place;                        /* "host:port/name", for messages */
    int connect_timeout_ms;
    int connection_limit; /* of the process; 0: not said */
    bool bouncer;
};
/* What libpq takes, and of what Prisma takes `schema`, `pgbouncer`, `connection_limit`, `sslaccept` and `sslcert`; its
 * other parameters are ignored.
 * False: ERROR_SERVICE_UNAVAILABLE DATABASE_UNAVAILABLE; nothing of the URL is in the message but names. */
MUST_CHECK bool postgres_address_parse(
        void *owner, const char *url, struct postgres_address *out, struct error *err);

/* ---- postgres_error.c ---- */

enum postgres_verdict {
    POSTGRES_FAILED, /* the error is the answer */
    POSTGRES_AGAIN, /* nothing was done, and it may go well the next time: serialization, a server that ends */
    POSTGRES_UNNAMED, /* the prepared statement cannot be used: nothing was done, do it without */
    POSTGRES_BOUNCER, /* the same, for good */
};
/* `err` is set in any case: it stands when trying again does not help either. */
enum postgres_verdict postgres_error(const PGresult *result, struct error *err);
/* DATABASE_ERROR; false. */
bool postgres_broken(struct error *err, const char *detail);
/* DATABASE_UNAVAILABLE with Retry-After; false. */
bool postgres_unavailable(struct error *err, const char *detail);

/* ---- postgres_value.c ---- */

/* `values` as libpq takes them, in `memory`.
 * False: TEXT_INVALID; DATABASE_ERROR, a list is no JSON array of strings. */
MUST_CHECK bool postgres_params(
        void *memory, struct db_params params, const char *const **values_out, struct error *err);
/* The rows of a result, with lists as JSON and times as RFC 3339.
 * False: DATABASE_RESULT_TOO_LARGE. */
MUST_CHECK bool postgres_rows(struct db_rows_builder *builder, void *owner, const PGresult *result,
        const struct db_rows **rows_out, struct error *err);

/* ---- postgres_connection.c ---- */

/* Statements before one Sync: a read, or a whole write. Belongs to the connection until it is answered. */
struct postgres_exchange {
    STAILQ_ENTRY(postgres_exchange) link; /* in the order of sending */
    struct postgres_connection *connection;
    size_t count;             /* of statements */
    bool write, wanted;       /* the rows are wanted */
    void *owner;              /* of the rows */
    void *const *owners;      /* NULL, or of each statement\'s rows; NULL there: not wanted */
    int64_t deadline_ms;      /* from then on the server may be told to stop */
    struct fiber_signal done; /* when what follows is good */
    bool abandoned;           /* nobody waits: what comes is dropped */

    enum { EXCHANGE_DONE, EXCHANGE_FAILED, EXCHANGE_LOST } outcome;
    enum postgres_verdict verdict; /* of EXCHANGE_FAILED */
    struct error err;              /* of EXCHANGE_FAILED */
    bool unreadable; /* EXCHANGE_FAILED for its answer's sake: on the server it may be done all the same */
    size_t received; /* bytes, while it is the one that is answered */
    bool too_large;
    bool doubtful; /* of a write that is done: not on the standby that is to have it, perhaps */

    size_t at, step_count;       /* the step that is answered */
    const struct db_rows **rows; /* `count` */
    struct postgres_step *steps;
};
STAILQ_HEAD(postgres_exchanges, postgres_exchange);

enum postgres_state { POSTGRES_CLOSED, POSTGRES_CONNECTING, POSTGRES_SETTING, POSTGRES_READY };

struct postgres_connection {
    struct postgres_db *db;
    enum postgres_state state;
    PGconn *handle; /* NULL: closed */
    ev_io reads, writes;
    ev_timer timer; /* for giving up connecting, and for trying again */
    int64_t backoff_ms;
    int64_t cancelled_ms;                  /* when the server was told to stop something, last */
    struct postgres_statement *statements; /* prepared, by the address of their text */
    unsigned names_given;                  /* to statements */
    struct postgres_exchanges exchanges;   /* under way */
    int reads_under_way, writes_under_way;
    bool server_ended; /* it has said that it ends */
    bool between;      /* the result of a step has come, the end of it has not */
};

struct postgres_connection *postgres_connection_new(struct postgres_db *db);
/* Begin to connect, unless it is under way. db->changed is woken when it came to something; db->failure says what. */
void postgres_connection_open(struct postgres_connection *connection);
/* Send what libpq holds. */
void postgres_connection_flush(struct postgres_connection *connection);
/* libpq would print them. */
void postgres_drop_notice(void *context, const PGresult *result);
/* Close it, and connect anew; what is under way is EXCHANGE_LOST or, where the server's last word says that it was not
 * done, EXCHANGE_FAILED. */
void postgres_connection_lose(struct postgres_connection *connection, const char *why);

/* ---- postgres_exchange.c ---- */

/* Send the statements of `write`, or one that reads; of a READY connection. NULL: err says why nothing was sent. */
struct postgres_exchange *postgres_connection_send(struct postgres_connection *connection,
        void *owner, const struct db_write *write, bool reads, bool wanted, struct error *err);
/* When the fiber has waited enough: tell the server to stop what it is doing, if that is past its deadline. */
void postgres_connection_cancel(struct postgres_connection *connection);
/* The fiber does not want it any more; answered or not. */
void postgres_exchange_drop(struct postgres_exchange *exchange);
/* What the store's canceller does. */
worker_function postgres_cancel_all;
/* Take in what has come. False: the connection cannot go on. */
MUST_CHECK bool postgres_exchanges_answer(struct postgres_connection *connection);
/* The connection was closed: end all that are under way. */
void postgres_exchanges_lose(struct postgres_connection *connection, const struct error *lost);

/* ---- postgres_script.c ---- */

/* On a connection of its own, on a thread that may block. */
SUSPENDS bool postgres_run_script(
        struct db *db, const struct db_script *script, bool *ran_out, struct error *err);

/* ---- postgres_news.c ---- */

#define POSTGRES_CHANNEL "tenon_news"
struct postgres_store;
/* Hear other processes from now on, if it is not so already, and if that can be. */
void postgres_listen(struct db_store *store);
/* They are heard. */
bool postgres_hears(struct postgres_store *store);

/* ---- postgres_group.c ---- */

TAILQ_HEAD(postgres_members, postgres_member);
struct postgres_group {
    struct postgres_members waiting; /* writes that are not sent, first come first */
    int waiting_count;
    int leaders; /* fibers that send a group and wait for its answer, or are about to */
};

/* What one try came to. AGAIN after a pause, so that those that met do not meet again. */
enum postgres_result {
    POSTGRES_RESULT_DONE,
    POSTGRES_RESULT_FAILED,
    POSTGRES_RESULT_AGAIN,
    POSTGRES_RESULT_AGAIN_AT_ONCE
};
/* One try of a write that is not `alone`, perhaps in one transaction with others'. */
SUSPENDS enum postgres_result postgres_group_write(struct postgres_db *db, void *owner,
        const struct db_write *write, const struct db_rows **rows_out, struct error *err);

/* ---- postgres.c ---- */

#define POSTGRES_CONNECTIONS_MAX 64
#define POSTGRES_WAITING_MAX \
    8192 /* fibers that wait for their turn; beyond this many, they are refused at once */

struct postgres_store {
    struct db_store store;
    struct postgres_address address;
    struct postgres_address listened; /* where news are heard: another one behind a bouncer */
    bool direct;                      /* it was given */
    int per_loop;
    atomic_int connection_count; /* of the process */
    atomic_bool unnamed;         /* no prepared statements */
    struct worker *canceller;    /* tells servers to stop */
    char id[UUID_TEXT_SIZE];     /* which process told a word */
    atomic_bool listener_begun, listening;
    void *listener_owner; /* ends the listener; made in one thread, given its child in another, once */
};

struct postgres_db {
    struct db db;
    struct postgres_store *store;
    struct db_rows_builder builder;
    struct fiber_condition changed; /* a connection is ready, has room, or failed */
    struct error failure;        /* of the last attempt to connect; code ERROR_NONE: it went well */
    int64_t version, version_ms; /* db_version()'s last, and when */
    int waiting;                 /* fibers, for `changed` */
    struct postgres_group group;
    int count;
    struct postgres_connection *connections[POSTGRES_CONNECTIONS_MAX];
};

/* One that is ready, waited for a while.
 * False: DATABASE_UNAVAILABLE, or as fiber_check(). */
SUSPENDS MUST_CHECK bool postgres_take_connection(
        struct postgres_db *db, bool reads, struct postgres_connection **out, struct error *err);
/* See to it that one will be free of writes, as far as the limits allow. */
void postgres_open_spare(struct postgres_db *db);
/* Whatever happens to the fiber: the write may be done. At its deadline the server is told to give it up, and says what
 * became of it; when it says nothing, the connection is as good as lost. */
SUSPENDS void postgres_wait_for_write(struct postgres_exchange *exchange);
/* Of an exchange that has ended. */
enum postgres_result postgres_judge(struct postgres_db *db,
        const struct postgres_exchange *exchange, const struct db_rows **rows_out,
        struct error *err);
