-- The sandbox's tables. Times are milliseconds of the sandbox's clock; lists and objects are JSON text. Rows of auth_config,
-- account, mcp_server and mcp_instance are marked deleted, never removed: ids stay taken, as at the service.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE auth_config (
    seq                INTEGER PRIMARY KEY AUTOINCREMENT,
    id                 TEXT NOT NULL UNIQUE,
    uuid               TEXT NOT NULL,
    toolkit            TEXT NOT NULL,
    name               TEXT NOT NULL,
    managed            INTEGER NOT NULL,
    auth_scheme        TEXT NOT NULL,
    status             TEXT NOT NULL,
    credentials        TEXT NOT NULL,
    tool_access        TEXT NOT NULL,
    proxy_config       TEXT,
    shared_credentials TEXT,
    for_tool_router    INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    deleted            INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE account (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    uuid            TEXT NOT NULL,
    auth_config_id  TEXT NOT NULL REFERENCES auth_config (id),
    user_id         TEXT NOT NULL,
    status          TEXT NOT NULL, -- INITIALIZING and INITIATED turn into EXPIRED by the clock, when read
    status_reason   TEXT,
    word_id         TEXT NOT NULL,
    alias           TEXT,
    shared          INTEGER NOT NULL,
    acl             TEXT,
    data            TEXT NOT NULL, -- what the caller gave: subdomain, API key …
    callback_url    TEXT,
    link_token      TEXT,          -- of the newest link
    email           TEXT,          -- who the account is at the provider, once consented
    failure         TEXT,          -- OAuth's error, after a FAILED
    flow_started_at INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    deleted         INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX account_user ON account (user_id, auth_config_id);
CREATE INDEX account_auth_config ON account (auth_config_id);

CREATE TABLE link (
    token      TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id),
    created_at INTEGER NOT NULL,
    used_by    TEXT -- the one submission that used it up
) STRICT, WITHOUT ROWID;

CREATE TABLE mcp_server (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    auth_config_ids TEXT NOT NULL,
    toolkits        TEXT NOT NULL,
    allowed_tools   TEXT NOT NULL,
    managed         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    deleted         INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE mcp_instance (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    server_id  TEXT NOT NULL REFERENCES mcp_server (id),
    user_id    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX mcp_instance_user ON mcp_instance (server_id, user_id) WHERE deleted = 0;

-- What the tools work on. A world is what one user sees of one account at a provider; it outlives the connection, as a
-- mailbox does.
CREATE TABLE world (
    id         TEXT NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE thing (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    world  TEXT NOT NULL REFERENCES world (id),
    kind   TEXT NOT NULL, -- mail, event, message …
    id     TEXT NOT NULL,
    parent TEXT NOT NULL, -- the calendar of an event, the channel of a message; or ''
    time   INTEGER NOT NULL,
    body   TEXT NOT NULL,
    UNIQUE (world, kind, id)
) STRICT;
CREATE INDEX thing_parent ON thing (world, kind, parent, time);
