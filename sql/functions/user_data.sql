-- Functions of the documents: partitions, versions, repeats, the words of search, and policies.
-- Applied again after migrations whenever this file changes. A function whose arguments or result
-- change is dropped by a migration first.

-- Make the missing month partitions of a data type of documents. Return their number.
CREATE OR REPLACE FUNCTION user_data.ensure_partitions(type text, months date[])
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF type NOT IN ('structured', 'email', 'media', 'document', 'location', 'browser', 'activity') THEN
        RAISE EXCEPTION 'no data type of that name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN imports.ensure_months(format('user_data.documents_%s', type)::regclass,
        'user_data', 'documents_' || type, months);
END
$$;

-- Return the key of the nth of equal records of one file; the first one has the plain key.
CREATE OR REPLACE FUNCTION user_data.occurrence_key(key uuid, nth integer) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN nth = 1 THEN key ELSE md5(key::text || '#' || nth)::uuid END $$;

-- Return whether another chunk of a file has a document of that key.
CREATE OR REPLACE FUNCTION user_data.given_elsewhere(type text, key uuid, at timestamptz, file bigint,
    chunk bigint) RETURNS boolean LANGUAGE sql STABLE
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

-- Number repeats: of equal records of one file, in tables too, each is a fact, and the chunks of
-- the file do not know each other. The staged rows get the numbers after those of other chunks. The
-- caller locks the file. The number of earlier repeats is found by doubling and halving, for all
-- keys at once: chunks take turns, so their numbers have no gaps. Return the keys that changed.
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

