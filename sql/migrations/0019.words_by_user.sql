-- depends: 0014.bulk_vectors
-- EXPLAIN ANALYZE counts the rows that an index gave and the policy then removed. An index without
-- the user, under an operator that is leakproof, so tells how many rows of other users fit a
-- condition: who has a word, a record of that minute, an import of that day. With the user in it
-- the policy is a condition of the index; at its head, the index is not even searched in other
-- users' parts. Tables that the control plane asks by job keep the job at the head, which is a random
-- number. tests/test_isolation.py holds every index to this.

DROP INDEX user_data.search_words_by_spelling;
CREATE INDEX search_words_by_spelling ON user_data.search_words
    USING gin (user_id, word public.gin_trgm_ops);

-- The number of a document can be guessed; its type, its time and the length of its text could then
-- be asked of a key that begins with the number.
ALTER TABLE user_data.documents DROP CONSTRAINT documents_pkey,
    ADD PRIMARY KEY (user_id, id, data_type, partition_at);
ALTER TABLE vectors.embeddings DROP CONSTRAINT embeddings_pkey,
    ADD PRIMARY KEY (user_id, model_id, document_id, piece);
ALTER TABLE imports.quarantine DROP CONSTRAINT quarantine_chunk_id_nth_user_id_key,
    ADD UNIQUE (user_id, chunk_id, nth);
ALTER TABLE imports.drift DROP CONSTRAINT drift_pkey,
    ADD PRIMARY KEY (user_id, job_id, format, field);

DROP INDEX imports.quarantine_by_code, analytics.quality_by_job, imports.jobs_by_time;
CREATE INDEX quarantine_by_code ON imports.quarantine (user_id, job_id, code);
CREATE INDEX quality_by_job ON analytics.quality (user_id, job_id, scored_at);
CREATE INDEX jobs_by_time ON imports.jobs (user_id, created_at DESC);

DROP INDEX imports.files_by_folder, imports.chunks_open;
CREATE INDEX files_by_folder ON imports.files (job_id, folder_hash, user_id)
    WHERE ordinal IS NOT NULL;
CREATE INDEX chunks_open ON imports.chunks (stage, not_before, user_id)
    WHERE status IN ('ready', 'leased');

-- Names of users are unique over all of them, so that key can't begin with the user. Only the
-- control plane asks for them.
REVOKE SELECT ON user_data.users FROM datapunk_ingest, datapunk_reader;
GRANT SELECT (user_id, created_at) ON user_data.users TO datapunk_ingest, datapunk_reader;
