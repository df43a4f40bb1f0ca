-- depends: 0010.analytics
-- Search among a million documents.

-- What filters ask for, so that few documents that fit are found without a look at the others.
CREATE INDEX search_by_record_type ON user_data.search (user_id, record_type);
CREATE INDEX search_by_data_type ON user_data.search (user_id, data_type);
CREATE INDEX search_by_source ON user_data.search (user_id, source);
CREATE INDEX search_by_language ON user_data.search (user_id, language);

-- As it was, but which records are contacts is asked of the index of search: the documents lie in
-- hundreds of partitions, and a plan over all of them takes longer than what it plans.
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
        JOIN user_data.search AS s ON s.user_id = imports.current_user_id()
            AND s.record_key = card.record_key AND s.record_type = 'contact'
        JOIN user_data.mentions AS other ON other.user_id = imports.current_user_id()
            AND other.record_key = card.record_key AND other.role = 'people')
SELECT entity_key FROM found
$$;

-- As it was, but each day is looked up by the index of times, whatever the planner makes of a range.
CREATE OR REPLACE FUNCTION analytics.documents_of(days date[]) RETURNS TABLE (day date, source text,
    data_type text, record_type text, record_key uuid, domain text) LANGUAGE sql STABLE
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

-- Statistics of what search reads, where a tenth of it has changed: autovacuum comes a minute later,
-- and a plan made before it may read a whole lake for ten rows.
CREATE FUNCTION user_data.analyze_search() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
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
REVOKE EXECUTE ON FUNCTION user_data.analyze_search FROM PUBLIC;
GRANT EXECUTE ON FUNCTION user_data.analyze_search TO datapunk_ingest;

-- More neighbours of each vector than the 16 of pgvector: with these, some queries found none
-- of their ten nearest. Indexes that are there are built again when a job ends next.
DO $$
DECLARE
    model integer;
BEGIN
    FOR model IN SELECT id FROM vectors.models LOOP
        EXECUTE format('DROP INDEX IF EXISTS vectors.embeddings_m%s_hnsw', model);
    END LOOP;
END
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
        'USING hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops) '
        'WITH (m = 24, ef_construction = 64)', model, model, width);
    RETURN true;
END
$$;
