-- Functions of the ledger that queue the receipts which are to be written beside the originals.
-- Applied again after migrations whenever this file changes.

-- The job's receipt is to be written, and those of the other parts of its set, which name it.
CREATE OR REPLACE FUNCTION imports.job_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO imports.receipts_due (job_id)
    SELECT id FROM imports.jobs
    WHERE (id = new.id OR set_id = new.set_id) AND completed_at IS NOT NULL
      AND archived_path LIKE 'processed/%';
    RETURN NULL;
END
$$;

-- A receipt counts the records that are still in quarantine.
CREATE OR REPLACE FUNCTION imports.quarantine_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO imports.receipts_due (job_id)
    SELECT DISTINCT j.id
    FROM before AS b JOIN after AS a USING (id) JOIN imports.jobs AS j ON j.id = a.job_id
    WHERE (b.status, b.code, b.detail) IS DISTINCT FROM (a.status, a.code, a.detail)
      AND j.completed_at IS NOT NULL AND j.archived_path LIKE 'processed/%';
    RETURN NULL;
END
$$;

-- Receipts of the parts of a set name what waits for the set, and until when.
CREATE OR REPLACE FUNCTION imports.set_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO imports.receipts_due (job_id)
    SELECT id FROM imports.jobs
    WHERE set_id = new.id AND completed_at IS NOT NULL AND archived_path LIKE 'processed/%';
    RETURN NULL;
END
$$;
