-- depends: 0014.bulk_vectors
-- Rows of no known product keep the names of their columns under `fields`, apart from the names that
-- mean the same everywhere. Those of an older lake move there; keys and hashes stay as they are, so
-- that the same rows are no new ones and no newer versions.
CREATE FUNCTION pg_temp.is_tag(value jsonb) RETURNS boolean LANGUAGE sql AS $$
SELECT CASE WHEN jsonb_typeof(value) = 'object' AND value <> '{}' THEN NOT EXISTS (
    SELECT FROM jsonb_each(value) AS t (kind, done) WHERE jsonb_typeof(done) <> 'object'
        OR kind NOT IN ('email', 'phone', 'card', 'iban', 'national_id', 'ip', 'mac', 'secret',
            'coordinates', 'birth_date', 'person', 'place', 'organisation')) ELSE false END
$$;

CREATE FUNCTION pg_temp.is_misread(value jsonb) RETURNS boolean LANGUAGE sql AS $$
SELECT CASE WHEN jsonb_typeof(value) = 'array' AND value <> '[]' THEN NOT EXISTS (
    SELECT FROM jsonb_array_elements(value) AS one
    WHERE jsonb_typeof(one) <> 'object' OR NOT one ?& '{field,read_as}'::text[]) ELSE false END
$$;

-- What the lake says of a row stays beside its fields: flags, texts that were mended, what the
-- privacy policy did.
CREATE FUNCTION pg_temp.apart(said jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    own jsonb := said;
    ours jsonb := '{}';
    tag text;
    flags jsonb;
BEGIN
    IF jsonb_typeof(said->'flags') = 'array' THEN
        SELECT jsonb_agg(f) INTO flags FROM jsonb_array_elements(said->'flags') AS f
        WHERE f <@ '["mojibake_mended", "nul_replaced", "surrogate_replaced"]'
            AND jsonb_typeof(f) = 'string';
        IF flags IS NOT NULL THEN
            ours := ours || jsonb_build_object('flags', flags);
            SELECT jsonb_agg(f) INTO flags FROM jsonb_array_elements(said->'flags') AS f
            WHERE NOT ours->'flags' @> f;
            own := own - 'flags';
            IF flags IS NOT NULL THEN
                own := own || jsonb_build_object('flags', flags);
            END IF;
        END IF;
    END IF;
    IF pg_temp.is_misread(said->'misread') THEN
        ours := ours || jsonb_build_object('misread', said->'misread');
        own := own - 'misread';
    END IF;
    FOREACH tag IN ARRAY '{privacy_policy,privacy}'::text[] LOOP
        IF pg_temp.is_tag(said->tag) THEN
            ours := ours || jsonb_build_object('privacy', said->tag);
            own := own - tag;
            EXIT;
        END IF;
    END LOOP;
    RETURN jsonb_build_object('fields', own) || ours;
END
$$;

-- The owner sees the rows of all users for the length of this migration. Nothing that is made of
-- the rows changes: their words stand in the content too.
ALTER TABLE user_data.documents NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER USER;
ALTER TABLE user_data.versions NO FORCE ROW LEVEL SECURITY;
UPDATE user_data.documents SET metadata = pg_temp.apart(metadata)
    WHERE data_type = 'structured' AND record_type = 'row'
        AND source IN ('csv.table', 'json.array', 'ndjson');
UPDATE user_data.versions SET metadata = pg_temp.apart(metadata)
    WHERE data_type = 'structured' AND record_type = 'row'
        AND source IN ('csv.table', 'json.array', 'ndjson');
ALTER TABLE user_data.documents FORCE ROW LEVEL SECURITY, ENABLE TRIGGER USER;
ALTER TABLE user_data.versions FORCE ROW LEVEL SECURITY;

-- True repeats, of tables too: of equal records of one file each is a fact of its own, and the
-- chunks of the file don't know of each other. Gives the staged rows the numbers that come after
-- those which other chunks have given; the caller holds the file. How many those are is found by
-- doubling and halving, for all keys at once: chunks take turns, so their numbers have no gaps.
-- Returns the keys that changed.
CREATE OR REPLACE FUNCTION user_data.number_repeats(chunk bigint, file_ids bigint[])
    RETURNS TABLE (old uuid, new uuid) LANGUAGE plpgsql AS $$
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
