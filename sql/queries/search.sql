-- Index documents, and search them. All run as one user.

-- name: waiting_users
-- Return the users with documents that wait to be indexed.
SELECT DISTINCT user_id FROM user_data.unindexed;

-- name: waiting
-- Count the documents of the user that wait to be indexed, up to a bound.
SELECT count(*) FROM (SELECT FROM user_data.unindexed LIMIT %(most)s) AS queue;

-- name: index_some
-- Index some documents of the queue. Return how many left it.
WITH taken AS (
    DELETE FROM user_data.unindexed WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM user_data.unindexed WHERE user_id = %(user_id)s
        LIMIT %(n)s FOR UPDATE SKIP LOCKED))
    RETURNING document_id, data_type, partition_at, record_key),
found AS (
    SELECT DISTINCT ON (d.id) d.id, d.user_id, d.data_type, d.partition_at, d.record_key,
        d.record_type, d.source, d.language, d.source_timestamp,
        CASE WHEN jsonb_typeof(d.metadata->'latitude') = 'number'
            THEN (d.metadata->>'latitude')::float8
            WHEN jsonb_typeof(d.metadata#>'{place,latitude}') = 'number'
            THEN (d.metadata#>>'{place,latitude}')::float8
            WHEN jsonb_typeof(d.metadata#>'{fields,latitude}') = 'number'
            THEN (d.metadata#>>'{fields,latitude}')::float8 END AS latitude,
        CASE WHEN jsonb_typeof(d.metadata->'longitude') = 'number'
            THEN (d.metadata->>'longitude')::float8
            WHEN jsonb_typeof(d.metadata#>'{place,longitude}') = 'number'
            THEN (d.metadata#>>'{place,longitude}')::float8
            WHEN jsonb_typeof(d.metadata#>'{fields,longitude}') = 'number'
            THEN (d.metadata#>>'{fields,longitude}')::float8 END AS longitude,
        user_data.words_in(d.language, d.title, d.content, d.metadata) AS words,
        analytics.domain_of(d.metadata->>'url') AS domain,
        length(d.content) >= %(least_chars)s
            OR d.metadata#>>'{blob,media_type}' LIKE 'image/%%' AS comparable
    FROM taken AS t JOIN user_data.documents AS d
        ON d.id = t.document_id AND d.data_type = t.data_type AND d.record_key = t.record_key
            AND d.partition_at = t.partition_at
    ORDER BY d.id),
indexed AS (
    INSERT INTO user_data.search (document_id, user_id, data_type, partition_at, record_key,
        record_type, source, language, at, latitude, longitude, words, domain)
    SELECT id, user_id, data_type, partition_at, record_key, record_type, source, language,
        source_timestamp, CASE WHEN (latitude, longitude) <> (0, 0) THEN latitude END,
        CASE WHEN (latitude, longitude) <> (0, 0) THEN longitude END, words, domain FROM found
    ON CONFLICT (document_id, user_id) DO UPDATE SET language = excluded.language, at = excluded.at,
        latitude = excluded.latitude, longitude = excluded.longitude, words = excluded.words,
        domain = excluded.domain),
-- The day before, of a document that is indexed again, is queued by a trigger: a join would read
-- what this statement inserts.
days AS (
    INSERT INTO analytics.touched (user_id, series, day)
    SELECT DISTINCT %(user_id)s::uuid, 'documents', analytics.day_of(source_timestamp) FROM found),
uncompared AS (
    INSERT INTO analytics.uncompared (user_id, document_id, data_type, partition_at, record_key)
    SELECT user_id, id, data_type, partition_at, record_key FROM found WHERE comparable),
tongues AS (
    INSERT INTO user_data.search_languages (user_id, configuration)
    SELECT DISTINCT %(user_id)s, user_data.words_of(language)::text
    FROM (SELECT DISTINCT language FROM found) AS each_once
    ORDER BY 2 ON CONFLICT DO NOTHING),
spelled AS MATERIALIZED (  -- each word once, before it is looked at; most with a digit are numbers
    SELECT DISTINCT word FROM found, unnest(tsvector_to_array(found.words)) AS word
    WHERE length(word) BETWEEN 4 AND 24 AND translate(word, '0123456789', '') = word),
spellings AS (
    INSERT INTO user_data.search_words (user_id, word)
    SELECT %(user_id)s, word FROM spelled WHERE word ~ '^[[:alpha:]]{4,24}$'
    ORDER BY 2 ON CONFLICT DO NOTHING),
lacking AS (
    -- Documents without the vectors of a tier wait for them; a model of no id has none yet.
    INSERT INTO vectors.waiting (user_id, model, document_id)
    SELECT %(user_id)s, m.model, f.id
    FROM found AS f CROSS JOIN unnest(%(models)s::text[], %(model_ids)s::integer[]) AS m (model, id)
    WHERE (f.data_type = ANY(%(types)s) AND f.source <> ALL(%(never)s) OR f.source = ANY(%(always)s))
      AND NOT EXISTS (SELECT FROM vectors.embeddings AS e
          WHERE e.model_id = m.id AND e.document_id = f.id)
    ORDER BY 2, 3 ON CONFLICT DO NOTHING)
SELECT count(*) FROM taken;

-- name: query
-- Return the query in each language of the user's documents: a text is found in its own language. A
-- word that no document has is replaced by the words with a similar spelling.
WITH tongues AS (
    SELECT configuration::regconfig AS c FROM user_data.search_languages
    UNION SELECT 'user_data.words_simple'::regconfig),
asked AS (
    SELECT c, websearch_to_tsquery(c, user_data.spaced(CASE WHEN %(text)s ~ '"' THEN %(text)s
        -- signs that follow each other are a phrase
        ELSE regexp_replace(%(text)s, '([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,})',
            ' "\1" ', 'g') END)) AS q FROM tongues)
SELECT string_agg(DISTINCT '(' || q::text || ')', ' | ') AS query FROM asked
WHERE numnode(q) > 0;

-- name: alike
-- Return words of the user's documents that are spelled like a word that no document has, in any of
-- the forms that its languages make of it.
WITH forms AS MATERIALIZED (
    SELECT w.lexeme, unnest(tsvector_to_array(to_tsvector(l.configuration::regconfig, w.lexeme)))
        AS form
    FROM unnest(to_tsvector('user_data.words_simple', %(text)s)) AS w
    CROSS JOIN user_data.search_languages AS l
    WHERE l.user_id = %(user_id)s AND length(w.lexeme) >= 4),
known AS MATERIALIZED (
    SELECT word FROM user_data.search_words
    WHERE user_id = %(user_id)s AND word = ANY(ARRAY(SELECT form FROM forms))),
unknown AS MATERIALIZED (
    SELECT lexeme FROM forms GROUP BY lexeme
    HAVING NOT bool_or(form IN (SELECT word FROM known)))
SELECT w.lexeme AS asked, s.word, similarity(s.word, w.lexeme) AS likeness
FROM unknown AS w CROSS JOIN LATERAL (
    SELECT word FROM user_data.search_words
    WHERE user_id = %(user_id)s AND word %% w.lexeme
    ORDER BY similarity(word, w.lexeme) DESC, word LIMIT 3) AS s
ORDER BY likeness DESC;

-- name: by_words
-- Return documents with those words, best first. Rank at most a fixed number of matches of a very
-- frequent word.
WITH hits AS MATERIALIZED (
    SELECT s.document_id, s.words FROM user_data.search AS s
    WHERE s.user_id = %(user_id)s AND s.words @@ %(query)s::tsquery
      AND (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
      AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
      AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
      AND (%(source)s::text IS NULL OR s.source = %(source)s
          OR starts_with(s.source, %(source)s || '.'))
      AND (%(lang)s::text IS NULL OR s.language = %(lang)s)
      AND (%(km)s::float8 IS NULL OR user_data.km(s.latitude, s.longitude, %(latitude)s,
          %(longitude)s, %(km)s) <= %(km)s)
      AND (%(person)s::uuid[] IS NULL OR s.record_key = ANY(ARRAY(
          SELECT m.record_key FROM user_data.mentions AS m
          WHERE m.user_id = %(user_id)s AND m.entity_key = ANY(%(person)s))))
    LIMIT %(most)s)
SELECT document_id, ts_rank_cd('{0.1,0.3,0.6,1.0}', words, %(query)s::tsquery, 1) AS score
FROM hits ORDER BY score DESC, document_id DESC LIMIT %(n)s;

-- name: by_filters
-- Return documents that pass the filters alone, latest first.
SELECT s.document_id, 0.0 AS score FROM user_data.search AS s
WHERE s.user_id = %(user_id)s AND (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
      AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
      AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
      AND (%(source)s::text IS NULL OR s.source = %(source)s
          OR starts_with(s.source, %(source)s || '.'))
      AND (%(lang)s::text IS NULL OR s.language = %(lang)s)
      AND (%(km)s::float8 IS NULL OR user_data.km(s.latitude, s.longitude, %(latitude)s,
          %(longitude)s, %(km)s) <= %(km)s)
      AND (%(person)s::uuid[] IS NULL OR s.record_key = ANY(ARRAY(
          SELECT m.record_key FROM user_data.mentions AS m
          WHERE m.user_id = %(user_id)s AND m.entity_key = ANY(%(person)s))))
ORDER BY s.at DESC NULLS LAST, s.document_id DESC LIMIT %(n)s;

-- name: fitting
-- Count the documents that pass the filters, up to a bound.
SELECT count(*) FROM (SELECT FROM user_data.search AS s
WHERE s.user_id = %(user_id)s AND (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
      AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
      AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
      AND (%(source)s::text IS NULL OR s.source = %(source)s
          OR starts_with(s.source, %(source)s || '.'))
      AND (%(lang)s::text IS NULL OR s.language = %(lang)s)
      AND (%(km)s::float8 IS NULL OR user_data.km(s.latitude, s.longitude, %(latitude)s,
          %(longitude)s, %(km)s) <= %(km)s)
      AND (%(person)s::uuid[] IS NULL OR s.record_key = ANY(ARRAY(
          SELECT m.record_key FROM user_data.mentions AS m
          WHERE m.user_id = %(user_id)s AND m.entity_key = ANY(%(person)s))))
LIMIT %(most)s) AS fitting;

-- name: count_vectors
-- Estimate how many vectors a model's index holds, of all users.
SELECT greatest(reltuples, 0) AS vectors FROM pg_class
WHERE oid = to_regclass('vectors.embeddings_m' || %(model_id)s);

-- name: by_meaning_of_few
-- Return the nearest documents by an exact scan of all vectors that pass the filters. Used if few
-- documents pass them, or few of the index's candidates: the index would read very many others
-- first.
SELECT e.document_id, 1 - min(e.embedding <=> %(vector)s::vector) AS score
FROM vectors.embeddings AS e
WHERE e.model_id = {model_id} AND e.user_id = %(user_id)s
  AND e.document_id = ANY(ARRAY(SELECT s.document_id FROM user_data.search AS s
WHERE s.user_id = %(user_id)s AND (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
      AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
      AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
      AND (%(source)s::text IS NULL OR s.source = %(source)s
          OR starts_with(s.source, %(source)s || '.'))
      AND (%(lang)s::text IS NULL OR s.language = %(lang)s)
      AND (%(km)s::float8 IS NULL OR user_data.km(s.latitude, s.longitude, %(latitude)s,
          %(longitude)s, %(km)s) <= %(km)s)
      AND (%(person)s::uuid[] IS NULL OR s.record_key = ANY(ARRAY(
          SELECT m.record_key FROM user_data.mentions AS m
          WHERE m.user_id = %(user_id)s AND m.entity_key = ANY(%(person)s))))))
GROUP BY e.document_id ORDER BY score DESC, document_id DESC LIMIT %(n)s;

-- name: by_meaning
-- Return the documents with the nearest vectors; a long text has several. The index, in half
-- precision, selects them, and the whole vectors order them. The filters are checked for each
-- vector by itself: for an EXISTS, the plan would make a list of all documents that pass, anew for
-- each search. Fewer than `most` candidates mean that the index had no more.
WITH near AS MATERIALIZED (
    SELECT e.document_id, e.embedding <=> %(vector)s::vector AS distance
    FROM vectors.embeddings AS e
    WHERE e.model_id = {model_id} AND e.user_id = %(user_id)s
      AND (%(unfiltered)s OR (SELECT true FROM user_data.search AS s
          WHERE s.document_id = e.document_id AND s.user_id = %(user_id)s AND (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
      AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
      AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
      AND (%(source)s::text IS NULL OR s.source = %(source)s
          OR starts_with(s.source, %(source)s || '.'))
      AND (%(lang)s::text IS NULL OR s.language = %(lang)s)
      AND (%(km)s::float8 IS NULL OR user_data.km(s.latitude, s.longitude, %(latitude)s,
          %(longitude)s, %(km)s) <= %(km)s)
      AND (%(person)s::uuid[] IS NULL OR (SELECT true FROM user_data.mentions AS m
          WHERE m.user_id = %(user_id)s AND m.record_key = s.record_key
            AND m.entity_key = ANY(%(person)s) LIMIT 1))))
    ORDER BY (e.embedding::halfvec({dimension})) <=> %(vector)s::halfvec({dimension})
    LIMIT %(most)s)
SELECT document_id, 1 - min(distance) AS score, (SELECT count(*) FROM near) AS candidates FROM near
GROUP BY document_id ORDER BY score DESC, document_id DESC LIMIT %(n)s;

-- name: who
-- Return the entities of a person by address, number, handle or name, with what contacts list
-- beside it.
SELECT entity_key FROM user_data.who(%(who)s);

-- name: vector_of
-- Return one vector of a stored document.
SELECT embedding FROM vectors.embeddings
WHERE model_id = %(model_id)s AND document_id = %(document_id)s AND user_id = %(user_id)s
ORDER BY piece LIMIT 1;

-- name: models_with_vectors
-- Return the models with vectors of the user.
SELECT m.id, m.name, m.revision, m.dimension, m.tier FROM vectors.models AS m
WHERE EXISTS (SELECT FROM vectors.embeddings AS e
    WHERE e.model_id = m.id AND e.user_id = %(user_id)s)
ORDER BY m.id;

-- name: places
-- Return the data type, record and partition of documents.
SELECT document_id, data_type, record_key, partition_at FROM user_data.search
WHERE user_id = %(user_id)s AND document_id = ANY(%(ids)s);

-- name: hits
-- Return the documents of a page, each with the matching place in its text, words marked. Types and
-- months are passed as values, so that the plan covers their partitions alone.
SELECT d.id, d.record_type, d.source, d.source_timestamp AS at, d.title, d.language,
    ts_headline(user_data.words_of(d.language),
        left(coalesce(nullif(d.content, ''), d.title, ''), 20000), %(query)s::tsquery,
        'StartSel=' || %(begin)s || ', StopSel=' || %(end)s
        || ', MaxFragments=2, MaxWords=18, MinWords=6, FragmentDelimiter=" … "') AS snippet
FROM user_data.documents AS d
WHERE d.user_id = %(user_id)s AND d.id = ANY(%(ids)s::bigint[])
  AND d.record_key = ANY(%(keys)s::uuid[]) AND d.data_type = ANY(%(types)s::text[])
  AND d.partition_at = ANY(%(ats)s::timestamptz[])
ORDER BY array_position(%(ids)s::bigint[], d.id);
