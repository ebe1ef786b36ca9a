-- Webhooks: the project's subscription, its messages, and which accounts are to tell that they expired.

-- That it was ACTIVE, and that it EXPIRED since was not told yet; see webhook_sender.c.
ALTER TABLE account ADD COLUMN was_active INTEGER NOT NULL DEFAULT 0;
UPDATE account SET was_active = 1 WHERE status = 'ACTIVE';
CREATE TRIGGER account_activated AFTER UPDATE OF status ON account WHEN NEW.status = 'ACTIVE' BEGIN
    UPDATE account SET was_active = 1 WHERE seq = NEW.seq;
END;
CREATE TRIGGER account_made_active AFTER INSERT ON account WHEN NEW.status = 'ACTIVE' BEGIN
    UPDATE account SET was_active = 1 WHERE seq = NEW.seq;
END;
-- Looked through every second; few are in it.
CREATE INDEX account_lapsed ON account (seq) WHERE was_active = 1 AND status <> 'ACTIVE';

-- At most one that is not deleted.
CREATE TABLE webhook_subscription (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    url            TEXT NOT NULL,
    version        TEXT NOT NULL,
    enabled_events TEXT NOT NULL,
    secret         TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    deleted        INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Messages to subscriptions, with what came of the last attempt.
CREATE TABLE webhook_delivery (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE, -- webhook-id
    subscription_id TEXT NOT NULL,
    event_type      TEXT NOT NULL,
    version         TEXT NOT NULL,
    body            TEXT NOT NULL,
    status          TEXT NOT NULL, -- PENDING, DELIVERED, FAILED
    attempts        INTEGER NOT NULL DEFAULT 0,
    http_status     INTEGER, -- NULL: no answer came
    problem         TEXT,
    next_attempt_at INTEGER, -- NULL: none
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_delivery_due ON webhook_delivery (next_attempt_at) WHERE status = 'PENDING';
