-- depends: 0008.tiers
-- Personal data: a policy that changed is applied again to what is stored.

-- How far it has come, by user: who was killed goes on there.
CREATE TABLE imports.privacy (
    user_id uuid PRIMARY KEY,
    policy text NOT NULL,
    after_document bigint NOT NULL DEFAULT 0,
    after_version bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
DO $$
DECLARE
    target text;
BEGIN
    PERFORM imports.isolate('imports.privacy');
    FOREACH target IN ARRAY ARRAY['user_data.entities', 'user_data.search_words',
        'vectors.cache'] LOOP
        EXECUTE format('CREATE POLICY privacy ON %s TO datapunk_owner '
            'USING (user_id = (SELECT imports.current_user_id()))', target);
    END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE ON imports.privacy TO datapunk_ingest;
GRANT SELECT ON imports.privacy TO datapunk_reader;

-- Puts texts in the place of others: of documents, or of older versions. `items` are objects with
-- the id (of the version, for those), the content_hash that is expected to stand, the new texts,
-- tag and content_hash, and, where more than the tag is new, `gone` (the texts that are no more)
-- and `hashes` (of the texts whose vectors are remembered). Whatever was made of the old texts
-- goes: vectors, mentions, people that nothing mentions any more, words of the search. A row that
-- was replaced meanwhile came in under the new policy, and is left. Returns the ids it changed.
CREATE FUNCTION user_data.treat(items jsonb, versions boolean) RETURNS TABLE (id bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    CREATE TEMPORARY TABLE asked ON COMMIT DROP AS
        SELECT * FROM jsonb_to_recordset(items) AS x (id bigint, was uuid, title text, content text,
            metadata jsonb, content_hash uuid, gone text[], hashes uuid[]);
    IF versions THEN
        RETURN QUERY UPDATE user_data.versions AS v SET title = a.title, content = a.content,
                metadata = a.metadata, content_hash = a.content_hash
            FROM asked AS a
            WHERE v.version_id = a.id AND v.content_hash IS NOT DISTINCT FROM a.was
            RETURNING v.version_id;
        DROP TABLE asked;
        RETURN;
    END IF;
    CREATE TEMPORARY TABLE treated ON COMMIT DROP AS
        WITH new AS (
            UPDATE user_data.documents AS d SET title = a.title, content = a.content,
                metadata = a.metadata, content_hash = a.content_hash
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
REVOKE EXECUTE ON FUNCTION user_data.treat FROM PUBLIC;
GRANT EXECUTE ON FUNCTION user_data.treat TO datapunk_ingest;
