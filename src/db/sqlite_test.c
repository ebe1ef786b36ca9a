#include "db/test_internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY 65534

static const char create_sql[] = "CREATE TABLE item (id INTEGER PRIMARY KEY, a TEXT)";
static const char insert_sql[] = "INSERT INTO item (id, a) VALUES ($1, $2)";
static const char count_sql[] = "SELECT count(*) FROM item";

/* ---- URLs ---- */

static const struct {
    const char *name, *url, *path, *problem;
} urls[] = {
        {"relative", "file:x.db", "./x.db", NULL},
        {"relative with a dot", "file:./x.db", "././x.db", NULL},
        {"in a directory", "file:data/x.db", "./data/x.db", NULL},
        {"absolute", "file:/var/x.db", "/var/x.db", NULL},
        {"absolute, empty host", "file:///var/x.db", "/var/x.db", NULL},
        {"absolute, localhost", "file://localhost/var/x.db", "/var/x.db", NULL},
        {"parameters", "file:./x.db?connection_limit=1&a=/b", "././x.db", NULL},
        {"percent-encoded", "file:/a%20b%3f%C3%BC.db", "/a b?\xC3\xBC.db", NULL},
        {"a percent sign", "file:a%25b", "./a%b", NULL},
        {"no memory database", "file::memory:", "./:memory:", NULL},
        {"no URI inside", "file:file:x", "./file:x", NULL},
        {"another host", "file://elsewhere/x.db", NULL, "another host"},
        {"a host alone", "file://elsewhere", NULL, "another host"},
        {"no path", "file:", NULL, "no file"},
        {"parameters alone", "file:?a", NULL, "no file"},
        {"a directory", "file:/var/", NULL, "no file"},
        {"half an escape", "file:a%2", NULL, "hexadecimal"},
        {"a bad escape", "file:a%2gb", NULL, "hexadecimal"},
        {"an escape at the end", "file:a%", NULL, "hexadecimal"},
        {"NUL", "file:a%00b", NULL, "%00"},
};

START_TEST(url_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    const char *path = NULL;
    struct error err = {0};
    bool ok = sqlite_file_path(owner, urls[_i].url, &path, &err);
    ck_assert_int_eq(ok, urls[_i].problem == NULL);
    ck_assert_pstr_eq(path, urls[_i].path);
    if (!ok) {
        ck_assert_str_eq(err.reason, "DATABASE_UNAVAILABLE");
        ck_assert_msg(strstr(err.message, urls[_i].problem) != NULL, "%s", err.message);
    }
    mem_free(owner);
}
END_TEST

/* ---- files that cannot be opened ---- */

static void make_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static void as_text(const struct scene *scene)
{
    char text[5000] = {0};
    memset(text, 't', sizeof text - 1);
    make_file(scene->path, text, 0600);
}

static void as_directory(const struct scene *scene)
{
    ck_assert_int_eq(mkdir(scene->path, 0700), 0);
}

/* What the superuser may do, others may not. */
static void for_reading_only(const struct scene *scene)
{
    make_file(scene->path, "", 0444);
    chmod(scene->directory, 0777);
    ck_assert(geteuid() != 0 || seteuid(NOBODY) == 0);
}

static void in_closed_directory(const struct scene *scene)
{
    chmod(scene->directory, 0555);
    ck_assert(geteuid() != 0 || seteuid(NOBODY) == 0);
}

static void open_in_closed_directory(const struct scene *scene)
{
    make_file(scene->path, "", 0666);
    in_closed_directory(scene);
}

static const struct {
    const char *name, *url; /* NULL: the scene's */
    void (*prepare)(const struct scene *scene);
    const char *problem;
} unopenable[] = {
        {"another scheme", "mysql://user:secret@host/x", NULL, "must begin with \"file:\""},
        {"a path", "/tmp/x.db", NULL, "must begin with \"file:\""},
        {"nothing", "", NULL, "must begin with \"file:\""},
        {"missing directory", "file:/nowhere/at/all/x.db", NULL, "directory /nowhere/at/all does"},
        {"file as directory", "file:/etc/passwd/x.db", NULL, "directory /etc/passwd does not"},
        {"no database", NULL, as_text, "is not a database"},
        {"directory", NULL, as_directory, "cannot be opened"},
        {"read-only file", NULL, for_reading_only, "cannot be written"},
        {"read-only directory", NULL, in_closed_directory, "cannot be made in the directory"},
        {"file in a read-only directory", NULL, open_in_closed_directory, "and to its directory"},
};

