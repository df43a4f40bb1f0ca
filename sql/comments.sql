-- What each table and column is, for `\d+`. Applied again after migrations whenever this file changes.
-- A table and a column that is not self-evident has a comment: tests/sql/test_migrations.py checks this.

COMMENT ON SCHEMA user_data IS 'Documents and what they mean together, by user.';
COMMENT ON SCHEMA imports IS 'The ledger: dropped files, the work on them, and the results.';
COMMENT ON SCHEMA timeseries IS 'Positions and measured values.';
COMMENT ON SCHEMA vectors IS 'Vectors of texts, for search by meaning.';
COMMENT ON SCHEMA analytics IS
    'Statistics, quality scores and near duplicates, made from the rows.';
COMMENT ON SCHEMA archive IS 'Empty today.';

COMMENT ON TABLE user_data.users IS
    'A user of the lake: the owner of rows. Row-level security keeps users apart.';
COMMENT ON COLUMN user_data.users.name IS 'The folder in staging whose files are this user''s.';

COMMENT ON TABLE imports.sets IS 'An export in several parts, whose names share one stem.';
COMMENT ON COLUMN imports.sets.stem IS 'What the names of all parts have in common.';
COMMENT ON COLUMN imports.sets.state IS
    'open: it may wait for parts; complete: every listed file is here; waited: the time is over, '
    'or no page lists its files.';
COMMENT ON COLUMN imports.sets.waits_until IS
    'When the chunks that need the whole set continue with the parts that are here.';
COMMENT ON COLUMN imports.sets.checked_at IS
    'When its parts were last compared with its pages; NULL: a part came since.';
COMMENT ON COLUMN imports.sets.listed IS
    'How many files its pages list; NULL where it has no page.';
COMMENT ON COLUMN imports.sets.missing IS 'How many of the listed files no part holds.';

COMMENT ON TABLE imports.jobs IS 'The import of one dropped file. Counts are sums over its chunks.';
COMMENT ON COLUMN imports.jobs.status IS 'What the job does now, or how it ended.';
COMMENT ON COLUMN imports.jobs.outcome IS
    'How the job ends, or ended, where that is no success; NULL: well, or not known yet. The '
    'first cause stays.';
COMMENT ON COLUMN imports.jobs.source_name IS 'The name of the file as it was dropped.';
COMMENT ON COLUMN imports.jobs.expected_sha256 IS
    'The hash that the watcher saw; NULL if it saw none.';
COMMENT ON COLUMN imports.jobs.sha256 IS
    'The hash of the original. One job without an outcome may have it for a user.';
COMMENT ON COLUMN imports.jobs.size_bytes IS 'The size of the original.';
COMMENT ON COLUMN imports.jobs.media_type IS 'The kind of the original, by its bytes.';
COMMENT ON COLUMN imports.jobs.scan IS
    'The malware scanner''s verdict; of an archive, how many members have each verdict.';
COMMENT ON COLUMN imports.jobs.duplicate_of IS
    'The job that imported the same bytes for the same user.';
COMMENT ON COLUMN imports.jobs.archived_path IS
    'The path of the original, relative to the data folder; NULL: deleted, or not archived yet.';
COMMENT ON COLUMN imports.jobs.remaining IS
    'Chunks that are still open, the finish aside. At 0 the finish is inserted.';
COMMENT ON COLUMN imports.jobs.records_seen IS
    'Records that were read: loaded, duplicate and quarantined ones together.';
COMMENT ON COLUMN imports.jobs.records_loaded IS 'Records that became rows.';
COMMENT ON COLUMN imports.jobs.records_duplicate IS 'Records that the lake already had.';
COMMENT ON COLUMN imports.jobs.records_quarantined IS 'Records in quarantine.';
COMMENT ON COLUMN imports.jobs.error_code IS
    'The code of the first cause of a bad outcome (docs/reference/errors.md).';
