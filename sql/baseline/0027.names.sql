-- The schema that the migrations up to the one in this file's name give, written by
-- `make baseline`. An empty database starts from it. Never edited: a change is a new migration.
SET LOCAL check_function_bodies = off;

CREATE SCHEMA analytics;

CREATE SCHEMA archive;

CREATE SCHEMA imports;

CREATE SCHEMA timeseries;

CREATE SCHEMA user_data;

CREATE SCHEMA vectors;

CREATE FUNCTION analytics.day_of(at timestamp with time zone) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT coalesce((at AT TIME ZONE 'UTC')::date, date '0001-01-01') $$;

CREATE FUNCTION analytics.document_days_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO analytics.touched (user_id, series, day)
        SELECT DISTINCT user_id, 'documents', analytics.day_of(at) FROM changed;
    RETURN NULL;
END
$$;

CREATE FUNCTION analytics.documents_of(days date[]) RETURNS TABLE(day date, source text, data_type text, record_type text, record_key uuid, domain text)
    LANGUAGE sql STABLE
    AS $$
SELECT d.day, s.source, s.data_type, s.record_type, s.record_key, s.domain
FROM unnest(days) AS d (day) CROSS JOIN LATERAL (
    SELECT f.source, f.data_type, f.record_type, f.record_key, f.domain FROM user_data.search AS f
    WHERE f.user_id = (SELECT imports.current_user_id())
      AND f.at >= d.day::timestamp AT TIME ZONE 'UTC'
      AND f.at < (d.day + 1)::timestamp AT TIME ZONE 'UTC' OFFSET 0) AS s
UNION ALL
SELECT date '0001-01-01', s.source, s.data_type, s.record_type, s.record_key, s.domain
FROM user_data.search AS s
WHERE s.user_id = (SELECT imports.current_user_id()) AND s.at IS NULL
    AND date '0001-01-01' = ANY(days)
$$;

