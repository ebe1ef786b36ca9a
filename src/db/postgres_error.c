#include "db/postgres_internal.h"

bool postgres_broken(struct error *err, const char *detail)
{
    error_set(err, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_ERROR",
            "Something went wrong in the database; the log has more.");
    return error_detail(err, "%s", detail);
}

bool postgres_unavailable(struct error *err, const char *detail)
{
    /* libpq gives advice on further lines. */
    struct slice line = {detail, strcspn(detail, "\n")};
    error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
            "The database cannot be used right now; try again soon.");
    err->retry_after_s = 1;
    return error_detail(err, "%.*s", SLICE_ARG(line));
}

/* Beginnings of SQLSTATEs (PostgreSQL's manual, appendix A), the longer before the shorter. */
static const struct {
    const char *state;
    enum postgres_verdict verdict;
    enum { BROKEN, UNAVAILABLE, UNIQUE, FOREIGN_KEY } kind;
} meanings[] = {
        {"23505", POSTGRES_FAILED, UNIQUE}, {"23503", POSTGRES_FAILED, FOREIGN_KEY},
        {"23001", POSTGRES_FAILED, FOREIGN_KEY}, /* ON DELETE RESTRICT, from version 18 on */
        {"40", POSTGRES_AGAIN, UNAVAILABLE},     /* serialization failure, deadlock */
        {"57014", POSTGRES_AGAIN, UNAVAILABLE},  /* cancelled, perhaps for another's sake */
        {"57P", POSTGRES_AGAIN, UNAVAILABLE},    /* the server ends, or begins */
        {"25006", POSTGRES_AGAIN, UNAVAILABLE},  /* it is a standby's now */
        {"08P01", POSTGRES_FAILED, BROKEN},  /* another number of values than the statement takes */
        {"08", POSTGRES_AGAIN, UNAVAILABLE}, /* PgBouncer lost its server */
        {"26000", POSTGRES_BOUNCER, BROKEN}, /* our prepared statement is another session's */
        {"42P05", POSTGRES_BOUNCER, BROKEN}, /* another session's is here */
        {"0A000", POSTGRES_UNNAMED,
                BROKEN}, /* a table has other columns than when it was prepared */
        {"53", POSTGRES_FAILED, UNAVAILABLE}, /* disk full, out of memory, too many connections */
        {"55", POSTGRES_FAILED, UNAVAILABLE}, /* locked */
        {"58", POSTGRES_FAILED, UNAVAILABLE}, /* input or output error */
};

/* The names in "Key (a, n)=(values) already exists.", without the values. */
static struct slice key_columns(const PGresult *result)
{
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *open = detail == NULL ? NULL : strchr(detail, '(');
    const char *close = open == NULL ? NULL : strstr(open, ")=(");
    return close == NULL ? (struct slice){"", 0}
                         : (struct slice){open + 1, (size_t)(close - open - 1)};
}

static void explain_unique(const PGresult *result, struct error *err)
{
    const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);
    const char *name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    struct slice columns = key_columns(result);
    error_set(err, ERROR_CONFLICT, "DATABASE_UNIQUE", "That exists already.");
    error_detail(err, "%s (%.*s), %s", table == NULL ? "" : table, SLICE_ARG(columns),
            name == NULL ? "" : name);
}

enum postgres_verdict postgres_error(const PGresult *result, struct error *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    state = state == NULL ? "" : state;
    text = text == NULL ? "no reason given" : text;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (!slice_starts(slice_of(state), meanings[i].state)) {
            continue;
        }
        switch (meanings[i].kind) {
        case UNIQUE:
            explain_unique(result, err);
            return meanings[i].verdict;
        case FOREIGN_KEY:
            error_set(err, ERROR_CONFLICT, "DATABASE_FOREIGN_KEY",
                    "That belongs to something that does not exist, or something still belongs to"
                    " it.");
            break;
        case UNAVAILABLE:
            postgres_unavailable(err, "");
            break;
        case BROKEN:
            postgres_broken(err, "");
            break;
        }
        error_detail(err, "%s (PostgreSQL %s)", text, state);
        return meanings[i].verdict;
    }
    postgres_broken(err, "");
    error_detail(err, "%s (PostgreSQL %s)", text, state);
    return POSTGRES_FAILED;
}
