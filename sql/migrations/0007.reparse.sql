-- depends: 0005.meaning
-- A better parser: rows are renewed in place, from what the original says under today's formats.
--
-- The functions go by tables of the caller's: `chosen`, the one outcome that stands for each record
-- of a file, beside the row that the file has of it; `reread`, all outcomes; `stage_…`, what those
-- say that are to be written. The caller holds the lake alone (sql/queries/reparse.sql).

GRANT DELETE ON imports.drift TO datapunk_ingest;

-- Documents (and older versions) that differ from what is staged. Where a record has another time
-- or data type now, its row moves, and the claims of others on it go along; unless another import,
-- read by the better parser already, has it there: then this file's row goes, and it claims that
-- one. Vectors go where the embedded text is another one. Returns what became of each.
CREATE FUNCTION user_data.renew_documents(job uuid, version integer, file_ids bigint[])
    RETURNS TABLE (key uuid, file bigint, chunk bigint, merged boolean, reworded boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

-- The same for a series: rows that differ from what is staged.
CREATE FUNCTION timeseries.renew(series text, job uuid, file_ids bigint[])
    RETURNS TABLE (file bigint, chunk bigint, merged boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
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
$$;

-- Who and what stood in the files' documents and stands there no more, by what is staged. What
-- another file gave of the same document stays.
CREATE FUNCTION user_data.forget_meaning() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

-- What files give no more: claims on the rows of others, and files that came out of records.
CREATE FUNCTION imports.forget_unsaid(job uuid, file_ids bigint[]) RETURNS void
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

REVOKE EXECUTE ON FUNCTION user_data.renew_documents, timeseries.renew, user_data.forget_meaning,
    imports.forget_unsaid FROM PUBLIC;
GRANT EXECUTE ON FUNCTION user_data.renew_documents, timeseries.renew, user_data.forget_meaning,
    imports.forget_unsaid TO datapunk_ingest;
