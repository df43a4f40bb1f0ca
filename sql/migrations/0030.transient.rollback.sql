ALTER TABLE imports.chunks NO FORCE ROW LEVEL SECURITY;
ALTER TABLE imports.jobs NO FORCE ROW LEVEL SECURITY;
UPDATE imports.chunks SET last_error_code = 'weather_' || substr(last_error_code, 11)
WHERE starts_with(last_error_code, 'transient_');
UPDATE imports.jobs SET error_code = 'weather_' || substr(error_code, 11)
WHERE starts_with(error_code, 'transient_');
ALTER TABLE imports.chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE imports.jobs FORCE ROW LEVEL SECURITY;
