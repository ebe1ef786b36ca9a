/* Several fibers' writes in one transaction, so that they share one commit: each commit waits for the disk, and those of one
 * connection wait one after another.
 *
 * A write goes at once when none is under way: its fiber leads. Those that come meanwhile wait, and when the leader's is
 * answered the first of them leads the next group: it sends the statements of all that wait before one Sync, and gives
 * each its own results. Nobody waits long for a leader whom the server keeps waiting (a lock): then the next group goes on
 * its own, on another connection.
 *
 * All of a group are done or none is. Where it fails for one's sake, or for the order in which it took its locks (a
 * deadlock with another loop's or instance's group), every write of it is done again by itself: no failure becomes
 * another's. Members live on their fibers' stacks: who was taken into a group is waited for by its fiber. */
#include "base/clock.h"
#include "db/postgres_internal.h"

#define GROUP_WRITES_MAX     64
#define GROUP_STATEMENTS_MAX 256
#define GROUP_PATIENCE_MS    100 /* how long a write waits for its turn */

struct postgres_member {
    TAILQ_ENTRY(postgres_member) link; /* of those that wait, then of its group */
    const struct db_write *write;
    void *owner;                 /* of the rows */
    const struct db_rows **rows; /* NULL: not wanted */
    int64_t deadline_ms;
    enum { MEMBER_WAITS, MEMBER_LEADS, MEMBER_SENT } state;
    struct fiber_signal changed; /* it leads, or its group was answered */
    enum postgres_result result; /* of the group, to this one */
    struct error err;
};

/* ---- taking turns ---- */

static void leave(struct postgres_group *group, struct postgres_member *member)
{
    TAILQ_REMOVE(&group->waiting, member, link);
    group->waiting_count--;
}

/* The leader's part is over: the next who waits is it. */
static void hand_on(struct postgres_group *group)
{
    struct postgres_member *next = TAILQ_FIRST(&group->waiting);
    if (next == NULL) {
        group->leaders--;
        return;
    }
    leave(group, next);
    next->state = MEMBER_LEADS;
    fiber_signal_set(&next->changed);
}

/* Until it leads or its group was answered. False: nothing was sent. */
static bool wait_for_turn(struct postgres_db *db, struct postgres_member *member, struct error *err)
{
    struct postgres_group *group = &db->group;
    if (group->leaders == 0) {
        group->leaders = 1;
        member->state = MEMBER_LEADS;
        return true;
    }
    if (group->waiting_count >= POSTGRES_WAITING_MAX) {
        return postgres_unavailable(err, "too many writes wait for their turn");
    }
    TAILQ_INSERT_TAIL(&group->waiting, member, link);
    group->waiting_count++;
    postgres_open_spare(db); /* the next group may not be able to wait for this one */
    int64_t until = clock_monotonic_ms() + GROUP_PATIENCE_MS;
    struct error ignored = {0};
    fiber_set_deadline(until < member->deadline_ms ? until : member->deadline_ms);
    bool changed = fiber_signal_wait(&member->changed, &ignored);
    fiber_set_deadline(member->deadline_ms);
    if (!changed && member->state == MEMBER_WAITS) {
        leave(group, member);
        if (!fiber_check(err)) {
            return false;
        }
        group->leaders++;
        member->state = MEMBER_LEADS;
    } else if (!changed) {
        fiber_signal_wait_always(&member->changed);
    }
    return true;
}

/* ---- a group ---- */

/* The leader and of those that wait as many as have room. */
static size_t gather(struct postgres_group *group, struct postgres_member *leader,
        struct postgres_members *members)
{
    size_t writes = 1, statements = leader->write->count;
    struct postgres_member *next;
    TAILQ_INIT(members);
    TAILQ_INSERT_TAIL(members, leader, link);
    while ((next = TAILQ_FIRST(&group->waiting)) != NULL && writes < GROUP_WRITES_MAX &&
            statements + next->write->count <= GROUP_STATEMENTS_MAX) {
        leave(group, next);
        next->state = MEMBER_SENT;
        TAILQ_INSERT_TAIL(members, next, link);
        writes++;
        statements += next->write->count;
    }
    return statements;
}

