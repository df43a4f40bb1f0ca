-- The tables of the lake as the migrations give them, written by `make schema`. Never edited, and
-- never run: read it to see what there is. Functions stand in `functions/`. Partitions are as their
-- parents; they, and a configuration of text search for each language, are left out.

CREATE SCHEMA analytics;

COMMENT ON SCHEMA analytics IS 'Statistics, quality scores and near duplicates, made from the rows.';

CREATE SCHEMA archive;

COMMENT ON SCHEMA archive IS 'Empty today.';

CREATE SCHEMA imports;

COMMENT ON SCHEMA imports IS 'The ledger: dropped files, the work on them, and the results.';

CREATE SCHEMA timeseries;

COMMENT ON SCHEMA timeseries IS 'Positions and measured values.';

CREATE SCHEMA user_data;

COMMENT ON SCHEMA user_data IS 'Documents and what they mean together, by user.';

CREATE SCHEMA vectors;

COMMENT ON SCHEMA vectors IS 'Vectors of texts, for search by meaning.';

CREATE TABLE analytics.bands (
    user_id uuid NOT NULL,
    band bigint NOT NULL,
    document_id bigint NOT NULL
);

ALTER TABLE ONLY analytics.bands FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE analytics.bands IS 'Documents by parts of their signatures: two that are alike share at least one.';

COMMENT ON COLUMN analytics.bands.band IS 'The hash of a part.';

COMMENT ON COLUMN analytics.bands.document_id IS 'The document.';

CREATE TABLE analytics.documents_by_day (
    user_id uuid NOT NULL,
    day date NOT NULL,
    source text NOT NULL,
    data_type text NOT NULL,
    record_type text NOT NULL,
    documents bigint NOT NULL
);

ALTER TABLE ONLY analytics.documents_by_day FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE analytics.documents_by_day IS 'How many documents a day has, by source and type.';

COMMENT ON COLUMN analytics.documents_by_day.day IS 'The day in UTC; 0001-01-01 for records without a time.';

COMMENT ON COLUMN analytics.documents_by_day.source IS 'The format.';

COMMENT ON COLUMN analytics.documents_by_day.data_type IS 'The data type.';

COMMENT ON COLUMN analytics.documents_by_day.record_type IS 'The record type.';

COMMENT ON COLUMN analytics.documents_by_day.documents IS 'How many.';

CREATE TABLE timeseries.locations_by_hour (
    user_id uuid NOT NULL,
    hour timestamp with time zone NOT NULL,
    source text NOT NULL,
    points bigint NOT NULL,
    south double precision NOT NULL,
    north double precision NOT NULL,
    west double precision NOT NULL,
    east double precision NOT NULL
);

ALTER TABLE ONLY timeseries.locations_by_hour FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE timeseries.locations_by_hour IS 'Locations summed up by hour and source.';

COMMENT ON COLUMN timeseries.locations_by_hour.hour IS 'The beginning of the hour in UTC.';

COMMENT ON COLUMN timeseries.locations_by_hour.source IS 'The format.';

COMMENT ON COLUMN timeseries.locations_by_hour.points IS 'How many positions.';

COMMENT ON COLUMN timeseries.locations_by_hour.south IS 'The least latitude.';

COMMENT ON COLUMN timeseries.locations_by_hour.north IS 'The greatest latitude.';

COMMENT ON COLUMN timeseries.locations_by_hour.west IS 'The least longitude.';

COMMENT ON COLUMN timeseries.locations_by_hour.east IS 'The greatest longitude.';

CREATE VIEW timeseries.locations_by_day WITH (security_invoker='true') AS
 SELECT analytics.day_of(hour) AS day,
    source,
    (sum(points))::bigint AS points,
    min(south) AS south,
    max(north) AS north,
    min(west) AS west,
    max(east) AS east
   FROM timeseries.locations_by_hour
  GROUP BY user_id, (analytics.day_of(hour)), source;

COMMENT ON VIEW timeseries.locations_by_day IS 'Locations by day and source.';

CREATE TABLE timeseries.metrics_by_hour (
    user_id uuid NOT NULL,
    hour timestamp with time zone NOT NULL,
    name text NOT NULL,
    unit text NOT NULL,
    source text NOT NULL,
    samples bigint NOT NULL,
    total double precision NOT NULL,
    "least" double precision NOT NULL,
    "greatest" double precision NOT NULL
);

ALTER TABLE ONLY timeseries.metrics_by_hour FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE timeseries.metrics_by_hour IS 'Metrics summed up by hour, name, unit and source.';

COMMENT ON COLUMN timeseries.metrics_by_hour.hour IS 'The beginning of the hour in UTC.';

COMMENT ON COLUMN timeseries.metrics_by_hour.name IS 'What was measured.';

COMMENT ON COLUMN timeseries.metrics_by_hour.unit IS 'Its unit.';

COMMENT ON COLUMN timeseries.metrics_by_hour.source IS 'The format.';

COMMENT ON COLUMN timeseries.metrics_by_hour.samples IS 'How many values.';

COMMENT ON COLUMN timeseries.metrics_by_hour.total IS 'Their sum.';

COMMENT ON COLUMN timeseries.metrics_by_hour."least" IS 'The least value.';

COMMENT ON COLUMN timeseries.metrics_by_hour."greatest" IS 'The greatest value.';

CREATE VIEW timeseries.metrics_by_day WITH (security_invoker='true') AS
 SELECT analytics.day_of(hour) AS day,
    name,
    unit,
    source,
    (sum(samples))::bigint AS samples,
    sum(total) AS total,
    (sum(total) / (sum(samples))::double precision) AS mean,
    min("least") AS "least",
    max("greatest") AS "greatest"
   FROM timeseries.metrics_by_hour
  GROUP BY user_id, (analytics.day_of(hour)), name, unit, source;

COMMENT ON VIEW timeseries.metrics_by_day IS 'Metrics by day, name, unit and source.';

CREATE VIEW analytics.by_day WITH (security_invoker='true') AS
 SELECT NULLIF(documents_by_day.day, '0001-01-01'::date) AS day,
    documents_by_day.source,
    documents_by_day.data_type,
    documents_by_day.record_type,
    documents_by_day.documents AS records
   FROM analytics.documents_by_day
UNION ALL
 SELECT NULLIF(locations_by_day.day, '0001-01-01'::date) AS day,
    locations_by_day.source,
    'location'::text AS data_type,
    'position'::text AS record_type,
    locations_by_day.points AS records
   FROM timeseries.locations_by_day
UNION ALL
 SELECT NULLIF(metrics_by_day.day, '0001-01-01'::date) AS day,
    metrics_by_day.source,
    'activity'::text AS data_type,
    metrics_by_day.name AS record_type,
    metrics_by_day.samples AS records
   FROM timeseries.metrics_by_day;

COMMENT ON VIEW analytics.by_day IS 'Records by day (NULL: without a time), source and type, positions and measured values among them.';

CREATE VIEW analytics.by_source WITH (security_invoker='true') AS
 SELECT source,
    (sum(records))::bigint AS records,
    min(day) AS first,
    max(day) AS last,
    count(DISTINCT day) AS days
   FROM analytics.by_day
  GROUP BY source;

COMMENT ON VIEW analytics.by_source IS 'Records, first and last day by source.';

CREATE VIEW analytics.by_type WITH (security_invoker='true') AS
 SELECT record_type,
    (sum(records))::bigint AS records,
    min(day) AS first,
    max(day) AS last,
    count(DISTINCT day) AS days
   FROM analytics.by_day
  GROUP BY record_type;

COMMENT ON VIEW analytics.by_type IS 'Records, first and last day by record type.';

CREATE TABLE analytics.domains_by_day (
    user_id uuid NOT NULL,
    day date NOT NULL,
    domain text NOT NULL,
    documents bigint NOT NULL
);

ALTER TABLE ONLY analytics.domains_by_day FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE analytics.domains_by_day IS 'How many documents of a day have a URL of a host.';

COMMENT ON COLUMN analytics.domains_by_day.day IS 'The day in UTC; 0001-01-01 for records without a time.';

COMMENT ON COLUMN analytics.domains_by_day.domain IS 'The host.';

COMMENT ON COLUMN analytics.domains_by_day.documents IS 'How many.';

CREATE TABLE analytics.entities_by_day (
    user_id uuid NOT NULL,
    day date NOT NULL,
    entity_key uuid NOT NULL,
    documents bigint NOT NULL
);

ALTER TABLE ONLY analytics.entities_by_day FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE analytics.entities_by_day IS 'How many documents of a day mention an entity.';

COMMENT ON COLUMN analytics.entities_by_day.day IS 'The day in UTC; 0001-01-01 for records without a time.';

COMMENT ON COLUMN analytics.entities_by_day.entity_key IS 'The entity.';

COMMENT ON COLUMN analytics.entities_by_day.documents IS 'How many.';

CREATE TABLE analytics.fingerprints (
    document_id bigint NOT NULL,
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    kind text NOT NULL,
    signature bytea NOT NULL,
    bands bigint[] NOT NULL,
    CONSTRAINT fingerprints_kind_check CHECK ((kind = ANY (ARRAY['text'::text, 'image'::text])))
);

ALTER TABLE ONLY analytics.fingerprints FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE analytics.fingerprints IS 'What a text or an image looks like: signatures of two that are alike agree in most places.';

COMMENT ON COLUMN analytics.fingerprints.document_id IS 'The document.';

COMMENT ON COLUMN analytics.fingerprints.record_key IS 'The key of the record.';

COMMENT ON COLUMN analytics.fingerprints.kind IS 'text or image.';

COMMENT ON COLUMN analytics.fingerprints.signature IS 'The signature.';

COMMENT ON COLUMN analytics.fingerprints.bands IS 'Hashes of parts of the signature.';

CREATE VIEW analytics.gaps WITH (security_invoker='true') AS
 WITH days AS (
         SELECT by_day.source,
            by_day.day
           FROM analytics.by_day
          WHERE (by_day.day IS NOT NULL)
          GROUP BY GROUPING SETS ((by_day.source, by_day.day), (by_day.day))
        ), steps AS (
         SELECT days.source,
            lag(days.day) OVER (PARTITION BY days.source ORDER BY days.day) AS before,
            days.day
           FROM days
        )
 SELECT source,
    (before + 1) AS first,
    (day - 1) AS last,
    ((day - before) - 1) AS days
   FROM steps
  WHERE ((day - before) > 1);

