DROP TABLE imports.listed;
ALTER TABLE imports.files DROP COLUMN folder_hash;
DROP FUNCTION imports.folder_of, imports.plain_path;
ALTER TABLE imports.chunks DROP COLUMN waits_for_set;
ALTER TABLE imports.jobs
    DROP COLUMN bare, DROP COLUMN set_part, DROP COLUMN set_file, DROP COLUMN set_id;
DROP TABLE imports.sets;
