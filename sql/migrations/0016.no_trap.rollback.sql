ALTER TABLE imports.chunks DROP COLUMN rewinds;