COMMENT ON VIEW analytics.gaps IS 'Days without a record between two that have some; source NULL: the whole lake.';

CREATE TABLE user_data.entities (
    user_id uuid NOT NULL,
    entity_key uuid NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    name text
);

ALTER TABLE ONLY user_data.entities FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE user_data.entities IS 'A person, place or account that records mention.';

COMMENT ON COLUMN user_data.entities.entity_key IS 'The hash over kind and value.';

COMMENT ON COLUMN user_data.entities.kind IS 'What it is: an address, a phone number, a handle, a name, a place.';

COMMENT ON COLUMN user_data.entities.value IS 'The address, number, handle or name, in its common form.';

COMMENT ON COLUMN user_data.entities.name IS 'A name that a record gives it.';

CREATE VIEW analytics.names_by_day WITH (security_invoker='true') AS
 SELECT NULLIF(d.day, '0001-01-01'::date) AS day,
        CASE e.kind
            WHEN 'place'::text THEN 'place'::text
            ELSE 'person'::text
        END AS what,
    e.value,
    e.name,
    d.documents AS records
   FROM (analytics.entities_by_day d
     JOIN user_data.entities e ON (((e.user_id = d.user_id) AND (e.entity_key = d.entity_key))))
UNION ALL
 SELECT NULLIF(domains_by_day.day, '0001-01-01'::date) AS day,
    'domain'::text AS what,
    domains_by_day.domain AS value,
    NULL::text AS name,
    domains_by_day.documents AS records
   FROM analytics.domains_by_day;

COMMENT ON VIEW analytics.names_by_day IS 'Persons, places and domains by day.';

CREATE TABLE analytics.quality (
    id bigint NOT NULL,
    user_id uuid NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint,
    scored_at timestamp with time zone DEFAULT now() NOT NULL,
    records bigint NOT NULL,
    quarantined bigint NOT NULL,
    completeness double precision NOT NULL,
    accuracy double precision NOT NULL,
    consistency double precision NOT NULL,
    problems jsonb NOT NULL,
    below text[] DEFAULT '{}'::text[] NOT NULL
);

ALTER TABLE ONLY analytics.quality FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE analytics.quality IS 'The quality scores of a job, or of one of its files. Each scoring appends.';

COMMENT ON COLUMN analytics.quality.scored_at IS 'When.';

COMMENT ON COLUMN analytics.quality.records IS 'How many records are in the lake and in quarantine.';

COMMENT ON COLUMN analytics.quality.quarantined IS 'How many are in quarantine.';

COMMENT ON COLUMN analytics.quality.completeness IS 'The share of records without a missing value, 0 to 1.';

COMMENT ON COLUMN analytics.quality.accuracy IS 'The share of records without an implausible value, 0 to 1.';

COMMENT ON COLUMN analytics.quality.consistency IS 'The share of records that agree with themselves, 0 to 1.';

COMMENT ON COLUMN analytics.quality.problems IS 'Records by rule: {rule: records}.';

COMMENT ON COLUMN analytics.quality.below IS 'The scores that were under their threshold.';

ALTER TABLE analytics.quality ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME analytics.quality_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW analytics.quality_now WITH (security_invoker='true') AS
 SELECT DISTINCT ON (job_id, file_id) job_id,
    file_id,
    scored_at,
    records,
    quarantined,
    completeness,
    accuracy,
    consistency,
    problems,
    below
   FROM analytics.quality
  ORDER BY job_id, file_id, scored_at DESC, id DESC;

COMMENT ON VIEW analytics.quality_now IS 'The latest scores of each job and file.';

CREATE VIEW analytics.top_domains WITH (security_invoker='true') AS
 SELECT value,
    (sum(records))::bigint AS records,
    min(day) AS first,
    max(day) AS last
   FROM analytics.names_by_day
  WHERE (what = 'domain'::text)
  GROUP BY value
  ORDER BY ((sum(records))::bigint) DESC, value;

COMMENT ON VIEW analytics.top_domains IS 'Domains by number of records.';

CREATE VIEW analytics.top_people WITH (security_invoker='true') AS
 SELECT value,
    max(name) AS name,
    (sum(records))::bigint AS records,
    min(day) AS first,
    max(day) AS last
   FROM analytics.names_by_day
  WHERE (what = 'person'::text)
  GROUP BY value
  ORDER BY ((sum(records))::bigint) DESC, value;

COMMENT ON VIEW analytics.top_people IS 'Persons by number of records.';

CREATE VIEW analytics.top_places WITH (security_invoker='true') AS
 SELECT value,
    max(name) AS name,
    (sum(records))::bigint AS records,
    min(day) AS first,
    max(day) AS last
   FROM analytics.names_by_day
  WHERE (what = 'place'::text)
  GROUP BY value
  ORDER BY ((sum(records))::bigint) DESC, value;

COMMENT ON VIEW analytics.top_places IS 'Places by number of records.';

CREATE TABLE analytics.touched (
    user_id uuid NOT NULL,
    series text NOT NULL,
    day date NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    record_key uuid,
    CONSTRAINT touched_series_check CHECK (((series = ANY (ARRAY['documents'::text, 'locations'::text, 'metrics'::text, 'same_as'::text])) AND ((series = 'same_as'::text) = (record_key IS NOT NULL))))
);

ALTER TABLE ONLY analytics.touched FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE analytics.touched IS 'The queue of days that are to be counted again, and of records that are the same as others.';

COMMENT ON COLUMN analytics.touched.series IS 'documents, locations, metrics or same_as.';

COMMENT ON COLUMN analytics.touched.day IS 'The day in UTC; 0001-01-01 for same_as.';

COMMENT ON COLUMN analytics.touched.at IS 'When it was touched.';

COMMENT ON COLUMN analytics.touched.record_key IS 'Of same_as: the record whose relation came or went; else NULL.';

CREATE TABLE analytics.uncompared (
    user_id uuid NOT NULL,
    document_id bigint NOT NULL,
    data_type text NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    record_key uuid NOT NULL
);

ALTER TABLE ONLY analytics.uncompared FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE analytics.uncompared IS 'The queue of documents that are not compared yet.';

COMMENT ON COLUMN analytics.uncompared.document_id IS 'The document.';

COMMENT ON COLUMN analytics.uncompared.data_type IS 'As in user_data.documents.';

COMMENT ON COLUMN analytics.uncompared.partition_at IS 'As in user_data.documents.';

COMMENT ON COLUMN analytics.uncompared.record_key IS 'As in user_data.documents.';

