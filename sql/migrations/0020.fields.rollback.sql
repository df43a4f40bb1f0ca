ALTER TABLE user_data.documents NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER USER;
ALTER TABLE user_data.versions NO FORCE ROW LEVEL SECURITY;
UPDATE user_data.documents SET
        metadata = metadata->'fields' || (metadata - '{fields,file,beside}'::text[])
    WHERE data_type = 'structured' AND record_type = 'row'
        AND source IN ('csv.table', 'json.array', 'ndjson') AND metadata ? 'fields';
UPDATE user_data.versions SET
        metadata = metadata->'fields' || (metadata - '{fields,file,beside}'::text[])
    WHERE data_type = 'structured' AND record_type = 'row'
        AND source IN ('csv.table', 'json.array', 'ndjson') AND metadata ? 'fields';
ALTER TABLE user_data.documents FORCE ROW LEVEL SECURITY, ENABLE TRIGGER USER;
ALTER TABLE user_data.versions FORCE ROW LEVEL SECURITY;
-- True repeats: of equal records of one file each is a fact of its own, and the chunks of the file
-- don't know of each other. Gives the staged rows the numbers that come after those which other
-- chunks have given; the caller holds the file. Returns the keys that changed.
CREATE OR REPLACE FUNCTION user_data.number_repeats(chunk bigint, file_ids bigint[])
    RETURNS TABLE (old uuid, new uuid) LANGUAGE plpgsql AS $$
DECLARE
    repeated record;
    n integer;
BEGIN
    FOR repeated IN
        SELECT DISTINCT s.data_type, s.base_key AS base, s.partition_at AS at,
            file_ids[s.slot + 1] AS file
        FROM pg_temp.stage_documents AS s
        WHERE user_data.given_elsewhere(s.data_type, s.base_key, s.partition_at,
            file_ids[s.slot + 1], chunk)
    LOOP
        n := 1;
        WHILE user_data.given_elsewhere(repeated.data_type,
            user_data.occurrence_key(repeated.base, n + 1), repeated.at, repeated.file, chunk)
        LOOP
            n := n + 1;
        END LOOP;
        RETURN QUERY
            WITH moved AS (
                SELECT s.record_key AS was,
                    user_data.occurrence_key(s.base_key, s.nth + n) AS becomes
                FROM pg_temp.stage_documents AS s
                WHERE s.base_key = repeated.base AND s.data_type = repeated.data_type
                  AND s.partition_at = repeated.at AND file_ids[s.slot + 1] = repeated.file),
            renamed AS (
                UPDATE pg_temp.stage_documents AS s SET record_key = m.becomes
                FROM moved AS m WHERE s.record_key = m.was AND s.base_key = repeated.base
                RETURNING m.was, m.becomes)
            SELECT was, becomes FROM renamed;
    END LOOP;
END
$$;