COMMENT ON COLUMN imports.jobs.error_detail IS 'What a person can do about it, without content.';
COMMENT ON COLUMN imports.jobs.started_at IS 'When its first stage began.';
COMMENT ON COLUMN imports.jobs.completed_at IS 'When it ended; NULL while it is open.';
COMMENT ON COLUMN imports.jobs.claims_kept IS
    'Whether imports.claims has the duplicates of this job; false for jobs older than that table.';
COMMENT ON COLUMN imports.jobs.alerted_at IS 'When its alert was sent.';
COMMENT ON COLUMN imports.jobs.set_id IS 'The set that the file is a part of.';
COMMENT ON COLUMN imports.jobs.set_file IS
    'The first number in the name of a part; 0 where names have one number only.';
COMMENT ON COLUMN imports.jobs.set_part IS 'The last number in the name of a part.';
COMMENT ON COLUMN imports.jobs.bare IS 'Whether the part is no archive but one file.';
COMMENT ON COLUMN imports.jobs.exported_at IS
    'When the export was made, where its name says so. Of two versions of a record, that of the '
    'later export is current.';
COMMENT ON COLUMN imports.jobs.scored IS
    'The counts that the job had when it was last scored; where they differ, it is scored again.';
COMMENT ON COLUMN imports.jobs.zone IS 'The time zone of clocks that name none; NULL: UTC.';

COMMENT ON TABLE imports.files IS
    'A member of an archive, the dropped file itself, or an attachment of a record.';
COMMENT ON COLUMN imports.files.ordinal IS 'The place in the archive; NULL for an attachment.';
COMMENT ON COLUMN imports.files.path IS
    'The path in the archive; an attachment''s starts with that of its member.';
COMMENT ON COLUMN imports.files.media_type IS 'The kind of the file, by its bytes.';
COMMENT ON COLUMN imports.files.size_bytes IS 'The size, unpacked.';
COMMENT ON COLUMN imports.files.sha256 IS 'The hash of the bytes.';
COMMENT ON COLUMN imports.files.encoding IS 'The charset of a text.';
COMMENT ON COLUMN imports.files.disposition IS
    'handled, ignored, unknown or rejected.';
COMMENT ON COLUMN imports.files.reason IS 'The code of the disposition (docs/reference/errors.md).';
COMMENT ON COLUMN imports.files.detail IS 'What a person needs to know about the reason.';
COMMENT ON COLUMN imports.files.format IS 'The format that reads it, or that gave the attachment.';
COMMENT ON COLUMN imports.files.format_version IS 'The version of the format that read it.';
COMMENT ON COLUMN imports.files.context IS
    'What the reader learned of the whole file, and what a sidecar notes for its media file.';
COMMENT ON COLUMN imports.files.settled IS 'Whether all of its slices are in imports.chunks.';
COMMENT ON COLUMN imports.files.counts IS
    'Records by outcome: seen, loaded, duplicate, quarantined. Written at the end of the job.';
COMMENT ON COLUMN imports.files.scan IS 'The malware scanner''s verdict.';
COMMENT ON COLUMN imports.files.folder_hash IS
    'The hash of its folder, to find the other files in that folder.';

COMMENT ON TABLE imports.manifest_entries IS 'A file that an export''s own page lists.';
COMMENT ON COLUMN imports.manifest_entries.position IS 'The place on the page.';
COMMENT ON COLUMN imports.manifest_entries.path IS
    'Product, folders and name, as the page has them.';
COMMENT ON COLUMN imports.manifest_entries.failed IS
    'The exporter says that it could not export this file.';

COMMENT ON TABLE imports.chunks IS
    'The unit of work, and the queue: a whole upload, a range of records, or the end of a job. '
    'Its states are ready, leased, done and dead; sql/queries/chunks.sql has each change of '
    'state.';
COMMENT ON COLUMN imports.chunks.kind IS
    'upload: the dropped file; records: slices of members; finish: the end of the job.';
COMMENT ON COLUMN imports.chunks.identity IS
    'What the chunk is within its job, so that a second extract finds the chunks of the first.';