CREATE TABLE imports.capabilities (
    name text NOT NULL,
    available text,
    installed text,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE imports.capabilities IS 'Extensions that the server could use beyond the required ones.';

COMMENT ON COLUMN imports.capabilities.name IS 'The extension.';

COMMENT ON COLUMN imports.capabilities.available IS 'The version that could be installed.';

COMMENT ON COLUMN imports.capabilities.installed IS 'The version that is installed.';

COMMENT ON COLUMN imports.capabilities.seen_at IS 'When that was last looked up.';

CREATE TABLE imports.chunks (
    id bigint NOT NULL,
    job_id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    identity text NOT NULL,
    stage text NOT NULL,
    status text DEFAULT 'ready'::text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    token bigint,
    leased_by text,
    lease_expires timestamp with time zone,
    not_before timestamp with time zone DEFAULT now() NOT NULL,
    enqueued_at timestamp with time zone,
    publish_count integer DEFAULT 0 NOT NULL,
    last_error_code text,
    format text,
    format_version integer,
    embed boolean DEFAULT false NOT NULL,
    slices jsonb DEFAULT '[]'::jsonb NOT NULL,
    artefacts jsonb DEFAULT '{}'::jsonb NOT NULL,
    tally jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    done_at timestamp with time zone,
    waits_for_set boolean DEFAULT false NOT NULL,
    rewinds integer DEFAULT 0 NOT NULL,
    CONSTRAINT chunks_kind_check CHECK ((kind = ANY (ARRAY['upload'::text, 'records'::text, 'finish'::text]))),
    CONSTRAINT chunks_stage_check CHECK ((stage = ANY (ARRAY['validate'::text, 'extract'::text, 'normalise'::text, 'screen'::text, 'embed'::text, 'load'::text, 'finish'::text]))),
    CONSTRAINT chunks_status_check CHECK ((status = ANY (ARRAY['ready'::text, 'leased'::text, 'done'::text, 'dead'::text])))
);

ALTER TABLE ONLY imports.chunks FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE imports.chunks IS 'The unit of work, and the queue: a whole upload, a range of records, or the end of a job. Its states are ready, leased, done and dead; sql/queries/chunks.sql has each change of state.';

COMMENT ON COLUMN imports.chunks.kind IS 'upload: the dropped file; records: slices of members; finish: the end of the job.';

COMMENT ON COLUMN imports.chunks.identity IS 'What the chunk is within its job, so that a second extract finds the chunks of the first.';

COMMENT ON COLUMN imports.chunks.stage IS 'The step that is next or at work: validate, extract, normalise, screen, embed, load or finish.';

COMMENT ON COLUMN imports.chunks.status IS 'ready: waits for a worker; leased: a worker has it until lease_expires; done: it went through all stages; dead: it used up its attempts, or its job was cancelled.';

COMMENT ON COLUMN imports.chunks.attempt IS 'Attempts at this stage, counted before the work begins. Transient errors are taken off again.';

COMMENT ON COLUMN imports.chunks.token IS 'The fencing token of the lease, from imports.fence. A commit under an older token is refused.';

COMMENT ON COLUMN imports.chunks.leased_by IS 'The worker that has the lease.';

COMMENT ON COLUMN imports.chunks.lease_expires IS 'When the lease ends unless its worker renews it; another worker may then take the chunk.';

COMMENT ON COLUMN imports.chunks.not_before IS 'No attempt begins before this time.';

COMMENT ON COLUMN imports.chunks.enqueued_at IS 'When its message was last sent; NULL: no message names it.';

COMMENT ON COLUMN imports.chunks.publish_count IS 'How often it was sent at this stage, or since a service that it needs was down.';

COMMENT ON COLUMN imports.chunks.last_error_code IS 'Its last error: a code or the class; split where it was cut into smaller chunks.';

COMMENT ON COLUMN imports.chunks.format IS 'The format of its slices.';

COMMENT ON COLUMN imports.chunks.format_version IS 'The version of that format.';

COMMENT ON COLUMN imports.chunks.embed IS 'Whether its documents get vectors as they load.';

COMMENT ON COLUMN imports.chunks.slices IS 'The payload: [[file_id, start, end], …], ranges of bytes in members.';

COMMENT ON COLUMN imports.chunks.artefacts IS 'Names of the files in the job''s work folder that the next stage needs.';

COMMENT ON COLUMN imports.chunks.tally IS 'Records by file and outcome: {file_id: {seen, loaded, duplicate, quarantined}}.';

COMMENT ON COLUMN imports.chunks.done_at IS 'When it was done.';

COMMENT ON COLUMN imports.chunks.waits_for_set IS 'It waits until its set is whole; not_before is then the end of the set''s wait.';

COMMENT ON COLUMN imports.chunks.rewinds IS 'How often it was sent back to its first stage, because an artefact was missing.';

ALTER TABLE imports.chunks ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME imports.chunks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE imports.claims (
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    record_key uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL
);

ALTER TABLE ONLY imports.claims FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE imports.claims IS 'A record that a chunk also had, while the row in the lake names another job. A rollback of that job gives the row to this one.';

COMMENT ON COLUMN imports.claims.data_type IS 'The data type; locations and metrics for series.';

COMMENT ON COLUMN imports.claims.record_key IS 'The key of the record.';

COMMENT ON COLUMN imports.claims.at IS 'The time by which the row is partitioned.';

CREATE TABLE imports.drift (
    job_id uuid NOT NULL,
    user_id uuid NOT NULL,
    format text NOT NULL,
    field text NOT NULL,
    records bigint NOT NULL,
    first_file_id bigint NOT NULL
);

ALTER TABLE ONLY imports.drift FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE imports.drift IS 'A field that a format did not know, by job.';

COMMENT ON COLUMN imports.drift.format IS 'The format.';

COMMENT ON COLUMN imports.drift.field IS 'The name of the field.';

COMMENT ON COLUMN imports.drift.records IS 'How many records had it.';

COMMENT ON COLUMN imports.drift.first_file_id IS 'The first file that had it.';

CREATE TABLE imports.events (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    user_id uuid,
    job_id uuid,
    chunk_id bigint,
    actor text DEFAULT COALESCE(NULLIF(current_setting('app.actor'::text, true), ''::text), (SESSION_USER)::text) NOT NULL,
    kind text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE ONLY imports.events FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE imports.events IS 'The audit trail: who did what to which job. Only ever appended to.';

COMMENT ON COLUMN imports.events.at IS 'When it happened.';

COMMENT ON COLUMN imports.events.actor IS 'Who did it: the program, or the login.';

COMMENT ON COLUMN imports.events.kind IS 'What happened (docs/reference/audit-trail.md).';

COMMENT ON COLUMN imports.events.detail IS 'Ids, codes and numbers; never content.';

ALTER TABLE imports.events ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME imports.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE imports.fence
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE imports.files (
    id bigint NOT NULL,
    job_id uuid NOT NULL,
    user_id uuid NOT NULL,
    ordinal integer,
    path text NOT NULL,
    media_type text,
    size_bytes bigint,
    sha256 text,
    encoding text,
    disposition text NOT NULL,
    reason text,
    detail text,
    format text,
    format_version integer,
    context jsonb DEFAULT '{}'::jsonb NOT NULL,
    settled boolean DEFAULT false NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    scan text,
    folder_hash bigint GENERATED ALWAYS AS (hashtextextended(imports.folder_of(path), (0)::bigint)) STORED NOT NULL,
    CONSTRAINT files_disposition_check CHECK ((disposition = ANY (ARRAY['handled'::text, 'ignored'::text, 'unknown'::text, 'rejected'::text])))
);

ALTER TABLE ONLY imports.files FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE imports.files IS 'A member of an archive, the dropped file itself, or an attachment of a record.';

COMMENT ON COLUMN imports.files.ordinal IS 'The place in the archive; NULL for an attachment.';

COMMENT ON COLUMN imports.files.path IS 'The path in the archive; an attachment''s starts with that of its member.';

COMMENT ON COLUMN imports.files.media_type IS 'The kind of the file, by its bytes.';

COMMENT ON COLUMN imports.files.size_bytes IS 'The size, unpacked.';

COMMENT ON COLUMN imports.files.sha256 IS 'The hash of the bytes.';

COMMENT ON COLUMN imports.files.encoding IS 'The charset of a text.';

COMMENT ON COLUMN imports.files.disposition IS 'handled, ignored, unknown or rejected.';

COMMENT ON COLUMN imports.files.reason IS 'The code of the disposition (docs/reference/errors.md).';

COMMENT ON COLUMN imports.files.detail IS 'What a person needs to know about the reason.';

COMMENT ON COLUMN imports.files.format IS 'The format that reads it, or that gave the attachment.';

COMMENT ON COLUMN imports.files.format_version IS 'The version of the format that read it.';

COMMENT ON COLUMN imports.files.context IS 'What the reader learned of the whole file, and what a sidecar notes for its media file.';

COMMENT ON COLUMN imports.files.settled IS 'Whether all of its slices are in imports.chunks.';

COMMENT ON COLUMN imports.files.counts IS 'Records by outcome: seen, loaded, duplicate, quarantined. Written at the end of the job.';

COMMENT ON COLUMN imports.files.scan IS 'The malware scanner''s verdict.';

COMMENT ON COLUMN imports.files.folder_hash IS 'The hash of its folder, to find the other files in that folder.';

ALTER TABLE imports.files ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME imports.files_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE imports.jobs (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    outcome text,
    source_name text NOT NULL,
    expected_sha256 text,
    sha256 text,
    size_bytes bigint,
    media_type text,
    scan text,
    duplicate_of uuid,
    archived_path text,
    remaining integer DEFAULT 0 NOT NULL,
    records_seen bigint DEFAULT 0 NOT NULL,
    records_loaded bigint DEFAULT 0 NOT NULL,
    records_duplicate bigint DEFAULT 0 NOT NULL,
    records_quarantined bigint DEFAULT 0 NOT NULL,
    error_code text,
    error_detail text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    claims_kept boolean DEFAULT true NOT NULL,
    alerted_at timestamp with time zone,
    set_id bigint,
    set_file integer,
    set_part integer,
    bare boolean DEFAULT false NOT NULL,
    exported_at timestamp with time zone,
    scored jsonb,
    zone text,
    CONSTRAINT jobs_outcome_check CHECK ((outcome = ANY (ARRAY['duplicate'::text, 'rejected'::text, 'failed'::text, 'cancelled'::text, 'rolled_back'::text]))),
    CONSTRAINT jobs_remaining_check CHECK ((remaining >= 0)),
    CONSTRAINT jobs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'validating'::text, 'extracting'::text, 'loading'::text, 'finishing'::text, 'done'::text, 'duplicate'::text, 'rejected'::text, 'failed'::text, 'cancelled'::text, 'rolled_back'::text])))
);

ALTER TABLE ONLY imports.jobs FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE imports.jobs IS 'The import of one dropped file. Counts are sums over its chunks.';

COMMENT ON COLUMN imports.jobs.status IS 'What the job does now, or how it ended.';

COMMENT ON COLUMN imports.jobs.outcome IS 'How the job ends, or ended, where that is no success; NULL: well, or not known yet. The first cause stays.';

COMMENT ON COLUMN imports.jobs.source_name IS 'The name of the file as it was dropped.';

COMMENT ON COLUMN imports.jobs.expected_sha256 IS 'The hash that the watcher saw; NULL if it saw none.';

COMMENT ON COLUMN imports.jobs.sha256 IS 'The hash of the original. One job without an outcome may have it for a user.';

COMMENT ON COLUMN imports.jobs.size_bytes IS 'The size of the original.';

COMMENT ON COLUMN imports.jobs.media_type IS 'The kind of the original, by its bytes.';

COMMENT ON COLUMN imports.jobs.scan IS 'The malware scanner''s verdict; of an archive, how many members have each verdict.';

COMMENT ON COLUMN imports.jobs.duplicate_of IS 'The job that imported the same bytes for the same user.';

COMMENT ON COLUMN imports.jobs.archived_path IS 'The path of the original, relative to the data folder; NULL: deleted, or not archived yet.';

COMMENT ON COLUMN imports.jobs.remaining IS 'Chunks that are still open, the finish aside. At 0 the finish is inserted.';

COMMENT ON COLUMN imports.jobs.records_seen IS 'Records that were read: loaded, duplicate and quarantined ones together.';

COMMENT ON COLUMN imports.jobs.records_loaded IS 'Records that became rows.';

COMMENT ON COLUMN imports.jobs.records_duplicate IS 'Records that the lake already had.';

COMMENT ON COLUMN imports.jobs.records_quarantined IS 'Records in quarantine.';

COMMENT ON COLUMN imports.jobs.error_code IS 'The code of the first cause of a bad outcome (docs/reference/errors.md).';

COMMENT ON COLUMN imports.jobs.error_detail IS 'What a person can do about it, without content.';

COMMENT ON COLUMN imports.jobs.started_at IS 'When its first stage began.';

COMMENT ON COLUMN imports.jobs.completed_at IS 'When it ended; NULL while it is open.';

COMMENT ON COLUMN imports.jobs.claims_kept IS 'Whether imports.claims has the duplicates of this job; false for jobs older than that table.';

COMMENT ON COLUMN imports.jobs.alerted_at IS 'When its alert was sent.';

COMMENT ON COLUMN imports.jobs.set_id IS 'The set that the file is a part of.';

COMMENT ON COLUMN imports.jobs.set_file IS 'The first number in the name of a part; 0 where names have one number only.';

COMMENT ON COLUMN imports.jobs.set_part IS 'The last number in the name of a part.';

COMMENT ON COLUMN imports.jobs.bare IS 'Whether the part is no archive but one file.';

COMMENT ON COLUMN imports.jobs.exported_at IS 'When the export was made, where its name says so. Of two versions of a record, that of the later export is current.';

