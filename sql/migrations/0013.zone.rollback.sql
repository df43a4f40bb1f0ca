ALTER TABLE imports.jobs DROP COLUMN zone;