COMMENT ON COLUMN imports.chunks.stage IS
    'The step that is next or at work: validate, extract, normalise, screen, embed, load or '
    'finish.';
COMMENT ON COLUMN imports.chunks.status IS
    'ready: waits for a worker; leased: a worker has it until lease_expires; done: it went '
    'through all stages; dead: it used up its attempts, or its job was cancelled.';
COMMENT ON COLUMN imports.chunks.attempt IS
    'Attempts at this stage, counted before the work begins. Transient errors are taken off again.';
COMMENT ON COLUMN imports.chunks.token IS
    'The fencing token of the lease, from imports.fence. A commit under an older token is refused.';
COMMENT ON COLUMN imports.chunks.leased_by IS 'The worker that has the lease.';
COMMENT ON COLUMN imports.chunks.lease_expires IS
    'When the lease ends unless its worker renews it; another worker may then take the chunk.';
COMMENT ON COLUMN imports.chunks.not_before IS 'No attempt begins before this time.';
COMMENT ON COLUMN imports.chunks.enqueued_at IS
    'When its message was last sent; NULL: no message names it.';
COMMENT ON COLUMN imports.chunks.publish_count IS
    'How often it was sent at this stage, or since a service that it needs was down.';
COMMENT ON COLUMN imports.chunks.last_error_code IS
    'Its last error: a code or the class; split where it was cut into smaller chunks.';
COMMENT ON COLUMN imports.chunks.format IS 'The format of its slices.';
COMMENT ON COLUMN imports.chunks.format_version IS 'The version of that format.';
COMMENT ON COLUMN imports.chunks.embed IS 'Whether its documents get vectors as they load.';
COMMENT ON COLUMN imports.chunks.slices IS
    'The payload: [[file_id, start, end], …], ranges of bytes in members.';
COMMENT ON COLUMN imports.chunks.artefacts IS
    'Names of the files in the job''s work folder that the next stage needs.';
COMMENT ON COLUMN imports.chunks.tally IS
    'Records by file and outcome: {file_id: {seen, loaded, duplicate, quarantined}}.';
COMMENT ON COLUMN imports.chunks.done_at IS 'When it was done.';
COMMENT ON COLUMN imports.chunks.waits_for_set IS
    'It waits until its set is whole; not_before is then the end of the set''s wait.';
COMMENT ON COLUMN imports.chunks.rewinds IS
    'How often it was sent back to its first stage, because an artefact was missing.';

COMMENT ON TABLE imports.quarantine IS
    'A record that no row can be made of, with its bytes and the reason.';
COMMENT ON COLUMN imports.quarantine.position IS
    'The place among the rejections of the chunk, so that a second attempt inserts none twice.';
COMMENT ON COLUMN imports.quarantine.locator IS 'Its place: bytes START-END of the member.';
COMMENT ON COLUMN imports.quarantine.stage IS 'The stage that rejected it.';
COMMENT ON COLUMN imports.quarantine.code IS 'Why (docs/reference/errors.md).';
COMMENT ON COLUMN imports.quarantine.detail IS 'What was wrong, without content.';
COMMENT ON COLUMN imports.quarantine.raw IS 'Its bytes; empty where they were dropped.';
COMMENT ON COLUMN imports.quarantine.status IS
    'open; loaded by a retry; discarded by a person; closed by the rollback of its job.';
COMMENT ON COLUMN imports.quarantine.attempts IS 'How often it was tried.';
COMMENT ON COLUMN imports.quarantine.reason IS 'Why a person discarded it.';
COMMENT ON COLUMN imports.quarantine.mended IS
    'The bytes that a person put in the place of raw, which stays.';
COMMENT ON COLUMN imports.quarantine.became IS 'How many records its bytes gave, once loaded.';

COMMENT ON TABLE imports.claims IS
    'A record that a chunk also had, while the row in the lake names another job. A rollback of '
    'that job gives the row to this one.';
