-- depends: 0030.transient
-- A receipt beside each original, written again when a number in it changes: which are to be written
-- stands in a table that is only inserted into, so that no change waits for another. And messages to
-- a person: who gets them, and which were sent. The bodies of the functions follow in
-- functions/imports.sql, which is applied next.
CREATE TABLE imports.receipts_due (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id uuid NOT NULL
);
CREATE INDEX receipts_due_job ON imports.receipts_due (job_id);
GRANT SELECT, INSERT, DELETE ON imports.receipts_due TO datapunk_ledger;
GRANT INSERT ON imports.receipts_due TO datapunk_ingest;

CREATE FUNCTION imports.job_changed() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION imports.quarantine_changed() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION imports.set_changed() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER receipt_due AFTER UPDATE ON imports.jobs FOR EACH ROW
    WHEN (new.completed_at IS NOT NULL AND new.* IS DISTINCT FROM old.*)
    EXECUTE FUNCTION imports.job_changed();
CREATE TRIGGER receipt_due AFTER UPDATE ON imports.quarantine
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION imports.quarantine_changed();
CREATE TRIGGER receipt_due AFTER UPDATE ON imports.sets FOR EACH ROW
    WHEN (new.* IS DISTINCT FROM old.*) EXECUTE FUNCTION imports.set_changed();

CREATE TABLE imports.receivers (
    receiver text PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE imports.notices (
    receiver text NOT NULL REFERENCES imports.receivers ON DELETE CASCADE,
    job_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('ended', 'waits')),
    of timestamptz NOT NULL,
    sent_at timestamptz,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (receiver, job_id, kind, of)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON imports.receivers TO datapunk_ledger;
GRANT SELECT, INSERT ON imports.notices TO datapunk_ledger;
