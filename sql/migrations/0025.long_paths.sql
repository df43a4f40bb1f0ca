-- depends: 0024.sent_chunks
-- A mail may call a file what it likes, at any length: what came out of records is known by a hash
-- of its path, since an entry of an index has 2,704 bytes at most.
DROP INDEX imports.files_attachment;
CREATE UNIQUE INDEX files_attachment ON imports.files (job_id, md5(path), user_id)
    WHERE ordinal IS NULL;