COMMENT ON COLUMN imports.claims.data_type IS 'The data type; locations and metrics for series.';
COMMENT ON COLUMN imports.claims.record_key IS 'The key of the record.';
COMMENT ON COLUMN imports.claims.at IS 'The time by which the row is partitioned.';

COMMENT ON TABLE imports.events IS
    'The audit trail: who did what to which job. Only ever appended to.';
COMMENT ON COLUMN imports.events.at IS 'When it happened.';
COMMENT ON COLUMN imports.events.actor IS 'Who did it: the program, or the login.';
COMMENT ON COLUMN imports.events.kind IS 'What happened (docs/reference/audit-trail.md).';
COMMENT ON COLUMN imports.events.detail IS 'Ids, codes and numbers; never content.';

COMMENT ON TABLE imports.drift IS 'A field that a format did not know, by job.';
COMMENT ON COLUMN imports.drift.format IS 'The format.';
COMMENT ON COLUMN imports.drift.field IS 'The name of the field.';
COMMENT ON COLUMN imports.drift.records IS 'How many records had it.';
COMMENT ON COLUMN imports.drift.first_file_id IS 'The first file that had it.';

COMMENT ON TABLE imports.policies IS
    'Which privacy policy each host worked under, one row a change. The latest row of a user '
    'names the present policy.';
COMMENT ON COLUMN imports.policies.host IS 'The host.';
COMMENT ON COLUMN imports.policies.policy IS 'The fingerprint of the policy.';
COMMENT ON COLUMN imports.policies.at IS 'When the host changed to it.';

COMMENT ON TABLE imports.privacy IS
    'How far a changed privacy policy was applied to a user''s stored rows.';
COMMENT ON COLUMN imports.privacy.policy IS 'The fingerprint of the policy that is applied.';
COMMENT ON COLUMN imports.privacy.after_document IS 'All documents up to this id are done.';
COMMENT ON COLUMN imports.privacy.after_version IS
    'All older versions up to this version_id are done.';
COMMENT ON COLUMN imports.privacy.started_at IS 'When the run began.';
COMMENT ON COLUMN imports.privacy.finished_at IS 'When it ended; NULL while it is under way.';
COMMENT ON COLUMN imports.privacy.turn IS
    'Changes when a run begins or ends, and when content is written while one is under way.';

COMMENT ON TABLE imports.step_errors IS
    'A background step that fails. The row is deleted when the step succeeds.';
COMMENT ON COLUMN imports.step_errors.step IS 'The step of the reconciler, or of a job''s end.';
COMMENT ON COLUMN imports.step_errors.subject IS
    'The job, user or set at which it failed; empty for the step as a whole.';
COMMENT ON COLUMN imports.step_errors.error IS 'The class of the error; never its text.';
COMMENT ON COLUMN imports.step_errors.place IS 'Where in the code it was raised.';
COMMENT ON COLUMN imports.step_errors.failures IS 'How often it failed in a row.';
COMMENT ON COLUMN imports.step_errors.first_at IS 'The first time.';
COMMENT ON COLUMN imports.step_errors.last_at IS 'The last time.';
COMMENT ON COLUMN imports.step_errors.again_at IS 'When it is tried again.';

COMMENT ON TABLE imports.receipts_due IS
    'Jobs whose receipt beside the original is to be written; a job may be here several times.';
COMMENT ON COLUMN imports.receipts_due.id IS 'The order in which they became due.';
COMMENT ON COLUMN imports.receipts_due.job_id IS 'The job.';

COMMENT ON TABLE imports.receivers IS
    'Who gets messages about jobs. A job that ended before a receiver was set is not reported to it.';
COMMENT ON COLUMN imports.receivers.receiver IS
    'The beginning of the SHA-256 of its address, which may hold a password.';
COMMENT ON COLUMN imports.receivers.since IS 'When it was first seen in the settings.';

