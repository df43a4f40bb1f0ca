-- Apply the policy of personal data to stored rows. All run as one user.

-- name: begin
-- Return where to continue: at the start, unless a run under the same policy was interrupted.
INSERT INTO imports.privacy AS p (user_id, policy, turn) VALUES (%(user_id)s, %(policy)s, 1)
ON CONFLICT (user_id) DO UPDATE SET policy = excluded.policy, after_document = 0, after_version = 0,
    started_at = now(), finished_at = NULL, turn = p.turn + 1
    WHERE p.policy <> excluded.policy OR p.finished_at IS NOT NULL;

-- name: reached
-- Return how far a policy was applied to a user's stored rows.
SELECT turn, after_document, after_version FROM imports.privacy WHERE user_id = %(user_id)s;

-- name: reach
-- Note how far a policy was applied.
UPDATE imports.privacy SET after_document = greatest(after_document, %(document)s),
    after_version = greatest(after_version, %(version)s)
WHERE user_id = %(user_id)s AND turn = %(turn)s;

-- name: hold_texts
-- Lock the user's texts against indexing while they are replaced.
SELECT imports.hold_texts(%(user_id)s, true);

-- name: at_rest
-- Return the turn of the stored rows; no row while a policy is being applied to them.
SELECT coalesce(min(turn), 0) AS turn FROM imports.privacy WHERE user_id = %(user_id)s
HAVING count(*) = count(finished_at);

-- name: forget_bytes
-- Delete the bytes of quarantined records; the place of a record and an edit by hand stay.
UPDATE imports.quarantine SET raw = '' WHERE user_id = %(user_id)s AND raw <> '';

-- name: forget_unread_times
-- Delete the texts of unread times, which may be any text, from positions and measured values.
SELECT series, records FROM timeseries.forget_unread_times() WHERE records > 0;

-- name: finish
-- End the run; no row if older versions came back meanwhile and must be read too.
UPDATE imports.privacy SET finished_at = now(), turn = turn + 1
WHERE user_id = %(user_id)s AND turn = %(turn)s RETURNING turn;

-- name: drift
-- Return names of fields that no format knows, which a record may have chosen.
SELECT DISTINCT format, field FROM imports.drift WHERE user_id = %(user_id)s;

-- name: drop_drift
-- Delete drifted fields whose names the policy removes.
DELETE FROM imports.drift AS d USING unnest(%(formats)s::text[], %(fields)s::text[]) AS x (format, field)
WHERE d.user_id = %(user_id)s AND d.format = x.format AND d.field = x.field;

-- name: documents
-- Return the next stored documents to apply the policy to.
SELECT id, record_key, data_type, source, record_type, source_timestamp, title, content,
    content_type, language, metadata, content_hash FROM user_data.documents
WHERE user_id = %(user_id)s AND id > %(after)s ORDER BY id LIMIT %(n)s;

-- name: versions
-- Return the next stored older versions to apply the policy to.
SELECT version_id AS id, record_key, data_type, source, record_type, source_timestamp, title,
    content, content_type, language, metadata, content_hash FROM user_data.versions
WHERE user_id = %(user_id)s AND version_id > %(after)s ORDER BY version_id LIMIT %(n)s;

-- name: files
-- Return files whose paths end in a name that a record gave, and files with notes of a format.
SELECT id, path, format, media_type, ordinal IS NULL AS attached, context -> 'noted' AS noted
FROM imports.files
WHERE user_id = %(user_id)s AND id > %(after)s AND (ordinal IS NULL OR context ? 'noted')
ORDER BY id LIMIT %(n)s;

-- name: treat_files
-- Change the paths, media types and notes of files as the policy says.
UPDATE imports.files AS f SET path = x.path, media_type = x.media_type,
    context = CASE WHEN x.noted IS NULL THEN f.context
        ELSE jsonb_set(f.context, '{noted}', x.noted) END
FROM jsonb_to_recordset(%(items)s::jsonb) AS x (id bigint, path text, media_type text, noted jsonb)
WHERE f.id = x.id AND f.user_id = %(user_id)s;

-- name: with_vectors
-- Return which of these documents have vectors.
SELECT DISTINCT document_id FROM vectors.embeddings
WHERE user_id = %(user_id)s AND document_id = ANY(%(ids)s);

-- name: treat
-- Change stored documents or versions as the policy says. Return the ids of those that changed.
SELECT id FROM user_data.treat(%(items)s::jsonb, %(versions)s);

-- name: insert_vectors
-- Insert the vectors of new texts, under keys made from the documents' ids.
INSERT INTO vectors.embeddings
    (document_id, user_id, model_id, piece, piece_start, piece_end, embedding)
SELECT k.id, %(user_id)s, %(model_id)s, v.piece, v.piece_start, v.piece_end, v.embedding
FROM stage_vectors AS v JOIN unnest(%(ids)s::bigint[], %(keys)s::uuid[]) AS k (id, key)
    ON v.record_key = k.key
ON CONFLICT DO NOTHING;
