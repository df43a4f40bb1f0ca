DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['imports.jobs', 'imports.files', 'imports.chunks',
        'imports.quarantine', 'user_data.documents', 'timeseries.locations',
        'vectors.embeddings'] LOOP
        EXECUTE format('DROP POLICY rollback ON %s', target);
    END LOOP;
END
$$;
DROP FUNCTION imports.roll_back, imports.count_again, imports.changed, imports.hold_lake;
DROP TABLE imports.claims;
-- Forced row-level security would hide the rows from their owner.
ALTER TABLE imports.jobs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE imports.quarantine NO FORCE ROW LEVEL SECURITY;
UPDATE imports.jobs SET status = 'cancelled', ending = 'cancelled' WHERE status = 'rolled_back';
UPDATE imports.quarantine SET status = 'discarded' WHERE status = 'closed';
ALTER TABLE imports.jobs FORCE ROW LEVEL SECURITY;
ALTER TABLE imports.quarantine FORCE ROW LEVEL SECURITY;
ALTER TABLE imports.jobs
    DROP COLUMN claims_kept,
    DROP CONSTRAINT jobs_status_check,
    ADD CONSTRAINT jobs_status_check CHECK (status IN (
        'queued', 'validating', 'extracting', 'loading', 'finishing',
        'done', 'duplicate', 'rejected', 'failed', 'cancelled')),
    DROP CONSTRAINT jobs_ending_check,
    ADD CONSTRAINT jobs_ending_check
        CHECK (ending IN ('duplicate', 'rejected', 'failed', 'cancelled'));
ALTER TABLE imports.quarantine
    DROP CONSTRAINT quarantine_status_check,
    ADD CONSTRAINT quarantine_status_check CHECK (status IN ('open', 'loaded', 'discarded')),
    DROP COLUMN reason, DROP COLUMN mended, DROP COLUMN became;
