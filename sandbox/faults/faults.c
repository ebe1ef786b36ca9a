#include "sandbox/faults/faults.h"

#include "sandbox/api_error.h"

#include <sys/queue.h>

struct ordered_fault {
    STAILQ_ENTRY(ordered_fault) link;
    const char *method; /* NULL: any */
    const char *path;   /* "" : any */
    const char *user;   /* NULL: any */
    int64_t nth;        /* 0: each */
    int64_t left;       /* -1: without end */
    int64_t seen;
    struct fault fault;
};
STAILQ_HEAD(fault_list, ordered_fault);

struct faults {
    struct fault_list list;
    size_t count;
};

struct faults *faults_new(void *owner)
{
    struct faults *faults = mem_new(owner, struct faults);
    STAILQ_INIT(&faults->list);
    return faults;
}

void faults_clear(struct faults *faults)
{
    while (!STAILQ_EMPTY(&faults->list)) {
        struct ordered_fault *first = STAILQ_FIRST(&faults->list);
        STAILQ_REMOVE_HEAD(&faults->list, link);
        mem_free(first);
    }
    faults->count = 0;
}

/* ---- reading ---- */

static bool read_int(const struct json *object, const char *name, int64_t least, int64_t most,
        int64_t *out, struct error *err)
{
    const struct json *value = json_get(object, name);
    int64_t number = 0;
    if (value != NULL && (!json_int(value, &number) || number < least || number > most)) {
        return api_error_set(err, API_BAD_REQUEST, "%s: expected a whole number from %lld to %lld",
                name, (long long)least, (long long)most);
    }
    if (value != NULL) {
        *out = number;
    }
    return true;
}

static enum fault_kind kind_of(const struct json *fault)
{
    return json_bool(json_get(fault, "reset"), false)       ? FAULT_RESET
           : json_bool(json_get(fault, "garbage"), false)   ? FAULT_GARBAGE
           : json_bool(json_get(fault, "truncate"), false)  ? FAULT_TRUNCATE
           : json_bool(json_get(fault, "html"), false)      ? FAULT_HTML
           : json_bool(json_get(fault, "duplicate"), false) ? FAULT_DUPLICATE
           : json_get(fault, "drip_ms") != NULL             ? FAULT_DRIP
           : json_get(fault, "status") != NULL              ? FAULT_STATUS
                                                            : FAULT_NONE;
}

static MUST_CHECK bool fault_read(
        const struct json *value, struct ordered_fault *ordered, struct error *err)
{
    const struct json *match = json_get(value, "match"), *fault = json_get(value, "fault");
    int64_t status = 0, retry_after = 0;
    ordered->left = -1;
    ordered->fault.drip_bytes = 64;
    if (json_type(fault) != JSON_OBJECT) {
        return api_error_set(err, API_BAD_REQUEST, "fault: expected an object");
    }
    if (!read_int(match, "nth", 1, 1000000, &ordered->nth, err) ||
            !read_int(value, "times", 1, 1000000, &ordered->left, err) ||
            !read_int(fault, "latency_ms", 0, 600000, &ordered->fault.latency_ms, err) ||
            !read_int(fault, "drip_ms", 1, 10000, &ordered->fault.drip_ms, err) ||
            !read_int(fault, "drip_bytes", 1, 65536, &ordered->fault.drip_bytes, err) ||
            !read_int(fault, "status", 400, 599, &status, err) ||
            !read_int(fault, "retry_after", 0, 86400, &retry_after, err)) {
        return false;
    }
    const char *path = json_text(json_get(match, "path"));
    ordered->method = mem_strdup(ordered, json_text(json_get(match, "method")));
    ordered->path = mem_strdup(ordered, path == NULL ? "" : path);
    ordered->user = mem_strdup(ordered, json_text(json_get(match, "user")));
    ordered->fault.kind = kind_of(fault);
    ordered->fault.status = (int)status;
    ordered->fault.retry_after_s = (int)retry_after;
    ordered->fault.after = json_bool(json_get(fault, "after"), false);
    ordered->fault.echo = json_bool(json_get(fault, "echo"), false);
    return true;
}

