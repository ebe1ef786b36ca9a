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