-- Take in versions that differ from the lake's version of the same record, from the staged rows of
-- a load. The version of the newer export becomes the document, and the other one is kept in
-- `versions`. Vectors and mentions of the replaced one are deleted. A record that differs within
-- one job, or between two formats, is the same fact seen twice, and no version. Return the staged
-- rows that were taken in, and whether each is the document now.
CREATE OR REPLACE FUNCTION user_data.supersede(job uuid, chunk bigint, version integer, file_ids bigint[])
    RETURNS TABLE (key uuid, file bigint, current boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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
            ON d.id = c.id AND d.data_type = c.data_type AND d.record_key = c.record_key
                AND d.partition_at = c.partition_at
        WHERE c.newer;
    INSERT INTO user_data.versions (id, user_id, data_type, source, record_type, record_key,
            partition_at, source_timestamp, title, content, content_type, language, metadata,
            job_id, file_id, chunk_id, content_hash, parser_version, superseded_by)
        SELECT c.id, c.user_id, c.data_type, c.source, c.record_type, c.record_key,
            c.partition_at, c.source_timestamp, c.title, c.content, c.content_type, c.language,
            c.metadata, job, file_ids[c.slot + 1], chunk, c.content_hash, version, d.job_id
        FROM changed AS c JOIN user_data.documents AS d
            ON d.id = c.id AND d.data_type = c.data_type AND d.record_key = c.record_key
                AND d.partition_at = c.partition_at
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
        WHERE d.id = c.id AND d.data_type = c.data_type AND d.record_key = c.record_key
          AND d.partition_at = c.partition_at AND c.newer;
    RETURN QUERY SELECT c.record_key, file_ids[c.slot + 1], c.newer FROM changed AS c;
    DROP TABLE changed;
END
$$;

-- Map ISO 639-1 to a configuration; `simple` if there is no stemmer. This function and the two below
-- have one expression and no FROM, so the planner inlines them.
CREATE OR REPLACE FUNCTION user_data.words_of(language text) RETURNS regconfig
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
SELECT CASE language
    WHEN 'ar' THEN 'user_data.words_arabic'::regconfig
    WHEN 'ca' THEN 'user_data.words_catalan'::regconfig
    WHEN 'da' THEN 'user_data.words_danish'::regconfig
    WHEN 'de' THEN 'user_data.words_german'::regconfig WHEN 'el' THEN 'user_data.words_greek'::regconfig
    WHEN 'en' THEN 'user_data.words_english'::regconfig
    WHEN 'es' THEN 'user_data.words_spanish'::regconfig
    WHEN 'eu' THEN 'user_data.words_basque'::regconfig
    WHEN 'fi' THEN 'user_data.words_finnish'::regconfig
    WHEN 'fr' THEN 'user_data.words_french'::regconfig WHEN 'ga' THEN 'user_data.words_irish'::regconfig
    WHEN 'hi' THEN 'user_data.words_hindi'::regconfig
    WHEN 'hu' THEN 'user_data.words_hungarian'::regconfig
    WHEN 'hy' THEN 'user_data.words_armenian'::regconfig
    WHEN 'id' THEN 'user_data.words_indonesian'::regconfig
    WHEN 'it' THEN 'user_data.words_italian'::regconfig
    WHEN 'lt' THEN 'user_data.words_lithuanian'::regconfig
    WHEN 'ne' THEN 'user_data.words_nepali'::regconfig WHEN 'nl' THEN 'user_data.words_dutch'::regconfig
    WHEN 'no' THEN 'user_data.words_norwegian'::regconfig
    WHEN 'pt' THEN 'user_data.words_portuguese'::regconfig
    WHEN 'ro' THEN 'user_data.words_romanian'::regconfig
    WHEN 'ru' THEN 'user_data.words_russian'::regconfig
    WHEN 'sr' THEN 'user_data.words_serbian'::regconfig
    WHEN 'sv' THEN 'user_data.words_swedish'::regconfig
    WHEN 'ta' THEN 'user_data.words_tamil'::regconfig
    WHEN 'tr' THEN 'user_data.words_turkish'::regconfig
    ELSE 'user_data.words_simple'::regconfig END
$$;

-- Separate Chinese, Japanese and Korean characters by blanks: these languages put none between
-- words, and a query asks for characters that follow each other.
CREATE OR REPLACE FUNCTION user_data.spaced(said text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT regexp_replace(said, '([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])', ' \1 ', 'g')
$$;

-- Return the searchable words of a document: its title before its text, then names, addresses and
-- places.
CREATE OR REPLACE FUNCTION user_data.words_in(language text, title text, content text, metadata jsonb)
    RETURNS tsvector LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
SELECT setweight(to_tsvector(user_data.words_of(language),
        user_data.spaced(left(coalesce(title, ''), 10000))), 'A')
    || setweight(to_tsvector(user_data.words_of(language),
        user_data.spaced(left(coalesce(content, ''), 200000))), 'B')
    || setweight(to_tsvector('user_data.words_simple', user_data.spaced(left(concat_ws(' ',
        metadata->>'url', metadata->>'artist', metadata->>'album', metadata->>'show',
        metadata->>'channel', metadata->>'query', metadata->>'description',
        metadata->>'conversation_title', metadata->>'location', metadata->>'merchant',
        metadata#>>'{sender,name}', metadata#>>'{sender,address}', metadata#>>'{author,name}',
        metadata#>>'{place,name}', metadata#>>'{place,address}',
        jsonb_path_query_array(metadata, '$.recipients[0 to 20].*')::text,
        jsonb_path_query_array(metadata, '$.people[0 to 20].*')::text,
        jsonb_path_query_array(metadata, '$.labels[0 to 20]')::text), 20000))), 'C')
$$;

-- Return the kilometres between two places; infinite outside a box around the second one, which is
-- cheaper to check than the distance. A document without a place is never near.
CREATE OR REPLACE FUNCTION user_data.km(lat float8, lon float8, near_lat float8, near_lon float8, within float8)
    RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN lat IS NULL OR lon IS NULL OR abs(lat - near_lat) > within / 110.0
    THEN 'Infinity'::float8
    ELSE 2 * 6371.0088 * asin(least(1, sqrt(sind((lat - near_lat) / 2) ^ 2
        + cosd(lat) * cosd(near_lat) * sind((lon - near_lon) / 2) ^ 2))) END
$$;

-- Return the entities that are one person: those with this address, number, handle or name, and
-- the other addresses and numbers of its contact. The function runs with the rights and rows of the caller. It
-- finds contacts by the index of search: the documents have hundreds of partitions, and a plan over
-- all of them takes longer than the query.
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

-- Queue documents that are loaded, replaced or restored for indexing.
CREATE OR REPLACE FUNCTION user_data.to_be_indexed() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO user_data.unindexed (user_id, document_id, data_type, partition_at, record_key)
        SELECT user_id, id, data_type, partition_at, record_key FROM changed;
    RETURN NULL;
END
$$;

-- Remove a document that leaves from the queues.
CREATE OR REPLACE FUNCTION user_data.no_more_found() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_data.search AS s USING changed AS c WHERE s.document_id = c.id;
    DELETE FROM vectors.waiting AS w USING changed AS c
        WHERE w.user_id = c.user_id AND w.document_id = c.id;
    RETURN NULL;
END
$$;

-- Replace documents, and older versions, that differ from the staged ones. If a record has another
-- time or data type now, its row moves, and the claims of others on it move too. If another import,
-- already read by the better parser, has a row there, this file's row is deleted and the file
-- claims that one. Vectors are deleted if the embedded text changed. Return the result for each.
CREATE OR REPLACE FUNCTION user_data.renew_documents(job uuid, version integer, file_ids bigint[])
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
            AND d.data_type = c.own_type AND d.record_key = s.record_key
            AND d.partition_at = c.own_at
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
          AND d.record_key = r.record_key AND d.partition_at = r.own_at AND d.job_id = job;
    UPDATE user_data.documents AS d SET data_type = r.data_type, partition_at = r.partition_at,
            source = r.source, source_timestamp = r.source_timestamp, title = r.title,
            content = r.content, content_type = r.content_type, language = r.language,
            metadata = r.metadata, content_hash = r.content_hash, parser_version = version
        FROM renewed AS r
        WHERE r.version_id IS NULL AND d.id = r.id AND d.data_type = r.own_type
          AND d.record_key = r.record_key AND d.partition_at = r.own_at AND d.job_id = job;
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

-- Delete mentions and relations of the files' documents that the staged ones lack. Those that
-- another file gave of the same document stay.
CREATE OR REPLACE FUNCTION user_data.forget_meaning() RETURNS void
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

-- Replace texts of documents or of older versions. `items` are objects with the id (of the version,
-- for versions), the expected content_hash, the new texts, tags and content_hash, and, if more than
-- the tags changed, `gone` (the removed texts) and `hashes` (of the texts with cached vectors).
-- What was made from the old texts is deleted: vectors, mentions, people without mentions, words of
-- the search. A row that was replaced meanwhile came in under the new policy and is left. Return
-- the ids that changed.
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

-- Update the statistics of the tables that search reads, if a tenth changed: autovacuum comes a
-- minute later, and a plan made before may read a whole lake for ten rows.
CREATE OR REPLACE FUNCTION user_data.analyze_search() RETURNS void
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

-- Write a document's own key for its metadata: without digits, which a privacy policy may search
-- for. `pipeline.storage.copy_text.own_key` is the same function.
CREATE OR REPLACE FUNCTION user_data.in_letters(key uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT translate(replace(key::text, '-', ''), '0123456789', 'ghijklmnop') $$;

-- Compare a record that has an own key and a shared key with the lake. "apart": the lake has it
-- under its own key. "this": it has it under the shared key, perhaps as an older version. "other":
-- the document there is another one. "alike" and "unknown": it cannot be decided which one that is,
-- and it has equal content or not. "free": there is none. A row of another version of the format
-- may write the same in other words, so its own key proves nothing.
CREATE OR REPLACE FUNCTION user_data.how_shared(type text, own uuid, base uuid, at timestamptz, hash uuid,
    format text, version integer) RETURNS text LANGUAGE sql STABLE
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

REVOKE EXECUTE ON FUNCTION
    user_data."treat"(jsonb,boolean),
    user_data.analyze_search(),
    user_data.ensure_partitions(text,date[]),
    user_data.forget_meaning(),
    user_data.renew_documents(uuid,integer,bigint[]),
    user_data.supersede(uuid,bigint,integer,bigint[])
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    user_data."treat"(jsonb,boolean),
    user_data.analyze_search(),
    user_data.ensure_partitions(text,date[]),
    user_data.forget_meaning(),
    user_data.renew_documents(uuid,integer,bigint[]),
    user_data.supersede(uuid,bigint,integer,bigint[])
    TO datapunk_ingest;
