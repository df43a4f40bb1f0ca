-- depends: 0029.reader_claims
-- The code of a chunk that waits for a service begins with the field's word for such an error. The
-- owner writes rows of all users here, which the policy of the tables does not let it.
ALTER TABLE imports.chunks NO FORCE ROW LEVEL SECURITY;
ALTER TABLE imports.jobs NO FORCE ROW LEVEL SECURITY;
UPDATE imports.chunks SET last_error_code = 'transient_' || substr(last_error_code, 9)
WHERE starts_with(last_error_code, 'weather_');
UPDATE imports.jobs SET error_code = 'transient_' || substr(error_code, 9)
WHERE starts_with(error_code, 'weather_');
ALTER TABLE imports.chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE imports.jobs FORCE ROW LEVEL SECURITY;
