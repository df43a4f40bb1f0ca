-- depends: 0014.bulk_vectors
-- No job is left without an end.

-- How often a chunk began anew because what an earlier stage had made was gone: that forgets its
-- attempts, so it has a bound of its own.
ALTER TABLE imports.chunks ADD COLUMN rewinds integer NOT NULL DEFAULT 0;

-- The last step of a job that used up its attempts could not be given up before, and held its job
-- for ever: it is tried anew. Whoever migrates acts for no user, and sees no row while row-level
-- security is forced.
ALTER TABLE imports.chunks NO FORCE ROW LEVEL SECURITY;
UPDATE imports.chunks
SET attempt = 0, publishes = 0, not_before = now(), enqueued_at = NULL
WHERE kind = 'finish'
  AND (status = 'ready' OR (status = 'leased' AND lease_expires < clock_timestamp()));
ALTER TABLE imports.chunks FORCE ROW LEVEL SECURITY;