COMMENT ON TABLE imports.notices IS 'A message about a job that was sent, or given up.';
COMMENT ON COLUMN imports.notices.receiver IS 'To whom.';
COMMENT ON COLUMN imports.notices.job_id IS 'The job.';
COMMENT ON COLUMN imports.notices.kind IS
    'ended: how the job ended; waits: it waits for something that a person must do.';
COMMENT ON COLUMN imports.notices.of IS
    'When the job ended, or was made: a job that is retried is reported again.';
COMMENT ON COLUMN imports.notices.sent_at IS 'When it was sent; NULL: it was given up.';
COMMENT ON COLUMN imports.notices.noted_at IS 'When this row was written.';

COMMENT ON TABLE imports.capabilities IS
    'Extensions that the server could use beyond the required ones.';
COMMENT ON COLUMN imports.capabilities.name IS 'The extension.';
COMMENT ON COLUMN imports.capabilities.available IS 'The version that could be installed.';
COMMENT ON COLUMN imports.capabilities.installed IS 'The version that is installed.';
COMMENT ON COLUMN imports.capabilities.seen_at IS 'When that was last looked up.';

COMMENT ON TABLE user_data.documents IS
    'A record with text. Partitioned by data type, then by month.';
COMMENT ON COLUMN user_data.documents.data_type IS
    'Which kind of document: the first level of partitions.';
COMMENT ON COLUMN user_data.documents.source IS 'The format that made it.';
COMMENT ON COLUMN user_data.documents.record_type IS
    'What it is in any product (docs/reference/vocabulary.md).';
COMMENT ON COLUMN user_data.documents.record_key IS
    'The hash over data type and identity; with partition_at, no record comes twice.';
COMMENT ON COLUMN user_data.documents.partition_at IS
    'The record''s time in UTC; year 1 for a record without one.';
COMMENT ON COLUMN user_data.documents.source_timestamp IS
    'The record''s time in UTC; NULL for a record without one.';
COMMENT ON COLUMN user_data.documents.title IS 'The subject, name or headline.';
COMMENT ON COLUMN user_data.documents.content IS 'The text.';
COMMENT ON COLUMN user_data.documents.content_type IS 'The media type of the text.';
COMMENT ON COLUMN user_data.documents.language IS 'The language of the text, as ISO 639-1.';
COMMENT ON COLUMN user_data.documents.metadata IS 'Everything else, under the common names.';
COMMENT ON COLUMN user_data.documents.content_hash IS
    'A hash of everything but source and language; NULL: not known.';
COMMENT ON COLUMN user_data.documents.parser_version IS 'The version of the format that made it.';

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

COMMENT ON TABLE user_data.entities IS 'A person, place or account that records mention.';
COMMENT ON COLUMN user_data.entities.entity_key IS 'The hash over kind and value.';
COMMENT ON COLUMN user_data.entities.kind IS
    'What it is: an address, a phone number, a handle, a name, a place.';
COMMENT ON COLUMN user_data.entities.value IS
    'The address, number, handle or name, in its common form.';
COMMENT ON COLUMN user_data.entities.name IS 'A name that a record gives it.';

COMMENT ON TABLE user_data.mentions IS 'The link from a record to an entity.';
COMMENT ON COLUMN user_data.mentions.entity_key IS 'The entity.';
COMMENT ON COLUMN user_data.mentions.record_key IS 'The record.';
COMMENT ON COLUMN user_data.mentions.role IS 'The part: sender, author, place, …';

COMMENT ON TABLE user_data.relations IS 'The link between two records.';
COMMENT ON COLUMN user_data.relations.record_key IS 'The record that has the relation.';
COMMENT ON COLUMN user_data.relations.relation IS
    'What it is: reply_to, in_album, near_duplicate_of, …';
COMMENT ON COLUMN user_data.relations.other_key IS
    'The record that it leads to, which may not be in the lake.';
COMMENT ON COLUMN user_data.relations.similarity IS
    'Of near_duplicate_of: the share of the signatures that agrees; else NULL.';

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
COMMENT ON COLUMN user_data.search.counted_key IS
    'The record that is the same and is counted instead; NULL if this one is counted.';