START_TEST(unopenable_file)
{
    struct scene scene;
    scene_begin(&scene);
    if (unopenable[_i].prepare != NULL) {
        unopenable[_i].prepare(&scene);
    }
    const char *url = unopenable[_i].url == NULL ? scene.url : unopenable[_i].url;
    struct error err = {0};
    ck_assert(!db_store_open(scene.owner, url, &scene.store, &err));
    ck_assert_ptr_null(scene.store);
    ck_assert_int_eq(err.code, ERROR_SERVICE_UNAVAILABLE);
    ck_assert_str_eq(err.reason, "DATABASE_UNAVAILABLE");
    ck_assert_msg(strstr(err.message, unopenable[_i].problem) != NULL, "%s", err.message);
    ck_assert_ptr_null(strstr(err.message, "secret"));
    ck_assert(getuid() != 0 || seteuid(0) == 0);
    chmod(scene.directory, 0700);
    scene_end(&scene);
}
END_TEST

static void only_for_its_owner(struct scene *scene)
{
    write_ok(scene->db, create_sql, DB_NO_PARAMS);
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        struct stat status;
        ck_assert_int_eq(
                stat(mem_printf(fiber_memory(), "%s%s", scene->path, suffixes[i]), &status), 0);
        ck_assert_int_eq(status.st_mode & 0777, 0600);
    }
}

START_TEST(files_are_for_their_owner_only)
{
    mode_t before = umask(0);
    in_database(only_for_its_owner);
    umask(before);
}
END_TEST

static void settings(struct scene *scene)
{
    ck_assert_str_eq(
            db_get_text(write_ok(scene->db, "PRAGMA journal_mode", DB_NO_PARAMS), 0, 0), "wal");
    ck_assert_int_eq(read_int(scene->db, "PRAGMA foreign_keys"), 1);
    ck_assert_int_eq(read_int(scene->db, "PRAGMA mmap_size"), 0);
    ck_assert_int_eq(read_int(scene->db, "PRAGMA query_only"), 1);
    ck_assert_int_eq(db_get_int(write_ok(scene->db, "PRAGMA synchronous", DB_NO_PARAMS), 0, 0), 2);
    ck_assert_int_eq(db_get_int(write_ok(scene->db, "PRAGMA foreign_keys", DB_NO_PARAMS), 0, 0), 1);
}

START_TEST(connections_are_set_up)
{
    in_database(settings);
}
END_TEST

/* ---- the process is killed ---- */

struct killed {
    struct scene *scene;
    int acknowledged; /* pipe: 4 bytes for each write that is durable */
    int next;
};

static void writes_on(void *argument)
{
    struct killed *killed = argument;
    for (;;) {
        int id = killed->next++;
        void *memory = mem_scope_new(NULL, "write");
        struct db_statement statement = {insert_sql, DB_PARAMS(DB_INT(id), DB_TEXT("a"))};
        struct error err = {0};
        if (!db_write(killed->scene->db, memory, &statement, 1, NULL, &err) ||
                write(killed->acknowledged, &id, sizeof id) != (ssize_t)sizeof id) {
            _exit(1);
        }
        mem_free(memory);
    }
}

static struct killed *child; /* the body of a scene has no argument of its own */

static void writes_until_killed(struct scene *scene)
{
    write_ok(scene->db, create_sql, DB_NO_PARAMS);
    for (int i = 0; i < 8; i++) {
        fiber_start(fiber_loop(), "writer", writes_on, child, FIBER_NO_DEADLINE);
    }
    struct fiber_signal never = {0};
    fiber_signal_wait_always(&never);
}

static void has_acknowledged(struct scene *scene)
{
    int id, count = 0;
    while (read(child->acknowledged, &id, sizeof id) == (ssize_t)sizeof id) {
        static const char sql[] = "SELECT a FROM item WHERE id = $1";
        const struct db_rows *rows = read_ok(scene->db, sql, DB_PARAMS(DB_INT(id)));
        ck_assert_msg(db_row_count(rows) == 1, "write %d was acknowledged and is lost", id);
        count++;
    }
    ck_assert_int_ge(count, 100);
    ck_assert_int_ge(read_int(scene->db, count_sql), count);
    ck_assert_str_eq(
            db_get_text(read_ok(scene->db, "PRAGMA integrity_check", DB_NO_PARAMS), 0, 0), "ok");
}