bool faults_add(struct faults *faults, const struct json *list, struct error *err)
{
    if (json_type(list) != JSON_ARRAY || json_count(list) + faults->count > FAULTS_MAX) {
        return api_error_set(
                err, API_BAD_REQUEST, "expected an array; at most %d faults", FAULTS_MAX);
    }
    struct fault_list added = STAILQ_HEAD_INITIALIZER(added);
    void *scope = mem_scope_new(faults, "faults");
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        struct ordered_fault *ordered = mem_new(scope, struct ordered_fault);
        if (!fault_read(i.value, ordered, err)) {
            error_prefix(err, "[%zu]", i.index);
            mem_free(scope);
            return false;
        }
        STAILQ_INSERT_TAIL(&added, ordered, link);
    }
    struct ordered_fault *ordered;
    STAILQ_FOREACH (ordered, &added, link) {
        mem_move(faults, ordered);
    }
    faults->count += json_count(list);
    STAILQ_CONCAT(&faults->list, &added);
    mem_free(scope);
    return true;
}

/* ---- use ---- */

static bool path_matches(const char *prefix, struct slice path)
{
    if (slice_starts(path, prefix)) {
        return true;
    }
    struct slice rest = path;
    if (slice_starts(rest, "/api/v3.1/")) {
        return slice_starts(slice_skip(rest, strlen("/api/v3.1")), prefix);
    }
    return slice_starts(rest, "/api/v3/") &&
           slice_starts(slice_skip(rest, strlen("/api/v3")), prefix);
}

bool faults_ask_for_users(const struct faults *faults)
{
    const struct ordered_fault *ordered;
    STAILQ_FOREACH (ordered, &faults->list, link) {
        if (ordered->user != NULL) {
            return true;
        }
    }
    return false;
}

static bool request_matches(const struct ordered_fault *ordered, struct slice method,
        struct slice path, const char *user)
{
    return (ordered->method == NULL || slice_is_nocase(method, ordered->method)) &&
           (ordered->user == NULL || (user != NULL && strcmp(user, ordered->user) == 0)) &&
           path_matches(ordered->path, path);
}

struct fault faults_match(
        struct faults *faults, struct slice method, struct slice path, const char *user)
{
    struct fault found = {.kind = FAULT_NONE};
    bool any = false;
    struct ordered_fault *ordered;
    STAILQ_FOREACH (ordered, &faults->list, link) {
        if (!request_matches(ordered, method, path, user)) {
            continue;
        }
        ordered->seen++;
        bool due = ordered->left != 0 && (ordered->nth == 0 || ordered->seen == ordered->nth);
        if (!any && due) {
            any = true;
            found = ordered->fault;
            ordered->left -= ordered->left > 0;
        }
    }
    return found;
}

const char *fault_kind_name(enum fault_kind kind)
{
    static const char *const kinds[] = {
            [FAULT_NONE] = "latency",
            [FAULT_STATUS] = "status",
            [FAULT_RESET] = "reset",
            [FAULT_GARBAGE] = "garbage",
            [FAULT_TRUNCATE] = "truncate",
            [FAULT_HTML] = "html",
            [FAULT_DRIP] = "drip",
            [FAULT_DUPLICATE] = "duplicate",
    };
    return kinds[kind];
}

static void fault_write(const struct ordered_fault *ordered, struct json_writer *json)
{
    json_begin_object(json);
    json_write_name(json, "method");
    json_write_text(json, ordered->method);
    json_write_name(json, "path");
    json_write_text(json, ordered->path);
    json_write_name(json, "user");
    json_write_text(json, ordered->user);
    json_write_name(json, "kind");
    json_write_text(json, fault_kind_name(ordered->fault.kind));
    json_write_name(json, "seen");
    json_write_int(json, ordered->seen);
    json_write_name(json, "left");
    if (ordered->left < 0) {
        json_write_null(json);
    } else {
        json_write_int(json, ordered->left);
    }
    json_end_object(json);
}

void faults_write(const struct faults *faults, struct json_writer *json)
{
    struct ordered_fault *ordered;
    json_begin_array(json);
    STAILQ_FOREACH (ordered, &faults->list, link) {
        fault_write(ordered, json);
    }
    json_end_array(json);
}
