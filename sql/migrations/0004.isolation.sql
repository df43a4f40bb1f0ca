-- depends: 0003.desk
-- Who owns a row is part of every key of it, so that a conflict tells nobody of another's rows;
-- what belongs to a job belongs to the user of that job; and what the scanner said of a member.

ALTER TABLE imports.files ADD COLUMN scan text;

DROP INDEX imports.files_member, imports.files_attachment;
CREATE UNIQUE INDEX files_member ON imports.files (job_id, ordinal, user_id)
    WHERE ordinal IS NOT NULL;
CREATE UNIQUE INDEX files_attachment ON imports.files (job_id, path, user_id)
    WHERE ordinal IS NULL;
ALTER TABLE imports.chunks DROP CONSTRAINT chunks_job_id_identity_key,
    ADD UNIQUE (job_id, identity, user_id);
ALTER TABLE imports.quarantine DROP CONSTRAINT quarantine_chunk_id_nth_key,
    ADD UNIQUE (chunk_id, nth, user_id);
ALTER TABLE vectors.embeddings DROP CONSTRAINT embeddings_pkey,
    ADD PRIMARY KEY (model_id, document_id, piece, user_id);

-- A foreign key is checked past row-level security, so it has to name the user itself.
ALTER TABLE imports.jobs ADD UNIQUE (id, user_id);
ALTER TABLE imports.files DROP CONSTRAINT files_job_id_fkey,
    ADD FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs (id, user_id);
ALTER TABLE imports.chunks DROP CONSTRAINT chunks_job_id_fkey,
    ADD FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs (id, user_id);
ALTER TABLE imports.quarantine DROP CONSTRAINT quarantine_job_id_fkey,
    ADD FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs (id, user_id);

-- The number of a document comes from its sequence alone: who could choose it could ask, by the
-- conflict, what kind of document another's number is.
DO $$
BEGIN
    REVOKE INSERT ON user_data.documents FROM datapunk_ingest;
    EXECUTE (SELECT format('GRANT INSERT (%s) ON user_data.documents TO datapunk_ingest',
            string_agg(quote_ident(attname), ', '))
        FROM pg_attribute WHERE attrelid = 'user_data.documents'::regclass
          AND attnum > 0 AND NOT attisdropped AND attname <> 'id');
END
$$;