START_TEST(what_was_acknowledged_survives_a_kill)
{
    struct scene scene;
    scene_begin(&scene);
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    struct killed killed = {.scene = &scene, .acknowledged = pipes[1]};
    child = &killed;
    pid_t pid = fork();
    if (pid == 0) {
        scene_play(&scene, writes_until_killed);
        _exit(1);
    }
    close(pipes[1]);
    /* The pipe holds thousands; let it have hundreds, then kill in whatever the child is just doing. */
    int queued = 0;
    while (queued < 400 * (int)sizeof(int)) {
        ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
        struct pollfd wait = {.fd = pipes[0], .events = POLLIN};
        poll(&wait, 1, 1);
        ck_assert_int_eq(ioctl(pipes[0], FIONREAD, &queued), 0);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    struct stat status;
    ck_assert_int_eq(stat(mem_printf(scene.owner, "%s-wal", scene.path), &status), 0);
    ck_assert_int_gt(status.st_size, 0); /* abandoned, to be recovered */
    killed.acknowledged = pipes[0];
    scene_play(&scene, has_acknowledged);
    close(pipes[0]);
    scene_end(&scene);
}
END_TEST

/* ---- beside other programs ---- */

static void sees_changed_schema(struct scene *scene)
{
    static const char all_sql[] = "SELECT * FROM item ORDER BY id";
    struct db *db = scene->db;
    write_ok(db, create_sql, DB_NO_PARAMS);
    write_ok(db, insert_sql, DB_PARAMS(DB_INT(1), DB_TEXT("a")));
    ck_assert_str_eq(db_get_text(read_ok(db, all_sql, DB_NO_PARAMS), 0, 1), "a");
    struct stranger *stranger = stranger_open(scene);
    stranger_run(stranger, "ALTER TABLE item ADD COLUMN b TEXT DEFAULT 'b'");
    write_ok(db, insert_sql, DB_PARAMS(DB_INT(2), DB_TEXT("a")));
    ck_assert_str_eq(db_get_text(read_ok(db, all_sql, DB_NO_PARAMS), 1, 2), "b");
    stranger_run(stranger, "ALTER TABLE item RENAME TO gone");
    struct error err = {0};
    const struct db_rows *rows = NULL;
    ck_assert(!db_read(db, fiber_memory(), all_sql, DB_NO_PARAMS, &rows, &err));
    ck_assert_str_eq(err.reason, "DATABASE_ERROR");
    stranger_run(stranger, "ALTER TABLE gone RENAME TO item");
    ck_assert_uint_eq(db_row_count(read_ok(db, all_sql, DB_NO_PARAMS)), 2);
    mem_free(stranger);
}

START_TEST(statements_follow_a_changed_schema)
{
    in_database(sees_changed_schema);
}
END_TEST

static void shares_snapshots(struct scene *scene)
{
    struct db *db = scene->db;
    write_ok(db, create_sql, DB_NO_PARAMS);
    struct stranger *stranger = stranger_open(scene);
    ck_assert_int_eq(read_int(db, count_sql), 0);
    ck_assert_int_eq(sqlite3_exec(stranger->sqlite, "INSERT INTO item VALUES (5, 'stranger')", NULL,
                             NULL, NULL),
            SQLITE_OK);
    ck_assert_int_eq(read_int(db, count_sql), 0); /* the same round, the same snapshot */
    fiber_yield();
    ck_assert_int_eq(read_int(db, count_sql), 1);
    write_ok(db, insert_sql, DB_PARAMS(DB_INT(1), DB_TEXT("a")));
    ck_assert_int_eq(read_int(db, count_sql), 2); /* having waited for a write, it is seen */
    mem_free(stranger);
}

START_TEST(reads_of_one_round_share_a_snapshot)
{
    in_database(shares_snapshots);
}
END_TEST

static void set_writer_patience(struct scene *scene, int ms)
{
    sqlite3_busy_timeout(((struct sqlite_store *)scene->store)->writer->handle, ms);
}

static void write_meets_lock(struct scene *scene)
{
    struct db *db = scene->db;
    write_ok(db, create_sql, DB_NO_PARAMS);
    set_writer_patience(scene, 50);
    struct stranger *stranger = stranger_open(scene);
    stranger_run(stranger, "BEGIN IMMEDIATE; INSERT INTO item VALUES (5, 'stranger')");
    struct db_statement statement = {insert_sql, DB_PARAMS(DB_INT(1), DB_TEXT("a"))};
    struct error err = {0};
    ck_assert(!db_write(db, fiber_memory(), &statement, 1, NULL, &err));
    ck_assert_int_eq(err.code, ERROR_SERVICE_UNAVAILABLE);
    ck_assert_str_eq(err.reason, "DATABASE_UNAVAILABLE");
    ck_assert_int_gt(err.retry_after_s, 0);
    ck_assert_int_eq(read_int(db, count_sql), 0); /* readers are not held up, and see no half */
    stranger_run(stranger, "COMMIT");
    ck_assert_int_eq(read_int(db, count_sql), 1);
    write_ok(db, insert_sql, statement.params);
    ck_assert_int_eq(read_int(db, count_sql), 2);
    mem_free(stranger);
}

START_TEST(a_write_waits_for_a_lock_only_so_long)
{
    in_database(write_meets_lock);
}
END_TEST

struct releaser {
    struct stranger *stranger;
    bool released;
};

static void releases(void *argument)
{
    struct releaser *releaser = argument;
    struct error err = {0};
    ck_assert(fiber_sleep(20, &err));
    releaser->released = true; /* by the COMMIT, which lets other fibers run */
    stranger_run(releaser->stranger, "COMMIT");
}

/* An exclusive lock on the whole file holds up even readers: the fiber waits, its loop goes on. */
static void read_meets_lock(struct scene *scene)
{
    write_ok(scene->db, create_sql, DB_NO_PARAMS);
    mem_free(scene->db);
    mem_free(scene->store); /* the mode is changed by one who is alone */
    struct stranger *stranger = stranger_open(scene);
    stranger_run(stranger, "PRAGMA journal_mode = DELETE");
    struct sqlite_store store = {.path = scene->path};
    struct error err = {0};
    ck_assert(db_driver_sqlite.open(scene->owner, &store.store, fiber_loop(), &scene->db, &err));
    stranger_run(stranger, "BEGIN EXCLUSIVE");
    struct releaser releaser = {stranger, false};
    fiber_start(fiber_loop(), "releaser", releases, &releaser, FIBER_NO_DEADLINE);
    ck_assert_int_eq(read_int(scene->db, count_sql), 0);
    ck_assert(releaser.released);

    stranger_run(stranger, "BEGIN EXCLUSIVE");
    int64_t deadline = fiber_deadline_ms();
    fiber_set_deadline(clock_monotonic_ms() + 20);
    const struct db_rows *rows = NULL;
    ck_assert(!db_read(scene->db, fiber_memory(), count_sql, DB_NO_PARAMS, &rows, &err));
    ck_assert_int_eq(err.code, ERROR_TIMEOUT);
    fiber_set_deadline(deadline);
    stranger_run(stranger, "COMMIT");
    mem_free(stranger);
    scene->store = NULL;
}

START_TEST(a_read_waits_for_a_lock_without_the_loop)
{
    in_database(read_meets_lock);
}
END_TEST

/* ---- no room ---- */

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void fails_for_room(struct scene *scene, struct slice text)
{
    struct db_statement statements[] = {
            {insert_sql, DB_PARAMS(DB_INT(2), DB_TEXT("small"))},
            {insert_sql, DB_PARAMS(DB_INT(3), DB_SLICE(text))},
    };
    struct error err = {0};
    ck_assert(!db_write(scene->db, fiber_memory(), statements, 2, NULL, &err));
    ck_assert_int_eq(err.code, ERROR_SERVICE_UNAVAILABLE);
    ck_assert_str_eq(err.reason, "DATABASE_UNAVAILABLE");
    ck_assert_int_eq(read_int(scene->db, count_sql), 1);
}

static void runs_full(struct scene *scene)
{
    write_ok(scene->db, create_sql, DB_NO_PARAMS);
    write_ok(scene->db, insert_sql, DB_PARAMS(DB_INT(1), DB_TEXT("a")));
    char *large = mem_array(fiber_memory(), char, 8000000);
    memset(large, 'x', 8000000);
    struct stat status;
    const char *log = mem_printf(fiber_memory(), "%s-wal", scene->path);
    ck_assert_int_eq(stat(log, &status), 0);
    limit_file_size((rlim_t)status.st_size + 5000);
    fails_for_room(scene, (struct slice){large, 30000});   /* at COMMIT */
    fails_for_room(scene, (struct slice){large, 8000000}); /* before: more than the cache holds */
    limit_file_size(RLIM_INFINITY);
    write_ok(scene->db, insert_sql,
            DB_PARAMS(DB_INT(3), DB_SLICE(((struct slice){large, 8000000}))));
    ck_assert_int_eq(read_int(scene->db, count_sql), 2);
}

START_TEST(a_full_disk_fails_writes_and_nothing_else)
{
    signal(SIGXFSZ, SIG_IGN);
    in_database(runs_full);
}
END_TEST

static void fills_the_log(struct scene *scene)
{
    write_ok(scene->db, create_sql, DB_NO_PARAMS);
    char *large = mem_array(fiber_memory(), char, 100000);
    memset(large, 'x', 100000 - 1);
    for (int64_t i = 0; i < 400; i++) {
        write_ok(scene->db, insert_sql, DB_PARAMS(DB_INT(i), DB_TEXT(large)));
    }
    struct stat status;
    ck_assert_int_eq(stat(mem_printf(fiber_memory(), "%s-wal", scene->path), &status), 0);
    ck_assert_int_lt(status.st_size, 8388608); /* of 40 MB written */
    ck_assert_int_eq(read_int(scene->db, "SELECT count(*) FROM item WHERE length(a) = 99999"), 400);
}

START_TEST(the_log_stays_short)
{
    in_database(fills_the_log);
}
END_TEST

/* ---- many at once ---- */

static const char item_create_sql[] =
        "CREATE TABLE item (id TEXT NOT NULL PRIMARY KEY, a TEXT, n INTEGER, UNIQUE (a, n))";
static const char item_insert_sql[] = "INSERT INTO item (id, a, n) VALUES ($1, $2, $3)";

static int count_commit(void *context)
{
    ++*(int *)context;
    return 0;
}

/* Held up by a stranger's lock, the writer has the first write in hand while the others gather: two rounds. */
static void grouped(struct scene *scene)
{
    enum { COUNT = 100 };
    struct db *db = scene->db;
    write_ok(db, item_create_sql, DB_NO_PARAMS);
    write_ok(db, item_insert_sql, DB_PARAMS(DB_TEXT("77"), DB_TEXT("first"), DB_INT(0)));
    int commits = 0, left = COUNT;
    sqlite3_commit_hook(
            ((struct sqlite_store *)scene->store)->writer->handle, count_commit, &commits);
    struct stranger *stranger = stranger_open(scene);
    stranger_run(stranger, "BEGIN IMMEDIATE");
    struct write_fiber *writes = mem_array(fiber_memory(), struct write_fiber, COUNT);
    for (int i = 0; i < COUNT; i++) {
        const char *id = mem_printf(fiber_memory(), "%d", i);
        writes[i] = (struct write_fiber){.db = db, .id = id, .left = &left};
        fiber_start(fiber_loop(), "writer", writes_one, &writes[i], FIBER_NO_DEADLINE);
        until_waiting(scene, i + 1);
    }
    ck_assert_int_eq(left, COUNT);
    stranger_run(stranger, "COMMIT");
    mem_free(stranger);
    struct error err = {0};
    while (left > 0) {
        ck_assert(fiber_sleep(1, &err));
    }
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(writes[i].ok, i != 77);
    }
    ck_assert_str_eq(writes[77].err.reason, "DATABASE_UNIQUE");
    ck_assert_int_eq(read_int(db, "SELECT count(*) FROM item WHERE n = 1"), COUNT - 1);
    ck_assert_int_eq(read_int(db, "SELECT n FROM item WHERE id = '77'"), 0); /* of before */
    ck_assert_int_ge(commits, 1);
    ck_assert_int_le(commits, 2);
    sqlite3_commit_hook(((struct sqlite_store *)scene->store)->writer->handle, NULL, NULL);
}

