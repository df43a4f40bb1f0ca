-- Functions of the ledger: the user of a transaction, locks of users' rows, and rollback.
-- Applied again after migrations whenever this file changes. A function whose arguments or result
-- change is dropped by a migration first.

-- Return the user of this transaction, set by set_config('app.user_id', …, true). If unset, no row
-- is visible.
CREATE OR REPLACE FUNCTION imports.current_user_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;

-- Lock a user's rows: shared for work that depends on them, alone for a rollback.
CREATE OR REPLACE FUNCTION imports.hold_lake(owner uuid, alone boolean) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT imports.hold(owner, 'lake', alone) $$;

-- Add to the counts of a file or chunk: {"seen": …, "loaded": …}.
CREATE OR REPLACE FUNCTION imports.changed(counts jsonb, by jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    AS $$
SELECT coalesce(counts, '{}') || coalesce(jsonb_object_agg(key,
    coalesce((counts->>key)::bigint, 0) + value::bigint), '{}') FROM jsonb_each_text(by)
$$;

-- Add to the counts of a job, and of one file and one chunk of it.
CREATE OR REPLACE FUNCTION imports.count_again(job uuid, file bigint, chunk bigint, by jsonb) RETURNS void
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

-- Delete what a job loaded. A record that another job of the user also had becomes a row of that
-- job. Return the numbers. The caller has a transaction of the user, under hold_lake(…, true).
CREATE OR REPLACE FUNCTION imports.roll_back(target uuid)
    RETURNS TABLE (documents bigint, locations bigint, metrics bigint, vectors bigint,
        handed_on bigint, restored bigint, quarantined bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM imports.jobs WHERE id = target AND completed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the user has no such job at rest';
    END IF;
    DELETE FROM imports.claims WHERE job_id = target;
    CREATE TEMPORARY TABLE leaving ON COMMIT DROP AS
        SELECT d.data_type, d.record_key, d.partition_at AS at, NULL::bigint AS version_id
        FROM user_data.documents AS d WHERE d.job_id = target
        UNION ALL
        SELECT v.data_type, v.record_key, v.partition_at, v.version_id
        FROM user_data.versions AS v WHERE v.job_id = target
        UNION ALL
        SELECT 'locations', l.record_key, l.at, NULL
        FROM timeseries.locations AS l WHERE l.job_id = target
        UNION ALL
        SELECT 'metrics', m.record_key, m.at, NULL
        FROM timeseries.metrics AS m WHERE m.job_id = target;
    ANALYZE leaving;
    SELECT g.documents, g.locations, g.metrics, g.vectors, g.handed_on, g.restored
        INTO documents, locations, metrics, vectors, handed_on, restored
        FROM imports.let_go(target) AS g;
    UPDATE imports.quarantine AS q SET status = 'closed'
        WHERE q.job_id = target AND q.status <> 'closed';
    GET DIAGNOSTICS quarantined = ROW_COUNT;
    DROP TABLE leaving;

    UPDATE imports.chunks SET tally = '{}' WHERE job_id = target;
    UPDATE imports.files SET counts = '{}' WHERE job_id = target;
    UPDATE imports.jobs SET status = 'rolled_back', outcome = 'rolled_back', records_seen = 0,
        records_loaded = 0, records_duplicate = 0, records_quarantined = 0 WHERE id = target;
    RETURN NEXT;
END
$$;

-- Return a member's path for comparison: without the archives around it, in NFC, and without blanks
-- at the ends of names, which some tools drop.
CREATE OR REPLACE FUNCTION imports.plain_path(path text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT normalize(btrim(regexp_replace(regexp_replace(path, '^.*!/', ''), '\s*/\s*', '/', 'g')), NFC)
$$;

-- Return the folder of a path for comparison, with a slash at its end, or empty.
CREATE OR REPLACE FUNCTION imports.folder_of(path text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT regexp_replace(imports.plain_path(path), '[^/]*$', '') $$;

-- Take rows of a job back: those in the caller's table `leaving` (data_type, record_key, at,
-- version_id; the types of series are "locations" and "metrics", version_id is that of an older
-- version). A record that another file also had becomes a row of that file. If the job's version
-- had replaced another one, that version is the document again. Return the numbers. The caller
-- locks the lake alone.
CREATE OR REPLACE FUNCTION imports.let_go(target uuid)
    RETURNS TABLE (documents bigint, locations bigint, metrics bigint, vectors bigint,
        handed_on bigint, restored bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    moved record;
    old bigint;
BEGIN
    -- A chunk that is not done left out rows that existed: it starts anew. A worker at it is
    -- fenced. No chunk can become done meanwhile, since that needs the lake's lock.
    CREATE TEMPORARY TABLE half_way ON COMMIT DROP AS
        SELECT DISTINCT k.id FROM imports.chunks AS k JOIN imports.claims AS c ON c.chunk_id = k.id
        JOIN pg_temp.leaving AS r ON c.data_type = r.data_type AND c.record_key = r.record_key
            AND c.at = r.at
        WHERE k.status <> 'done' AND k.job_id <> target AND c.user_id = imports.current_user_id();
    UPDATE imports.chunks SET stage = 'normalise', artefacts = '{}', tally = '{}',
            status = CASE status WHEN 'dead' THEN 'dead' ELSE 'ready' END, attempt = 0,
            token = NULL, leased_by = NULL, lease_expires = NULL, enqueued_at = NULL
        WHERE id IN (SELECT id FROM half_way);
    DELETE FROM imports.claims WHERE chunk_id IN (SELECT id FROM half_way);

    -- Restore the version before the job's own, unless a later job had the job's own too.
    CREATE TEMPORARY TABLE before ON COMMIT DROP AS
        SELECT DISTINCT ON (v.record_key) v.*
        FROM pg_temp.leaving AS r
        JOIN user_data.versions AS v ON v.user_id = imports.current_user_id()
            AND v.record_key = r.record_key
        JOIN user_data.documents AS d ON d.id = v.id AND d.data_type = v.data_type
            AND d.record_key = v.record_key AND d.partition_at = v.partition_at
        JOIN imports.jobs AS own ON own.id = target
        WHERE r.version_id IS NULL AND d.job_id = target AND v.job_id <> target AND NOT EXISTS (
            SELECT FROM imports.claims AS c JOIN imports.jobs AS j ON j.id = c.job_id
            WHERE c.user_id = v.user_id AND c.data_type = v.data_type
              AND c.record_key = v.record_key AND c.at = v.partition_at
              AND j.created_at >= own.created_at)
        ORDER BY v.record_key, v.version_id DESC;
    SELECT count(*) INTO restored FROM before;
    DELETE FROM user_data.versions AS v WHERE v.version_id IN (SELECT version_id FROM before);
    DELETE FROM vectors.embeddings AS e USING before AS b WHERE e.document_id = b.id;
    GET DIAGNOSTICS vectors = ROW_COUNT;
    UPDATE user_data.documents AS d SET source_timestamp = b.source_timestamp, title = b.title,
            content = b.content, content_type = b.content_type, language = b.language,
            metadata = b.metadata, job_id = b.job_id, file_id = b.file_id, chunk_id = b.chunk_id,
            content_hash = b.content_hash, parser_version = b.parser_version,
            created_at = b.created_at
        FROM before AS b
        WHERE d.id = b.id AND d.data_type = b.data_type AND d.record_key = b.record_key
          AND d.partition_at = b.partition_at;
    DELETE FROM user_data.versions AS v USING pg_temp.leaving AS r
        WHERE v.version_id = r.version_id AND v.job_id = target;
    GET DIAGNOSTICS old = ROW_COUNT;

    CREATE TEMPORARY TABLE rest ON COMMIT DROP AS
        SELECT r.data_type, r.record_key, r.at FROM pg_temp.leaving AS r
        LEFT JOIN before AS b ON b.record_key = r.record_key AND b.data_type = r.data_type
        WHERE r.version_id IS NULL AND b.record_key IS NULL;
    CREATE TEMPORARY TABLE heirs ON COMMIT DROP AS
        SELECT h.* FROM rest AS r CROSS JOIN LATERAL (
            SELECT c.* FROM imports.claims AS c JOIN imports.jobs AS j ON j.id = c.job_id
            WHERE c.user_id = imports.current_user_id() AND c.data_type = r.data_type
              AND c.record_key = r.record_key AND c.at = r.at
            ORDER BY j.created_at, j.id, c.chunk_id, c.file_id LIMIT 1) AS h;
    SELECT count(*) INTO handed_on FROM heirs;
    UPDATE user_data.documents AS d
        SET job_id = h.job_id, file_id = h.file_id, chunk_id = h.chunk_id
        FROM heirs AS h
        WHERE d.user_id = h.user_id AND d.job_id = target AND d.data_type = h.data_type
          AND d.record_key = h.record_key AND d.partition_at = h.at;
    UPDATE timeseries.locations AS l
        SET job_id = h.job_id, file_id = h.file_id, chunk_id = h.chunk_id
        FROM heirs AS h
        WHERE l.user_id = h.user_id AND l.job_id = target AND h.data_type = 'locations'
          AND l.record_key = h.record_key AND l.at = h.at;
    UPDATE timeseries.metrics AS m
        SET job_id = h.job_id, file_id = h.file_id, chunk_id = h.chunk_id
        FROM heirs AS h
        WHERE m.user_id = h.user_id AND m.job_id = target AND h.data_type = 'metrics'
          AND m.record_key = h.record_key AND m.at = h.at;
    DELETE FROM imports.claims AS c USING heirs AS h
        WHERE c.user_id = h.user_id AND c.data_type = h.data_type AND c.record_key = h.record_key
          AND c.at = h.at AND c.job_id = h.job_id AND c.chunk_id = h.chunk_id
          AND c.file_id = h.file_id;
    FOR moved IN SELECT h.job_id, h.file_id, h.chunk_id, count(*) AS n
            FROM heirs AS h GROUP BY 1, 2, 3 LOOP
        PERFORM imports.count_again(moved.job_id, moved.file_id, moved.chunk_id,
            jsonb_build_object('loaded', moved.n, 'duplicate', -moved.n));
    END LOOP;
    DELETE FROM rest AS r USING heirs AS h
        WHERE h.data_type = r.data_type AND h.record_key = r.record_key AND h.at = r.at;

    DELETE FROM user_data.mentions AS m USING rest AS r
        WHERE m.user_id = imports.current_user_id() AND m.record_key = r.record_key;
    DELETE FROM user_data.relations AS x USING rest AS r
        WHERE x.user_id = imports.current_user_id() AND x.record_key = r.record_key;
    WITH gone AS (
        DELETE FROM vectors.embeddings AS e USING user_data.documents AS d, rest AS r
        WHERE d.user_id = imports.current_user_id() AND d.job_id = target
          AND d.data_type = r.data_type AND d.record_key = r.record_key AND d.partition_at = r.at
          AND e.document_id = d.id RETURNING 1)
    SELECT vectors + count(*) INTO vectors FROM gone;
    DELETE FROM user_data.documents AS d USING rest AS r
        WHERE d.user_id = imports.current_user_id() AND d.job_id = target
          AND d.data_type = r.data_type AND d.record_key = r.record_key AND d.partition_at = r.at;
    GET DIAGNOSTICS documents = ROW_COUNT;
    documents := documents + old;
    DELETE FROM timeseries.locations AS l USING rest AS r
        WHERE l.user_id = imports.current_user_id() AND l.job_id = target
          AND r.data_type = 'locations' AND l.record_key = r.record_key AND l.at = r.at;
    GET DIAGNOSTICS locations = ROW_COUNT;
    DELETE FROM timeseries.metrics AS m USING rest AS r
        WHERE m.user_id = imports.current_user_id() AND m.job_id = target
          AND r.data_type = 'metrics' AND m.record_key = r.record_key AND m.at = r.at;
    GET DIAGNOSTICS metrics = ROW_COUNT;
    DROP TABLE half_way, before, rest, heirs;
    RETURN NEXT;
END
$$;

-- Delete what files do not give any more: claims on rows of others, and files that came out of
-- records.
CREATE OR REPLACE FUNCTION imports.forget_unsaid(job uuid, file_ids bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    DELETE FROM imports.claims AS c
        WHERE c.user_id = imports.current_user_id() AND c.job_id = job
          AND c.file_id = ANY(file_ids) AND NOT EXISTS (SELECT FROM pg_temp.reread AS r
              WHERE r.file_id = c.file_id AND r.becomes = c.record_key);
    DELETE FROM imports.files AS f USING imports.files AS own
        WHERE own.id = ANY(file_ids) AND f.job_id = job AND f.ordinal IS NULL
          AND starts_with(f.path, own.path || '!/')
          AND NOT EXISTS (SELECT FROM pg_temp.attached AS a WHERE a.path = f.path);
END
$$;

-- Start an unfinished run over the stored rows anew.
CREATE OR REPLACE FUNCTION imports.look_again(owner uuid) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
UPDATE imports.privacy SET turn = turn + 1, after_document = 0, after_version = 0
WHERE user_id = owner AND finished_at IS NULL
$$;

-- Announce the policy of a host. It becomes the present one if no host had it before, if this host
-- had another one before, or if a person asks for it. Return false for an older policy that this
-- host has not changed since another host changed to a newer one.
CREATE OR REPLACE FUNCTION imports.announce_policy(owner uuid, said text, at_host text, by_hand boolean)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    present text;
    mine text;
BEGIN
    -- Look without the lock first, which waits for commits: mostly nothing changed.
    FOR attempt IN 1..2 LOOP
        SELECT p.policy INTO present FROM imports.policies AS p
            WHERE p.user_id = owner ORDER BY p.id DESC LIMIT 1;
        SELECT p.policy INTO mine FROM imports.policies AS p
            WHERE p.user_id = owner AND p.host = at_host ORDER BY p.id DESC LIMIT 1;
        IF present = said AND mine = said THEN
            RETURN true;
        END IF;
        IF attempt = 1 THEN
            PERFORM imports.hold_lake(owner, true);
        END IF;
    END LOOP;
    IF NOT by_hand AND present <> said AND (mine IS NULL OR mine = said)
        AND EXISTS (SELECT FROM imports.policies AS p
            WHERE p.user_id = owner AND p.policy = said) THEN
        RETURN false;
    END IF;
    INSERT INTO imports.policies (user_id, host, policy) VALUES (owner, at_host, said);
    IF present IS DISTINCT FROM said THEN
        -- Rows of another policy may be behind the point that an interrupted run had reached.
        PERFORM imports.look_again(owner);
    END IF;
    RETURN true;
END
$$;

-- Enter the lake with content that was read under a policy. The transaction holds the lake's lock
-- from here on, so the present policy cannot change before it ends. Return false if the present
-- policy is another one. `moves` says that the transaction may restore older versions.
CREATE OR REPLACE FUNCTION imports.enter(owner uuid, alone boolean, moves boolean, read_under text)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    present text;
BEGIN
    PERFORM set_config('app.user_id', owner::text, true);
    PERFORM imports.hold_lake(owner, alone);
    -- A separate statement, which sees what was committed while the one before waited.
    SELECT p.policy INTO present FROM imports.policies AS p
        WHERE p.user_id = owner ORDER BY p.id DESC LIMIT 1;
    IF read_under IS DISTINCT FROM present THEN
        RETURN false;
    END IF;
    IF moves THEN
        PERFORM imports.look_again(owner);
    END IF;
    PERFORM set_config('app.gate', owner::text, true);
    RETURN true;
END
$$;

-- Lock texts: shared for indexing, alone to replace them.
CREATE OR REPLACE FUNCTION imports.hold_texts(owner uuid, alone boolean) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT imports.hold(owner, 'texts', alone) $$;

-- Enter the lake with content that is made from stored rows, or written by a person. `purpose` is
--   index     words of documents that are read in the same transaction;
--   vectors   vectors of documents, each compared with what was read. `since` is the turn that the
--             caller saw before: false if a run over the stored rows began or ended since then;
--   move      rows that are taken back, and versions that are restored. It locks the lake alone;
--   hand      an edit of a record by a person, which is kept as written.
CREATE OR REPLACE FUNCTION imports.enter_stored(owner uuid, purpose text, since bigint) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM set_config('app.user_id', owner::text, true);
    CASE purpose
        WHEN 'index' THEN  -- what is taken back or replaced meanwhile would stay in the index
            PERFORM imports.hold_lake(owner, false);
            PERFORM imports.hold_texts(owner, false);
        WHEN 'vectors', 'hand' THEN PERFORM imports.hold_lake(owner, false);
        WHEN 'move' THEN
            PERFORM imports.hold_lake(owner, true);
            PERFORM imports.look_again(owner);
    END CASE;
    IF since IS NOT NULL AND since IS DISTINCT FROM (SELECT coalesce(min(p.turn), 0)
            FROM imports.privacy AS p WHERE p.user_id = owner)
    THEN
        RETURN false;
    END IF;
    PERFORM set_config('app.gate', owner::text, true);
    RETURN true;
END
$$;

-- A trigger on tables with content: refuse an insert without imports.enter.
CREATE OR REPLACE FUNCTION imports.refuse_content() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '%.% takes content only through imports.enter', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

-- Take a lock of the user of the transaction, shared or alone, until the transaction ends.
CREATE OR REPLACE FUNCTION imports.hold(owner uuid, what text, alone boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF owner IS DISTINCT FROM imports.current_user_id() OR owner IS NULL THEN
        RAISE EXCEPTION 'a lock is held for the user of the transaction alone'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF alone THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('datapunk.' || what || owner, 0));
    ELSE
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('datapunk.' || what || owner, 0));
    END IF;
END
$$;

-- Take a lock of the session, which outlives its transaction; false if another session has it.
CREATE OR REPLACE FUNCTION imports.keep_hold(owner uuid, what text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF owner IS DISTINCT FROM imports.current_user_id() OR owner IS NULL THEN
        RAISE EXCEPTION 'a lock is held for the user of the transaction alone'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN pg_try_advisory_lock(hashtextextended('datapunk.' || what || owner, 0));
END
$$;

-- Release a lock of this session.
CREATE OR REPLACE FUNCTION imports.end_hold(owner uuid, what text) RETURNS boolean
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT pg_advisory_unlock(hashtextextended('datapunk.' || what || owner, 0)) $$;

REVOKE EXECUTE ON FUNCTION
    imports.announce_policy(uuid,text,text,boolean),
    imports.count_again(uuid,bigint,bigint,jsonb),
    imports.end_hold(uuid,text),
    imports.enter(uuid,boolean,boolean,text),
    imports.enter_stored(uuid,text,bigint),
    imports.forget_unsaid(uuid,bigint[]),
    imports.hold(uuid,text,boolean),
    imports.hold_lake(uuid,boolean),
    imports.hold_texts(uuid,boolean),
    imports.keep_hold(uuid,text),
    imports.let_go(uuid),
    imports.look_again(uuid),
    imports.roll_back(uuid)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    imports.announce_policy(uuid,text,text,boolean),
    imports.count_again(uuid,bigint,bigint,jsonb),
    imports.end_hold(uuid,text),
    imports.enter(uuid,boolean,boolean,text),
    imports.enter_stored(uuid,text,bigint),
    imports.forget_unsaid(uuid,bigint[]),
    imports.hold(uuid,text,boolean),
    imports.hold_lake(uuid,boolean),
    imports.hold_texts(uuid,boolean),
    imports.keep_hold(uuid,text),
    imports.let_go(uuid),
    imports.look_again(uuid),
    imports.roll_back(uuid)
    TO datapunk_ingest;
