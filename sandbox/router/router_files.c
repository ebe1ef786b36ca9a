/* The files of a tool router session: …/mounts/{}, and the URLs under /files by which their bytes come and go. There is one
 * mount, `files`. A URL is its own permission, as a presigned one is, and ends when the project says; an upload's is used once. */
#include "sandbox/paging.h"
#include "sandbox/project.h"
#include "sandbox/router/router_session.h"
#include "sandbox/routes.h"
#include "sandbox/tools/tool_call.h"

#define MOUNT            "files"
#define MOUNT_PREFIX     "/mnt/" MOUNT
#define PATH_MOST        512
#define FILES_MOST       1000 /* of a session; the server takes up to 1 MiB for each */
#define LIST_LIMIT_USUAL 100
#define LIST_LIMIT_MOST  500
#define TYPE_OTHERWISE   "application/octet-stream"

SUSPENDS static MUST_CHECK bool find_mount(
        struct call *call, struct router_session *out, struct error *err)
{
    if (!router_session_find(call, out, err)) {
        return false;
    }
    return strcmp(call->values[1], MOUNT) == 0 ||
           api_error_set(err, API_ROUTER_FILE_NOT_FOUND, "Mount \"%.64s\" not found in session %s",
                   call->values[1], out->id);
}

/* Without slashes in front; never out of the mount. */
static MUST_CHECK bool read_path(struct call *call, const char **out, struct error *err)
{
    const char *path;
    if (!field_required(call->body, "mount_relative_path", &path, err)) {
        return false;
    }
    path += strspn(path, "/");
    struct slice rest = slice_of(path);
    bool good = rest.length > 0 && rest.length <= PATH_MOST;
    while (good && rest.data != NULL) {
        struct slice segment = slice_split(&rest, '/');
        good = segment.length > 0 && !slice_is(segment, ".") && !slice_is(segment, "..");
    }
    *out = path;
    return good || api_error_set(err, API_ROUTER_INVALID,
                           "mount_relative_path: expected a path of up to 512 characters, "
                           "without empty segments, . and ..");
}

static void write_place(struct json_writer *json, const char *path)
{
    write_text_member(json, "mount_relative_path", path);
    write_text_member(json, "sandbox_mount_prefix", MOUNT_PREFIX);
}

/* ---- GET …/items ---- */

bool router_file_list(struct call *call, struct error *err)
{
    static const char sql[] =
            "SELECT path, size, updated_at, count(*) OVER () FROM router_file "
            "WHERE session_id = $1 AND mount = $2 "
            "AND ($3 IS NULL OR substr(path, 1, length($3)) = $3) ORDER BY path LIMIT $4 OFFSET $5";
    struct router_session session;
    struct paging paging;
    const struct db_rows *rows;
    if (!paging_by_cursor(call, LIST_LIMIT_USUAL, LIST_LIMIT_MOST, &paging, err) ||
            !find_mount(call, &session, err)) {
        return false;
    }
    const char *prefix = call_parameter(call, "mount_relative_prefix");
    struct db_params params = DB_PARAMS(DB_TEXT(session.id), DB_TEXT(MOUNT), DB_TEXT(prefix),
            DB_INT(paging.limit), DB_INT(paging.offset));
    if (!db_read(call->sandbox->db, call->memory, sql, params, &rows, err)) {
        return false;
    }
    struct json_writer *json = &call->json;
    size_t count = db_row_count(rows);
    json_begin_object(json);
    json_write_name(json, "items");
    json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(json);
        write_place(json, db_get_text(rows, i, 0));
        write_int_member(json, "size", db_get_int(rows, i, 1));
        json_write_name(json, "last_modified");
        json_write_time(json, db_get_int(rows, i, 2));
        json_end_object(json);
    }
    json_end_array(json);
    if (count > 0 && paging.offset + paging.limit < db_get_int(rows, 0, 3)) {
        write_text_member(
                json, "next_cursor", cursor_encode(call->memory, paging.page + 1, paging.limit));
    }
    json_end_object(json);
    return true;
}

/* ---- POST …/upload_url, …/download_url, …/delete ---- */

/* Fit for a header: the file is answered with it. */
static bool is_media_type(struct slice text)
{
    bool good =
            text.length > 0 && text.length <= 255 && memchr(text.data, '/', text.length) != NULL;
    for (size_t i = 0; good && i < text.length; i++) {
        good = text.data[i] >= ' ' && text.data[i] <= '~';
    }
    return good;
}

SUSPENDS static MUST_CHECK bool make_url(struct call *call, const struct router_session *session,
        const char *path, bool upload, struct error *err)
{
    const char *type, *token = random_token(call->memory, 32);
    int64_t expires_at = call->now_ms + call->sandbox->project->file_url_life_ms;
    if (!field_text(call->body, "mimetype", &type, err)) {
        return false;
    }
    if (type != NULL && !is_media_type(slice_of(type))) {
        return api_error_set(err, API_ROUTER_INVALID, "mimetype: expected a media type");
    }
    struct db_statement statements[] = {
            {"DELETE FROM router_file_url WHERE expires_at <= $1", DB_PARAMS(DB_INT(call->now_ms))},
            {"INSERT INTO router_file_url (token, session_id, mount, path, type, upload, "
             "expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    DB_PARAMS(DB_TEXT(token), DB_TEXT(session->id), DB_TEXT(MOUNT), DB_TEXT(path),
                            DB_TEXT(type), DB_BOOL(upload), DB_INT(expires_at))},
    };
    if (!db_write(call->sandbox->db, call->memory, statements, 2, NULL, err)) {
        return false;
    }
    struct json_writer *json = &call->json;
    call->status = 201;
    json_begin_object(json);
    json_write_name(json, upload ? "upload_url" : "download_url");
    json_write_printf(json, "%s/files/%s", call->sandbox->public_url, token);
    write_place(json, path);
    json_write_name(json, "expires_at");
    json_write_time(json, expires_at);
    json_end_object(json);
    return true;
}

