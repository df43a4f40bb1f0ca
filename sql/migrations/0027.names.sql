-- depends: 0026.codes
-- Columns and a table are called by the words that the field uses.
ALTER TABLE imports.jobs RENAME COLUMN ending TO outcome;
ALTER TABLE imports.jobs RENAME COLUMN kept_as TO archived_path;
ALTER TABLE imports.jobs RENAME CONSTRAINT jobs_ending_check TO jobs_outcome_check;
ALTER TABLE imports.chunks RENAME COLUMN publishes TO publish_count;
ALTER TABLE imports.quarantine RENAME COLUMN nth TO position;
ALTER TABLE imports.quarantine RENAME CONSTRAINT quarantine_user_id_chunk_id_nth_key
    TO quarantine_user_id_chunk_id_position_key;
ALTER TABLE imports.listed RENAME TO manifest_entries;
ALTER TABLE imports.manifest_entries RENAME COLUMN nth TO position;
ALTER TABLE imports.manifest_entries RENAME CONSTRAINT listed_pkey TO manifest_entries_pkey;
ALTER TABLE imports.manifest_entries RENAME CONSTRAINT listed_job_id_fkey
    TO manifest_entries_job_id_fkey;
ALTER TABLE imports.manifest_entries RENAME CONSTRAINT listed_file_id_fkey
    TO manifest_entries_file_id_fkey;

-- The one function that names any of them.
DO $$ BEGIN
    EXECUTE replace(pg_get_functiondef('imports.roll_back(uuid)'::regprocedure),
        ', ending = ', ', outcome = ');
END $$;
