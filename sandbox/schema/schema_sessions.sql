-- Sessions of the tool router, marked deleted, never removed. A config is what the API answers, and `experimental` beside it.
CREATE TABLE router_session (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    user_id    TEXT NOT NULL,
    config     TEXT NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, -- since when the version is the current one
    deleted    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE router_config ( -- the versions before
    session_id  TEXT NOT NULL REFERENCES router_session (id),
    version     INTEGER NOT NULL,
    config      TEXT NOT NULL,
    archived_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE router_file (
    session_id TEXT NOT NULL REFERENCES router_session (id),
    mount      TEXT NOT NULL,
    path       TEXT NOT NULL,
    type       TEXT NOT NULL,
    size       INTEGER NOT NULL,
    content    TEXT NOT NULL, -- base64url
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (session_id, mount, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE router_file_url ( -- "presigned"
    token      TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES router_session (id),
    mount      TEXT NOT NULL,
    path       TEXT NOT NULL,
    type       TEXT,             -- of an upload; NULL: as the request says
    upload     INTEGER NOT NULL, -- else a download
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