bool router_file_upload_url(struct call *call, struct error *err)
{
    struct router_session session;
    const char *path;
    return read_path(call, &path, err) && find_mount(call, &session, err) &&
           make_url(call, &session, path, true, err);
}

bool router_file_download_url(struct call *call, struct error *err)
{
    struct router_session session;
    const char *path;
    const struct db_rows *rows;
    if (!read_path(call, &path, err) || !find_mount(call, &session, err) ||
            !db_read(call->sandbox->db, call->memory,
                    "SELECT 1 FROM router_file WHERE session_id = $1 AND mount = $2 AND path = $3",
                    DB_PARAMS(DB_TEXT(session.id), DB_TEXT(MOUNT), DB_TEXT(path)), &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        return api_error_set(err, API_ROUTER_FILE_NOT_FOUND, "File %.128s not found in session %s",
                path, session.id);
    }
    return make_url(call, &session, path, false, err);
}

/* What is not there is deleted just as well. */
bool router_file_delete(struct call *call, struct error *err)
{
    struct router_session session;
    const char *path;
    if (!read_path(call, &path, err) || !find_mount(call, &session, err)) {
        return false;
    }
    struct db_statement statement = {
            "DELETE FROM router_file WHERE session_id = $1 AND mount = $2 AND path = $3",
            DB_PARAMS(DB_TEXT(session.id), DB_TEXT(MOUNT), DB_TEXT(path))};
    if (!db_write(call->sandbox->db, call->memory, &statement, 1, NULL, err)) {
        return false;
    }
    json_begin_object(&call->json);
    write_place(&call->json, path);
    json_end_object(&call->json);
    return true;
}

/* ---- PUT, GET /files/{} ---- */

static bool no_url(struct error *err)
{
    return api_error_set(err, API_FORBIDDEN, "The URL is unknown, used up or has expired");
}

bool router_file_put(struct call *call, struct error *err)
{
    static const char sql[] =
            "INSERT INTO router_file (session_id, mount, path, type, size, content, updated_at) "
            "SELECT u.session_id, u.mount, u.path, coalesce(u.type, $2), $3, $4, $5 "
            "FROM router_file_url u JOIN router_session s ON s.id = u.session_id "
            "WHERE u.token = $1 AND u.upload = 1 AND u.expires_at > $5 AND s.deleted = 0 "
            "AND (SELECT count(*) FROM router_file f WHERE f.session_id = u.session_id) < $6 "
            "ON CONFLICT (session_id, mount, path) DO UPDATE SET type = excluded.type, "
            "size = excluded.size, content = excluded.content, updated_at = excluded.updated_at";
    struct slice body = call->request->body,
                 type = http_request_header(call->request, "content-type");
    const struct db_rows *rows[2];
    struct db_statement statements[] = {
            {sql, DB_PARAMS(DB_TEXT(call->values[0]),
                          is_media_type(type) ? DB_SLICE(type) : DB_TEXT(TYPE_OTHERWISE),
                          DB_INT((int64_t)body.length),
                          DB_TEXT(base64url_encode(call->memory, body)), DB_INT(call->now_ms),
                          DB_INT(FILES_MOST))},
            {"DELETE FROM router_file_url WHERE token = $1 AND upload = 1",
                    DB_PARAMS(DB_TEXT(call->values[0]))},
    };
    if (!db_write(call->sandbox->db, call->memory, statements, 2, rows, err)) {
        return false;
    }
    if (db_rows_affected(rows[0]) == 0) {
        return no_url(err);
    }
    call->content_type = NULL;
    return true;
}

/* As something to keep, never as a page of this origin. */
bool router_file_get(struct call *call, struct error *err)
{
    static const char sql[] =
            "SELECT f.type, f.content FROM router_file_url u JOIN router_file f "
            "ON f.session_id = u.session_id AND f.mount = u.mount AND f.path = u.path "
            "JOIN router_session s ON s.id = u.session_id "
            "WHERE u.token = $1 AND u.upload = 0 AND u.expires_at > $2 AND s.deleted = 0";
    const struct db_rows *rows;
    struct slice content;
    if (!db_read(call->sandbox->db, call->memory, sql,
                DB_PARAMS(DB_TEXT(call->values[0]), DB_INT(call->now_ms)), &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0 ||
            !base64url_decode(call->memory, db_get_slice(rows, 0, 1), &content)) {
        return no_url(err);
    }
    call_add_header(call, "Content-Disposition", "attachment");
    call_add_header(call, "Content-Security-Policy", "sandbox");
    call_add_header(call, "X-Content-Type-Options", "nosniff");
    call->content_type = db_get_text(rows, 0, 0);
    buffer_add_slice(&call->out, content);
    return true;
}