CREATE FUNCTION analytics.domain_of(url text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT left(regexp_replace(lower(substring(url from '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@?#]*@)?([^/:?#]+)')),
    '^www\.', ''), 253)
$$;

CREATE FUNCTION analytics.instant(written text) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    IF written !~ '^\d{4}-\d\d-\d\dT\d\d:\d\d' THEN
        RETURN NULL;
    END IF;
    RETURN written::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

CREATE FUNCTION analytics.not_alike_any_more() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM user_data.relations AS r USING changed AS c
        WHERE r.user_id = c.user_id AND r.other_key = c.record_key
          AND r.relation = 'near_duplicate_of';
    DELETE FROM user_data.relations AS r USING changed AS c
        WHERE r.user_id = c.user_id AND r.record_key = c.record_key
          AND r.relation = 'near_duplicate_of';
    DELETE FROM analytics.bands AS b USING changed AS c, analytics.fingerprints AS f,
            unnest(f.bands) AS held
        WHERE f.document_id = c.id AND b.user_id = f.user_id AND b.band = held
          AND b.document_id = f.document_id;
    DELETE FROM analytics.fingerprints AS f USING changed AS c WHERE f.document_id = c.id;
    RETURN NULL;
END
$$;

CREATE FUNCTION analytics.number(value jsonb) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN jsonb_typeof(value) = 'number' THEN CASE WHEN abs(value::numeric) < 1e300
    AND (value::numeric = 0 OR abs(value::numeric) > 1e-300) THEN value::float8 END END
$$;

CREATE FUNCTION analytics.series_days_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO analytics.touched (user_id, series, day)
        SELECT DISTINCT user_id, TG_TABLE_NAME, analytics.day_of(at) FROM changed;
    RETURN NULL;
END
$$;

CREATE FUNCTION imports.analyze_month(parent regclass, month date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    child regclass;
BEGIN
    IF parent::text !~ '^(user_data\.documents_[a-z]+|timeseries\.(locations|metrics))$' THEN
        RAISE EXCEPTION 'not a partitioned table of the lake' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    child := to_regclass(parent::text || CASE WHEN month < date '1900-01-01' THEN '_undated'
        ELSE to_char(month, '"_y"YYYY"m"MM') END);
    IF child IS NOT NULL THEN
        EXECUTE format('ANALYZE %s', child);
    END IF;
END
$_$;

CREATE FUNCTION imports.announce_policy(owner uuid, said text, at_host text, by_hand boolean) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    present text;
    mine text;
BEGIN
    -- Once without the lock, which waits for commits: mostly nothing is new.
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
        -- What came in under another policy may stand where a run that was cut short has been.
        PERFORM imports.look_again(owner);
    END IF;
    RETURN true;
END
$$;

CREATE FUNCTION imports.attach_partition(parent regclass, child_schema text, child text, bounds text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        child_schema, child, parent);
    PERFORM imports.isolate(format('%I.%I', child_schema, child)::regclass);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES %s',
        parent, child_schema, child, bounds);
END
$$;

CREATE FUNCTION imports.changed(counts jsonb, by jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
SELECT coalesce(counts, '{}') || coalesce(jsonb_object_agg(key,
    coalesce((counts->>key)::bigint, 0) + value::bigint), '{}') FROM jsonb_each_text(by)
$$;

CREATE FUNCTION imports.count_again(job uuid, file bigint, chunk bigint, by jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION imports.current_user_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;

CREATE FUNCTION imports.end_hold(owner uuid, what text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT pg_advisory_unlock(hashtextextended('datapunk.' || what || owner, 0)) $$;

CREATE FUNCTION imports.ensure_months(parent regclass, child_schema text, prefix text, months date[]) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    month date;
    child text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('datapunk.partitions'), parent::oid::integer);
    FOREACH month IN ARRAY months LOOP
        CONTINUE WHEN month < date '1900-01-01' OR month >= date '2101-01-01';
        month := date_trunc('month', month::timestamp)::date;
        child := prefix || to_char(month, '"_y"YYYY"m"MM');
        CONTINUE WHEN to_regclass(format('%I.%I', child_schema, child)) IS NOT NULL;
        PERFORM imports.attach_partition(parent, child_schema, child, format(
            'FROM (%L) TO (%L)', month::text || ' 00:00:00+00',
            (month + interval '1 month')::date::text || ' 00:00:00+00'));
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

CREATE FUNCTION imports.enter(owner uuid, alone boolean, moves boolean, read_under text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    present text;
BEGIN
    PERFORM set_config('app.user_id', owner::text, true);
    PERFORM imports.hold_lake(owner, alone);
    -- A statement of its own, which sees what was committed while the one before waited.
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

CREATE FUNCTION imports.enter_stored(owner uuid, purpose text, since bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM set_config('app.user_id', owner::text, true);
    CASE purpose
        WHEN 'index' THEN PERFORM imports.hold_texts(owner, false);
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

CREATE FUNCTION imports.folder_of(path text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$ SELECT regexp_replace(imports.plain_path(path), '[^/]*$', '') $_$;

CREATE FUNCTION imports.forget_unsaid(job uuid, file_ids bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
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

CREATE FUNCTION imports.hold(owner uuid, what text, alone boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION imports.hold_lake(owner uuid, alone boolean) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT imports.hold(owner, 'lake', alone) $$;

CREATE FUNCTION imports.hold_texts(owner uuid, alone boolean) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT imports.hold(owner, 'texts', alone) $$;

CREATE FUNCTION imports.isolate(target regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format(
        'CREATE POLICY own_rows ON %s TO datapunk_ingest, datapunk_reader '
        'USING (user_id = (SELECT imports.current_user_id())) '
        'WITH CHECK (user_id = (SELECT imports.current_user_id()))', target);
END
$$;

CREATE FUNCTION imports.keep_hold(owner uuid, what text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF owner IS DISTINCT FROM imports.current_user_id() OR owner IS NULL THEN
        RAISE EXCEPTION 'a lock is held for the user of the transaction alone'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN pg_try_advisory_lock(hashtextextended('datapunk.' || what || owner, 0));
END
$$;

CREATE FUNCTION imports.let_go(target uuid) RETURNS TABLE(documents bigint, locations bigint, metrics bigint, vectors bigint, handed_on bigint, restored bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    moved record;
    old bigint;
BEGIN
    -- A chunk that is not done left out what stood here: it must look again, from its beginning.
    -- Who is at work on it is fenced out. None can become done meanwhile: that takes the lake.
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

    -- The version that stood before the job's own, unless a later job had the job's own too.
    CREATE TEMPORARY TABLE before ON COMMIT DROP AS
        SELECT DISTINCT ON (v.record_key) v.*
        FROM pg_temp.leaving AS r
        JOIN user_data.versions AS v ON v.user_id = imports.current_user_id()
            AND v.record_key = r.record_key
        JOIN user_data.documents AS d ON d.id = v.id AND d.data_type = v.data_type
            AND d.partition_at = v.partition_at
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
        WHERE d.id = b.id AND d.data_type = b.data_type AND d.partition_at = b.partition_at;
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

CREATE FUNCTION imports.look_again(owner uuid) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
UPDATE imports.privacy SET turn = turn + 1, after_document = 0, after_version = 0
WHERE user_id = owner AND finished_at IS NULL
$$;

CREATE FUNCTION imports.plain_path(path text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT normalize(btrim(regexp_replace(regexp_replace(path, '^.*!/', ''), '\s*/\s*', '/', 'g')), NFC)
$$;

CREATE FUNCTION imports.refuse_content() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '%.% takes content only through imports.enter', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE FUNCTION imports.roll_back(target uuid) RETURNS TABLE(documents bigint, locations bigint, metrics bigint, vectors bigint, handed_on bigint, restored bigint, quarantined bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
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

CREATE FUNCTION timeseries.ensure_partitions(series text, months date[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF series NOT IN ('locations', 'metrics') THEN
        RAISE EXCEPTION 'no series of that name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN imports.ensure_months(format('timeseries.%s', series)::regclass, 'timeseries', series,
        months);
END
$$;

CREATE FUNCTION timeseries.forget_unread_times() RETURNS TABLE(series text, records bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    FOREACH series IN ARRAY ARRAY['locations', 'metrics'] LOOP
        -- They lie before all others, in a partition of their own.
        EXECUTE format('UPDATE timeseries.%I SET metadata = jsonb_set(metadata, ''{time,text}'', ''""'')
            WHERE user_id = imports.current_user_id() AND at < ''1900-01-01 00:00:00+00''
              AND metadata->''time''->>''flag'' = ''time_unread''
              AND metadata->''time''->>''text'' <> ''''', series);
        GET DIAGNOSTICS records = ROW_COUNT;
        RETURN NEXT;
    END LOOP;
END
$$;

CREATE FUNCTION timeseries.renew(series text, job uuid, file_ids bigint[]) RETURNS TABLE(file bigint, chunk bigint, merged boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $_$
DECLARE
    said text := CASE series
        WHEN 'locations' THEN '{}latitude, {}longitude, {}altitude_m, {}accuracy_m, {}source, {}metadata'
        WHEN 'metrics' THEN '{}until, {}name, {}value, {}unit, {}source, {}metadata' END;
BEGIN
    IF said IS NULL THEN
        RAISE EXCEPTION 'no series of that name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('CREATE TEMPORARY TABLE renewed ON COMMIT DROP AS '
        'SELECT s.*, c.own_at, c.own_chunk, c.file_id, s.at <> c.own_at AND EXISTS ('
        '    SELECT FROM timeseries.%1$I AS o WHERE o.user_id = imports.current_user_id() '
        '    AND o.record_key = s.record_key AND o.at = s.at) AS merged '
        'FROM pg_temp.stage_%1$s AS s JOIN pg_temp.chosen AS c ON c.state = ''compare'' '
        '    AND c.key = s.record_key AND c.file_id = ($1)[s.slot + 1] '
        'JOIN timeseries.%1$I AS t ON t.user_id = imports.current_user_id() '
        '    AND t.record_key = s.record_key AND t.at = c.own_at '
        'WHERE (t.at, %2$s) IS DISTINCT FROM (s.at, %3$s)',
        series, replace(said, '{}', 't.'), replace(said, '{}', 's.')) USING file_ids;
    INSERT INTO imports.claims (user_id, data_type, record_key, at, job_id, file_id, chunk_id)
        SELECT c.user_id, series, c.record_key, r.at, c.job_id, c.file_id, c.chunk_id
        FROM renewed AS r JOIN imports.claims AS c ON c.user_id = imports.current_user_id()
            AND c.data_type = series AND c.record_key = r.record_key AND c.at = r.own_at
        WHERE r.at <> r.own_at
        UNION
        SELECT imports.current_user_id(), series, r.record_key, r.at, job, r.file_id, r.own_chunk
        FROM renewed AS r WHERE r.merged
        ON CONFLICT DO NOTHING;
    DELETE FROM imports.claims AS c USING renewed AS r
        WHERE r.at <> r.own_at AND c.user_id = imports.current_user_id() AND c.data_type = series
          AND c.record_key = r.record_key AND c.at = r.own_at;
    EXECUTE format('DELETE FROM timeseries.%I AS t USING renewed AS r WHERE r.merged '
        'AND t.user_id = imports.current_user_id() AND t.record_key = r.record_key '
        'AND t.at = r.own_at AND t.job_id = $1', series) USING job;
    EXECUTE format('UPDATE timeseries.%I AS t SET (at, %s) = (r.at, %s) FROM renewed AS r '
        'WHERE t.user_id = imports.current_user_id() AND t.record_key = r.record_key '
        'AND t.at = r.own_at AND t.job_id = $1 AND NOT r.merged',
        series, replace(said, '{}', ''), replace(said, '{}', 'r.')) USING job;
    RETURN QUERY SELECT r.file_id, r.own_chunk, r.merged FROM renewed AS r;
    DROP TABLE renewed;
END
$_$;

CREATE FUNCTION user_data.analyze_search() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    target regclass;
BEGIN
    FOR target IN SELECT c.oid FROM pg_class AS c
            WHERE c.oid = ANY(ARRAY['user_data.search', 'user_data.search_words',
                'user_data.entities', 'user_data.mentions']::regclass[])
              AND pg_stat_get_mod_since_analyze(c.oid) > greatest(c.reltuples / 10, 500) LOOP
        EXECUTE format('ANALYZE %s', target);
    END LOOP;
END
$$;

CREATE FUNCTION user_data.ensure_partitions(type text, months date[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF type NOT IN ('structured', 'email', 'media', 'document', 'location', 'browser', 'activity') THEN
        RAISE EXCEPTION 'no data type of that name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN imports.ensure_months(format('user_data.documents_%s', type)::regclass,
        'user_data', 'documents_' || type, months);
END
$$;

CREATE FUNCTION user_data.forget_meaning() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    CREATE TEMPORARY TABLE alone ON COMMIT DROP AS
        SELECT c.key FROM pg_temp.chosen AS c
        WHERE c.id IS NOT NULL AND c.version_id IS NULL AND NOT EXISTS (
            SELECT FROM imports.claims AS x
            WHERE x.user_id = imports.current_user_id() AND x.data_type = c.own_type
              AND x.record_key = c.key AND x.at = c.own_at);
    DELETE FROM user_data.mentions AS m USING alone AS a
        WHERE m.user_id = imports.current_user_id() AND m.record_key = a.key
          AND NOT EXISTS (SELECT FROM pg_temp.stage_mentions AS s WHERE s.record_key = m.record_key
              AND s.entity_key = m.entity_key AND s.role = m.role);
    DELETE FROM user_data.relations AS m USING alone AS a
        WHERE m.user_id = imports.current_user_id() AND m.record_key = a.key
          AND NOT EXISTS (SELECT FROM pg_temp.stage_relations AS s
              WHERE s.record_key = m.record_key AND s.relation = m.relation
                AND s.other_key = m.other_key);
    DROP TABLE alone;
END
$$;

CREATE FUNCTION user_data.given_elsewhere(type text, key uuid, at timestamp with time zone, file bigint, chunk bigint) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
SELECT EXISTS (SELECT FROM user_data.documents AS d
        WHERE d.user_id = imports.current_user_id() AND d.data_type = type
          AND d.record_key = key AND d.partition_at = at AND d.file_id = file
          AND d.chunk_id <> chunk)
    OR EXISTS (SELECT FROM imports.claims AS c
        WHERE c.user_id = imports.current_user_id() AND c.data_type = type
          AND c.record_key = key AND c.at = given_elsewhere.at AND c.file_id = file
          AND c.chunk_id <> chunk)
$$;

CREATE FUNCTION user_data.how_shared(type text, own uuid, base uuid, at timestamp with time zone, hash uuid, format text, version integer) RETURNS text
    LANGUAGE sql STABLE
    AS $$
SELECT CASE
    WHEN EXISTS (SELECT FROM user_data.documents AS o
        WHERE o.user_id = imports.current_user_id() AND o.data_type = type
          AND o.record_key = own AND o.partition_at = at) THEN 'apart'
    ELSE coalesce((SELECT CASE
            WHEN d.metadata->>'own_key' = user_data.in_letters(own) THEN 'this'
            WHEN EXISTS (SELECT FROM user_data.versions AS v
                WHERE v.user_id = imports.current_user_id() AND v.record_key = base AND v.id = d.id
                  AND (v.content_hash = hash OR v.metadata->>'own_key' = user_data.in_letters(own)))
                THEN 'this'
            WHEN d.metadata ? 'own_key' AND (d.source <> format OR d.parser_version = version)
                THEN 'other'
            WHEN d.content_hash = hash THEN 'alike'
            ELSE 'unknown' END
        FROM user_data.documents AS d
        WHERE d.user_id = imports.current_user_id() AND d.data_type = type
          AND d.record_key = base AND d.partition_at = at), 'free') END
$$;

CREATE FUNCTION user_data.in_letters(key uuid) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT translate(replace(key::text, '-', ''), '0123456789', 'ghijklmnop') $$;

CREATE FUNCTION user_data.km(lat double precision, lon double precision, near_lat double precision, near_lon double precision, within double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN lat IS NULL OR lon IS NULL OR abs(lat - near_lat) > within / 110.0
    THEN 'Infinity'::float8
    ELSE 2 * 6371.0088 * asin(least(1, sqrt(sind((lat - near_lat) / 2) ^ 2
        + cosd(lat) * cosd(near_lat) * sind((lon - near_lon) / 2) ^ 2))) END
$$;

CREATE FUNCTION user_data.no_more_found() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM user_data.search AS s USING changed AS c WHERE s.document_id = c.id;
    DELETE FROM vectors.waiting AS w USING changed AS c
        WHERE w.user_id = c.user_id AND w.document_id = c.id;
    RETURN NULL;
END
$$;

CREATE FUNCTION user_data.number_repeats(chunk bigint, file_ids bigint[]) RETURNS TABLE(old uuid, new uuid)
    LANGUAGE plpgsql
    AS $$
BEGIN
    CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
        SELECT s.data_type, s.base_key, s.partition_at, s.file, 1 AS low, 2 AS high, true AS hit
        FROM (SELECT DISTINCT t.data_type, t.base_key, t.partition_at, file_ids[t.slot + 1] AS file
            FROM pg_temp.stage_documents AS t) AS s
        WHERE EXISTS (SELECT FROM user_data.documents AS d
                WHERE d.user_id = imports.current_user_id() AND d.data_type = s.data_type
                  AND d.record_key = s.base_key AND d.partition_at = s.partition_at
                  AND d.file_id = s.file AND d.chunk_id <> chunk)
            OR EXISTS (SELECT FROM imports.claims AS c
                WHERE c.user_id = imports.current_user_id() AND c.data_type = s.data_type
                  AND c.record_key = s.base_key AND c.at = s.partition_at
                  AND c.file_id = s.file AND c.chunk_id <> chunk);
    LOOP
        UPDATE numbered AS n SET hit = user_data.given_elsewhere(n.data_type,
                user_data.occurrence_key(n.base_key, n.high), n.partition_at, n.file, chunk)
            WHERE n.hit;
        UPDATE numbered AS n SET low = n.high, high = 2 * n.high WHERE n.hit;
        EXIT WHEN NOT FOUND;
    END LOOP;
    LOOP
        UPDATE numbered AS n SET hit = user_data.given_elsewhere(n.data_type,
                user_data.occurrence_key(n.base_key, (n.low + n.high) / 2), n.partition_at, n.file,
                chunk)
            WHERE n.high - n.low > 1;
        EXIT WHEN NOT FOUND;
        UPDATE numbered AS n SET low = CASE WHEN n.hit THEN (n.low + n.high) / 2 ELSE n.low END,
                high = CASE WHEN n.hit THEN n.high ELSE (n.low + n.high) / 2 END
            WHERE n.high - n.low > 1;
    END LOOP;
    RETURN QUERY WITH renamed AS (
        UPDATE pg_temp.stage_documents AS s
        SET record_key = user_data.occurrence_key(s.base_key, s.nth + n.low)
        FROM numbered AS n, pg_temp.stage_documents AS o
        WHERE s.data_type = n.data_type AND s.base_key = n.base_key
          AND s.partition_at = n.partition_at AND file_ids[s.slot + 1] = n.file AND o.ctid = s.ctid
        RETURNING o.record_key AS was, s.record_key AS becomes)
        SELECT was, becomes FROM renamed;
    DROP TABLE numbered;
END
$$;

CREATE FUNCTION user_data.occurrence_key(key uuid, nth integer) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN nth = 1 THEN key ELSE md5(key::text || '#' || nth)::uuid END $$;

CREATE FUNCTION user_data.renew_documents(job uuid, version integer, file_ids bigint[]) RETURNS TABLE(key uuid, file bigint, chunk bigint, merged boolean, reworded boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    CREATE TEMPORARY TABLE renewed ON COMMIT DROP AS
        SELECT s.*, c.id, c.version_id, c.own_type, c.own_at, c.own_chunk, c.file_id, o.id AS other,
            (c.own_type, c.own_at) IS DISTINCT FROM (s.data_type, s.partition_at)
                AND c.version_id IS NULL AS moves,
            d.id IS NOT NULL AND (d.title, d.content) IS DISTINCT FROM (s.title, s.content) AS reworded
        FROM pg_temp.stage_documents AS s
        JOIN pg_temp.chosen AS c ON c.state = 'changed' AND c.key = s.record_key
            AND c.file_id = file_ids[s.slot + 1]
        LEFT JOIN user_data.documents AS d ON c.version_id IS NULL AND d.id = c.id
            AND d.data_type = c.own_type AND d.partition_at = c.own_at
        LEFT JOIN user_data.documents AS o ON c.version_id IS NULL AND o.id <> c.id
            AND o.user_id = imports.current_user_id() AND o.data_type = s.data_type
            AND o.record_key = s.record_key AND o.partition_at = s.partition_at;
    INSERT INTO imports.claims (user_id, data_type, record_key, at, job_id, file_id, chunk_id)
        SELECT c.user_id, r.data_type, c.record_key, r.partition_at, c.job_id, c.file_id, c.chunk_id
        FROM renewed AS r JOIN imports.claims AS c ON c.user_id = imports.current_user_id()
            AND c.data_type = r.own_type AND c.record_key = r.record_key AND c.at = r.own_at
        WHERE r.moves
        UNION
        SELECT imports.current_user_id(), r.data_type, r.record_key, r.partition_at, job,
            r.file_id, r.own_chunk
        FROM renewed AS r WHERE r.other IS NOT NULL
        ON CONFLICT DO NOTHING;
    DELETE FROM imports.claims AS c USING renewed AS r
        WHERE r.moves AND c.user_id = imports.current_user_id() AND c.data_type = r.own_type
          AND c.record_key = r.record_key AND c.at = r.own_at;
    UPDATE user_data.versions AS v SET id = coalesce(r.other, r.id), data_type = r.data_type,
            partition_at = r.partition_at
        FROM renewed AS r
        WHERE r.moves AND v.user_id = imports.current_user_id() AND v.record_key = r.record_key
          AND v.id = r.id;
    DELETE FROM vectors.embeddings AS e USING renewed AS r
        WHERE e.document_id = r.id AND r.version_id IS NULL AND (r.reworded OR r.other IS NOT NULL);
    DELETE FROM user_data.documents AS d USING renewed AS r
        WHERE r.other IS NOT NULL AND d.id = r.id AND d.data_type = r.own_type
          AND d.partition_at = r.own_at AND d.job_id = job;
    UPDATE user_data.documents AS d SET data_type = r.data_type, partition_at = r.partition_at,
            source = r.source, source_timestamp = r.source_timestamp, title = r.title,
            content = r.content, content_type = r.content_type, language = r.language,
            metadata = r.metadata, content_hash = r.content_hash, parser_version = version
        FROM renewed AS r
        WHERE r.version_id IS NULL AND d.id = r.id AND d.data_type = r.own_type
          AND d.partition_at = r.own_at AND d.job_id = job;
    UPDATE user_data.versions AS v SET source = r.source, source_timestamp = r.source_timestamp,
            title = r.title, content = r.content, content_type = r.content_type,
            language = r.language, metadata = r.metadata, content_hash = r.content_hash,
            parser_version = version
        FROM renewed AS r WHERE v.version_id = r.version_id AND v.job_id = job;
    RETURN QUERY SELECT r.record_key, r.file_id, r.own_chunk, r.other IS NOT NULL,
        r.reworded AND r.other IS NULL FROM renewed AS r;
    DROP TABLE renewed;
END
$$;

CREATE FUNCTION user_data.spaced(said text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN said ~ '[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]'
    THEN regexp_replace(said, '([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])', ' \1 ', 'g')
    ELSE said END
$$;

CREATE FUNCTION user_data.supersede(job uuid, chunk bigint, version integer, file_ids bigint[]) RETURNS TABLE(key uuid, file bigint, current boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    made timestamptz;
BEGIN
    SELECT coalesce(j.exported_at, j.created_at) INTO STRICT made FROM imports.jobs AS j
        WHERE j.id = job;
    -- Two jobs with other versions of one record take turns.
    PERFORM FROM pg_temp.stage_documents AS s
        JOIN user_data.documents AS d ON d.user_id = imports.current_user_id()
            AND d.data_type = s.data_type AND d.record_key = s.record_key
            AND d.partition_at = s.partition_at
        WHERE d.job_id <> job AND d.source = s.source AND d.content_hash <> s.content_hash
        ORDER BY d.record_key FOR UPDATE OF d;
    CREATE TEMPORARY TABLE changed ON COMMIT DROP AS
        SELECT s.*, d.id, d.user_id, coalesce(j.exported_at, j.created_at) <= made AS newer
        FROM pg_temp.stage_documents AS s
        JOIN user_data.documents AS d ON d.user_id = imports.current_user_id()
            AND d.data_type = s.data_type AND d.record_key = s.record_key
            AND d.partition_at = s.partition_at
        JOIN imports.jobs AS j ON j.id = d.job_id
        WHERE d.job_id <> job AND d.source = s.source AND d.content_hash <> s.content_hash
          AND NOT EXISTS (SELECT FROM user_data.versions AS v
              WHERE v.user_id = d.user_id AND v.record_key = s.record_key
                AND v.content_hash = s.content_hash);
    INSERT INTO user_data.versions
        SELECT d.*, now(), job FROM user_data.documents AS d JOIN changed AS c
            ON d.id = c.id AND d.data_type = c.data_type AND d.partition_at = c.partition_at
        WHERE c.newer;
    INSERT INTO user_data.versions (id, user_id, data_type, source, record_type, record_key,
            partition_at, source_timestamp, title, content, content_type, language, metadata,
            job_id, file_id, chunk_id, content_hash, parser_version, superseded_by)
        SELECT c.id, c.user_id, c.data_type, c.source, c.record_type, c.record_key,
            c.partition_at, c.source_timestamp, c.title, c.content, c.content_type, c.language,
            c.metadata, job, file_ids[c.slot + 1], chunk, c.content_hash, version, d.job_id
        FROM changed AS c JOIN user_data.documents AS d
            ON d.id = c.id AND d.data_type = c.data_type AND d.partition_at = c.partition_at
        WHERE NOT c.newer;
    DELETE FROM vectors.embeddings AS e USING changed AS c
        WHERE e.document_id = c.id AND c.newer;
    DELETE FROM user_data.mentions AS m USING changed AS c
        WHERE m.user_id = c.user_id AND m.record_key = c.record_key AND c.newer;
    DELETE FROM user_data.relations AS r USING changed AS c
        WHERE r.user_id = c.user_id AND r.record_key = c.record_key AND c.newer;
    UPDATE user_data.documents AS d SET source_timestamp = c.source_timestamp, title = c.title,
            content = c.content, content_type = c.content_type, language = c.language,
            metadata = c.metadata, job_id = job, file_id = file_ids[c.slot + 1],
            chunk_id = chunk, content_hash = c.content_hash, parser_version = version,
            created_at = now()
        FROM changed AS c
        WHERE d.id = c.id AND d.data_type = c.data_type AND d.partition_at = c.partition_at
          AND c.newer;
    RETURN QUERY SELECT c.record_key, file_ids[c.slot + 1], c.newer FROM changed AS c;
    DROP TABLE changed;
END
$$;

CREATE FUNCTION user_data.to_be_indexed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO user_data.unindexed (user_id, document_id, data_type, partition_at)
        SELECT user_id, id, data_type, partition_at FROM changed;
    RETURN NULL;
END
$$;

CREATE FUNCTION user_data."treat"(items jsonb, versions boolean) RETURNS TABLE(id bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    CREATE TEMPORARY TABLE asked ON COMMIT DROP AS
        SELECT * FROM jsonb_to_recordset(items) AS x (id bigint, was uuid, title text, content text,
            content_type text, language text, metadata jsonb, content_hash uuid, gone text[],
            hashes uuid[]);
    IF versions THEN
        RETURN QUERY UPDATE user_data.versions AS v SET title = a.title, content = a.content,
                content_type = a.content_type, language = a.language, metadata = a.metadata, content_hash = a.content_hash
            FROM asked AS a
            WHERE v.version_id = a.id AND v.content_hash IS NOT DISTINCT FROM a.was
            RETURNING v.version_id;
        DROP TABLE asked;
        RETURN;
    END IF;
    CREATE TEMPORARY TABLE treated ON COMMIT DROP AS
        WITH new AS (
            UPDATE user_data.documents AS d SET title = a.title, content = a.content,
                content_type = a.content_type, language = a.language, metadata = a.metadata, content_hash = a.content_hash
            FROM asked AS a
            WHERE d.id = a.id AND d.content_hash IS NOT DISTINCT FROM a.was
            RETURNING d.id, d.user_id, d.record_key, d.language, a.gone, a.hashes)
        SELECT * FROM new;
    DELETE FROM vectors.embeddings AS e USING treated AS t
        WHERE e.document_id = t.id AND t.gone IS NOT NULL;
    DELETE FROM vectors.cache AS c USING (
            SELECT DISTINCT t.user_id, h FROM treated AS t, unnest(t.hashes) AS h) AS old
        WHERE c.user_id = old.user_id AND c.text_hash = old.h;
    DELETE FROM user_data.search AS s USING treated AS t
        WHERE s.document_id = t.id AND t.gone IS NOT NULL;
    DELETE FROM user_data.search_words AS w USING (
            SELECT DISTINCT t.user_id, word FROM treated AS t, unnest(t.gone) AS g,
                unnest(tsvector_to_array(user_data.words_in(t.language, g, NULL, '{}'))) AS word) AS o
        WHERE w.user_id = o.user_id AND w.word = o.word;
    CREATE TEMPORARY TABLE forgotten ON COMMIT DROP AS
        WITH old AS (
            DELETE FROM user_data.mentions AS m USING treated AS t
            WHERE m.user_id = t.user_id AND m.record_key = t.record_key AND t.gone IS NOT NULL
            RETURNING m.user_id, m.entity_key)
        SELECT DISTINCT o.user_id, o.entity_key FROM old AS o;
    DELETE FROM user_data.entities AS e USING forgotten AS f
        WHERE e.user_id = f.user_id AND e.entity_key = f.entity_key
          AND NOT EXISTS (SELECT FROM user_data.mentions AS m
              WHERE m.user_id = e.user_id AND m.entity_key = e.entity_key);
    UPDATE user_data.entities AS e SET name = NULL FROM forgotten AS f
        WHERE e.user_id = f.user_id AND e.entity_key = f.entity_key
          AND EXISTS (SELECT FROM treated AS t, unnest(t.gone) AS g
              WHERE position(g IN e.name) > 0);
    RETURN QUERY SELECT t.id FROM treated AS t;
    DROP TABLE asked, treated, forgotten;
END
$$;

CREATE FUNCTION user_data.who(who text) RETURNS TABLE(entity_key uuid)
    LANGUAGE sql STABLE
    AS $$
WITH RECURSIVE found AS (
    SELECT e.entity_key FROM user_data.entities AS e
    WHERE e.user_id = imports.current_user_id()
      AND e.kind IN ('address', 'phone', 'handle', 'person_name')
      AND (lower(e.value) = lower(who) OR e.value LIKE '%:' || lower(who)
          OR lower(e.name) = lower(who))
    UNION
    SELECT other.entity_key
    FROM found JOIN user_data.mentions AS card ON card.user_id = imports.current_user_id()
            AND card.entity_key = found.entity_key AND card.role = 'people'
        JOIN user_data.search AS s ON s.user_id = imports.current_user_id()
            AND s.record_key = card.record_key AND s.record_type = 'contact'
        JOIN user_data.mentions AS other ON other.user_id = imports.current_user_id()
            AND other.record_key = card.record_key AND other.role = 'people')
SELECT entity_key FROM found
$$;

CREATE FUNCTION user_data.words_in(language text, title text, content text, metadata jsonb) RETURNS tsvector
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $_$
SELECT setweight(to_tsvector(c, user_data.spaced(left(coalesce(title, ''), 10000))), 'A')
    || setweight(to_tsvector(c, user_data.spaced(left(coalesce(content, ''), 200000))), 'B')
    || setweight(to_tsvector('user_data.words_simple', user_data.spaced(left(concat_ws(' ',
        metadata->>'url', metadata->>'artist', metadata->>'album', metadata->>'show',
        metadata->>'channel', metadata->>'query', metadata->>'description',
        metadata->>'conversation_title', metadata->>'location', metadata->>'merchant',
        metadata#>>'{sender,name}', metadata#>>'{sender,address}', metadata#>>'{author,name}',
        metadata#>>'{place,name}', metadata#>>'{place,address}',
        jsonb_path_query_array(metadata, '$.recipients[0 to 20].*')::text,
        jsonb_path_query_array(metadata, '$.people[0 to 20].*')::text,
        jsonb_path_query_array(metadata, '$.labels[0 to 20]')::text), 20000))), 'C')
FROM (SELECT user_data.words_of(language) AS c) AS configuration
$_$;

CREATE FUNCTION user_data.words_of(language text) RETURNS regconfig
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
SELECT ('user_data.words_' || CASE language
    WHEN 'ar' THEN 'arabic' WHEN 'ca' THEN 'catalan' WHEN 'da' THEN 'danish'
    WHEN 'de' THEN 'german' WHEN 'el' THEN 'greek' WHEN 'en' THEN 'english'
    WHEN 'es' THEN 'spanish' WHEN 'eu' THEN 'basque' WHEN 'fi' THEN 'finnish'
    WHEN 'fr' THEN 'french' WHEN 'ga' THEN 'irish' WHEN 'hi' THEN 'hindi'
    WHEN 'hu' THEN 'hungarian' WHEN 'hy' THEN 'armenian' WHEN 'id' THEN 'indonesian'
    WHEN 'it' THEN 'italian' WHEN 'lt' THEN 'lithuanian' WHEN 'ne' THEN 'nepali'
    WHEN 'nl' THEN 'dutch' WHEN 'no' THEN 'norwegian' WHEN 'pt' THEN 'portuguese'
    WHEN 'ro' THEN 'romanian' WHEN 'ru' THEN 'russian' WHEN 'sr' THEN 'serbian'
    WHEN 'sv' THEN 'swedish' WHEN 'ta' THEN 'tamil' WHEN 'tr' THEN 'turkish'
    ELSE 'simple' END)::regconfig
$$;

CREATE FUNCTION vectors.ensure_index(model integer, at_least bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    width integer;
    held real;
BEGIN
    SELECT dimension INTO STRICT width FROM vectors.models WHERE id = model;
    IF width > 4000 OR to_regclass(format('vectors.embeddings_m%s_hnsw', model)) IS NOT NULL THEN
        RETURN false;  -- pgvector indexes at most 4,000 dimensions of type halfvec
    END IF;
    EXECUTE format('ANALYZE vectors.embeddings_m%s', model);
    SELECT reltuples INTO held FROM pg_class
        WHERE oid = format('vectors.embeddings_m%s', model)::regclass;
    IF held < at_least THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE INDEX embeddings_m%s_hnsw ON vectors.embeddings_m%s '
        'USING hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops) '
        'WITH (m = 24, ef_construction = 200)', model, model, width);
    RETURN true;
END
$$;

CREATE FUNCTION vectors.ensure_model(model_name text, model_revision text, model_dimension integer, model_tier text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    model integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('datapunk.models'));
    SELECT id INTO model FROM vectors.models WHERE name = model_name AND revision = model_revision;
    IF model IS NULL THEN
        INSERT INTO vectors.models (name, revision, dimension, tier)
            VALUES (model_name, model_revision, model_dimension, model_tier)
            RETURNING id INTO model;
        PERFORM imports.attach_partition('vectors.embeddings', 'vectors', 'embeddings_m' || model,
            format('IN (%s)', model));
    END IF;
    RETURN model;
END
$$;

CREATE FUNCTION vectors.make_way(of_model integer, asked text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    owner uuid := imports.current_user_id();
    held bigint;
    waiting bigint;
BEGIN
    IF to_regclass(format('vectors.embeddings_m%s_hnsw', of_model)) IS NULL THEN
        RETURN false;
    END IF;
    SELECT greatest(reltuples, 0) INTO held FROM pg_class
        WHERE oid = format('vectors.embeddings_m%s', of_model)::regclass;
    SELECT count(*) INTO waiting FROM (SELECT FROM vectors.waiting AS w
        WHERE w.user_id = owner AND w.model = asked LIMIT held + 1) AS queue;
    IF waiting <= held THEN
        RETURN false;
    END IF;
    PERFORM set_config('lock_timeout', '2s', true);
    EXECUTE format('DROP INDEX vectors.embeddings_m%s_hnsw', of_model);
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$$;

CREATE FUNCTION vectors.put(of_model integer, asked text, ids bigint[], types text[], ats timestamp with time zone[], seen text[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    owner uuid := imports.current_user_id();
    same bigint[];
BEGIN
    -- The lock holds off a newer version, which would take the old one's vectors away, till we end.
    SELECT coalesce(array_agg(held.id), '{}') INTO same FROM (
        SELECT d.id FROM unnest(ids, types, ats, seen) AS k (id, data_type, at, xmin)
        JOIN user_data.documents AS d ON d.id = k.id AND d.data_type = k.data_type
            AND d.partition_at = k.at
        WHERE d.user_id = owner AND d.xmin::text = k.xmin
        ORDER BY d.id FOR SHARE OF d) AS held;
    DELETE FROM vectors.embeddings AS e
        WHERE e.model_id = of_model AND e.document_id = ANY(same) AND e.user_id = owner;
    INSERT INTO vectors.embeddings
            (document_id, user_id, model_id, piece, piece_start, piece_end, embedding)
        SELECT s.document_id, owner, of_model, s.piece, s.piece_start, s.piece_end, s.embedding
        FROM pg_temp.stage_pieces AS s WHERE s.document_id = ANY(same);
    DELETE FROM vectors.waiting AS w
        WHERE w.user_id = owner AND w.model = asked AND w.document_id = ANY(same);
    UPDATE vectors.waiting AS w SET taken_until = '-infinity', attempts = 0
        WHERE w.user_id = owner AND w.model = asked AND w.document_id = ANY(ids);
    RETURN cardinality(same);
END
$$;

CREATE TABLE analytics.bands (
    user_id uuid NOT NULL,
    band bigint NOT NULL,
    document_id bigint NOT NULL
);

ALTER TABLE ONLY analytics.bands FORCE ROW LEVEL SECURITY;

CREATE TABLE analytics.documents_by_day (
    user_id uuid NOT NULL,
    day date NOT NULL,
    source text NOT NULL,
    data_type text NOT NULL,
    record_type text NOT NULL,
    documents bigint NOT NULL
);

ALTER TABLE ONLY analytics.documents_by_day FORCE ROW LEVEL SECURITY;

CREATE TABLE timeseries.locations_by_hour (
    user_id uuid NOT NULL,
    hour timestamp with time zone NOT NULL,
    source text NOT NULL,
    points bigint NOT NULL,
    south double precision NOT NULL,
    north double precision NOT NULL,
    west double precision NOT NULL,
    east double precision NOT NULL
);

ALTER TABLE ONLY timeseries.locations_by_hour FORCE ROW LEVEL SECURITY;

CREATE VIEW timeseries.locations_by_day WITH (security_invoker='true') AS
 SELECT analytics.day_of(hour) AS day,
    source,
    (sum(points))::bigint AS points,
    min(south) AS south,
    max(north) AS north,
    min(west) AS west,
    max(east) AS east
   FROM timeseries.locations_by_hour
  GROUP BY user_id, (analytics.day_of(hour)), source;

CREATE TABLE timeseries.metrics_by_hour (
    user_id uuid NOT NULL,
    hour timestamp with time zone NOT NULL,
    name text NOT NULL,
    unit text NOT NULL,
    source text NOT NULL,
    samples bigint NOT NULL,
    total double precision NOT NULL,
    "least" double precision NOT NULL,
    "greatest" double precision NOT NULL
);

ALTER TABLE ONLY timeseries.metrics_by_hour FORCE ROW LEVEL SECURITY;

CREATE VIEW timeseries.metrics_by_day WITH (security_invoker='true') AS
 SELECT analytics.day_of(hour) AS day,
    name,
    unit,
    source,
    (sum(samples))::bigint AS samples,
    sum(total) AS total,
    (sum(total) / (sum(samples))::double precision) AS mean,
    min("least") AS "least",
    max("greatest") AS "greatest"
   FROM timeseries.metrics_by_hour
  GROUP BY user_id, (analytics.day_of(hour)), name, unit, source;

CREATE VIEW analytics.by_day WITH (security_invoker='true') AS
 SELECT NULLIF(documents_by_day.day, '0001-01-01'::date) AS day,
    documents_by_day.source,
    documents_by_day.data_type,
    documents_by_day.record_type,
    documents_by_day.documents AS records
   FROM analytics.documents_by_day
UNION ALL
 SELECT NULLIF(locations_by_day.day, '0001-01-01'::date) AS day,
    locations_by_day.source,
    'location'::text AS data_type,
    'position'::text AS record_type,
    locations_by_day.points AS records
   FROM timeseries.locations_by_day
UNION ALL
 SELECT NULLIF(metrics_by_day.day, '0001-01-01'::date) AS day,
    metrics_by_day.source,
    'activity'::text AS data_type,
    metrics_by_day.name AS record_type,
    metrics_by_day.samples AS records
   FROM timeseries.metrics_by_day;

CREATE VIEW analytics.by_source WITH (security_invoker='true') AS
 SELECT source,
    (sum(records))::bigint AS records,
    min(day) AS first,
    max(day) AS last,
    count(DISTINCT day) AS days
   FROM analytics.by_day
  GROUP BY source;

CREATE VIEW analytics.by_type WITH (security_invoker='true') AS
 SELECT record_type,
    (sum(records))::bigint AS records,
    min(day) AS first,
    max(day) AS last,
    count(DISTINCT day) AS days
   FROM analytics.by_day
  GROUP BY record_type;

CREATE TABLE analytics.domains_by_day (
    user_id uuid NOT NULL,
    day date NOT NULL,
    domain text NOT NULL,
    documents bigint NOT NULL
);

ALTER TABLE ONLY analytics.domains_by_day FORCE ROW LEVEL SECURITY;

CREATE TABLE analytics.entities_by_day (
    user_id uuid NOT NULL,
    day date NOT NULL,
    entity_key uuid NOT NULL,
    documents bigint NOT NULL
);

ALTER TABLE ONLY analytics.entities_by_day FORCE ROW LEVEL SECURITY;

CREATE TABLE analytics.fingerprints (
    document_id bigint NOT NULL,
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    kind text NOT NULL,
    signature bytea NOT NULL,
    bands bigint[] NOT NULL,
    CONSTRAINT fingerprints_kind_check CHECK ((kind = ANY (ARRAY['text'::text, 'image'::text])))
);

ALTER TABLE ONLY analytics.fingerprints FORCE ROW LEVEL SECURITY;

CREATE VIEW analytics.gaps WITH (security_invoker='true') AS
 WITH days AS (
         SELECT by_day.source,
            by_day.day
           FROM analytics.by_day
          WHERE (by_day.day IS NOT NULL)
          GROUP BY GROUPING SETS ((by_day.source, by_day.day), (by_day.day))
        ), steps AS (
         SELECT days.source,
            lag(days.day) OVER (PARTITION BY days.source ORDER BY days.day) AS before,
            days.day
           FROM days
        )
 SELECT source,
    (before + 1) AS first,
    (day - 1) AS last,
    ((day - before) - 1) AS days
   FROM steps
  WHERE ((day - before) > 1);

CREATE TABLE user_data.entities (
    user_id uuid NOT NULL,
    entity_key uuid NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    name text
);

ALTER TABLE ONLY user_data.entities FORCE ROW LEVEL SECURITY;

CREATE VIEW analytics.names_by_day WITH (security_invoker='true') AS
 SELECT NULLIF(d.day, '0001-01-01'::date) AS day,
        CASE e.kind
            WHEN 'place'::text THEN 'place'::text
            ELSE 'person'::text
        END AS what,
    e.value,
    e.name,
    d.documents AS records
   FROM (analytics.entities_by_day d
     JOIN user_data.entities e ON (((e.user_id = d.user_id) AND (e.entity_key = d.entity_key))))
UNION ALL
 SELECT NULLIF(domains_by_day.day, '0001-01-01'::date) AS day,
    'domain'::text AS what,
    domains_by_day.domain AS value,
    NULL::text AS name,
    domains_by_day.documents AS records
   FROM analytics.domains_by_day;

CREATE TABLE analytics.quality (
    id bigint NOT NULL,
    user_id uuid NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint,
    scored_at timestamp with time zone DEFAULT now() NOT NULL,
    records bigint NOT NULL,
    quarantined bigint NOT NULL,
    completeness double precision NOT NULL,
    accuracy double precision NOT NULL,
    consistency double precision NOT NULL,
    problems jsonb NOT NULL,
    below text[] DEFAULT '{}'::text[] NOT NULL
);

ALTER TABLE ONLY analytics.quality FORCE ROW LEVEL SECURITY;

ALTER TABLE analytics.quality ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME analytics.quality_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW analytics.quality_now WITH (security_invoker='true') AS
 SELECT DISTINCT ON (job_id, file_id) job_id,
    file_id,
    scored_at,
    records,
    quarantined,
    completeness,
    accuracy,
    consistency,
    problems,
    below
   FROM analytics.quality
  ORDER BY job_id, file_id, scored_at DESC, id DESC;

CREATE VIEW analytics.top_domains WITH (security_invoker='true') AS
 SELECT value,
    (sum(records))::bigint AS records,
    min(day) AS first,
    max(day) AS last
   FROM analytics.names_by_day
  WHERE (what = 'domain'::text)
  GROUP BY value
  ORDER BY ((sum(records))::bigint) DESC, value;

CREATE VIEW analytics.top_people WITH (security_invoker='true') AS
 SELECT value,
    max(name) AS name,
    (sum(records))::bigint AS records,
    min(day) AS first,
    max(day) AS last
   FROM analytics.names_by_day
  WHERE (what = 'person'::text)
  GROUP BY value
  ORDER BY ((sum(records))::bigint) DESC, value;

CREATE VIEW analytics.top_places WITH (security_invoker='true') AS
 SELECT value,
    max(name) AS name,
    (sum(records))::bigint AS records,
    min(day) AS first,
    max(day) AS last
   FROM analytics.names_by_day
  WHERE (what = 'place'::text)
  GROUP BY value
  ORDER BY ((sum(records))::bigint) DESC, value;

CREATE TABLE analytics.touched (
    user_id uuid NOT NULL,
    series text NOT NULL,
    day date NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT touched_series_check CHECK ((series = ANY (ARRAY['documents'::text, 'locations'::text, 'metrics'::text])))
);

ALTER TABLE ONLY analytics.touched FORCE ROW LEVEL SECURITY;

CREATE TABLE analytics.uncompared (
    user_id uuid NOT NULL,
    document_id bigint NOT NULL,
    data_type text NOT NULL,
    partition_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY analytics.uncompared FORCE ROW LEVEL SECURITY;

CREATE TABLE imports.capabilities (
    name text NOT NULL,
    available text,
    installed text,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE imports.chunks (
    id bigint NOT NULL,
    job_id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    identity text NOT NULL,
    stage text NOT NULL,
    status text DEFAULT 'ready'::text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    token bigint,
    leased_by text,
    lease_expires timestamp with time zone,
    not_before timestamp with time zone DEFAULT now() NOT NULL,
    enqueued_at timestamp with time zone,
    publish_count integer DEFAULT 0 NOT NULL,
    last_error_code text,
    format text,
    format_version integer,
    embed boolean DEFAULT false NOT NULL,
    slices jsonb DEFAULT '[]'::jsonb NOT NULL,
    artefacts jsonb DEFAULT '{}'::jsonb NOT NULL,
    tally jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    done_at timestamp with time zone,
    waits_for_set boolean DEFAULT false NOT NULL,
    rewinds integer DEFAULT 0 NOT NULL,
    CONSTRAINT chunks_kind_check CHECK ((kind = ANY (ARRAY['upload'::text, 'records'::text, 'finish'::text]))),
    CONSTRAINT chunks_stage_check CHECK ((stage = ANY (ARRAY['validate'::text, 'extract'::text, 'normalise'::text, 'screen'::text, 'embed'::text, 'load'::text, 'finish'::text]))),
    CONSTRAINT chunks_status_check CHECK ((status = ANY (ARRAY['ready'::text, 'leased'::text, 'done'::text, 'dead'::text])))
);

ALTER TABLE ONLY imports.chunks FORCE ROW LEVEL SECURITY;

ALTER TABLE imports.chunks ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME imports.chunks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE imports.claims (
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    record_key uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL
);

ALTER TABLE ONLY imports.claims FORCE ROW LEVEL SECURITY;

CREATE TABLE imports.drift (
    job_id uuid NOT NULL,
    user_id uuid NOT NULL,
    format text NOT NULL,
    field text NOT NULL,
    records bigint NOT NULL,
    first_file_id bigint NOT NULL
);

ALTER TABLE ONLY imports.drift FORCE ROW LEVEL SECURITY;

CREATE TABLE imports.events (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    user_id uuid,
    job_id uuid,
    chunk_id bigint,
    actor text DEFAULT COALESCE(NULLIF(current_setting('app.actor'::text, true), ''::text), (SESSION_USER)::text) NOT NULL,
    kind text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE ONLY imports.events FORCE ROW LEVEL SECURITY;

ALTER TABLE imports.events ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME imports.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE imports.fence
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE imports.files (
    id bigint NOT NULL,
    job_id uuid NOT NULL,
    user_id uuid NOT NULL,
    ordinal integer,
    path text NOT NULL,
    media_type text,
    size_bytes bigint,
    sha256 text,
    encoding text,
    disposition text NOT NULL,
    reason text,
    detail text,
    format text,
    format_version integer,
    context jsonb DEFAULT '{}'::jsonb NOT NULL,
    settled boolean DEFAULT false NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    scan text,
    folder_hash bigint GENERATED ALWAYS AS (hashtextextended(imports.folder_of(path), (0)::bigint)) STORED NOT NULL,
    CONSTRAINT files_disposition_check CHECK ((disposition = ANY (ARRAY['handled'::text, 'ignored'::text, 'unknown'::text, 'rejected'::text])))
);

ALTER TABLE ONLY imports.files FORCE ROW LEVEL SECURITY;

ALTER TABLE imports.files ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME imports.files_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE imports.jobs (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    outcome text,
    source_name text NOT NULL,
    expected_sha256 text,
    sha256 text,
    size_bytes bigint,
    media_type text,
    scan text,
    duplicate_of uuid,
    archived_path text,
    remaining integer DEFAULT 0 NOT NULL,
    records_seen bigint DEFAULT 0 NOT NULL,
    records_loaded bigint DEFAULT 0 NOT NULL,
    records_duplicate bigint DEFAULT 0 NOT NULL,
    records_quarantined bigint DEFAULT 0 NOT NULL,
    error_code text,
    error_detail text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    claims_kept boolean DEFAULT true NOT NULL,
    alerted_at timestamp with time zone,
    set_id bigint,
    set_file integer,
    set_part integer,
    bare boolean DEFAULT false NOT NULL,
    exported_at timestamp with time zone,
    scored jsonb,
    zone text,
    CONSTRAINT jobs_outcome_check CHECK ((outcome = ANY (ARRAY['duplicate'::text, 'rejected'::text, 'failed'::text, 'cancelled'::text, 'rolled_back'::text]))),
    CONSTRAINT jobs_remaining_check CHECK ((remaining >= 0)),
    CONSTRAINT jobs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'validating'::text, 'extracting'::text, 'loading'::text, 'finishing'::text, 'done'::text, 'duplicate'::text, 'rejected'::text, 'failed'::text, 'cancelled'::text, 'rolled_back'::text])))
);

ALTER TABLE ONLY imports.jobs FORCE ROW LEVEL SECURITY;

CREATE TABLE imports.manifest_entries (
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    "position" integer NOT NULL,
    user_id uuid NOT NULL,
    path text NOT NULL,
    failed boolean NOT NULL
);

ALTER TABLE ONLY imports.manifest_entries FORCE ROW LEVEL SECURITY;

CREATE TABLE imports.policies (
    id bigint NOT NULL,
    user_id uuid NOT NULL,
    host text NOT NULL,
    policy text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE ONLY imports.policies FORCE ROW LEVEL SECURITY;

ALTER TABLE imports.policies ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME imports.policies_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE imports.privacy (
    user_id uuid NOT NULL,
    policy text NOT NULL,
    after_document bigint DEFAULT 0 NOT NULL,
    after_version bigint DEFAULT 0 NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    turn bigint DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY imports.privacy FORCE ROW LEVEL SECURITY;

CREATE TABLE imports.quarantine (
    id bigint NOT NULL,
    job_id uuid NOT NULL,
    user_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    "position" integer NOT NULL,
    locator text NOT NULL,
    stage text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    raw bytea NOT NULL,
    status text DEFAULT 'open'::text NOT NULL,
    attempts integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    reason text,
    mended bytea,
    became integer,
    CONSTRAINT quarantine_status_check CHECK ((status = ANY (ARRAY['open'::text, 'loaded'::text, 'discarded'::text, 'closed'::text])))
);

ALTER TABLE ONLY imports.quarantine FORCE ROW LEVEL SECURITY;

ALTER TABLE imports.quarantine ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME imports.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE imports.sets (
    id bigint NOT NULL,
    user_id uuid NOT NULL,
    stem text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    waits_until timestamp with time zone NOT NULL,
    checked_at timestamp with time zone,
    listed integer,
    missing integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT sets_state_check CHECK ((state = ANY (ARRAY['open'::text, 'complete'::text, 'waited'::text])))
);

ALTER TABLE ONLY imports.sets FORCE ROW LEVEL SECURITY;

ALTER TABLE imports.sets ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME imports.sets_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE imports.step_errors (
    step text NOT NULL,
    subject text NOT NULL,
    error text NOT NULL,
    place text NOT NULL,
    failures integer DEFAULT 1 NOT NULL,
    first_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    again_at timestamp with time zone NOT NULL
);

CREATE TABLE timeseries.locations (
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    altitude_m double precision,
    accuracy_m double precision,
    source text NOT NULL,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    CONSTRAINT locations_latitude_check CHECK (((latitude >= ('-90'::integer)::double precision) AND (latitude <= (90)::double precision))),
    CONSTRAINT locations_longitude_check CHECK (((longitude >= ('-180'::integer)::double precision) AND (longitude <= (180)::double precision)))
)
PARTITION BY RANGE (at);

ALTER TABLE ONLY timeseries.locations FORCE ROW LEVEL SECURITY;

CREATE TABLE timeseries.locations_undated (
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    altitude_m double precision,
    accuracy_m double precision,
    source text NOT NULL,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    CONSTRAINT locations_latitude_check CHECK (((latitude >= ('-90'::integer)::double precision) AND (latitude <= (90)::double precision))),
    CONSTRAINT locations_longitude_check CHECK (((longitude >= ('-180'::integer)::double precision) AND (longitude <= (180)::double precision)))
);

ALTER TABLE ONLY timeseries.locations_undated FORCE ROW LEVEL SECURITY;

CREATE TABLE timeseries.metrics (
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    until timestamp with time zone,
    name text NOT NULL,
    value double precision NOT NULL,
    unit text NOT NULL,
    source text NOT NULL,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL
)
PARTITION BY RANGE (at);

ALTER TABLE ONLY timeseries.metrics FORCE ROW LEVEL SECURITY;

CREATE TABLE timeseries.metrics_undated (
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    until timestamp with time zone,
    name text NOT NULL,
    value double precision NOT NULL,
    unit text NOT NULL,
    source text NOT NULL,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL
);

ALTER TABLE ONLY timeseries.metrics_undated FORCE ROW LEVEL SECURITY;

CREATE SEQUENCE user_data.document_id
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE user_data.documents (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
)
PARTITION BY LIST (data_type);

ALTER TABLE ONLY user_data.documents FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_activity (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
)
PARTITION BY RANGE (partition_at);

ALTER TABLE ONLY user_data.documents_activity FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_activity_undated (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
);

ALTER TABLE ONLY user_data.documents_activity_undated FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_browser (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
)
PARTITION BY RANGE (partition_at);

ALTER TABLE ONLY user_data.documents_browser FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_browser_undated (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
);

ALTER TABLE ONLY user_data.documents_browser_undated FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_document (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
)
PARTITION BY RANGE (partition_at);

ALTER TABLE ONLY user_data.documents_document FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_document_undated (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
);

ALTER TABLE ONLY user_data.documents_document_undated FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_email (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
)
PARTITION BY RANGE (partition_at);

ALTER TABLE ONLY user_data.documents_email FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_email_undated (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
);

ALTER TABLE ONLY user_data.documents_email_undated FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_location (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
)
PARTITION BY RANGE (partition_at);

ALTER TABLE ONLY user_data.documents_location FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_location_undated (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
);

ALTER TABLE ONLY user_data.documents_location_undated FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_media (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
)
PARTITION BY RANGE (partition_at);

ALTER TABLE ONLY user_data.documents_media FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_media_undated (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
);

ALTER TABLE ONLY user_data.documents_media_undated FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_structured (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
)
PARTITION BY RANGE (partition_at);

ALTER TABLE ONLY user_data.documents_structured FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.documents_structured_undated (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
);

ALTER TABLE ONLY user_data.documents_structured_undated FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.mentions (
    user_id uuid NOT NULL,
    entity_key uuid NOT NULL,
    record_key uuid NOT NULL,
    role text NOT NULL
);

ALTER TABLE ONLY user_data.mentions FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.relations (
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    relation text NOT NULL,
    other_key uuid NOT NULL,
    similarity real
);

ALTER TABLE ONLY user_data.relations FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.search (
    document_id bigint NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    record_key uuid NOT NULL,
    record_type text NOT NULL,
    source text NOT NULL,
    language text,
    at timestamp with time zone,
    latitude double precision,
    longitude double precision,
    words tsvector NOT NULL,
    domain text
);

ALTER TABLE ONLY user_data.search FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.search_languages (
    user_id uuid NOT NULL,
    configuration text NOT NULL
);

ALTER TABLE ONLY user_data.search_languages FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.search_words (
    user_id uuid NOT NULL,
    word text NOT NULL
);

ALTER TABLE ONLY user_data.search_words FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.unindexed (
    user_id uuid NOT NULL,
    document_id bigint NOT NULL,
    data_type text NOT NULL,
    partition_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY user_data.unindexed FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.users (
    user_id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT users_name_check CHECK (((name <> ''::text) AND (length(name) <= 254)))
);

ALTER TABLE ONLY user_data.users FORCE ROW LEVEL SECURITY;

CREATE TABLE user_data.versions (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL,
    superseded_at timestamp with time zone DEFAULT now() NOT NULL,
    superseded_by uuid NOT NULL,
    version_id bigint NOT NULL
);

ALTER TABLE ONLY user_data.versions FORCE ROW LEVEL SECURITY;

ALTER TABLE user_data.versions ALTER COLUMN version_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME user_data.versions_version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE vectors.cache (
    user_id uuid NOT NULL,
    model_id integer NOT NULL,
    text_hash uuid NOT NULL,
    embedding public.vector NOT NULL
);

ALTER TABLE ONLY vectors.cache FORCE ROW LEVEL SECURITY;

CREATE TABLE vectors.embeddings (
    document_id bigint NOT NULL,
    user_id uuid NOT NULL,
    model_id integer NOT NULL,
    piece smallint DEFAULT 0 NOT NULL,
    piece_start integer DEFAULT 0 NOT NULL,
    piece_end integer NOT NULL,
    embedding public.vector NOT NULL
)
PARTITION BY LIST (model_id);

ALTER TABLE ONLY vectors.embeddings FORCE ROW LEVEL SECURITY;

CREATE TABLE vectors.models (
    id integer NOT NULL,
    name text NOT NULL,
    revision text NOT NULL,
    dimension integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    tier text,
    CONSTRAINT models_dimension_check CHECK (((dimension >= 1) AND (dimension <= 16000))),
    CONSTRAINT models_tier_check CHECK ((tier = ANY (ARRAY['static'::text, 'full'::text])))
);

ALTER TABLE vectors.models ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME vectors.models_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE vectors.waiting (
    user_id uuid NOT NULL,
    model text NOT NULL,
    document_id bigint NOT NULL,
    taken_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY vectors.waiting FORCE ROW LEVEL SECURITY;

ALTER TABLE ONLY timeseries.locations ATTACH PARTITION timeseries.locations_undated FOR VALUES FROM (MINVALUE) TO ('1900-01-01 00:00:00+00');

ALTER TABLE ONLY timeseries.metrics ATTACH PARTITION timeseries.metrics_undated FOR VALUES FROM (MINVALUE) TO ('1900-01-01 00:00:00+00');

ALTER TABLE ONLY user_data.documents ATTACH PARTITION user_data.documents_activity FOR VALUES IN ('activity');

ALTER TABLE ONLY user_data.documents_activity ATTACH PARTITION user_data.documents_activity_undated FOR VALUES FROM (MINVALUE) TO ('1900-01-01 00:00:00+00');

ALTER TABLE ONLY user_data.documents ATTACH PARTITION user_data.documents_browser FOR VALUES IN ('browser');

ALTER TABLE ONLY user_data.documents_browser ATTACH PARTITION user_data.documents_browser_undated FOR VALUES FROM (MINVALUE) TO ('1900-01-01 00:00:00+00');

ALTER TABLE ONLY user_data.documents ATTACH PARTITION user_data.documents_document FOR VALUES IN ('document');

ALTER TABLE ONLY user_data.documents_document ATTACH PARTITION user_data.documents_document_undated FOR VALUES FROM (MINVALUE) TO ('1900-01-01 00:00:00+00');

ALTER TABLE ONLY user_data.documents ATTACH PARTITION user_data.documents_email FOR VALUES IN ('email');

ALTER TABLE ONLY user_data.documents_email ATTACH PARTITION user_data.documents_email_undated FOR VALUES FROM (MINVALUE) TO ('1900-01-01 00:00:00+00');

ALTER TABLE ONLY user_data.documents ATTACH PARTITION user_data.documents_location FOR VALUES IN ('location');

ALTER TABLE ONLY user_data.documents_location ATTACH PARTITION user_data.documents_location_undated FOR VALUES FROM (MINVALUE) TO ('1900-01-01 00:00:00+00');

ALTER TABLE ONLY user_data.documents ATTACH PARTITION user_data.documents_media FOR VALUES IN ('media');

ALTER TABLE ONLY user_data.documents_media ATTACH PARTITION user_data.documents_media_undated FOR VALUES FROM (MINVALUE) TO ('1900-01-01 00:00:00+00');

ALTER TABLE ONLY user_data.documents ATTACH PARTITION user_data.documents_structured FOR VALUES IN ('structured');

ALTER TABLE ONLY user_data.documents_structured ATTACH PARTITION user_data.documents_structured_undated FOR VALUES FROM (MINVALUE) TO ('1900-01-01 00:00:00+00');

ALTER TABLE ONLY analytics.bands
    ADD CONSTRAINT bands_pkey PRIMARY KEY (user_id, band, document_id);

ALTER TABLE ONLY analytics.documents_by_day
    ADD CONSTRAINT documents_by_day_pkey PRIMARY KEY (user_id, day, source, data_type, record_type);

ALTER TABLE ONLY analytics.domains_by_day
    ADD CONSTRAINT domains_by_day_pkey PRIMARY KEY (user_id, day, domain);

ALTER TABLE ONLY analytics.entities_by_day
    ADD CONSTRAINT entities_by_day_pkey PRIMARY KEY (user_id, day, entity_key);

ALTER TABLE ONLY analytics.fingerprints
    ADD CONSTRAINT fingerprints_pkey PRIMARY KEY (document_id, user_id);

ALTER TABLE ONLY analytics.quality
    ADD CONSTRAINT quality_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.capabilities
    ADD CONSTRAINT capabilities_pkey PRIMARY KEY (name);

ALTER TABLE ONLY imports.chunks
    ADD CONSTRAINT chunks_job_id_identity_user_id_key UNIQUE (job_id, identity, user_id);

ALTER TABLE ONLY imports.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (user_id, data_type, record_key, at, job_id, chunk_id, file_id);

ALTER TABLE ONLY imports.drift
    ADD CONSTRAINT drift_pkey PRIMARY KEY (user_id, job_id, format, field);

ALTER TABLE ONLY imports.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.jobs
    ADD CONSTRAINT jobs_id_user_id_key UNIQUE (id, user_id);

ALTER TABLE ONLY imports.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.manifest_entries
    ADD CONSTRAINT manifest_entries_pkey PRIMARY KEY (job_id, file_id, "position", user_id);

ALTER TABLE ONLY imports.policies
    ADD CONSTRAINT policies_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY imports.privacy
    ADD CONSTRAINT privacy_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY imports.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.quarantine
    ADD CONSTRAINT quarantine_user_id_chunk_id_position_key UNIQUE (user_id, chunk_id, "position");

ALTER TABLE ONLY imports.sets
    ADD CONSTRAINT sets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.sets
    ADD CONSTRAINT sets_user_id_stem_key UNIQUE (user_id, stem);

ALTER TABLE ONLY imports.step_errors
    ADD CONSTRAINT step_errors_pkey PRIMARY KEY (step, subject);

ALTER TABLE ONLY timeseries.locations_by_hour
    ADD CONSTRAINT locations_by_hour_pkey PRIMARY KEY (user_id, hour, source);

ALTER TABLE ONLY timeseries.locations
    ADD CONSTRAINT locations_pkey PRIMARY KEY (user_id, at, record_key);

ALTER TABLE ONLY timeseries.locations_undated
    ADD CONSTRAINT locations_undated_pkey PRIMARY KEY (user_id, at, record_key);

ALTER TABLE ONLY timeseries.metrics_by_hour
    ADD CONSTRAINT metrics_by_hour_pkey PRIMARY KEY (user_id, hour, name, unit, source);

ALTER TABLE ONLY timeseries.metrics
    ADD CONSTRAINT metrics_pkey PRIMARY KEY (user_id, at, record_key);

ALTER TABLE ONLY timeseries.metrics_undated
    ADD CONSTRAINT metrics_undated_pkey PRIMARY KEY (user_id, at, record_key);

ALTER TABLE ONLY user_data.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_activity
    ADD CONSTRAINT documents_activity_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_activity_undated
    ADD CONSTRAINT documents_activity_undated_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents
    ADD CONSTRAINT documents_user_id_data_type_record_key_partition_at_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_activity
    ADD CONSTRAINT documents_activity_user_id_data_type_record_key_partition_a_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_activity_undated
    ADD CONSTRAINT documents_activity_undated_user_id_data_type_record_key_par_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_browser
    ADD CONSTRAINT documents_browser_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_browser_undated
    ADD CONSTRAINT documents_browser_undated_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_browser
    ADD CONSTRAINT documents_browser_user_id_data_type_record_key_partition_at_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_browser_undated
    ADD CONSTRAINT documents_browser_undated_user_id_data_type_record_key_part_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_document
    ADD CONSTRAINT documents_document_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_document_undated
    ADD CONSTRAINT documents_document_undated_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_document
    ADD CONSTRAINT documents_document_user_id_data_type_record_key_partition_a_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_document_undated
    ADD CONSTRAINT documents_document_undated_user_id_data_type_record_key_par_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_email
    ADD CONSTRAINT documents_email_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_email_undated
    ADD CONSTRAINT documents_email_undated_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_email
    ADD CONSTRAINT documents_email_user_id_data_type_record_key_partition_at_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_email_undated
    ADD CONSTRAINT documents_email_undated_user_id_data_type_record_key_partit_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_location
    ADD CONSTRAINT documents_location_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_location_undated
    ADD CONSTRAINT documents_location_undated_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_location
    ADD CONSTRAINT documents_location_user_id_data_type_record_key_partition_a_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_location_undated
    ADD CONSTRAINT documents_location_undated_user_id_data_type_record_key_par_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_media
    ADD CONSTRAINT documents_media_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_media_undated
    ADD CONSTRAINT documents_media_undated_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_media
    ADD CONSTRAINT documents_media_user_id_data_type_record_key_partition_at_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_media_undated
    ADD CONSTRAINT documents_media_undated_user_id_data_type_record_key_partit_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_structured
    ADD CONSTRAINT documents_structured_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_structured_undated
    ADD CONSTRAINT documents_structured_undated_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents_structured
    ADD CONSTRAINT documents_structured_user_id_data_type_record_key_partition_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.documents_structured_undated
    ADD CONSTRAINT documents_structured_undated_user_id_data_type_record_key_p_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.entities
    ADD CONSTRAINT entities_pkey PRIMARY KEY (user_id, entity_key);

ALTER TABLE ONLY user_data.mentions
    ADD CONSTRAINT mentions_pkey PRIMARY KEY (user_id, entity_key, record_key, role);

ALTER TABLE ONLY user_data.relations
    ADD CONSTRAINT relations_pkey PRIMARY KEY (user_id, record_key, relation, other_key);

ALTER TABLE ONLY user_data.search_languages
    ADD CONSTRAINT search_languages_pkey PRIMARY KEY (user_id, configuration);

ALTER TABLE ONLY user_data.search
    ADD CONSTRAINT search_pkey PRIMARY KEY (document_id, user_id);

ALTER TABLE ONLY user_data.search_words
    ADD CONSTRAINT search_words_pkey PRIMARY KEY (user_id, word);

ALTER TABLE ONLY user_data.users
    ADD CONSTRAINT users_name_key UNIQUE (name);

ALTER TABLE ONLY user_data.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY user_data.versions
    ADD CONSTRAINT versions_pkey PRIMARY KEY (version_id, user_id);

ALTER TABLE ONLY vectors.cache
    ADD CONSTRAINT cache_pkey PRIMARY KEY (user_id, model_id, text_hash);

ALTER TABLE ONLY vectors.embeddings
    ADD CONSTRAINT embeddings_pkey PRIMARY KEY (user_id, model_id, document_id, piece);

ALTER TABLE ONLY vectors.models
    ADD CONSTRAINT models_name_revision_key UNIQUE (name, revision);

ALTER TABLE ONLY vectors.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (id);

ALTER TABLE ONLY vectors.waiting
    ADD CONSTRAINT waiting_pkey PRIMARY KEY (user_id, model, document_id);

CREATE INDEX quality_by_job ON analytics.quality USING btree (user_id, job_id, scored_at);

CREATE INDEX touched_by_user ON analytics.touched USING btree (user_id, series, day);

CREATE INDEX uncompared_by_user ON analytics.uncompared USING btree (user_id);

CREATE INDEX chunks_open ON imports.chunks USING btree (stage, not_before, user_id) WHERE (status = ANY (ARRAY['ready'::text, 'leased'::text]));

CREATE INDEX chunks_sent ON imports.chunks USING btree (job_id, user_id) WHERE ((status = ANY (ARRAY['ready'::text, 'leased'::text])) AND (enqueued_at IS NOT NULL));

CREATE INDEX chunks_unsent ON imports.chunks USING btree (job_id, id) WHERE ((status = 'ready'::text) AND (enqueued_at IS NULL));

CREATE INDEX chunks_waiting ON imports.chunks USING btree (job_id) WHERE waits_for_set;

CREATE INDEX claims_by_chunk ON imports.claims USING brin (job_id, chunk_id);

CREATE INDEX events_by_job ON imports.events USING btree (job_id, id);

CREATE UNIQUE INDEX files_attachment ON imports.files USING btree (job_id, md5(path), user_id) WHERE (ordinal IS NULL);

CREATE INDEX files_by_folder ON imports.files USING btree (job_id, folder_hash, user_id) WHERE (ordinal IS NOT NULL);

CREATE UNIQUE INDEX files_member ON imports.files USING btree (job_id, ordinal, user_id) WHERE (ordinal IS NOT NULL);

CREATE INDEX jobs_by_set ON imports.jobs USING btree (set_id) WHERE (set_id IS NOT NULL);

CREATE INDEX jobs_by_time ON imports.jobs USING btree (user_id, created_at DESC);

CREATE UNIQUE INDEX jobs_one_archive ON imports.jobs USING btree (user_id, sha256) WHERE (outcome IS NULL);

CREATE INDEX quarantine_by_code ON imports.quarantine USING btree (user_id, job_id, code);

CREATE INDEX sets_to_settle ON imports.sets USING btree (id) WHERE ((state = 'open'::text) OR (checked_at IS NULL));

CREATE INDEX mentions_by_record ON user_data.mentions USING btree (user_id, record_key);

CREATE INDEX relations_by_other ON user_data.relations USING btree (user_id, other_key);

CREATE INDEX search_by_data_type ON user_data.search USING btree (user_id, data_type);

CREATE INDEX search_by_language ON user_data.search USING btree (user_id, language);

CREATE INDEX search_by_place ON user_data.search USING btree (user_id, latitude, longitude) WHERE (latitude IS NOT NULL);

CREATE INDEX search_by_record ON user_data.search USING btree (user_id, record_key);

CREATE INDEX search_by_record_type ON user_data.search USING btree (user_id, record_type);

CREATE INDEX search_by_source ON user_data.search USING btree (user_id, source);

CREATE INDEX search_by_time ON user_data.search USING btree (user_id, at);

CREATE INDEX search_by_words ON user_data.search USING gin (user_id, words);

CREATE INDEX search_words_by_spelling ON user_data.search_words USING gin (user_id, word public.gin_trgm_ops);

CREATE INDEX versions_by_job ON user_data.versions USING btree (job_id);

CREATE INDEX versions_by_key ON user_data.versions USING btree (user_id, record_key);

CREATE INDEX waiting_taken ON vectors.waiting USING btree (user_id, model, taken_until) WHERE (taken_until > '-infinity'::timestamp with time zone);

ALTER INDEX timeseries.locations_pkey ATTACH PARTITION timeseries.locations_undated_pkey;

ALTER INDEX timeseries.metrics_pkey ATTACH PARTITION timeseries.metrics_undated_pkey;

ALTER INDEX user_data.documents_pkey ATTACH PARTITION user_data.documents_activity_pkey;

ALTER INDEX user_data.documents_activity_pkey ATTACH PARTITION user_data.documents_activity_undated_pkey;

ALTER INDEX user_data.documents_activity_user_id_data_type_record_key_partition_a_key ATTACH PARTITION user_data.documents_activity_undated_user_id_data_type_record_key_par_key;

ALTER INDEX user_data.documents_user_id_data_type_record_key_partition_at_key ATTACH PARTITION user_data.documents_activity_user_id_data_type_record_key_partition_a_key;

ALTER INDEX user_data.documents_pkey ATTACH PARTITION user_data.documents_browser_pkey;

ALTER INDEX user_data.documents_browser_pkey ATTACH PARTITION user_data.documents_browser_undated_pkey;

ALTER INDEX user_data.documents_browser_user_id_data_type_record_key_partition_at_key ATTACH PARTITION user_data.documents_browser_undated_user_id_data_type_record_key_part_key;

ALTER INDEX user_data.documents_user_id_data_type_record_key_partition_at_key ATTACH PARTITION user_data.documents_browser_user_id_data_type_record_key_partition_at_key;

ALTER INDEX user_data.documents_pkey ATTACH PARTITION user_data.documents_document_pkey;

ALTER INDEX user_data.documents_document_pkey ATTACH PARTITION user_data.documents_document_undated_pkey;

ALTER INDEX user_data.documents_document_user_id_data_type_record_key_partition_a_key ATTACH PARTITION user_data.documents_document_undated_user_id_data_type_record_key_par_key;

ALTER INDEX user_data.documents_user_id_data_type_record_key_partition_at_key ATTACH PARTITION user_data.documents_document_user_id_data_type_record_key_partition_a_key;

ALTER INDEX user_data.documents_pkey ATTACH PARTITION user_data.documents_email_pkey;

ALTER INDEX user_data.documents_email_pkey ATTACH PARTITION user_data.documents_email_undated_pkey;

ALTER INDEX user_data.documents_email_user_id_data_type_record_key_partition_at_key ATTACH PARTITION user_data.documents_email_undated_user_id_data_type_record_key_partit_key;

ALTER INDEX user_data.documents_user_id_data_type_record_key_partition_at_key ATTACH PARTITION user_data.documents_email_user_id_data_type_record_key_partition_at_key;

ALTER INDEX user_data.documents_pkey ATTACH PARTITION user_data.documents_location_pkey;

ALTER INDEX user_data.documents_location_pkey ATTACH PARTITION user_data.documents_location_undated_pkey;

ALTER INDEX user_data.documents_location_user_id_data_type_record_key_partition_a_key ATTACH PARTITION user_data.documents_location_undated_user_id_data_type_record_key_par_key;

ALTER INDEX user_data.documents_user_id_data_type_record_key_partition_at_key ATTACH PARTITION user_data.documents_location_user_id_data_type_record_key_partition_a_key;

ALTER INDEX user_data.documents_pkey ATTACH PARTITION user_data.documents_media_pkey;

ALTER INDEX user_data.documents_media_pkey ATTACH PARTITION user_data.documents_media_undated_pkey;

ALTER INDEX user_data.documents_media_user_id_data_type_record_key_partition_at_key ATTACH PARTITION user_data.documents_media_undated_user_id_data_type_record_key_partit_key;

ALTER INDEX user_data.documents_user_id_data_type_record_key_partition_at_key ATTACH PARTITION user_data.documents_media_user_id_data_type_record_key_partition_at_key;

ALTER INDEX user_data.documents_pkey ATTACH PARTITION user_data.documents_structured_pkey;

ALTER INDEX user_data.documents_structured_pkey ATTACH PARTITION user_data.documents_structured_undated_pkey;

ALTER INDEX user_data.documents_structured_user_id_data_type_record_key_partition_key ATTACH PARTITION user_data.documents_structured_undated_user_id_data_type_record_key_p_key;

ALTER INDEX user_data.documents_user_id_data_type_record_key_partition_at_key ATTACH PARTITION user_data.documents_structured_user_id_data_type_record_key_partition_key;

CREATE TRIGGER gate BEFORE INSERT ON imports.drift FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON imports.files FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON imports.quarantine FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF field ON imports.drift FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF path, context ON imports.files FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF raw, mended ON imports.quarantine FOR EACH ROW WHEN (((((new.raw <> old.raw) AND (new.raw <> '\x'::bytea)) OR ((new.mended IS NOT NULL) AND (new.mended IS DISTINCT FROM old.mended))) AND (current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true)))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER days_changed AFTER DELETE ON timeseries.locations REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.series_days_changed();

CREATE TRIGGER days_changed AFTER DELETE ON timeseries.metrics REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.series_days_changed();

CREATE TRIGGER gate BEFORE INSERT ON timeseries.locations FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON timeseries.metrics FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF metadata ON timeseries.locations FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF name, unit, metadata ON timeseries.metrics FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER compared_again AFTER UPDATE ON user_data.documents REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.not_alike_any_more();

CREATE TRIGGER days_changed AFTER DELETE ON user_data.search REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.document_days_changed();

CREATE TRIGGER gate BEFORE INSERT ON user_data.documents FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON user_data.entities FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON user_data.mentions FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON user_data.search FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON user_data.search_words FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON user_data.versions FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF title, content, metadata ON user_data.documents FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF value, name ON user_data.entities FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF role ON user_data.mentions FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF words, domain ON user_data.search FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF word ON user_data.search_words FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF title, content, metadata ON user_data.versions FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER no_more_found AFTER DELETE ON user_data.documents REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION user_data.no_more_found();

CREATE TRIGGER not_alike_any_more AFTER DELETE ON user_data.documents REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.not_alike_any_more();

CREATE TRIGGER to_be_indexed AFTER INSERT ON user_data.documents REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION user_data.to_be_indexed();

CREATE TRIGGER to_be_indexed_again AFTER UPDATE ON user_data.documents REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION user_data.to_be_indexed();

CREATE TRIGGER gate BEFORE INSERT ON vectors.cache FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON vectors.embeddings FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF text_hash, embedding ON vectors.cache FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF embedding ON vectors.embeddings FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

ALTER TABLE ONLY imports.chunks
    ADD CONSTRAINT chunks_job_id_user_id_fkey FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs(id, user_id);

ALTER TABLE ONLY imports.drift
    ADD CONSTRAINT drift_job_id_user_id_fkey FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs(id, user_id);

ALTER TABLE ONLY imports.files
    ADD CONSTRAINT files_job_id_user_id_fkey FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs(id, user_id);

ALTER TABLE ONLY imports.jobs
    ADD CONSTRAINT jobs_set_id_fkey FOREIGN KEY (set_id) REFERENCES imports.sets(id);

ALTER TABLE ONLY imports.jobs
    ADD CONSTRAINT jobs_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_data.users(user_id);

ALTER TABLE ONLY imports.manifest_entries
    ADD CONSTRAINT manifest_entries_file_id_fkey FOREIGN KEY (file_id) REFERENCES imports.files(id);

ALTER TABLE ONLY imports.manifest_entries
    ADD CONSTRAINT manifest_entries_job_id_fkey FOREIGN KEY (job_id) REFERENCES imports.jobs(id);

ALTER TABLE ONLY imports.quarantine
    ADD CONSTRAINT quarantine_chunk_id_fkey FOREIGN KEY (chunk_id) REFERENCES imports.chunks(id);

ALTER TABLE ONLY imports.quarantine
    ADD CONSTRAINT quarantine_file_id_fkey FOREIGN KEY (file_id) REFERENCES imports.files(id);

ALTER TABLE ONLY imports.quarantine
    ADD CONSTRAINT quarantine_job_id_user_id_fkey FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs(id, user_id);

ALTER TABLE ONLY imports.sets
    ADD CONSTRAINT sets_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_data.users(user_id);

ALTER TABLE ONLY vectors.cache
    ADD CONSTRAINT cache_model_id_fkey FOREIGN KEY (model_id) REFERENCES vectors.models(id);

ALTER TABLE vectors.embeddings
    ADD CONSTRAINT embeddings_model_id_fkey FOREIGN KEY (model_id) REFERENCES vectors.models(id);

ALTER TABLE analytics.bands ENABLE ROW LEVEL SECURITY;

ALTER TABLE analytics.documents_by_day ENABLE ROW LEVEL SECURITY;

ALTER TABLE analytics.domains_by_day ENABLE ROW LEVEL SECURITY;

ALTER TABLE analytics.entities_by_day ENABLE ROW LEVEL SECURITY;

ALTER TABLE analytics.fingerprints ENABLE ROW LEVEL SECURITY;

CREATE POLICY ledger ON analytics.touched TO datapunk_ledger USING (true);

CREATE POLICY ledger ON analytics.uncompared TO datapunk_ledger USING (true);

CREATE POLICY own_rows ON analytics.bands TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.documents_by_day TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.domains_by_day TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.entities_by_day TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.fingerprints TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.quality TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.touched TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.uncompared TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE analytics.quality ENABLE ROW LEVEL SECURITY;

CREATE POLICY rollback ON analytics.bands TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON analytics.fingerprints TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON analytics.touched TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON analytics.uncompared TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE analytics.touched ENABLE ROW LEVEL SECURITY;

ALTER TABLE analytics.uncompared ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.chunks ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.claims ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.drift ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.events ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.files ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.jobs ENABLE ROW LEVEL SECURITY;

CREATE POLICY ledger ON imports.chunks TO datapunk_ledger USING (true) WITH CHECK (true);

CREATE POLICY ledger ON imports.events TO datapunk_ledger USING (true) WITH CHECK (true);

CREATE POLICY ledger ON imports.files TO datapunk_ledger USING (true) WITH CHECK (true);

CREATE POLICY ledger ON imports.jobs TO datapunk_ledger USING (true) WITH CHECK (true);

CREATE POLICY ledger ON imports.manifest_entries TO datapunk_ledger USING (true) WITH CHECK (true);

CREATE POLICY ledger ON imports.sets TO datapunk_ledger USING (true) WITH CHECK (true);

ALTER TABLE imports.manifest_entries ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON imports.chunks TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.claims TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.drift TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.events TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.files TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.jobs TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.manifest_entries TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.policies TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.privacy TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.quarantine TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.sets TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE imports.policies ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.privacy ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.quarantine ENABLE ROW LEVEL SECURITY;

CREATE POLICY rollback ON imports.chunks TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON imports.claims TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON imports.files TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON imports.jobs TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON imports.quarantine TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE imports.sets ENABLE ROW LEVEL SECURITY;

ALTER TABLE timeseries.locations ENABLE ROW LEVEL SECURITY;

ALTER TABLE timeseries.locations_by_hour ENABLE ROW LEVEL SECURITY;

ALTER TABLE timeseries.locations_undated ENABLE ROW LEVEL SECURITY;

ALTER TABLE timeseries.metrics ENABLE ROW LEVEL SECURITY;

ALTER TABLE timeseries.metrics_by_hour ENABLE ROW LEVEL SECURITY;

ALTER TABLE timeseries.metrics_undated ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON timeseries.locations TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON timeseries.locations_by_hour TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON timeseries.locations_undated TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON timeseries.metrics TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON timeseries.metrics_by_hour TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON timeseries.metrics_undated TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON timeseries.locations TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON timeseries.metrics TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE user_data.documents ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_activity ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_activity_undated ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_browser ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_browser_undated ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_document ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_document_undated ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_email ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_email_undated ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_location ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_location_undated ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_media ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_media_undated ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_structured ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.documents_structured_undated ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.entities ENABLE ROW LEVEL SECURITY;

CREATE POLICY found_by_us ON user_data.relations AS RESTRICTIVE FOR DELETE TO datapunk_ingest USING (((relation = 'near_duplicate_of'::text) AND (user_id = ( SELECT imports.current_user_id() AS current_user_id))));

CREATE POLICY ledger ON user_data.unindexed TO datapunk_ledger USING (true);

CREATE POLICY ledger ON user_data.users TO datapunk_ledger USING (true) WITH CHECK (true);

ALTER TABLE user_data.mentions ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON user_data.documents TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_activity TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_activity_undated TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_browser TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_browser_undated TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_document TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_document_undated TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_email TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_email_undated TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_location TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_location_undated TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_media TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_media_undated TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_structured TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.documents_structured_undated TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.entities TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.mentions TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.relations TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.search TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.search_languages TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.search_words TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.unindexed TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.users TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.versions TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY privacy ON user_data.entities TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY privacy ON user_data.search_words TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE user_data.relations ENABLE ROW LEVEL SECURITY;

CREATE POLICY rollback ON user_data.documents TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON user_data.mentions TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON user_data.relations TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON user_data.search TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON user_data.unindexed TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON user_data.versions TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE user_data.search ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.search_languages ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.search_words ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.unindexed ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.users ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.versions ENABLE ROW LEVEL SECURITY;

ALTER TABLE vectors.cache ENABLE ROW LEVEL SECURITY;

ALTER TABLE vectors.embeddings ENABLE ROW LEVEL SECURITY;

CREATE POLICY ledger ON vectors.waiting TO datapunk_ledger USING (true);

CREATE POLICY own_rows ON vectors.cache TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON vectors.embeddings TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON vectors.waiting TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY privacy ON vectors.cache TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON vectors.embeddings TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON vectors.waiting TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE vectors.waiting ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA analytics TO datapunk_ingest;
GRANT USAGE ON SCHEMA analytics TO datapunk_reader;
GRANT USAGE ON SCHEMA analytics TO datapunk_ledger;

GRANT USAGE ON SCHEMA imports TO datapunk_ingest;
GRANT USAGE ON SCHEMA imports TO datapunk_reader;
GRANT USAGE ON SCHEMA imports TO datapunk_ledger;

GRANT USAGE ON SCHEMA timeseries TO datapunk_ingest;
GRANT USAGE ON SCHEMA timeseries TO datapunk_reader;

GRANT USAGE ON SCHEMA user_data TO datapunk_ingest;
GRANT USAGE ON SCHEMA user_data TO datapunk_reader;
GRANT USAGE ON SCHEMA user_data TO datapunk_ledger;

GRANT USAGE ON SCHEMA vectors TO datapunk_ingest;
GRANT USAGE ON SCHEMA vectors TO datapunk_reader;
GRANT USAGE ON SCHEMA vectors TO datapunk_ledger;

REVOKE ALL ON FUNCTION imports.analyze_month(parent regclass, month date) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.analyze_month(parent regclass, month date) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.announce_policy(owner uuid, said text, at_host text, by_hand boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.announce_policy(owner uuid, said text, at_host text, by_hand boolean) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.attach_partition(parent regclass, child_schema text, child text, bounds text) FROM PUBLIC;

REVOKE ALL ON FUNCTION imports.count_again(job uuid, file bigint, chunk bigint, by jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.count_again(job uuid, file bigint, chunk bigint, by jsonb) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.end_hold(owner uuid, what text) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.end_hold(owner uuid, what text) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.ensure_months(parent regclass, child_schema text, prefix text, months date[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION imports.enter(owner uuid, alone boolean, moves boolean, read_under text) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.enter(owner uuid, alone boolean, moves boolean, read_under text) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.enter_stored(owner uuid, purpose text, since bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.enter_stored(owner uuid, purpose text, since bigint) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.forget_unsaid(job uuid, file_ids bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.forget_unsaid(job uuid, file_ids bigint[]) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.hold(owner uuid, what text, alone boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.hold(owner uuid, what text, alone boolean) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.hold_lake(owner uuid, alone boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.hold_lake(owner uuid, alone boolean) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.hold_texts(owner uuid, alone boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.hold_texts(owner uuid, alone boolean) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.isolate(target regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION imports.keep_hold(owner uuid, what text) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.keep_hold(owner uuid, what text) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.let_go(target uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.let_go(target uuid) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.look_again(owner uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.look_again(owner uuid) TO datapunk_ingest;

REVOKE ALL ON FUNCTION imports.roll_back(target uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION imports.roll_back(target uuid) TO datapunk_ingest;

REVOKE ALL ON FUNCTION timeseries.ensure_partitions(series text, months date[]) FROM PUBLIC;
GRANT ALL ON FUNCTION timeseries.ensure_partitions(series text, months date[]) TO datapunk_ingest;

REVOKE ALL ON FUNCTION timeseries.forget_unread_times() FROM PUBLIC;
GRANT ALL ON FUNCTION timeseries.forget_unread_times() TO datapunk_ingest;

REVOKE ALL ON FUNCTION timeseries.renew(series text, job uuid, file_ids bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION timeseries.renew(series text, job uuid, file_ids bigint[]) TO datapunk_ingest;

REVOKE ALL ON FUNCTION user_data.analyze_search() FROM PUBLIC;
GRANT ALL ON FUNCTION user_data.analyze_search() TO datapunk_ingest;

REVOKE ALL ON FUNCTION user_data.ensure_partitions(type text, months date[]) FROM PUBLIC;
GRANT ALL ON FUNCTION user_data.ensure_partitions(type text, months date[]) TO datapunk_ingest;

REVOKE ALL ON FUNCTION user_data.forget_meaning() FROM PUBLIC;
GRANT ALL ON FUNCTION user_data.forget_meaning() TO datapunk_ingest;

REVOKE ALL ON FUNCTION user_data.renew_documents(job uuid, version integer, file_ids bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION user_data.renew_documents(job uuid, version integer, file_ids bigint[]) TO datapunk_ingest;

REVOKE ALL ON FUNCTION user_data.supersede(job uuid, chunk bigint, version integer, file_ids bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION user_data.supersede(job uuid, chunk bigint, version integer, file_ids bigint[]) TO datapunk_ingest;

REVOKE ALL ON FUNCTION user_data."treat"(items jsonb, versions boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION user_data."treat"(items jsonb, versions boolean) TO datapunk_ingest;

REVOKE ALL ON FUNCTION vectors.ensure_index(model integer, at_least bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION vectors.ensure_index(model integer, at_least bigint) TO datapunk_ingest;

REVOKE ALL ON FUNCTION vectors.ensure_model(model_name text, model_revision text, model_dimension integer, model_tier text) FROM PUBLIC;
GRANT ALL ON FUNCTION vectors.ensure_model(model_name text, model_revision text, model_dimension integer, model_tier text) TO datapunk_ingest;

REVOKE ALL ON FUNCTION vectors.make_way(of_model integer, asked text) FROM PUBLIC;
GRANT ALL ON FUNCTION vectors.make_way(of_model integer, asked text) TO datapunk_ingest;

REVOKE ALL ON FUNCTION vectors.put(of_model integer, asked text, ids bigint[], types text[], ats timestamp with time zone[], seen text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION vectors.put(of_model integer, asked text, ids bigint[], types text[], ats timestamp with time zone[], seen text[]) TO datapunk_ingest;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.bands TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.bands TO datapunk_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.documents_by_day TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.documents_by_day TO datapunk_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE timeseries.locations_by_hour TO datapunk_ingest;
GRANT SELECT ON TABLE timeseries.locations_by_hour TO datapunk_reader;

GRANT SELECT ON TABLE timeseries.locations_by_day TO datapunk_reader;
GRANT SELECT ON TABLE timeseries.locations_by_day TO datapunk_ingest;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE timeseries.metrics_by_hour TO datapunk_ingest;
GRANT SELECT ON TABLE timeseries.metrics_by_hour TO datapunk_reader;

GRANT SELECT ON TABLE timeseries.metrics_by_day TO datapunk_reader;
GRANT SELECT ON TABLE timeseries.metrics_by_day TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.by_day TO datapunk_reader;
GRANT SELECT ON TABLE analytics.by_day TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.by_source TO datapunk_reader;
GRANT SELECT ON TABLE analytics.by_source TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.by_type TO datapunk_reader;
GRANT SELECT ON TABLE analytics.by_type TO datapunk_ingest;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.domains_by_day TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.domains_by_day TO datapunk_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.entities_by_day TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.entities_by_day TO datapunk_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.fingerprints TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.fingerprints TO datapunk_reader;

GRANT SELECT ON TABLE analytics.gaps TO datapunk_reader;
GRANT SELECT ON TABLE analytics.gaps TO datapunk_ingest;

GRANT SELECT,INSERT ON TABLE user_data.entities TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.entities TO datapunk_reader;

GRANT UPDATE(name) ON TABLE user_data.entities TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.names_by_day TO datapunk_reader;
GRANT SELECT ON TABLE analytics.names_by_day TO datapunk_ingest;

GRANT SELECT,INSERT ON TABLE analytics.quality TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.quality TO datapunk_reader;

GRANT SELECT ON TABLE analytics.quality_now TO datapunk_reader;
GRANT SELECT ON TABLE analytics.quality_now TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.top_domains TO datapunk_reader;
GRANT SELECT ON TABLE analytics.top_domains TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.top_people TO datapunk_reader;
GRANT SELECT ON TABLE analytics.top_people TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.top_places TO datapunk_reader;
GRANT SELECT ON TABLE analytics.top_places TO datapunk_ingest;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.touched TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.touched TO datapunk_reader;
GRANT SELECT ON TABLE analytics.touched TO datapunk_ledger;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.uncompared TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.uncompared TO datapunk_reader;
GRANT SELECT ON TABLE analytics.uncompared TO datapunk_ledger;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.capabilities TO datapunk_ledger;
GRANT SELECT ON TABLE imports.capabilities TO datapunk_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.chunks TO datapunk_ledger;
GRANT SELECT,INSERT,UPDATE ON TABLE imports.chunks TO datapunk_ingest;
GRANT SELECT ON TABLE imports.chunks TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE imports.claims TO datapunk_ingest;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE imports.drift TO datapunk_ingest;
GRANT SELECT ON TABLE imports.drift TO datapunk_reader;

GRANT SELECT ON TABLE imports.events TO datapunk_ledger;
GRANT SELECT ON TABLE imports.events TO datapunk_ingest;
GRANT SELECT ON TABLE imports.events TO datapunk_reader;

GRANT INSERT(user_id) ON TABLE imports.events TO datapunk_ledger;
GRANT INSERT(user_id) ON TABLE imports.events TO datapunk_ingest;

GRANT INSERT(job_id) ON TABLE imports.events TO datapunk_ledger;
GRANT INSERT(job_id) ON TABLE imports.events TO datapunk_ingest;

GRANT INSERT(chunk_id) ON TABLE imports.events TO datapunk_ledger;
GRANT INSERT(chunk_id) ON TABLE imports.events TO datapunk_ingest;

GRANT INSERT(kind) ON TABLE imports.events TO datapunk_ledger;
GRANT INSERT(kind) ON TABLE imports.events TO datapunk_ingest;

GRANT INSERT(detail) ON TABLE imports.events TO datapunk_ledger;
GRANT INSERT(detail) ON TABLE imports.events TO datapunk_ingest;

GRANT USAGE ON SEQUENCE imports.fence TO datapunk_ledger;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.files TO datapunk_ledger;
GRANT SELECT,INSERT,UPDATE ON TABLE imports.files TO datapunk_ingest;
GRANT SELECT ON TABLE imports.files TO datapunk_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.jobs TO datapunk_ledger;
GRANT SELECT,UPDATE ON TABLE imports.jobs TO datapunk_ingest;
GRANT SELECT ON TABLE imports.jobs TO datapunk_reader;

GRANT SELECT ON TABLE imports.manifest_entries TO datapunk_ledger;
GRANT SELECT,INSERT ON TABLE imports.manifest_entries TO datapunk_ingest;
GRANT SELECT ON TABLE imports.manifest_entries TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE imports.policies TO datapunk_ingest;
GRANT SELECT ON TABLE imports.policies TO datapunk_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.privacy TO datapunk_ingest;
GRANT SELECT ON TABLE imports.privacy TO datapunk_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.quarantine TO datapunk_ingest;
GRANT SELECT ON TABLE imports.quarantine TO datapunk_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.sets TO datapunk_ledger;
GRANT SELECT ON TABLE imports.sets TO datapunk_ingest;
GRANT SELECT ON TABLE imports.sets TO datapunk_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE imports.step_errors TO datapunk_ledger;

GRANT SELECT,INSERT ON TABLE timeseries.locations TO datapunk_ingest;
GRANT SELECT ON TABLE timeseries.locations TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE timeseries.metrics TO datapunk_ingest;
GRANT SELECT ON TABLE timeseries.metrics TO datapunk_reader;

GRANT USAGE ON SEQUENCE user_data.document_id TO datapunk_ingest;

GRANT SELECT ON TABLE user_data.documents TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.documents TO datapunk_reader;

GRANT INSERT(user_id) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(data_type) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(source) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(record_type) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(record_key) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(partition_at) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(source_timestamp) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(title) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(content) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(content_type) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(language) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(metadata) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(job_id) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(file_id) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(chunk_id) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(created_at) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(content_hash) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(parser_version) ON TABLE user_data.documents TO datapunk_ingest;

GRANT SELECT,INSERT ON TABLE user_data.mentions TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.mentions TO datapunk_reader;

GRANT SELECT,INSERT,DELETE ON TABLE user_data.relations TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.relations TO datapunk_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE user_data.search TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.search TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE user_data.search_languages TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.search_languages TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE user_data.search_words TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.search_words TO datapunk_reader;

GRANT SELECT ON TABLE user_data.unindexed TO datapunk_ledger;
GRANT SELECT,INSERT,DELETE ON TABLE user_data.unindexed TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.unindexed TO datapunk_reader;

GRANT UPDATE(document_id) ON TABLE user_data.unindexed TO datapunk_ingest;

GRANT SELECT,INSERT ON TABLE user_data.users TO datapunk_ledger;

GRANT SELECT(user_id) ON TABLE user_data.users TO datapunk_ingest;
GRANT SELECT(user_id) ON TABLE user_data.users TO datapunk_reader;

GRANT SELECT(created_at) ON TABLE user_data.users TO datapunk_ingest;
GRANT SELECT(created_at) ON TABLE user_data.users TO datapunk_reader;

GRANT SELECT ON TABLE user_data.versions TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.versions TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE vectors.cache TO datapunk_ingest;
GRANT SELECT ON TABLE vectors.cache TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE vectors.embeddings TO datapunk_ingest;
GRANT SELECT ON TABLE vectors.embeddings TO datapunk_reader;

GRANT SELECT ON TABLE vectors.models TO datapunk_ingest;
GRANT SELECT ON TABLE vectors.models TO datapunk_reader;
GRANT SELECT ON TABLE vectors.models TO datapunk_ledger;

GRANT SELECT ON TABLE vectors.waiting TO datapunk_ledger;
GRANT SELECT ON TABLE vectors.waiting TO datapunk_reader;
GRANT SELECT,INSERT ON TABLE vectors.waiting TO datapunk_ingest;

GRANT UPDATE(taken_until) ON TABLE vectors.waiting TO datapunk_ingest;

GRANT UPDATE(attempts) ON TABLE vectors.waiting TO datapunk_ingest;

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT cfgname FROM pg_ts_config
            WHERE cfgnamespace = 'pg_catalog'::regnamespace LOOP
        EXECUTE format('CREATE TEXT SEARCH CONFIGURATION user_data.words_%s (COPY = pg_catalog.%I)',
            name, name);
        EXECUTE format('ALTER TEXT SEARCH CONFIGURATION user_data.words_%s '
            'ALTER MAPPING FOR hword, hword_part, word WITH public.unaccent, %I', name,
            CASE name WHEN 'simple' THEN 'simple' ELSE name || '_stem' END);
    END LOOP;
END
$$;
