-- depends: 0014.bulk_vectors
-- What fails behind the imports: a step of the reconciler (or of a job's end), and the job, user or
-- set at which it failed ('' for the step as a whole). A row stands for as long as that fails, and
-- says when it is tried again. The error's class and place are kept, never its text.
CREATE TABLE imports.step_errors (
    step text NOT NULL,
    subject text NOT NULL,
    error text NOT NULL,
    place text NOT NULL,
    failures integer NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    again_at timestamptz NOT NULL,
    PRIMARY KEY (step, subject)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON imports.step_errors TO datapunk_ledger;
