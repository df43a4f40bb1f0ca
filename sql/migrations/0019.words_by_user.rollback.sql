REVOKE SELECT (user_id, created_at) ON user_data.users FROM datapunk_ingest, datapunk_reader;
GRANT SELECT ON user_data.users TO datapunk_ingest, datapunk_reader;

DROP INDEX imports.files_by_folder, imports.chunks_open;
CREATE INDEX files_by_folder ON imports.files (job_id, folder_hash) WHERE ordinal IS NOT NULL;
CREATE INDEX chunks_open ON imports.chunks (stage, not_before) WHERE status IN ('ready', 'leased');

DROP INDEX imports.quarantine_by_code, analytics.quality_by_job, imports.jobs_by_time;
CREATE INDEX quarantine_by_code ON imports.quarantine (job_id, code);
CREATE INDEX quality_by_job ON analytics.quality (job_id, scored_at);
CREATE INDEX jobs_by_time ON imports.jobs (created_at DESC);

ALTER TABLE imports.drift DROP CONSTRAINT drift_pkey,
    ADD PRIMARY KEY (job_id, format, field, user_id);
ALTER TABLE imports.quarantine DROP CONSTRAINT quarantine_user_id_chunk_id_nth_key,
    ADD UNIQUE (chunk_id, nth, user_id);
ALTER TABLE vectors.embeddings DROP CONSTRAINT embeddings_pkey,
    ADD PRIMARY KEY (model_id, document_id, piece, user_id);
ALTER TABLE user_data.documents DROP CONSTRAINT documents_pkey,
    ADD PRIMARY KEY (id, data_type, partition_at);

DROP INDEX user_data.search_words_by_spelling;
CREATE INDEX search_words_by_spelling ON user_data.search_words USING gin (word public.gin_trgm_ops);
