-- depends: 0002.lake
-- Quarantine as a place to work, and taking an import back.

ALTER TABLE imports.quarantine
    ADD COLUMN reason text,            -- why a person discarded it
    ADD COLUMN mended bytea,           -- what a person put in the place of raw, which stays
    ADD COLUMN became integer,         -- how many records its bytes gave, once loaded
    DROP CONSTRAINT quarantine_status_check,
    ADD CONSTRAINT quarantine_status_check
        CHECK (status IN ('open', 'loaded', 'discarded', 'closed'));

ALTER TABLE imports.jobs
    DROP CONSTRAINT jobs_status_check,
    ADD CONSTRAINT jobs_status_check CHECK (status IN (
        'queued', 'validating', 'extracting', 'loading', 'finishing',
        'done', 'duplicate', 'rejected', 'failed', 'cancelled', 'rolled_back')),
    DROP CONSTRAINT jobs_ending_check,
    ADD CONSTRAINT jobs_ending_check
        CHECK (ending IN ('duplicate', 'rejected', 'failed', 'cancelled', 'rolled_back')),
    -- False for jobs from before this migration, whose duplicates nobody noted.
    ADD COLUMN claims_kept boolean NOT NULL DEFAULT false;
ALTER TABLE imports.jobs ALTER COLUMN claims_kept SET DEFAULT true;

-- A record that a job also had, while the row in the lake names another job. If that job is
-- rolled back, the row goes to the oldest of these. `data_type` is "locations" for a position.
CREATE TABLE imports.claims (
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    record_key uuid NOT NULL,
    at timestamptz NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    PRIMARY KEY (user_id, data_type, record_key, at, job_id, chunk_id)
);
-- Claims come in job by job: BRIN finds them, and costs a load next to nothing.
CREATE INDEX claims_by_chunk ON imports.claims USING brin (job_id, chunk_id);
DO $$ BEGIN PERFORM imports.isolate('imports.claims'); END $$;
GRANT SELECT, INSERT ON imports.claims TO datapunk_ingest;

-- What depends on the rows of a user takes this lock shared; a rollback takes it alone.
CREATE FUNCTION imports.hold_lake(owner uuid, alone boolean) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
SELECT CASE WHEN alone THEN pg_advisory_xact_lock(hashtextextended('datapunk.lake' || owner, 0))
    ELSE pg_advisory_xact_lock_shared(hashtextextended('datapunk.lake' || owner, 0)) END
$$;