COMMENT ON COLUMN imports.jobs.scored IS 'The counts that the job had when it was last scored; where they differ, it is scored again.';

COMMENT ON COLUMN imports.jobs.zone IS 'The time zone of clocks that name none; NULL: UTC.';

CREATE TABLE imports.manifest_entries (
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    "position" integer NOT NULL,
    user_id uuid NOT NULL,
    path text NOT NULL,
    failed boolean NOT NULL
);

ALTER TABLE ONLY imports.manifest_entries FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE imports.manifest_entries IS 'A file that an export''s own page lists.';

COMMENT ON COLUMN imports.manifest_entries."position" IS 'The place on the page.';

COMMENT ON COLUMN imports.manifest_entries.path IS 'Product, folders and name, as the page has them.';

COMMENT ON COLUMN imports.manifest_entries.failed IS 'The exporter says that it could not export this file.';

CREATE TABLE imports.notices (
    receiver text NOT NULL,
    job_id uuid NOT NULL,
    kind text NOT NULL,
    of timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    noted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT notices_kind_check CHECK ((kind = ANY (ARRAY['ended'::text, 'waits'::text])))
);

COMMENT ON TABLE imports.notices IS 'A message about a job that was sent, or given up.';

COMMENT ON COLUMN imports.notices.receiver IS 'To whom.';

COMMENT ON COLUMN imports.notices.job_id IS 'The job.';

COMMENT ON COLUMN imports.notices.kind IS 'ended: how the job ended; waits: it waits for something that a person must do.';

COMMENT ON COLUMN imports.notices.of IS 'When the job ended, or was made: a job that is retried is reported again.';

COMMENT ON COLUMN imports.notices.sent_at IS 'When it was sent; NULL: it was given up.';

COMMENT ON COLUMN imports.notices.noted_at IS 'When this row was written.';

