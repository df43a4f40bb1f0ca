DROP INDEX imports.files_attachment;
CREATE UNIQUE INDEX files_attachment ON imports.files (job_id, path, user_id)
    WHERE ordinal IS NULL;