COMMENT ON TABLE user_data.search_languages IS
    'A text search configuration that a user''s documents need.';
COMMENT ON COLUMN user_data.search_languages.configuration IS 'The name of the configuration.';

COMMENT ON TABLE user_data.search_words IS
    'A word of a user''s documents, to correct the spelling of a query.';
COMMENT ON COLUMN user_data.search_words.word IS 'The word as it is looked for.';

COMMENT ON TABLE user_data.unindexed IS
    'The queue of documents that search does not know yet. May name one twice, or one that is '
    'gone.';
COMMENT ON COLUMN user_data.unindexed.document_id IS 'The document.';
COMMENT ON COLUMN user_data.unindexed.data_type IS 'As in user_data.documents.';
COMMENT ON COLUMN user_data.unindexed.partition_at IS 'As in user_data.documents.';
COMMENT ON COLUMN user_data.unindexed.record_key IS 'As in user_data.documents.';

COMMENT ON TABLE timeseries.locations IS 'A position at a time. Partitioned by month.';
COMMENT ON COLUMN timeseries.locations.record_key IS
    'The hash over data type and identity; with at, no record comes twice.';
COMMENT ON COLUMN timeseries.locations.at IS 'The time in UTC; year 1 for a record without one.';
COMMENT ON COLUMN timeseries.locations.latitude IS 'In degrees, WGS 84.';
COMMENT ON COLUMN timeseries.locations.longitude IS 'In degrees, WGS 84.';
COMMENT ON COLUMN timeseries.locations.altitude_m IS 'In metres.';
COMMENT ON COLUMN timeseries.locations.accuracy_m IS 'The radius of uncertainty in metres.';
COMMENT ON COLUMN timeseries.locations.source IS 'The format that made it.';
COMMENT ON COLUMN timeseries.locations.metadata IS 'Everything else, under the common names.';

COMMENT ON TABLE timeseries.metrics IS 'A measured value at a time. Partitioned by month.';
COMMENT ON COLUMN timeseries.metrics.record_key IS
    'The hash over data type and identity; with at, no record comes twice.';
COMMENT ON COLUMN timeseries.metrics.at IS
    'The beginning in UTC; year 1 for a record without a time.';
COMMENT ON COLUMN timeseries.metrics.until IS 'The end, where the value is of a span of time.';
COMMENT ON COLUMN timeseries.metrics.name IS 'What was measured (docs/reference/vocabulary.md).';
COMMENT ON COLUMN timeseries.metrics.value IS 'The value.';
COMMENT ON COLUMN timeseries.metrics.unit IS 'Its unit.';
COMMENT ON COLUMN timeseries.metrics.source IS 'The format that made it.';
COMMENT ON COLUMN timeseries.metrics.metadata IS 'Everything else, under the common names.';

COMMENT ON TABLE timeseries.locations_by_hour IS 'Locations summed up by hour and source.';
COMMENT ON COLUMN timeseries.locations_by_hour.hour IS 'The beginning of the hour in UTC.';
COMMENT ON COLUMN timeseries.locations_by_hour.source IS 'The format.';
COMMENT ON COLUMN timeseries.locations_by_hour.points IS 'How many positions.';
COMMENT ON COLUMN timeseries.locations_by_hour.south IS 'The least latitude.';
COMMENT ON COLUMN timeseries.locations_by_hour.north IS 'The greatest latitude.';
COMMENT ON COLUMN timeseries.locations_by_hour.west IS 'The least longitude.';
COMMENT ON COLUMN timeseries.locations_by_hour.east IS 'The greatest longitude.';

