-- depends: 0005.meaning
-- Search: what is looked for stands in a table of its own, filled behind the load, so that neither
-- text indexes nor their upkeep stand in the way of rows.

-- Documents that the search does not know yet. A queue: an indexer takes rows out in the
-- transaction that indexes them; a row may name a document twice, or one that is gone.
CREATE TABLE user_data.unindexed (
    user_id uuid NOT NULL,
    document_id bigint NOT NULL,
    data_type text NOT NULL,
    partition_at timestamptz NOT NULL
);

CREATE TABLE user_data.search (
    document_id bigint NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    partition_at timestamptz NOT NULL,
    record_key uuid NOT NULL,
    record_type text NOT NULL,
    source text NOT NULL,
    language text,
    at timestamptz,
    latitude double precision,
    longitude double precision,
    words tsvector NOT NULL,
    PRIMARY KEY (document_id, user_id)
);
CREATE INDEX search_by_words ON user_data.search USING gin (user_id, words);
CREATE INDEX search_by_time ON user_data.search (user_id, at);
CREATE INDEX search_by_place ON user_data.search (user_id, latitude, longitude)
    WHERE latitude IS NOT NULL;
CREATE INDEX search_by_record ON user_data.search (user_id, record_key);

-- The languages that a user's documents are in, and their words as they are looked for: a word
-- that nobody wrote is searched by those that are spelled alike.
CREATE TABLE user_data.search_languages (
    user_id uuid NOT NULL,
    configuration text NOT NULL,
    PRIMARY KEY (user_id, configuration)
);
CREATE TABLE user_data.search_words (
    user_id uuid NOT NULL,
    word text NOT NULL,
    PRIMARY KEY (user_id, word)
);
CREATE INDEX search_words_by_spelling ON user_data.search_words USING gin (word public.gin_trgm_ops);

DO $$ BEGIN PERFORM imports.isolate(t) FROM unnest(ARRAY['user_data.unindexed',
    'user_data.search', 'user_data.search_languages', 'user_data.search_words']::regclass[]) AS t;
END $$;
-- What is taken back is not found any more; the owner acts for the user of the transaction.
CREATE POLICY rollback ON user_data.search TO datapunk_owner
    USING (user_id = (SELECT imports.current_user_id()));
CREATE POLICY rollback ON user_data.unindexed TO datapunk_owner
    USING (user_id = (SELECT imports.current_user_id()))
    WITH CHECK (user_id = (SELECT imports.current_user_id()));
-- The control plane sees that there is work, and whose; no content.
CREATE POLICY ledger ON user_data.unindexed TO datapunk_ledger USING (true);
GRANT SELECT ON user_data.unindexed TO datapunk_ledger;
GRANT SELECT, INSERT, DELETE ON user_data.unindexed TO datapunk_ingest;
-- FOR UPDATE SKIP LOCKED asks for the right to update, of one column at least.
GRANT UPDATE (document_id) ON user_data.unindexed TO datapunk_ingest;
GRANT SELECT, INSERT, UPDATE ON user_data.search TO datapunk_ingest;
GRANT SELECT, INSERT ON user_data.search_languages, user_data.search_words TO datapunk_ingest;
GRANT SELECT ON user_data.unindexed, user_data.search, user_data.search_languages,
    user_data.search_words TO datapunk_reader;

-- A configuration for each language that Postgres has a stemmer for, blind to accents, and one
-- without a stemmer for the others.
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

-- ISO 639-1 to a configuration; `simple` where there is no stemmer.
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

-- Chinese, Japanese and Korean put no spaces between words: each sign stands alone, and a query
-- asks for signs that follow each other.
CREATE FUNCTION user_data.spaced(said text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN said ~ '[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]'
    THEN regexp_replace(said, '([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])', ' \1 ', 'g')
    ELSE said END
$$;

-- What of a document can be found: its title before its text, then names, addresses and places.
CREATE FUNCTION user_data.words_in(language text, title text, content text, metadata jsonb)
    RETURNS tsvector LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
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
$$;

-- Kilometres between two places on the globe; infinite outside a box around the second one, which
-- costs less to tell than the distance. Nothing is near what has no place.
CREATE FUNCTION user_data.km(lat float8, lon float8, near_lat float8, near_lon float8, within float8)
    RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN lat IS NULL OR lon IS NULL OR abs(lat - near_lat) > within / 110.0
    THEN 'Infinity'::float8
    ELSE 2 * 6371.0088 * asin(least(1, sqrt(sind((lat - near_lat) / 2) ^ 2
        + cosd(lat) * cosd(near_lat) * sind((lon - near_lon) / 2) ^ 2))) END
$$;

-- The entities that are one person: those that go by this address, number, handle or name, and
-- whatever a contact gives beside them. Runs with the rights, and the rows, of the caller.
CREATE FUNCTION user_data.who(who text) RETURNS TABLE (entity_key uuid)
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

-- What loads, replaces and takes back documents tells the queue of it.
CREATE FUNCTION user_data.to_be_indexed() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO user_data.unindexed (user_id, document_id, data_type, partition_at)
        SELECT user_id, id, data_type, partition_at FROM changed;
    RETURN NULL;
END
$$;
CREATE FUNCTION user_data.no_more_found() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_data.search AS s USING changed AS c WHERE s.document_id = c.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER to_be_indexed AFTER INSERT ON user_data.documents
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION user_data.to_be_indexed();
CREATE TRIGGER to_be_indexed_again AFTER UPDATE ON user_data.documents
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION user_data.to_be_indexed();
CREATE TRIGGER no_more_found AFTER DELETE ON user_data.documents
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION user_data.no_more_found();
