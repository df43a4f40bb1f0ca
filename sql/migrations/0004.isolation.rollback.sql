REVOKE INSERT ON user_data.documents FROM datapunk_ingest;
GRANT INSERT ON user_data.documents TO datapunk_ingest;

ALTER TABLE imports.quarantine DROP CONSTRAINT quarantine_job_id_user_id_fkey,
    ADD FOREIGN KEY (job_id) REFERENCES imports.jobs;
ALTER TABLE imports.chunks DROP CONSTRAINT chunks_job_id_user_id_fkey,
    ADD FOREIGN KEY (job_id) REFERENCES imports.jobs;
ALTER TABLE imports.files DROP CONSTRAINT files_job_id_user_id_fkey,
    ADD FOREIGN KEY (job_id) REFERENCES imports.jobs;
ALTER TABLE imports.jobs DROP CONSTRAINT jobs_id_user_id_key;

ALTER TABLE vectors.embeddings DROP CONSTRAINT embeddings_pkey,
    ADD PRIMARY KEY (model_id, document_id, piece);
ALTER TABLE imports.quarantine DROP CONSTRAINT quarantine_chunk_id_nth_user_id_key,
    ADD UNIQUE (chunk_id, nth);
ALTER TABLE imports.chunks DROP CONSTRAINT chunks_job_id_identity_user_id_key,
    ADD UNIQUE (job_id, identity);
DROP INDEX imports.files_member, imports.files_attachment;
CREATE UNIQUE INDEX files_member ON imports.files (job_id, ordinal) WHERE ordinal IS NOT NULL;
CREATE UNIQUE INDEX files_attachment ON imports.files (job_id, path) WHERE ordinal IS NULL;

ALTER TABLE imports.files DROP COLUMN scan;