COMMENT ON TABLE timeseries.metrics_by_hour IS 'Metrics summed up by hour, name, unit and source.';
COMMENT ON COLUMN timeseries.metrics_by_hour.hour IS 'The beginning of the hour in UTC.';
COMMENT ON COLUMN timeseries.metrics_by_hour.name IS 'What was measured.';
COMMENT ON COLUMN timeseries.metrics_by_hour.unit IS 'Its unit.';
COMMENT ON COLUMN timeseries.metrics_by_hour.source IS 'The format.';
COMMENT ON COLUMN timeseries.metrics_by_hour.samples IS 'How many values.';
COMMENT ON COLUMN timeseries.metrics_by_hour.total IS 'Their sum.';
COMMENT ON COLUMN timeseries.metrics_by_hour.least IS 'The least value.';
COMMENT ON COLUMN timeseries.metrics_by_hour.greatest IS 'The greatest value.';

COMMENT ON TABLE vectors.models IS 'A model whose vectors the lake has.';
COMMENT ON COLUMN vectors.models.name IS 'The name of the model.';
COMMENT ON COLUMN vectors.models.revision IS 'Its revision: another one is another model.';
COMMENT ON COLUMN vectors.models.dimension IS 'The length of its vectors.';
COMMENT ON COLUMN vectors.models.tier IS
    'static or full; NULL: a model that was asked for by its name.';

COMMENT ON TABLE vectors.embeddings IS
    'The vector of a piece of a document. One partition a model.';
COMMENT ON COLUMN vectors.embeddings.document_id IS 'The document.';
COMMENT ON COLUMN vectors.embeddings.model_id IS 'The model.';
COMMENT ON COLUMN vectors.embeddings.piece IS 'The number of the piece in the text, from 0.';
COMMENT ON COLUMN vectors.embeddings.piece_start IS 'Where the piece begins, in characters.';
COMMENT ON COLUMN vectors.embeddings.piece_end IS 'Where it ends.';
COMMENT ON COLUMN vectors.embeddings.embedding IS 'The vector.';

COMMENT ON TABLE vectors.waiting IS 'The queue of documents that lack a model''s vectors.';
COMMENT ON COLUMN vectors.waiting.model IS 'A tier, or a model''s name.';
COMMENT ON COLUMN vectors.waiting.document_id IS 'The document.';
COMMENT ON COLUMN vectors.waiting.taken_until IS 'Until when a turn has it; -infinity: none.';
COMMENT ON COLUMN vectors.waiting.attempts IS 'Turns that took it; after 5 it is given up.';

COMMENT ON TABLE vectors.cache IS
    'The vector of a text that this user''s lake has embedded before.';
COMMENT ON COLUMN vectors.cache.model_id IS 'The model.';
COMMENT ON COLUMN vectors.cache.text_hash IS 'The hash of the text.';
COMMENT ON COLUMN vectors.cache.embedding IS 'The vector.';

COMMENT ON TABLE analytics.documents_by_day IS 'How many documents a day has, by source and type.';
COMMENT ON COLUMN analytics.documents_by_day.day IS
    'The day in UTC; 0001-01-01 for records without a time.';
COMMENT ON COLUMN analytics.documents_by_day.source IS 'The format.';
COMMENT ON COLUMN analytics.documents_by_day.data_type IS 'The data type.';
COMMENT ON COLUMN analytics.documents_by_day.record_type IS 'The record type.';
COMMENT ON COLUMN analytics.documents_by_day.documents IS 'How many.';

COMMENT ON TABLE analytics.entities_by_day IS 'How many documents of a day mention an entity.';
COMMENT ON COLUMN analytics.entities_by_day.day IS
    'The day in UTC; 0001-01-01 for records without a time.';
COMMENT ON COLUMN analytics.entities_by_day.entity_key IS 'The entity.';
COMMENT ON COLUMN analytics.entities_by_day.documents IS 'How many.';

COMMENT ON TABLE analytics.domains_by_day IS 'How many documents of a day have a URL of a host.';
COMMENT ON COLUMN analytics.domains_by_day.day IS
    'The day in UTC; 0001-01-01 for records without a time.';
COMMENT ON COLUMN analytics.domains_by_day.domain IS 'The host.';
COMMENT ON COLUMN analytics.domains_by_day.documents IS 'How many.';

