DO $$ BEGIN
    EXECUTE replace(pg_get_functiondef('imports.roll_back(uuid)'::regprocedure),
        ', outcome = ', ', ending = ');
END $$;

ALTER TABLE imports.manifest_entries RENAME CONSTRAINT manifest_entries_file_id_fkey
    TO listed_file_id_fkey;
ALTER TABLE imports.manifest_entries RENAME CONSTRAINT manifest_entries_job_id_fkey
    TO listed_job_id_fkey;
ALTER TABLE imports.manifest_entries RENAME CONSTRAINT manifest_entries_pkey TO listed_pkey;
ALTER TABLE imports.manifest_entries RENAME COLUMN position TO nth;
ALTER TABLE imports.manifest_entries RENAME TO listed;
ALTER TABLE imports.quarantine RENAME CONSTRAINT quarantine_user_id_chunk_id_position_key
    TO quarantine_user_id_chunk_id_nth_key;
ALTER TABLE imports.quarantine RENAME COLUMN position TO nth;
ALTER TABLE imports.chunks RENAME COLUMN publish_count TO publishes;
ALTER TABLE imports.jobs RENAME CONSTRAINT jobs_outcome_check TO jobs_ending_check;
ALTER TABLE imports.jobs RENAME COLUMN archived_path TO kept_as;
ALTER TABLE imports.jobs RENAME COLUMN outcome TO ending;
