-- The list of accounts: its usual order, with what its filters look at, so that the wide rows are read of one page only.
-- `deleted` is in it too, or SQLite reads the rows for that.
CREATE INDEX account_page ON account (
    created_at, seq, user_id, auth_config_id, status, flow_started_at, shared, id, updated_at, deleted
) WHERE deleted = 0;