COMMENT ON TABLE analytics.touched IS
    'The queue of days that are to be counted again, and of records that are the same as others.';
COMMENT ON COLUMN analytics.touched.series IS 'documents, locations, metrics or same_as.';
COMMENT ON COLUMN analytics.touched.day IS 'The day in UTC; 0001-01-01 for same_as.';
COMMENT ON COLUMN analytics.touched.record_key IS
    'Of same_as: the record whose relation came or went; else NULL.';
COMMENT ON COLUMN analytics.touched.at IS 'When it was touched.';

COMMENT ON TABLE analytics.quality IS
    'The quality scores of a job, or of one of its files. Each scoring appends.';
COMMENT ON COLUMN analytics.quality.scored_at IS 'When.';
COMMENT ON COLUMN analytics.quality.records IS
    'How many records are in the lake and in quarantine.';
COMMENT ON COLUMN analytics.quality.quarantined IS 'How many are in quarantine.';
COMMENT ON COLUMN analytics.quality.completeness IS
    'The share of records without a missing value, 0 to 1.';
COMMENT ON COLUMN analytics.quality.accuracy IS
    'The share of records without an implausible value, 0 to 1.';
COMMENT ON COLUMN analytics.quality.consistency IS
    'The share of records that agree with themselves, 0 to 1.';
COMMENT ON COLUMN analytics.quality.problems IS 'Records by rule: {rule: records}.';
COMMENT ON COLUMN analytics.quality.below IS 'The scores that were under their threshold.';

COMMENT ON TABLE analytics.fingerprints IS
    'What a text or an image looks like: signatures of two that are alike agree in most places.';
COMMENT ON COLUMN analytics.fingerprints.document_id IS 'The document.';
COMMENT ON COLUMN analytics.fingerprints.record_key IS 'The key of the record.';
COMMENT ON COLUMN analytics.fingerprints.kind IS 'text or image.';
COMMENT ON COLUMN analytics.fingerprints.signature IS 'The signature.';
COMMENT ON COLUMN analytics.fingerprints.bands IS 'Hashes of parts of the signature.';

COMMENT ON TABLE analytics.bands IS
    'Documents by parts of their signatures: two that are alike share at least one.';
COMMENT ON COLUMN analytics.bands.band IS 'The hash of a part.';
COMMENT ON COLUMN analytics.bands.document_id IS 'The document.';

COMMENT ON TABLE analytics.uncompared IS 'The queue of documents that are not compared yet.';
COMMENT ON COLUMN analytics.uncompared.document_id IS 'The document.';
COMMENT ON COLUMN analytics.uncompared.data_type IS 'As in user_data.documents.';
COMMENT ON COLUMN analytics.uncompared.partition_at IS 'As in user_data.documents.';
COMMENT ON COLUMN analytics.uncompared.record_key IS 'As in user_data.documents.';

COMMENT ON VIEW timeseries.locations_by_day IS 'Locations by day and source.';

COMMENT ON VIEW timeseries.metrics_by_day IS 'Metrics by day, name, unit and source.';

COMMENT ON VIEW analytics.by_day IS
    'Records by day (NULL: without a time), source and type, positions and measured values among '
    'them.';

COMMENT ON VIEW analytics.by_source IS 'Records, first and last day by source.';

COMMENT ON VIEW analytics.by_type IS 'Records, first and last day by record type.';

COMMENT ON VIEW analytics.names_by_day IS 'Persons, places and domains by day.';

COMMENT ON VIEW analytics.top_people IS 'Persons by number of records.';

COMMENT ON VIEW analytics.top_places IS 'Places by number of records.';

COMMENT ON VIEW analytics.top_domains IS 'Domains by number of records.';

COMMENT ON VIEW analytics.gaps IS
    'Days without a record between two that have some; source NULL: the whole lake.';

COMMENT ON VIEW analytics.quality_now IS 'The latest scores of each job and file.';
