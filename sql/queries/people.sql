-- Who stands in the records of a user. All run as that user.

-- name: people
-- People with as many records as they stand in, most first. One person may have several lines: an
-- address, a number, a handle.
SELECT e.kind, e.value, e.name, count(DISTINCT m.record_key) AS records
FROM user_data.entities AS e JOIN user_data.mentions AS m USING (user_id, entity_key)
WHERE e.user_id = %(user_id)s AND e.kind IN ('address', 'phone', 'handle', 'person_name')
GROUP BY e.entity_key, e.kind, e.value, e.name
ORDER BY records DESC, e.value LIMIT %(n)s;

-- name: with_person
-- Everything that a person stands in, latest first. `who` is an address, a number, a handle or a
-- name; what a contact gives beside it (the other address, the number) is the same person.
WITH RECURSIVE who AS (
    SELECT e.entity_key FROM user_data.entities AS e
    WHERE e.user_id = %(user_id)s AND e.kind IN ('address', 'phone', 'handle', 'person_name')
      AND (lower(e.value) = lower(%(who)s) OR e.value LIKE '%%:' || lower(%(who)s)
          OR lower(e.name) = lower(%(who)s))
    UNION
    SELECT other.entity_key
    FROM who JOIN user_data.mentions AS card ON card.user_id = %(user_id)s
            AND card.entity_key = who.entity_key AND card.role = 'people'
        JOIN user_data.documents AS d ON d.user_id = %(user_id)s
            AND d.record_key = card.record_key AND d.record_type = 'contact'
        JOIN user_data.mentions AS other ON other.user_id = %(user_id)s
            AND other.record_key = card.record_key AND other.role = 'people')
SELECT d.id, d.record_type, d.source, d.source_timestamp, d.title,
    string_agg(DISTINCT m.role, ', ' ORDER BY m.role) AS roles
FROM user_data.mentions AS m JOIN user_data.documents AS d
    ON d.user_id = m.user_id AND d.record_key = m.record_key
WHERE m.user_id = %(user_id)s AND m.entity_key IN (SELECT entity_key FROM who)
GROUP BY d.id, d.record_type, d.source, d.source_timestamp, d.title
ORDER BY d.source_timestamp DESC NULLS LAST, d.id DESC LIMIT %(n)s;
