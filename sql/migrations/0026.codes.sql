-- depends: 0025.long_paths
-- A media type and a language that an export declares may be any text: they go by the policy, too.
CREATE OR REPLACE FUNCTION user_data.treat(items jsonb, versions boolean) RETURNS TABLE (id bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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
