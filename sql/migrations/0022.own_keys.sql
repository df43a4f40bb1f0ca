-- depends: 0021.locks_again
-- Records that share a key, and are told apart by what they say (decision 22).

-- How a document says its own key in its metadata: without digits, which a privacy policy may look
-- for. `sql.copy_text.own_key` is the same function.
CREATE FUNCTION user_data.in_letters(key uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT translate(replace(key::text, '-', ''), '0123456789', 'ghijklmnop') $$;

-- How the lake stands to a record that has a key of its own and one that it shares: "apart", it has
-- it under its own; "this", it has it under the other, if maybe as an older version; "other", the
-- document there is another one; "alike" and "unknown", nobody knows which one that is, and it says
-- the same or not; "free", there is none. What another version of the format wrote may say the same
-- in other words, so its own key proves nothing.
CREATE FUNCTION user_data.how_shared(type text, own uuid, base uuid, at timestamptz, hash uuid,
    format text, version integer) RETURNS text LANGUAGE sql STABLE
    AS $$
SELECT CASE
    WHEN EXISTS (SELECT FROM user_data.documents AS o
        WHERE o.user_id = imports.current_user_id() AND o.data_type = type
          AND o.record_key = own AND o.partition_at = at) THEN 'apart'
    ELSE coalesce((SELECT CASE
            WHEN d.metadata->>'own_key' = user_data.in_letters(own) THEN 'this'
            WHEN EXISTS (SELECT FROM user_data.versions AS v
                WHERE v.user_id = imports.current_user_id() AND v.record_key = base AND v.id = d.id
                  AND (v.content_hash = hash OR v.metadata->>'own_key' = user_data.in_letters(own)))
                THEN 'this'
            WHEN d.metadata ? 'own_key' AND (d.source <> format OR d.parser_version = version)
                THEN 'other'
            WHEN d.content_hash = hash THEN 'alike'
            ELSE 'unknown' END
        FROM user_data.documents AS d
        WHERE d.user_id = imports.current_user_id() AND d.data_type = type
          AND d.record_key = base AND d.partition_at = at), 'free') END
$$;
