DROP TABLE vectors.cache, vectors.embeddings, vectors.models CASCADE;
DROP TABLE user_data.documents, timeseries.locations CASCADE;
DROP SEQUENCE user_data.document_id;
DROP FUNCTION vectors.ensure_index, vectors.ensure_model, timeseries.ensure_partitions,
    user_data.ensure_partitions, imports.ensure_months, imports.attach_partition,
    imports.analyze_month;