/* All their statements as one write's; NULL: err says why nothing was sent. */
static struct postgres_exchange *send_group(struct postgres_connection *connection, void *memory,
        const struct postgres_members *members, size_t count, struct error *err)
{
    struct db_statement *statements = mem_array(memory, struct db_statement, count);
    void **owners = mem_array(memory, void *, count);
    int64_t deadline = FIBER_NO_DEADLINE;
    bool wanted = false;
    size_t at = 0;
    const struct postgres_member *member;
    TAILQ_FOREACH (member, members, link) {
        for (size_t i = 0; i < member->write->count; i++, at++) {
            statements[at] = member->write->statements[i];
            owners[at] = member->rows == NULL ? NULL : member->owner;
        }
        deadline = member->deadline_ms < deadline ? member->deadline_ms : deadline;
        wanted = wanted || member->rows != NULL;
    }
    struct db_write all = {.statements = statements, .count = count};
    struct postgres_exchange *exchange =
            postgres_connection_send(connection, memory, &all, false, wanted, err);
    if (exchange != NULL) {
        exchange->deadline_ms = deadline;
        exchange->owners = owners;
    }
    return exchange;
}

static void take_rows(struct postgres_member *member, const struct db_rows **rows)
{
    for (size_t i = 0; member->rows != NULL && i < member->write->count; i++) {
        member->rows[i] = rows[i];
    }
}

/* Tell each what the group came to. `exchange` is NULL where nothing was sent. */
static void answer(struct postgres_members *members, const struct postgres_exchange *exchange,
        enum postgres_result result, const struct error *err)
{
    const struct postgres_member *leader = TAILQ_FIRST(members);
    bool several = TAILQ_NEXT(leader, link) != NULL;
    bool undone =
            exchange == NULL || (exchange->outcome == EXCHANGE_FAILED && !exchange->unreadable);
    size_t at = 0;
    struct postgres_member *member, *next;
    for (member = TAILQ_FIRST(members); member != NULL; member = next) {
        next = TAILQ_NEXT(member, link); /* its fiber's stack may be gone once it is told */
        member->result = several && undone ? POSTGRES_RESULT_AGAIN_AT_ONCE : result;
        member->err = *err;
        if (result == POSTGRES_RESULT_DONE) {
            take_rows(member, exchange->rows + at);
        }
        at += member->write->count;
        fiber_signal_set(&member->changed);
    }
}

static void lead(struct postgres_db *db, struct postgres_member *leader)
{
    struct postgres_connection *connection = NULL;
    leader->result = POSTGRES_RESULT_FAILED;
    if (!fiber_check(&leader->err) ||
            !postgres_take_connection(db, false, &connection, &leader->err)) {
        hand_on(&db->group);
        return;
    }
    struct postgres_members members;
    struct error err = {0};
    void *memory = mem_scope_new(NULL, "group");
    enum postgres_result result = POSTGRES_RESULT_FAILED;
    size_t count = gather(&db->group, leader, &members);
    struct postgres_exchange *exchange = send_group(connection, memory, &members, count, &err);
    if (exchange != NULL) {
        postgres_wait_for_write(exchange);
        result = postgres_judge(db, exchange, NULL, &err);
    }
    hand_on(&db->group);
    answer(&members, exchange, result, &err);
    mem_free(exchange);
    mem_free(memory);
}

enum postgres_result postgres_group_write(struct postgres_db *db, void *owner,
        const struct db_write *write, const struct db_rows **rows_out, struct error *err)
{
    struct postgres_member member = {
            .write = write, .owner = owner, .rows = rows_out, .deadline_ms = fiber_deadline_ms()};
    if (!wait_for_turn(db, &member, err)) {
        return POSTGRES_RESULT_FAILED;
    }
    if (member.state == MEMBER_LEADS) {
        lead(db, &member);
    }
    *err = member.err;
    return member.result;
}
