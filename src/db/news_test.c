/* Who hears what, on which loop; and that another process's write shows in the version. */
#include "db/test_internal.h"

#include <pthread.h>

struct ear {
    struct buffer heard; /* words, a blank behind each; "*" for anything */
    struct fiber_condition came;
};

static void hear(void *argument, const char *what)
{
    struct ear *ear = argument;
    ck_assert_ptr_null(fiber_self());
    buffer_add_text(&ear->heard, what == NULL ? "*" : what);
    buffer_add_char(&ear->heard, ' ');
    fiber_condition_wake_all(&ear->came);
}

static void wait_for(struct ear *ear, const char *expected)
{
    struct error err = {0};
    while (ear->heard.length < strlen(expected)) {
        ck_assert(fiber_condition_wait(&ear->came, &err));
    }
    ck_assert_str_eq(buffer_text(&ear->heard), expected);
}

static void ear_init(struct ear *ear)
{
    *ear = (struct ear){0};
    buffer_init(&ear->heard, fiber_memory(), 1 << 20);
}

static void all_hear(struct scene *scene)
{
    struct ear first, second;
    ear_init(&first);
    ear_init(&second);
    struct db_listener *one = db_listen(scene->db, hear, &first);
    struct db_listener *two = db_listen(scene->db, hear, &second);
    db_notify(scene->db, "ada");
    db_notify(scene->db, "bob");
    ck_assert_uint_eq(first.heard.length, 0); /* never from within */
    wait_for(&first, "ada bob ");
    wait_for(&second, "ada bob ");
    db_notify(scene->db, "eve");
    db_unlisten(one); /* what is on its way to it is dropped */
    wait_for(&second, "ada bob eve ");
    ck_assert_str_eq(buffer_text(&first.heard), "ada bob ");
    db_unlisten(two);
    db_notify(scene->db, "nobody");
}

START_TEST(listeners_hear_until_they_stop)
{
    in_database(all_hear);
}
END_TEST

static void hears_too_much(struct scene *scene)
{
    struct ear ear;
    ear_init(&ear);
    struct db_listener *listener = db_listen(scene->db, hear, &ear);
    char word[DB_NEWS_MAX_BYTES + 1];
    memset(word, 'x', DB_NEWS_MAX_BYTES);
    word[DB_NEWS_MAX_BYTES] = '\0';
    for (int i = 0; i < 1000; i++) {
        db_notify(scene->db, word);
    }
    wait_for(&ear, "* ");
    db_notify(scene->db, "again");
    wait_for(&ear, "* again ");
    char longer[DB_NEWS_MAX_BYTES + 2];
    memset(longer, 'x', DB_NEWS_MAX_BYTES + 1);
    longer[DB_NEWS_MAX_BYTES + 1] = '\0';
    db_notify(scene->db, longer);
    wait_for(&ear, "* again * ");
    db_unlisten(listener);
}

START_TEST(what_is_too_much_becomes_anything)
{
    in_database(hears_too_much);
}
END_TEST

/* ---- another loop ---- */

static void tell_from_there(void *argument)
{
    struct scene *scene = argument;
    struct db *db = NULL;
    struct error err = {0};
    ck_assert(db_open(fiber_memory(), scene->store, fiber_loop(), &db, &err));
    db_notify(db, "from-another-loop");
}

static void *other_thread(void *argument)
{
    test_in_fiber(tell_from_there, argument);
    return NULL;
}

static void hears_another_loop(struct scene *scene)
{
    struct ear ear;
    pthread_t thread;
    ear_init(&ear);
    struct db_listener *listener = db_listen(scene->db, hear, &ear);
    ck_assert_int_eq(pthread_create(&thread, NULL, other_thread, scene), 0);
    wait_for(&ear, "from-another-loop ");
    pthread_join(thread, NULL);
    /* One that stops with a word on its way: it goes with the store. */
    db_notify(scene->db, "too late");
    db_unlisten(listener);
}

START_TEST(listeners_hear_other_loops)
{
    in_database(hears_another_loop);
}
END_TEST

/* ---- another process ---- */

static int64_t version(struct scene *scene)
{
    int64_t version = -1;
    struct error err = {0};
    ck_assert_msg(db_version(scene->db, &version, &err), "%s", err.message);
    return version;
}

static void version_tells(struct scene *scene)
{
    write_ok(scene->db, "CREATE TABLE t (n INTEGER)", DB_NO_PARAMS);
    int64_t before = version(scene);
    write_ok(scene->db, "INSERT INTO t VALUES (1)", DB_NO_PARAMS);
    ck_assert_int_eq(version(scene), before); /* that was us */
    struct stranger *stranger = stranger_open(scene);
    stranger_run(stranger, "INSERT INTO t VALUES (2)");
    int64_t after = version(scene);
    ck_assert_int_ne(after, before);
    ck_assert_int_eq(version(scene), after);
    mem_free(stranger);
}

START_TEST(version_is_another_after_another_processs_write)
{
    in_database(version_tells);
}
END_TEST

static void hears_another_process(struct scene *scene)
{
    struct ear ear;
    struct db_store *store = NULL; /* a process is known by its store */
    struct db *db = NULL;
    struct error err = {0};
    ear_init(&ear);
    ck_assert(db_store_open(NULL, scene->url, &store, &err));
    const char *direct =
            getenv("TENON_TEST_POSTGRES_DIRECT"); /* past the bouncer, where there is one */
    if (direct != NULL) {
        size_t server = (size_t)(strrchr(direct, '/') + 1 - direct);
        direct = mem_printf(fiber_memory(), "%.*s%s", (int)server, direct, scene->database.name);
        ck_assert(db_store_set_direct(scene->store, direct, &err));
    }
    ck_assert(db_open(NULL, store, fiber_loop(), &db, &err));
    struct db_listener *listener = db_listen(scene->db, hear, &ear);
    wait_for(&ear, "* "); /* it hears from now on */
    db_notify(db, "from-another-process");
    wait_for(&ear, "* from-another-process ");
    db_notify(scene->db, "own"); /* and not a second time from outside */
    db_notify(db, "again");
    wait_for(&ear, "* from-another-process own again ");
    db_unlisten(listener);
    mem_free(db);
    mem_free(store);
}

START_TEST(another_process_is_heard)
{
    in_database(hears_another_process);
}
END_TEST

static void cases(Suite *suite)
{
    if (test_on_postgres()) {
        TEST_ADD(suite, another_process_is_heard);
        return;
    }
    TEST_ADD(suite, listeners_hear_until_they_stop);
    TEST_ADD(suite, what_is_too_much_becomes_anything);
    TEST_ADD(suite, listeners_hear_other_loops);
    TEST_ADD(suite, version_is_another_after_another_processs_write);
}

TEST_MAIN("news", cases)