CREATE TABLE imports.policies (
    id bigint NOT NULL,
    user_id uuid NOT NULL,
    host text NOT NULL,
    policy text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE ONLY imports.policies FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE imports.policies IS 'Which privacy policy each host worked under, one row a change. The latest row of a user names the present policy.';

COMMENT ON COLUMN imports.policies.host IS 'The host.';

COMMENT ON COLUMN imports.policies.policy IS 'The fingerprint of the policy.';

COMMENT ON COLUMN imports.policies.at IS 'When the host changed to it.';

ALTER TABLE imports.policies ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME imports.policies_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE imports.privacy (
    user_id uuid NOT NULL,
    policy text NOT NULL,
    after_document bigint DEFAULT 0 NOT NULL,
    after_version bigint DEFAULT 0 NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    turn bigint DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY imports.privacy FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE imports.privacy IS 'How far a changed privacy policy was applied to a user''s stored rows.';

COMMENT ON COLUMN imports.privacy.policy IS 'The fingerprint of the policy that is applied.';

COMMENT ON COLUMN imports.privacy.after_document IS 'All documents up to this id are done.';

COMMENT ON COLUMN imports.privacy.after_version IS 'All older versions up to this version_id are done.';

COMMENT ON COLUMN imports.privacy.started_at IS 'When the run began.';

COMMENT ON COLUMN imports.privacy.finished_at IS 'When it ended; NULL while it is under way.';

COMMENT ON COLUMN imports.privacy.turn IS 'Changes when a run begins or ends, and when content is written while one is under way.';

CREATE TABLE imports.quarantine (
    id bigint NOT NULL,
    job_id uuid NOT NULL,
    user_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    "position" integer NOT NULL,
    locator text NOT NULL,
    stage text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    raw bytea NOT NULL,
    status text DEFAULT 'open'::text NOT NULL,
    attempts integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    reason text,
    mended bytea,
    became integer,
    CONSTRAINT quarantine_status_check CHECK ((status = ANY (ARRAY['open'::text, 'loaded'::text, 'discarded'::text, 'closed'::text])))
);

ALTER TABLE ONLY imports.quarantine FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE imports.quarantine IS 'A record that no row can be made of, with its bytes and the reason.';

COMMENT ON COLUMN imports.quarantine."position" IS 'The place among the rejections of the chunk, so that a second attempt inserts none twice.';

COMMENT ON COLUMN imports.quarantine.locator IS 'Its place: bytes START-END of the member.';

COMMENT ON COLUMN imports.quarantine.stage IS 'The stage that rejected it.';

COMMENT ON COLUMN imports.quarantine.code IS 'Why (docs/reference/errors.md).';

COMMENT ON COLUMN imports.quarantine.detail IS 'What was wrong, without content.';

COMMENT ON COLUMN imports.quarantine.raw IS 'Its bytes; empty where they were dropped.';

COMMENT ON COLUMN imports.quarantine.status IS 'open; loaded by a retry; discarded by a person; closed by the rollback of its job.';

COMMENT ON COLUMN imports.quarantine.attempts IS 'How often it was tried.';

COMMENT ON COLUMN imports.quarantine.reason IS 'Why a person discarded it.';

COMMENT ON COLUMN imports.quarantine.mended IS 'The bytes that a person put in the place of raw, which stays.';

COMMENT ON COLUMN imports.quarantine.became IS 'How many records its bytes gave, once loaded.';

ALTER TABLE imports.quarantine ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME imports.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE imports.receipts_due (
    id bigint NOT NULL,
    job_id uuid NOT NULL
);

COMMENT ON TABLE imports.receipts_due IS 'Jobs whose receipt beside the original is to be written; a job may be here several times.';

COMMENT ON COLUMN imports.receipts_due.id IS 'The order in which they became due.';

COMMENT ON COLUMN imports.receipts_due.job_id IS 'The job.';

ALTER TABLE imports.receipts_due ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME imports.receipts_due_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE imports.receivers (
    receiver text NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE imports.receivers IS 'Who gets messages about jobs. A job that ended before a receiver was set is not reported to it.';

COMMENT ON COLUMN imports.receivers.receiver IS 'The beginning of the SHA-256 of its address, which may hold a password.';

COMMENT ON COLUMN imports.receivers.since IS 'When it was first seen in the settings.';

CREATE TABLE imports.sets (
    id bigint NOT NULL,
    user_id uuid NOT NULL,
    stem text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    waits_until timestamp with time zone NOT NULL,
    checked_at timestamp with time zone,
    listed integer,
    missing integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT sets_state_check CHECK ((state = ANY (ARRAY['open'::text, 'complete'::text, 'waited'::text])))
);

ALTER TABLE ONLY imports.sets FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE imports.sets IS 'An export in several parts, whose names share one stem.';

COMMENT ON COLUMN imports.sets.stem IS 'What the names of all parts have in common.';

COMMENT ON COLUMN imports.sets.state IS 'open: it may wait for parts; complete: every listed file is here; waited: the time is over, or no page lists its files.';

COMMENT ON COLUMN imports.sets.waits_until IS 'When the chunks that need the whole set continue with the parts that are here.';

COMMENT ON COLUMN imports.sets.checked_at IS 'When its parts were last compared with its pages; NULL: a part came since.';

COMMENT ON COLUMN imports.sets.listed IS 'How many files its pages list; NULL where it has no page.';

COMMENT ON COLUMN imports.sets.missing IS 'How many of the listed files no part holds.';

ALTER TABLE imports.sets ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME imports.sets_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE imports.step_errors (
    step text NOT NULL,
    subject text NOT NULL,
    error text NOT NULL,
    place text NOT NULL,
    failures integer DEFAULT 1 NOT NULL,
    first_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    again_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE imports.step_errors IS 'A background step that fails. The row is deleted when the step succeeds.';

COMMENT ON COLUMN imports.step_errors.step IS 'The step of the reconciler, or of a job''s end.';

COMMENT ON COLUMN imports.step_errors.subject IS 'The job, user or set at which it failed; empty for the step as a whole.';

COMMENT ON COLUMN imports.step_errors.error IS 'The class of the error; never its text.';

COMMENT ON COLUMN imports.step_errors.place IS 'Where in the code it was raised.';

COMMENT ON COLUMN imports.step_errors.failures IS 'How often it failed in a row.';

COMMENT ON COLUMN imports.step_errors.first_at IS 'The first time.';

COMMENT ON COLUMN imports.step_errors.last_at IS 'The last time.';

COMMENT ON COLUMN imports.step_errors.again_at IS 'When it is tried again.';

CREATE TABLE timeseries.locations (
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    altitude_m double precision,
    accuracy_m double precision,
    source text NOT NULL,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    CONSTRAINT locations_latitude_check CHECK (((latitude >= ('-90'::integer)::double precision) AND (latitude <= (90)::double precision))),
    CONSTRAINT locations_longitude_check CHECK (((longitude >= ('-180'::integer)::double precision) AND (longitude <= (180)::double precision)))
)
PARTITION BY RANGE (at);

ALTER TABLE ONLY timeseries.locations FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE timeseries.locations IS 'A position at a time. Partitioned by month.';

COMMENT ON COLUMN timeseries.locations.record_key IS 'The hash over data type and identity; with at, no record comes twice.';

COMMENT ON COLUMN timeseries.locations.at IS 'The time in UTC; year 1 for a record without one.';

COMMENT ON COLUMN timeseries.locations.latitude IS 'In degrees, WGS 84.';

COMMENT ON COLUMN timeseries.locations.longitude IS 'In degrees, WGS 84.';

COMMENT ON COLUMN timeseries.locations.altitude_m IS 'In metres.';

COMMENT ON COLUMN timeseries.locations.accuracy_m IS 'The radius of uncertainty in metres.';

COMMENT ON COLUMN timeseries.locations.source IS 'The format that made it.';

COMMENT ON COLUMN timeseries.locations.metadata IS 'Everything else, under the common names.';

CREATE TABLE timeseries.metrics (
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    until timestamp with time zone,
    name text NOT NULL,
    value double precision NOT NULL,
    unit text NOT NULL,
    source text NOT NULL,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL
)
PARTITION BY RANGE (at);

ALTER TABLE ONLY timeseries.metrics FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE timeseries.metrics IS 'A measured value at a time. Partitioned by month.';

COMMENT ON COLUMN timeseries.metrics.record_key IS 'The hash over data type and identity; with at, no record comes twice.';

COMMENT ON COLUMN timeseries.metrics.at IS 'The beginning in UTC; year 1 for a record without a time.';

COMMENT ON COLUMN timeseries.metrics.until IS 'The end, where the value is of a span of time.';

COMMENT ON COLUMN timeseries.metrics.name IS 'What was measured (docs/reference/vocabulary.md).';

COMMENT ON COLUMN timeseries.metrics.value IS 'The value.';

COMMENT ON COLUMN timeseries.metrics.unit IS 'Its unit.';

COMMENT ON COLUMN timeseries.metrics.source IS 'The format that made it.';

COMMENT ON COLUMN timeseries.metrics.metadata IS 'Everything else, under the common names.';

CREATE SEQUENCE user_data.document_id
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE user_data.documents (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL
)
PARTITION BY LIST (data_type);

ALTER TABLE ONLY user_data.documents FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE user_data.documents IS 'A record with text. Partitioned by data type, then by month.';

COMMENT ON COLUMN user_data.documents.data_type IS 'Which kind of document: the first level of partitions.';

COMMENT ON COLUMN user_data.documents.source IS 'The format that made it.';

COMMENT ON COLUMN user_data.documents.record_type IS 'What it is in any product (docs/reference/vocabulary.md).';

COMMENT ON COLUMN user_data.documents.record_key IS 'The hash over data type and identity; with partition_at, no record comes twice.';

COMMENT ON COLUMN user_data.documents.partition_at IS 'The record''s time in UTC; year 1 for a record without one.';

COMMENT ON COLUMN user_data.documents.source_timestamp IS 'The record''s time in UTC; NULL for a record without one.';

COMMENT ON COLUMN user_data.documents.title IS 'The subject, name or headline.';

COMMENT ON COLUMN user_data.documents.content IS 'The text.';

COMMENT ON COLUMN user_data.documents.content_type IS 'The media type of the text.';

COMMENT ON COLUMN user_data.documents.language IS 'The language of the text, as ISO 639-1.';

COMMENT ON COLUMN user_data.documents.metadata IS 'Everything else, under the common names.';

COMMENT ON COLUMN user_data.documents.content_hash IS 'A hash of everything but source and language; NULL: not known.';

COMMENT ON COLUMN user_data.documents.parser_version IS 'The version of the format that made it.';

CREATE TABLE user_data.mentions (
    user_id uuid NOT NULL,
    entity_key uuid NOT NULL,
    record_key uuid NOT NULL,
    role text NOT NULL
);

ALTER TABLE ONLY user_data.mentions FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE user_data.mentions IS 'The link from a record to an entity.';

COMMENT ON COLUMN user_data.mentions.entity_key IS 'The entity.';

COMMENT ON COLUMN user_data.mentions.record_key IS 'The record.';

COMMENT ON COLUMN user_data.mentions.role IS 'The part: sender, author, place, …';

CREATE TABLE user_data.relations (
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    relation text NOT NULL,
    other_key uuid NOT NULL,
    similarity real
);

ALTER TABLE ONLY user_data.relations FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE user_data.relations IS 'The link between two records.';

COMMENT ON COLUMN user_data.relations.record_key IS 'The record that has the relation.';

COMMENT ON COLUMN user_data.relations.relation IS 'What it is: reply_to, in_album, near_duplicate_of, …';

COMMENT ON COLUMN user_data.relations.other_key IS 'The record that it leads to, which may not be in the lake.';

COMMENT ON COLUMN user_data.relations.similarity IS 'Of near_duplicate_of: the share of the signatures that agrees; else NULL.';

CREATE TABLE user_data.search (
    document_id bigint NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    record_key uuid NOT NULL,
    record_type text NOT NULL,
    source text NOT NULL,
    language text,
    at timestamp with time zone,
    latitude double precision,
    longitude double precision,
    words tsvector NOT NULL,
    domain text,
    counted_key uuid
);

ALTER TABLE ONLY user_data.search FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE user_data.search IS 'A document as search finds it. Filled after the load.';

COMMENT ON COLUMN user_data.search.document_id IS 'The document.';

COMMENT ON COLUMN user_data.search.data_type IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.search.partition_at IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.search.record_key IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.search.record_type IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.search.source IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.search.language IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.search.at IS 'Its time; NULL for a record without one.';

COMMENT ON COLUMN user_data.search.latitude IS 'Where it was, in degrees.';

COMMENT ON COLUMN user_data.search.longitude IS 'Where it was, in degrees.';

COMMENT ON COLUMN user_data.search.words IS 'Its words, as they are looked for.';

COMMENT ON COLUMN user_data.search.domain IS 'The host of its URL.';

COMMENT ON COLUMN user_data.search.counted_key IS 'The record that is the same and is counted instead; NULL if this one is counted.';

CREATE TABLE user_data.search_languages (
    user_id uuid NOT NULL,
    configuration text NOT NULL
);

ALTER TABLE ONLY user_data.search_languages FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE user_data.search_languages IS 'A text search configuration that a user''s documents need.';

COMMENT ON COLUMN user_data.search_languages.configuration IS 'The name of the configuration.';

CREATE TABLE user_data.search_words (
    user_id uuid NOT NULL,
    word text NOT NULL
);

ALTER TABLE ONLY user_data.search_words FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE user_data.search_words IS 'A word of a user''s documents, to correct the spelling of a query.';

COMMENT ON COLUMN user_data.search_words.word IS 'The word as it is looked for.';

CREATE TABLE user_data.unindexed (
    user_id uuid NOT NULL,
    document_id bigint NOT NULL,
    data_type text NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    record_key uuid NOT NULL
);

ALTER TABLE ONLY user_data.unindexed FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE user_data.unindexed IS 'The queue of documents that search does not know yet. May name one twice, or one that is gone.';

COMMENT ON COLUMN user_data.unindexed.document_id IS 'The document.';

COMMENT ON COLUMN user_data.unindexed.data_type IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.unindexed.partition_at IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.unindexed.record_key IS 'As in user_data.documents.';

CREATE TABLE user_data.users (
    user_id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT users_name_check CHECK (((name <> ''::text) AND (length(name) <= 254)))
);

ALTER TABLE ONLY user_data.users FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE user_data.users IS 'A user of the lake: the owner of rows. Row-level security keeps users apart.';

COMMENT ON COLUMN user_data.users.name IS 'The folder in staging whose files are this user''s.';

CREATE TABLE user_data.versions (
    id bigint DEFAULT nextval('user_data.document_id'::regclass) NOT NULL,
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamp with time zone NOT NULL,
    source_timestamp timestamp with time zone,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    content_hash uuid,
    parser_version integer DEFAULT 1 NOT NULL,
    superseded_at timestamp with time zone DEFAULT now() NOT NULL,
    superseded_by uuid NOT NULL,
    version_id bigint NOT NULL
);

ALTER TABLE ONLY user_data.versions FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE user_data.versions IS 'A document that a later export replaced, whole.';

COMMENT ON COLUMN user_data.versions.data_type IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.source IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.record_type IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.record_key IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.partition_at IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.source_timestamp IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.title IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.content IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.content_type IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.language IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.metadata IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.content_hash IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.parser_version IS 'As in user_data.documents.';

COMMENT ON COLUMN user_data.versions.superseded_at IS 'When it was replaced.';

COMMENT ON COLUMN user_data.versions.superseded_by IS 'The job whose export is newer.';

COMMENT ON COLUMN user_data.versions.version_id IS 'The number of this version.';

ALTER TABLE user_data.versions ALTER COLUMN version_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME user_data.versions_version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE vectors.cache (
    user_id uuid NOT NULL,
    model_id integer NOT NULL,
    text_hash uuid NOT NULL,
    embedding public.vector NOT NULL
);

ALTER TABLE ONLY vectors.cache FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE vectors.cache IS 'The vector of a text that this user''s lake has embedded before.';

COMMENT ON COLUMN vectors.cache.model_id IS 'The model.';

COMMENT ON COLUMN vectors.cache.text_hash IS 'The hash of the text.';

COMMENT ON COLUMN vectors.cache.embedding IS 'The vector.';

CREATE TABLE vectors.embeddings (
    document_id bigint NOT NULL,
    user_id uuid NOT NULL,
    model_id integer NOT NULL,
    piece smallint DEFAULT 0 NOT NULL,
    piece_start integer DEFAULT 0 NOT NULL,
    piece_end integer NOT NULL,
    embedding public.vector NOT NULL
)
PARTITION BY LIST (model_id);

ALTER TABLE ONLY vectors.embeddings FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE vectors.embeddings IS 'The vector of a piece of a document. One partition a model.';

COMMENT ON COLUMN vectors.embeddings.document_id IS 'The document.';

COMMENT ON COLUMN vectors.embeddings.model_id IS 'The model.';

COMMENT ON COLUMN vectors.embeddings.piece IS 'The number of the piece in the text, from 0.';

COMMENT ON COLUMN vectors.embeddings.piece_start IS 'Where the piece begins, in characters.';

COMMENT ON COLUMN vectors.embeddings.piece_end IS 'Where it ends.';

COMMENT ON COLUMN vectors.embeddings.embedding IS 'The vector.';

CREATE TABLE vectors.models (
    id integer NOT NULL,
    name text NOT NULL,
    revision text NOT NULL,
    dimension integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    tier text,
    CONSTRAINT models_dimension_check CHECK (((dimension >= 1) AND (dimension <= 16000))),
    CONSTRAINT models_tier_check CHECK ((tier = ANY (ARRAY['static'::text, 'full'::text])))
);

COMMENT ON TABLE vectors.models IS 'A model whose vectors the lake has.';

COMMENT ON COLUMN vectors.models.name IS 'The name of the model.';

COMMENT ON COLUMN vectors.models.revision IS 'Its revision: another one is another model.';

COMMENT ON COLUMN vectors.models.dimension IS 'The length of its vectors.';

COMMENT ON COLUMN vectors.models.tier IS 'static or full; NULL: a model that was asked for by its name.';

ALTER TABLE vectors.models ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME vectors.models_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE vectors.waiting (
    user_id uuid NOT NULL,
    model text NOT NULL,
    document_id bigint NOT NULL,
    taken_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY vectors.waiting FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE vectors.waiting IS 'The queue of documents that lack a model''s vectors.';

COMMENT ON COLUMN vectors.waiting.model IS 'A tier, or a model''s name.';

COMMENT ON COLUMN vectors.waiting.document_id IS 'The document.';

COMMENT ON COLUMN vectors.waiting.taken_until IS 'Until when a turn has it; -infinity: none.';

COMMENT ON COLUMN vectors.waiting.attempts IS 'Turns that took it; after 5 it is given up.';

ALTER TABLE ONLY analytics.bands
    ADD CONSTRAINT bands_pkey PRIMARY KEY (user_id, band, document_id);

ALTER TABLE ONLY analytics.documents_by_day
    ADD CONSTRAINT documents_by_day_pkey PRIMARY KEY (user_id, day, source, data_type, record_type);

ALTER TABLE ONLY analytics.domains_by_day
    ADD CONSTRAINT domains_by_day_pkey PRIMARY KEY (user_id, day, domain);

ALTER TABLE ONLY analytics.entities_by_day
    ADD CONSTRAINT entities_by_day_pkey PRIMARY KEY (user_id, day, entity_key);

ALTER TABLE ONLY analytics.fingerprints
    ADD CONSTRAINT fingerprints_pkey PRIMARY KEY (document_id, user_id);

ALTER TABLE ONLY analytics.quality
    ADD CONSTRAINT quality_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.capabilities
    ADD CONSTRAINT capabilities_pkey PRIMARY KEY (name);

ALTER TABLE ONLY imports.chunks
    ADD CONSTRAINT chunks_job_id_identity_user_id_key UNIQUE (job_id, identity, user_id);

ALTER TABLE ONLY imports.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (user_id, data_type, record_key, at, job_id, chunk_id, file_id);

ALTER TABLE ONLY imports.drift
    ADD CONSTRAINT drift_pkey PRIMARY KEY (user_id, job_id, format, field);

ALTER TABLE ONLY imports.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.jobs
    ADD CONSTRAINT jobs_id_user_id_key UNIQUE (id, user_id);

ALTER TABLE ONLY imports.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.manifest_entries
    ADD CONSTRAINT manifest_entries_pkey PRIMARY KEY (job_id, file_id, "position", user_id);

ALTER TABLE ONLY imports.notices
    ADD CONSTRAINT notices_pkey PRIMARY KEY (receiver, job_id, kind, of);

ALTER TABLE ONLY imports.policies
    ADD CONSTRAINT policies_pkey PRIMARY KEY (user_id, id);

ALTER TABLE ONLY imports.privacy
    ADD CONSTRAINT privacy_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY imports.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.quarantine
    ADD CONSTRAINT quarantine_user_id_chunk_id_position_key UNIQUE (user_id, chunk_id, "position");

ALTER TABLE ONLY imports.receipts_due
    ADD CONSTRAINT receipts_due_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.receivers
    ADD CONSTRAINT receivers_pkey PRIMARY KEY (receiver);

ALTER TABLE ONLY imports.sets
    ADD CONSTRAINT sets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY imports.sets
    ADD CONSTRAINT sets_user_id_stem_key UNIQUE (user_id, stem);

ALTER TABLE ONLY imports.step_errors
    ADD CONSTRAINT step_errors_pkey PRIMARY KEY (step, subject);

ALTER TABLE ONLY timeseries.locations_by_hour
    ADD CONSTRAINT locations_by_hour_pkey PRIMARY KEY (user_id, hour, source);

ALTER TABLE ONLY timeseries.locations
    ADD CONSTRAINT locations_pkey PRIMARY KEY (user_id, at, record_key);

ALTER TABLE ONLY timeseries.metrics_by_hour
    ADD CONSTRAINT metrics_by_hour_pkey PRIMARY KEY (user_id, hour, name, unit, source);

ALTER TABLE ONLY timeseries.metrics
    ADD CONSTRAINT metrics_pkey PRIMARY KEY (user_id, at, record_key);

ALTER TABLE ONLY user_data.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (user_id, id, data_type, partition_at);

ALTER TABLE ONLY user_data.documents
    ADD CONSTRAINT documents_user_id_data_type_record_key_partition_at_key UNIQUE (user_id, data_type, record_key, partition_at);

ALTER TABLE ONLY user_data.entities
    ADD CONSTRAINT entities_pkey PRIMARY KEY (user_id, entity_key);

ALTER TABLE ONLY user_data.mentions
    ADD CONSTRAINT mentions_pkey PRIMARY KEY (user_id, entity_key, record_key, role);

ALTER TABLE ONLY user_data.relations
    ADD CONSTRAINT relations_pkey PRIMARY KEY (user_id, record_key, relation, other_key);

ALTER TABLE ONLY user_data.search_languages
    ADD CONSTRAINT search_languages_pkey PRIMARY KEY (user_id, configuration);

ALTER TABLE ONLY user_data.search
    ADD CONSTRAINT search_pkey PRIMARY KEY (document_id, user_id);

ALTER TABLE ONLY user_data.search_words
    ADD CONSTRAINT search_words_pkey PRIMARY KEY (user_id, word);

ALTER TABLE ONLY user_data.users
    ADD CONSTRAINT users_name_key UNIQUE (name);

ALTER TABLE ONLY user_data.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY user_data.versions
    ADD CONSTRAINT versions_pkey PRIMARY KEY (version_id, user_id);

ALTER TABLE ONLY vectors.cache
    ADD CONSTRAINT cache_pkey PRIMARY KEY (user_id, model_id, text_hash);

ALTER TABLE ONLY vectors.embeddings
    ADD CONSTRAINT embeddings_pkey PRIMARY KEY (user_id, model_id, document_id, piece);

ALTER TABLE ONLY vectors.models
    ADD CONSTRAINT models_name_revision_key UNIQUE (name, revision);

ALTER TABLE ONLY vectors.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (id);

ALTER TABLE ONLY vectors.waiting
    ADD CONSTRAINT waiting_pkey PRIMARY KEY (user_id, model, document_id);

CREATE INDEX quality_by_job ON analytics.quality USING btree (user_id, job_id, scored_at);

CREATE INDEX touched_by_user ON analytics.touched USING btree (user_id, series, day);

CREATE INDEX uncompared_by_user ON analytics.uncompared USING btree (user_id);

CREATE INDEX chunks_open ON imports.chunks USING btree (stage, not_before, user_id) WHERE (status = ANY (ARRAY['ready'::text, 'leased'::text]));

CREATE INDEX chunks_sent ON imports.chunks USING btree (job_id, user_id) WHERE ((status = ANY (ARRAY['ready'::text, 'leased'::text])) AND (enqueued_at IS NOT NULL));

CREATE INDEX chunks_unsent ON imports.chunks USING btree (job_id, id) WHERE ((status = 'ready'::text) AND (enqueued_at IS NULL));

CREATE INDEX chunks_waiting ON imports.chunks USING btree (job_id) WHERE waits_for_set;

CREATE INDEX claims_by_chunk ON imports.claims USING brin (job_id, chunk_id);

CREATE INDEX events_by_job ON imports.events USING btree (job_id, id);

CREATE UNIQUE INDEX files_attachment ON imports.files USING btree (job_id, md5(path), user_id) WHERE (ordinal IS NULL);

CREATE INDEX files_by_folder ON imports.files USING btree (job_id, folder_hash, user_id) WHERE (ordinal IS NOT NULL);

CREATE UNIQUE INDEX files_member ON imports.files USING btree (job_id, ordinal, user_id) WHERE (ordinal IS NOT NULL);

CREATE INDEX jobs_by_set ON imports.jobs USING btree (set_id) WHERE (set_id IS NOT NULL);

CREATE INDEX jobs_by_time ON imports.jobs USING btree (user_id, created_at DESC);

CREATE UNIQUE INDEX jobs_one_archive ON imports.jobs USING btree (user_id, sha256) WHERE (outcome IS NULL);

CREATE INDEX quarantine_by_code ON imports.quarantine USING btree (user_id, job_id, code);

CREATE INDEX receipts_due_job ON imports.receipts_due USING btree (job_id);

CREATE INDEX sets_to_settle ON imports.sets USING btree (id) WHERE ((state = 'open'::text) OR (checked_at IS NULL));

CREATE INDEX mentions_by_record ON user_data.mentions USING btree (user_id, record_key);

CREATE INDEX relations_by_other ON user_data.relations USING btree (user_id, other_key);

CREATE INDEX relations_same_as ON user_data.relations USING btree (user_id, other_key, record_key) WHERE (relation = 'same_as'::text);

CREATE INDEX search_by_data_type ON user_data.search USING btree (user_id, data_type);

CREATE INDEX search_by_language ON user_data.search USING btree (user_id, language);

CREATE INDEX search_by_place ON user_data.search USING btree (user_id, latitude, longitude) WHERE (latitude IS NOT NULL);

CREATE INDEX search_by_record ON user_data.search USING btree (user_id, record_key);

CREATE INDEX search_by_record_type ON user_data.search USING btree (user_id, record_type);

CREATE INDEX search_by_source ON user_data.search USING btree (user_id, source);

CREATE INDEX search_by_time ON user_data.search USING btree (user_id, at);

CREATE INDEX search_by_words ON user_data.search USING gin (user_id, words);

CREATE INDEX search_counted_as ON user_data.search USING btree (user_id, counted_key) WHERE (counted_key IS NOT NULL);

CREATE INDEX search_words_by_spelling ON user_data.search_words USING gin (user_id, word public.gin_trgm_ops);

CREATE INDEX versions_by_job ON user_data.versions USING btree (job_id);

CREATE INDEX versions_by_key ON user_data.versions USING btree (user_id, record_key);

CREATE INDEX waiting_taken ON vectors.waiting USING btree (user_id, model, taken_until) WHERE (taken_until > '-infinity'::timestamp with time zone);

CREATE TRIGGER gate BEFORE INSERT ON imports.drift FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON imports.files FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON imports.quarantine FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF field ON imports.drift FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF path, context ON imports.files FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF raw, mended ON imports.quarantine FOR EACH ROW WHEN (((((new.raw <> old.raw) AND (new.raw <> '\x'::bytea)) OR ((new.mended IS NOT NULL) AND (new.mended IS DISTINCT FROM old.mended))) AND (current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true)))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER receipt_due AFTER UPDATE ON imports.jobs FOR EACH ROW WHEN (((new.completed_at IS NOT NULL) AND (new.* IS DISTINCT FROM old.*))) EXECUTE FUNCTION imports.job_changed();

CREATE TRIGGER receipt_due AFTER UPDATE ON imports.quarantine REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION imports.quarantine_changed();

CREATE TRIGGER receipt_due AFTER UPDATE ON imports.sets FOR EACH ROW WHEN ((new.* IS DISTINCT FROM old.*)) EXECUTE FUNCTION imports.set_changed();

CREATE TRIGGER days_changed AFTER DELETE ON timeseries.locations REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.series_days_changed();

CREATE TRIGGER days_changed AFTER DELETE ON timeseries.metrics REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.series_days_changed();

CREATE TRIGGER gate BEFORE INSERT ON timeseries.locations FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON timeseries.metrics FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF metadata ON timeseries.locations FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF name, unit, metadata ON timeseries.metrics FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER hours AFTER INSERT ON timeseries.locations REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION timeseries.add_locations();

CREATE TRIGGER hours AFTER INSERT ON timeseries.metrics REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION timeseries.add_metrics();

CREATE TRIGGER compared_again AFTER UPDATE ON user_data.documents REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.not_alike_any_more();

CREATE TRIGGER days_changed AFTER DELETE ON user_data.search REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.document_days_changed();

CREATE TRIGGER days_left AFTER UPDATE ON user_data.search REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION analytics.document_days_left();

CREATE TRIGGER gate BEFORE INSERT ON user_data.documents FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON user_data.entities FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON user_data.mentions FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON user_data.search FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON user_data.search_words FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON user_data.versions FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF title, content, metadata ON user_data.documents FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF value, name ON user_data.entities FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF role ON user_data.mentions FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF words, domain ON user_data.search FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF word ON user_data.search_words FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF title, content, metadata ON user_data.versions FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER no_more_found AFTER DELETE ON user_data.documents REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION user_data.no_more_found();

CREATE TRIGGER not_alike_any_more AFTER DELETE ON user_data.documents REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.not_alike_any_more();

CREATE TRIGGER same_as_came AFTER INSERT ON user_data.relations REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.same_as_changed();

CREATE TRIGGER same_as_went AFTER DELETE ON user_data.relations REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION analytics.same_as_changed();

CREATE TRIGGER to_be_indexed AFTER INSERT ON user_data.documents REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION user_data.to_be_indexed();

CREATE TRIGGER to_be_indexed_again AFTER UPDATE ON user_data.documents REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION user_data.to_be_indexed();

CREATE TRIGGER gate BEFORE INSERT ON vectors.cache FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate BEFORE INSERT ON vectors.embeddings FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF text_hash, embedding ON vectors.cache FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

CREATE TRIGGER gate_again BEFORE UPDATE OF embedding ON vectors.embeddings FOR EACH STATEMENT WHEN ((current_setting('app.gate'::text, true) IS DISTINCT FROM current_setting('app.user_id'::text, true))) EXECUTE FUNCTION imports.refuse_content();

ALTER TABLE ONLY imports.chunks
    ADD CONSTRAINT chunks_job_id_user_id_fkey FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs(id, user_id);

ALTER TABLE ONLY imports.drift
    ADD CONSTRAINT drift_job_id_user_id_fkey FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs(id, user_id);

ALTER TABLE ONLY imports.files
    ADD CONSTRAINT files_job_id_user_id_fkey FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs(id, user_id);

ALTER TABLE ONLY imports.jobs
    ADD CONSTRAINT jobs_set_id_fkey FOREIGN KEY (set_id) REFERENCES imports.sets(id);

ALTER TABLE ONLY imports.jobs
    ADD CONSTRAINT jobs_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_data.users(user_id);

ALTER TABLE ONLY imports.manifest_entries
    ADD CONSTRAINT manifest_entries_file_id_fkey FOREIGN KEY (file_id) REFERENCES imports.files(id);

ALTER TABLE ONLY imports.manifest_entries
    ADD CONSTRAINT manifest_entries_job_id_fkey FOREIGN KEY (job_id) REFERENCES imports.jobs(id);

ALTER TABLE ONLY imports.notices
    ADD CONSTRAINT notices_receiver_fkey FOREIGN KEY (receiver) REFERENCES imports.receivers(receiver) ON DELETE CASCADE;

ALTER TABLE ONLY imports.quarantine
    ADD CONSTRAINT quarantine_chunk_id_fkey FOREIGN KEY (chunk_id) REFERENCES imports.chunks(id);

ALTER TABLE ONLY imports.quarantine
    ADD CONSTRAINT quarantine_file_id_fkey FOREIGN KEY (file_id) REFERENCES imports.files(id);

ALTER TABLE ONLY imports.quarantine
    ADD CONSTRAINT quarantine_job_id_user_id_fkey FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs(id, user_id);

ALTER TABLE ONLY imports.sets
    ADD CONSTRAINT sets_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_data.users(user_id);

ALTER TABLE ONLY vectors.cache
    ADD CONSTRAINT cache_model_id_fkey FOREIGN KEY (model_id) REFERENCES vectors.models(id);

ALTER TABLE vectors.embeddings
    ADD CONSTRAINT embeddings_model_id_fkey FOREIGN KEY (model_id) REFERENCES vectors.models(id);

ALTER TABLE analytics.bands ENABLE ROW LEVEL SECURITY;

ALTER TABLE analytics.documents_by_day ENABLE ROW LEVEL SECURITY;

ALTER TABLE analytics.domains_by_day ENABLE ROW LEVEL SECURITY;

ALTER TABLE analytics.entities_by_day ENABLE ROW LEVEL SECURITY;

ALTER TABLE analytics.fingerprints ENABLE ROW LEVEL SECURITY;

CREATE POLICY ledger ON analytics.touched TO datapunk_ledger USING (true);

CREATE POLICY ledger ON analytics.uncompared TO datapunk_ledger USING (true);

CREATE POLICY own_rows ON analytics.bands TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.documents_by_day TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.domains_by_day TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.entities_by_day TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.fingerprints TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.quality TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.touched TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON analytics.uncompared TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE analytics.quality ENABLE ROW LEVEL SECURITY;

CREATE POLICY rollback ON analytics.bands TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON analytics.fingerprints TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON analytics.touched TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON analytics.uncompared TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE analytics.touched ENABLE ROW LEVEL SECURITY;

ALTER TABLE analytics.uncompared ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.chunks ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.claims ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.drift ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.events ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.files ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.jobs ENABLE ROW LEVEL SECURITY;

CREATE POLICY ledger ON imports.chunks TO datapunk_ledger USING (true) WITH CHECK (true);

CREATE POLICY ledger ON imports.events TO datapunk_ledger USING (true) WITH CHECK (true);

CREATE POLICY ledger ON imports.files TO datapunk_ledger USING (true) WITH CHECK (true);

CREATE POLICY ledger ON imports.jobs TO datapunk_ledger USING (true) WITH CHECK (true);

CREATE POLICY ledger ON imports.manifest_entries TO datapunk_ledger USING (true) WITH CHECK (true);

CREATE POLICY ledger ON imports.sets TO datapunk_ledger USING (true) WITH CHECK (true);

ALTER TABLE imports.manifest_entries ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON imports.chunks TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.claims TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.drift TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.events TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.files TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.jobs TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.manifest_entries TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.policies TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.privacy TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.quarantine TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON imports.sets TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE imports.policies ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.privacy ENABLE ROW LEVEL SECURITY;

ALTER TABLE imports.quarantine ENABLE ROW LEVEL SECURITY;

CREATE POLICY rollback ON imports.chunks TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON imports.claims TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON imports.files TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON imports.jobs TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON imports.quarantine TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE imports.sets ENABLE ROW LEVEL SECURITY;

ALTER TABLE timeseries.locations ENABLE ROW LEVEL SECURITY;

ALTER TABLE timeseries.locations_by_hour ENABLE ROW LEVEL SECURITY;

ALTER TABLE timeseries.metrics ENABLE ROW LEVEL SECURITY;

ALTER TABLE timeseries.metrics_by_hour ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON timeseries.locations TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON timeseries.locations_by_hour TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON timeseries.metrics TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON timeseries.metrics_by_hour TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON timeseries.locations TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON timeseries.metrics TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE user_data.documents ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.entities ENABLE ROW LEVEL SECURITY;

CREATE POLICY found_by_us ON user_data.relations AS RESTRICTIVE FOR DELETE TO datapunk_ingest USING (((relation = 'near_duplicate_of'::text) AND (user_id = ( SELECT imports.current_user_id() AS current_user_id))));

CREATE POLICY ledger ON user_data.unindexed TO datapunk_ledger USING (true);

CREATE POLICY ledger ON user_data.users TO datapunk_ledger USING (true) WITH CHECK (true);

ALTER TABLE user_data.mentions ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON user_data.documents TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.entities TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.mentions TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.relations TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.search TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.search_languages TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.search_words TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.unindexed TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.users TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON user_data.versions TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY privacy ON user_data.entities TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY privacy ON user_data.search_words TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE user_data.relations ENABLE ROW LEVEL SECURITY;

CREATE POLICY rollback ON user_data.documents TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON user_data.mentions TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON user_data.relations TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON user_data.search TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON user_data.unindexed TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON user_data.versions TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE user_data.search ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.search_languages ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.search_words ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.unindexed ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.users ENABLE ROW LEVEL SECURITY;

ALTER TABLE user_data.versions ENABLE ROW LEVEL SECURITY;

ALTER TABLE vectors.cache ENABLE ROW LEVEL SECURITY;

ALTER TABLE vectors.embeddings ENABLE ROW LEVEL SECURITY;

CREATE POLICY ledger ON vectors.waiting TO datapunk_ledger USING (true);

CREATE POLICY own_rows ON vectors.cache TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON vectors.embeddings TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY own_rows ON vectors.waiting TO datapunk_ingest, datapunk_reader USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY privacy ON vectors.cache TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON vectors.embeddings TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

CREATE POLICY rollback ON vectors.waiting TO datapunk_owner USING ((user_id = ( SELECT imports.current_user_id() AS current_user_id)));

ALTER TABLE vectors.waiting ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA analytics TO datapunk_ingest;
GRANT USAGE ON SCHEMA analytics TO datapunk_reader;
GRANT USAGE ON SCHEMA analytics TO datapunk_ledger;

GRANT USAGE ON SCHEMA imports TO datapunk_ingest;
GRANT USAGE ON SCHEMA imports TO datapunk_reader;
GRANT USAGE ON SCHEMA imports TO datapunk_ledger;

GRANT USAGE ON SCHEMA timeseries TO datapunk_ingest;
GRANT USAGE ON SCHEMA timeseries TO datapunk_reader;

GRANT USAGE ON SCHEMA user_data TO datapunk_ingest;
GRANT USAGE ON SCHEMA user_data TO datapunk_reader;
GRANT USAGE ON SCHEMA user_data TO datapunk_ledger;

GRANT USAGE ON SCHEMA vectors TO datapunk_ingest;
GRANT USAGE ON SCHEMA vectors TO datapunk_reader;
GRANT USAGE ON SCHEMA vectors TO datapunk_ledger;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.bands TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.bands TO datapunk_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.documents_by_day TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.documents_by_day TO datapunk_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE timeseries.locations_by_hour TO datapunk_ingest;
GRANT SELECT ON TABLE timeseries.locations_by_hour TO datapunk_reader;

GRANT SELECT ON TABLE timeseries.locations_by_day TO datapunk_reader;
GRANT SELECT ON TABLE timeseries.locations_by_day TO datapunk_ingest;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE timeseries.metrics_by_hour TO datapunk_ingest;
GRANT SELECT ON TABLE timeseries.metrics_by_hour TO datapunk_reader;

GRANT SELECT ON TABLE timeseries.metrics_by_day TO datapunk_reader;
GRANT SELECT ON TABLE timeseries.metrics_by_day TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.by_day TO datapunk_reader;
GRANT SELECT ON TABLE analytics.by_day TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.by_source TO datapunk_reader;
GRANT SELECT ON TABLE analytics.by_source TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.by_type TO datapunk_reader;
GRANT SELECT ON TABLE analytics.by_type TO datapunk_ingest;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.domains_by_day TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.domains_by_day TO datapunk_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.entities_by_day TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.entities_by_day TO datapunk_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.fingerprints TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.fingerprints TO datapunk_reader;

GRANT SELECT ON TABLE analytics.gaps TO datapunk_reader;
GRANT SELECT ON TABLE analytics.gaps TO datapunk_ingest;

GRANT SELECT,INSERT ON TABLE user_data.entities TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.entities TO datapunk_reader;

GRANT UPDATE(name) ON TABLE user_data.entities TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.names_by_day TO datapunk_reader;
GRANT SELECT ON TABLE analytics.names_by_day TO datapunk_ingest;

GRANT SELECT,INSERT ON TABLE analytics.quality TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.quality TO datapunk_reader;

GRANT SELECT ON TABLE analytics.quality_now TO datapunk_reader;
GRANT SELECT ON TABLE analytics.quality_now TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.top_domains TO datapunk_reader;
GRANT SELECT ON TABLE analytics.top_domains TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.top_people TO datapunk_reader;
GRANT SELECT ON TABLE analytics.top_people TO datapunk_ingest;

GRANT SELECT ON TABLE analytics.top_places TO datapunk_reader;
GRANT SELECT ON TABLE analytics.top_places TO datapunk_ingest;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.touched TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.touched TO datapunk_reader;
GRANT SELECT ON TABLE analytics.touched TO datapunk_ledger;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE analytics.uncompared TO datapunk_ingest;
GRANT SELECT ON TABLE analytics.uncompared TO datapunk_reader;
GRANT SELECT ON TABLE analytics.uncompared TO datapunk_ledger;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.capabilities TO datapunk_ledger;
GRANT SELECT ON TABLE imports.capabilities TO datapunk_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.chunks TO datapunk_ledger;
GRANT SELECT,INSERT,UPDATE ON TABLE imports.chunks TO datapunk_ingest;
GRANT SELECT ON TABLE imports.chunks TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE imports.claims TO datapunk_ingest;
GRANT SELECT ON TABLE imports.claims TO datapunk_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE imports.drift TO datapunk_ingest;
GRANT SELECT ON TABLE imports.drift TO datapunk_reader;

GRANT SELECT ON TABLE imports.events TO datapunk_ledger;
GRANT SELECT ON TABLE imports.events TO datapunk_ingest;
GRANT SELECT ON TABLE imports.events TO datapunk_reader;

GRANT INSERT(user_id) ON TABLE imports.events TO datapunk_ledger;
GRANT INSERT(user_id) ON TABLE imports.events TO datapunk_ingest;

GRANT INSERT(job_id) ON TABLE imports.events TO datapunk_ledger;
GRANT INSERT(job_id) ON TABLE imports.events TO datapunk_ingest;

GRANT INSERT(chunk_id) ON TABLE imports.events TO datapunk_ledger;
GRANT INSERT(chunk_id) ON TABLE imports.events TO datapunk_ingest;

GRANT INSERT(kind) ON TABLE imports.events TO datapunk_ledger;
GRANT INSERT(kind) ON TABLE imports.events TO datapunk_ingest;

GRANT INSERT(detail) ON TABLE imports.events TO datapunk_ledger;
GRANT INSERT(detail) ON TABLE imports.events TO datapunk_ingest;

GRANT USAGE ON SEQUENCE imports.fence TO datapunk_ledger;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.files TO datapunk_ledger;
GRANT SELECT,INSERT,UPDATE ON TABLE imports.files TO datapunk_ingest;
GRANT SELECT ON TABLE imports.files TO datapunk_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.jobs TO datapunk_ledger;
GRANT SELECT,UPDATE ON TABLE imports.jobs TO datapunk_ingest;
GRANT SELECT ON TABLE imports.jobs TO datapunk_reader;

GRANT SELECT ON TABLE imports.manifest_entries TO datapunk_ledger;
GRANT SELECT,INSERT ON TABLE imports.manifest_entries TO datapunk_ingest;
GRANT SELECT ON TABLE imports.manifest_entries TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE imports.notices TO datapunk_ledger;

GRANT SELECT,INSERT ON TABLE imports.policies TO datapunk_ingest;
GRANT SELECT ON TABLE imports.policies TO datapunk_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.privacy TO datapunk_ingest;
GRANT SELECT ON TABLE imports.privacy TO datapunk_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.quarantine TO datapunk_ingest;
GRANT SELECT ON TABLE imports.quarantine TO datapunk_reader;

GRANT SELECT,INSERT,DELETE ON TABLE imports.receipts_due TO datapunk_ledger;
GRANT INSERT ON TABLE imports.receipts_due TO datapunk_ingest;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE imports.receivers TO datapunk_ledger;

GRANT SELECT,INSERT,UPDATE ON TABLE imports.sets TO datapunk_ledger;
GRANT SELECT ON TABLE imports.sets TO datapunk_ingest;
GRANT SELECT ON TABLE imports.sets TO datapunk_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE imports.step_errors TO datapunk_ledger;

GRANT SELECT,INSERT ON TABLE timeseries.locations TO datapunk_ingest;
GRANT SELECT ON TABLE timeseries.locations TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE timeseries.metrics TO datapunk_ingest;
GRANT SELECT ON TABLE timeseries.metrics TO datapunk_reader;

GRANT USAGE ON SEQUENCE user_data.document_id TO datapunk_ingest;

GRANT SELECT ON TABLE user_data.documents TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.documents TO datapunk_reader;

GRANT INSERT(user_id) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(data_type) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(source) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(record_type) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(record_key) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(partition_at) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(source_timestamp) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(title) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(content) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(content_type) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(language) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(metadata) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(job_id) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(file_id) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(chunk_id) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(created_at) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(content_hash) ON TABLE user_data.documents TO datapunk_ingest;

GRANT INSERT(parser_version) ON TABLE user_data.documents TO datapunk_ingest;

GRANT SELECT,INSERT ON TABLE user_data.mentions TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.mentions TO datapunk_reader;

GRANT SELECT,INSERT,DELETE ON TABLE user_data.relations TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.relations TO datapunk_reader;

GRANT SELECT,INSERT,UPDATE ON TABLE user_data.search TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.search TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE user_data.search_languages TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.search_languages TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE user_data.search_words TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.search_words TO datapunk_reader;

GRANT SELECT ON TABLE user_data.unindexed TO datapunk_ledger;
GRANT SELECT,INSERT,DELETE ON TABLE user_data.unindexed TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.unindexed TO datapunk_reader;

GRANT UPDATE(document_id) ON TABLE user_data.unindexed TO datapunk_ingest;

GRANT SELECT,INSERT ON TABLE user_data.users TO datapunk_ledger;

GRANT SELECT(user_id) ON TABLE user_data.users TO datapunk_ingest;
GRANT SELECT(user_id) ON TABLE user_data.users TO datapunk_reader;

GRANT SELECT(created_at) ON TABLE user_data.users TO datapunk_ingest;
GRANT SELECT(created_at) ON TABLE user_data.users TO datapunk_reader;

GRANT SELECT ON TABLE user_data.versions TO datapunk_ingest;
GRANT SELECT ON TABLE user_data.versions TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE vectors.cache TO datapunk_ingest;
GRANT SELECT ON TABLE vectors.cache TO datapunk_reader;

GRANT SELECT,INSERT ON TABLE vectors.embeddings TO datapunk_ingest;
GRANT SELECT ON TABLE vectors.embeddings TO datapunk_reader;

GRANT SELECT ON TABLE vectors.models TO datapunk_ingest;
GRANT SELECT ON TABLE vectors.models TO datapunk_reader;
GRANT SELECT ON TABLE vectors.models TO datapunk_ledger;

GRANT SELECT ON TABLE vectors.waiting TO datapunk_ledger;
GRANT SELECT ON TABLE vectors.waiting TO datapunk_reader;
GRANT SELECT,INSERT ON TABLE vectors.waiting TO datapunk_ingest;

GRANT UPDATE(taken_until) ON TABLE vectors.waiting TO datapunk_ingest;

GRANT UPDATE(attempts) ON TABLE vectors.waiting TO datapunk_ingest;
