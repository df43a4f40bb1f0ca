-- Find near duplicates after the load. All run as one user.

-- name: users_waiting
-- Return the users with documents that wait to be compared.
SELECT DISTINCT user_id FROM analytics.uncompared;

-- name: hold
-- Take the lock on a user's comparison, so that each process sees all earlier results. The lock is
-- the session's, since images are decoded outside any transaction.
SELECT imports.keep_hold(%(user_id)s, 'alike') AS held;

-- name: let_go
-- Release the lock that `hold` takes.
SELECT imports.end_hold(%(user_id)s, 'alike');

-- name: waiting
-- Return a part of the queue, with the compared content of each document; the record key is null if
-- the document is gone. The entries stay in the queue until `take`.
SELECT q.place, q.document_id AS id, d.record_key,
    CASE WHEN d.metadata#>>'{blob,media_type}' LIKE 'image/%%'
        THEN d.metadata#>>'{blob,sha256}' END AS image,
    left(d.content, %(chars)s) AS text
FROM (SELECT ctid::text AS place, document_id, data_type, partition_at, record_key
    FROM analytics.uncompared
    WHERE user_id = %(user_id)s LIMIT %(n)s) AS q
LEFT JOIN LATERAL (SELECT * FROM user_data.documents AS d
    WHERE d.id = q.document_id AND d.data_type = q.data_type AND d.record_key = q.record_key
      AND d.partition_at = q.partition_at) AS d ON true
ORDER BY q.document_id;

-- name: take
-- Remove entries from the queue by their place in it, so that newer entries of the same documents
-- stay. Return those whose document the lake still has.
WITH taken AS (
    DELETE FROM analytics.uncompared
    WHERE ctid = ANY(%(places)s::text[]::tid[]) AND document_id = ANY(%(ids)s::bigint[])
      AND user_id = %(user_id)s
    RETURNING document_id, data_type, partition_at, record_key)
SELECT DISTINCT t.document_id AS id
FROM taken AS t CROSS JOIN LATERAL (SELECT 1 FROM user_data.documents AS d
    WHERE d.id = t.document_id AND d.data_type = t.data_type AND d.record_key = t.record_key
      AND d.partition_at = t.partition_at) AS d;

-- name: forget_links
-- Delete the links of documents that are compared again.
DELETE FROM user_data.relations AS r USING analytics.fingerprints AS f
WHERE f.document_id = ANY(%(ids)s::bigint[]) AND r.user_id = %(user_id)s
  AND r.relation = 'near_duplicate_of'
  AND (r.record_key = f.record_key OR r.other_key = f.record_key);

-- name: forget_bands
-- Delete the bands of some documents, before they are made again.
DELETE FROM analytics.bands AS b USING analytics.fingerprints AS f, unnest(f.bands) AS held
WHERE f.document_id = ANY(%(ids)s::bigint[]) AND b.user_id = %(user_id)s AND b.band = held
  AND b.document_id = f.document_id;

-- name: forget_fingerprints
-- Delete the signatures of some documents, before they are made again.
DELETE FROM analytics.fingerprints
WHERE document_id = ANY(%(ids)s::bigint[]) AND user_id = %(user_id)s;

-- name: keep
-- Store the signature of a document.
INSERT INTO analytics.fingerprints (document_id, user_id, record_key, kind, signature, bands)
VALUES (%(id)s, %(user_id)s, %(record_key)s, %(kind)s, %(signature)s, %(bands)s);

-- name: keep_bands
-- Store the bands of the signatures of some documents.
INSERT INTO analytics.bands (user_id, band, document_id)
SELECT DISTINCT %(user_id)s::uuid, b, f.document_id
FROM analytics.fingerprints AS f, unnest(f.bands) AS b
WHERE f.document_id = ANY(%(ids)s::bigint[]) ORDER BY 2, 3;

-- name: candidates
-- Return documents that share a band with one of these. Of a very frequent band, return the first
-- few: its documents are copies of each other, and a link to one is enough.
WITH pairs AS (
    SELECT DISTINCT own.document_id, own.kind, near.document_id AS other
    FROM analytics.fingerprints AS own
    CROSS JOIN LATERAL unnest(own.bands) AS held
    CROSS JOIN LATERAL (
        SELECT b.document_id FROM analytics.bands AS b
        WHERE b.user_id = %(user_id)s AND b.band = held AND b.document_id <> own.document_id
        ORDER BY b.document_id LIMIT %(most)s) AS near
    WHERE own.document_id = ANY(%(ids)s::bigint[]))
SELECT p.document_id AS id, p.other, f.record_key, f.signature
FROM pairs AS p JOIN analytics.fingerprints AS f ON f.document_id = p.other AND f.kind = p.kind
ORDER BY p.document_id, p.other;

-- name: link
-- Link two documents as near duplicates.
INSERT INTO user_data.relations (user_id, record_key, relation, other_key, similarity)
VALUES (%(user_id)s, %(record_key)s, 'near_duplicate_of', %(other_key)s, %(similarity)s)
ON CONFLICT DO NOTHING;