START_TEST(waiting_writes_commit_together_and_fail_alone)
{
    in_database(grouped);
}
END_TEST

static void keeps_nul(struct scene *scene)
{
    struct slice with_nul = SLICE("a\0b");
    const struct db_rows *rows = read_ok(scene->db, "SELECT $1", DB_PARAMS(DB_SLICE(with_nul)));
    ck_assert(slice_equal(db_get_slice(rows, 0, 0), with_nul));
}

START_TEST(a_text_may_hold_a_nul)
{
    in_database(keeps_nul);
}
END_TEST

static void cases(Suite *suite)
{
    if (test_on_postgres()) {
        return;
    }
    TEST_ADD_ROWS(suite, url_row, urls);
    TEST_ADD_ROWS(suite, unopenable_file, unopenable);
    TEST_ADD(suite, files_are_for_their_owner_only);
    TEST_ADD(suite, connections_are_set_up);
    TEST_ADD(suite, what_was_acknowledged_survives_a_kill);
    TEST_ADD(suite, statements_follow_a_changed_schema);
    TEST_ADD(suite, reads_of_one_round_share_a_snapshot);
    TEST_ADD(suite, a_write_waits_for_a_lock_only_so_long);
    TEST_ADD(suite, a_read_waits_for_a_lock_without_the_loop);
    TEST_ADD(suite, a_full_disk_fails_writes_and_nothing_else);
    TEST_ADD(suite, the_log_stays_short);
    TEST_ADD(suite, waiting_writes_commit_together_and_fail_alone);
    TEST_ADD(suite, a_text_may_hold_a_nul);
}
TEST_MAIN("sqlite", cases)
