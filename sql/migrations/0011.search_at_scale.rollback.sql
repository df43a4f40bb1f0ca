DROP FUNCTION user_data.analyze_search;
DROP INDEX user_data.search_by_record_type, user_data.search_by_data_type,
    user_data.search_by_source, user_data.search_by_language;
CREATE OR REPLACE FUNCTION user_data.who(who text) RETURNS TABLE (entity_key uuid)
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
        JOIN user_data.documents AS d ON d.user_id = imports.current_user_id()
            AND d.record_key = card.record_key AND d.record_type = 'contact'
        JOIN user_data.mentions AS other ON other.user_id = imports.current_user_id()
            AND other.record_key = card.record_key AND other.role = 'people')
SELECT entity_key FROM found
$$;
CREATE OR REPLACE FUNCTION vectors.ensure_index(model integer, at_least bigint)
    RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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
        'USING hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops)', model, model, width);
    RETURN true;
END
$$;
CREATE OR REPLACE FUNCTION analytics.documents_of(days date[]) RETURNS TABLE (day date, source text,
    data_type text, record_type text, record_key uuid, domain text) LANGUAGE sql STABLE
    AS $$
SELECT d.day, s.source, s.data_type, s.record_type, s.record_key, s.domain
FROM unnest(days) AS d (day) JOIN user_data.search AS s
    ON s.user_id = (SELECT imports.current_user_id())
    AND s.at >= d.day::timestamp AT TIME ZONE 'UTC'
    AND s.at < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
UNION ALL
SELECT date '0001-01-01', s.source, s.data_type, s.record_type, s.record_key, s.domain
FROM user_data.search AS s
WHERE s.user_id = (SELECT imports.current_user_id()) AND s.at IS NULL
    AND date '0001-01-01' = ANY(days)
$$;