-- Counts of a file or chunk, changed by others: {"seen": …, "loaded": …}.
CREATE FUNCTION imports.changed(counts jsonb, by jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    AS $$
SELECT coalesce(counts, '{}') || coalesce(jsonb_object_agg(key,
    coalesce((counts->>key)::bigint, 0) + value::bigint), '{}') FROM jsonb_each_text(by)
$$;

-- No role may change or delete what was loaded; the function below does, as the owner, and the
-- owner too sees only the rows of the user whom the transaction named.
DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['imports.jobs', 'imports.files', 'imports.chunks',
        'imports.quarantine', 'imports.claims', 'user_data.documents', 'timeseries.locations',
        'vectors.embeddings'] LOOP
        EXECUTE format('CREATE POLICY rollback ON %s TO datapunk_owner '
            'USING (user_id = (SELECT imports.current_user_id())) '
            'WITH CHECK (user_id = (SELECT imports.current_user_id()))', target);
    END LOOP;
END
$$;

-- Adds to the counts of a job, of one file and of one chunk of it.
CREATE FUNCTION imports.count_again(job uuid, file bigint, chunk bigint, by jsonb) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    UPDATE imports.jobs SET
        records_seen = records_seen + coalesce((by->>'seen')::bigint, 0),
        records_loaded = records_loaded + coalesce((by->>'loaded')::bigint, 0),
        records_duplicate = records_duplicate + coalesce((by->>'duplicate')::bigint, 0),
        records_quarantined = records_quarantined + coalesce((by->>'quarantined')::bigint, 0)
    WHERE id = job;
    UPDATE imports.chunks
        SET tally = tally || jsonb_build_object(file, imports.changed(tally->file::text, by))
        WHERE id = chunk AND job_id = job;
    -- A job that has not ended counts its files at its end, from the chunks.
    UPDATE imports.files SET counts = imports.changed(counts, by)
        WHERE id = file AND job_id = job AND counts <> '{}';
END
$$;

-- Takes back what a job loaded. What another job of the user also had is its row from now on.
-- Returns the numbers; the caller asks in a transaction of the user, under hold_lake(…, true).
CREATE FUNCTION imports.roll_back(target uuid)
    RETURNS TABLE (documents bigint, locations bigint, vectors bigint, handed_on bigint,
        quarantined bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    moved record;
BEGIN
    IF NOT EXISTS (SELECT FROM imports.jobs WHERE id = target AND completed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the user has no such job at rest';
    END IF;
    -- A chunk that is not done left out what stood here: it must look again, from its beginning.
    -- Who is at work on it is fenced out. None can become done meanwhile: that takes the lake.
    CREATE TEMPORARY TABLE half_way ON COMMIT DROP AS
        SELECT DISTINCT k.id FROM imports.chunks AS k JOIN imports.claims AS c ON c.chunk_id = k.id
        WHERE k.status <> 'done' AND k.job_id <> target;
    UPDATE imports.chunks SET stage = 'normalise', artefacts = '{}', tally = '{}',
            status = CASE status WHEN 'dead' THEN 'dead' ELSE 'ready' END, attempt = 0,
            token = NULL, leased_by = NULL, lease_expires = NULL, enqueued_at = NULL
        WHERE id IN (SELECT id FROM half_way);
    DELETE FROM imports.claims
        WHERE job_id = target OR chunk_id IN (SELECT id FROM half_way);

    CREATE TEMPORARY TABLE heirs ON COMMIT DROP AS
        SELECT h.* FROM (
            SELECT d.data_type, d.record_key, d.partition_at AS at
            FROM user_data.documents AS d WHERE d.job_id = target
            UNION ALL
            SELECT 'locations', l.record_key, l.at
            FROM timeseries.locations AS l WHERE l.job_id = target) AS r
        CROSS JOIN LATERAL (
            SELECT c.* FROM imports.claims AS c JOIN imports.jobs AS j ON j.id = c.job_id
            WHERE c.user_id = imports.current_user_id() AND c.data_type = r.data_type
              AND c.record_key = r.record_key AND c.at = r.at
            ORDER BY j.created_at, j.id, c.chunk_id LIMIT 1) AS h;
    SELECT count(*) INTO handed_on FROM heirs;
    UPDATE user_data.documents AS d
        SET job_id = h.job_id, file_id = h.file_id, chunk_id = h.chunk_id
        FROM heirs AS h
        WHERE d.job_id = target AND d.data_type = h.data_type AND d.record_key = h.record_key
          AND d.partition_at = h.at;
    UPDATE timeseries.locations AS l
        SET job_id = h.job_id, file_id = h.file_id, chunk_id = h.chunk_id
        FROM heirs AS h
        WHERE l.job_id = target AND h.data_type = 'locations' AND l.record_key = h.record_key
          AND l.at = h.at;
    DELETE FROM imports.claims AS c USING heirs AS h
        WHERE c.user_id = h.user_id AND c.data_type = h.data_type
          AND c.record_key = h.record_key AND c.at = h.at AND c.job_id = h.job_id;
    FOR moved IN SELECT h.job_id, h.file_id, h.chunk_id, count(*) AS n
            FROM heirs AS h GROUP BY 1, 2, 3 LOOP
        PERFORM imports.count_again(moved.job_id, moved.file_id, moved.chunk_id,
            jsonb_build_object('loaded', moved.n, 'duplicate', -moved.n));
    END LOOP;

    DELETE FROM vectors.embeddings AS e USING user_data.documents AS d
        WHERE d.job_id = target AND e.document_id = d.id;
    GET DIAGNOSTICS vectors = ROW_COUNT;
    DELETE FROM user_data.documents AS d WHERE d.job_id = target;
    GET DIAGNOSTICS documents = ROW_COUNT;
    DELETE FROM timeseries.locations AS l WHERE l.job_id = target;
    GET DIAGNOSTICS locations = ROW_COUNT;
    UPDATE imports.quarantine AS q SET status = 'closed'
        WHERE q.job_id = target AND q.status <> 'closed';
    GET DIAGNOSTICS quarantined = ROW_COUNT;
    DROP TABLE half_way, heirs;

    UPDATE imports.chunks SET tally = '{}' WHERE job_id = target;
    UPDATE imports.files SET counts = '{}' WHERE job_id = target;
    UPDATE imports.jobs SET status = 'rolled_back', ending = 'rolled_back', records_seen = 0,
        records_loaded = 0, records_duplicate = 0, records_quarantined = 0 WHERE id = target;
    RETURN NEXT;
END
$$;

REVOKE EXECUTE ON FUNCTION imports.roll_back, imports.count_again FROM PUBLIC;
GRANT EXECUTE ON FUNCTION imports.roll_back, imports.count_again TO datapunk_ingest;
