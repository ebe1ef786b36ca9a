-- What the consent pages need beyond the link itself.

-- `browser`: with same-browser binding, the SHA-256 of the cookie of the browser that opened the link first. `legacy`: made by
-- the retired create call, whose callback is spelled in its own way.
ALTER TABLE link ADD COLUMN browser TEXT;
ALTER TABLE link ADD COLUMN legacy INTEGER NOT NULL DEFAULT 0;

-- Consents given that the app's server must still confirm, with callback identity verification: good once, ten minutes.
CREATE TABLE verification (
    session_uri TEXT NOT NULL PRIMARY KEY,
    account_id  TEXT NOT NULL REFERENCES account (id),
    email       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    used_by     TEXT -- the one call that used it up
) STRICT, WITHOUT ROWID;
