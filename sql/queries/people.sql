-- Find persons in the records of a user. All run as that user.

-- name: people
-- Return people with the number of records that mention each, most first. One person may have
-- several rows: an address, a number, a handle.
SELECT e.kind, e.value, e.name, count(DISTINCT m.record_key) AS records
FROM user_data.entities AS e JOIN user_data.mentions AS m USING (user_id, entity_key)
WHERE e.user_id = %(user_id)s AND e.kind IN ('address', 'phone', 'handle', 'person_name')
GROUP BY e.entity_key, e.kind, e.value, e.name
ORDER BY records DESC, e.value LIMIT %(n)s;

-- name: with_person
-- Return every record that mentions a person, latest first. `who` is an address, a number, a handle
-- or a name. All addresses and numbers of a contact are the same person.
SELECT d.id, d.record_type, d.source, d.source_timestamp AS at, d.title,
    string_agg(DISTINCT m.role, ', ' ORDER BY m.role) AS roles, left(d.content, 200) AS content
FROM user_data.mentions AS m JOIN user_data.documents AS d
    ON d.user_id = m.user_id AND d.record_key = m.record_key
WHERE m.user_id = %(user_id)s AND m.entity_key IN (SELECT entity_key FROM user_data.who(%(who)s))
GROUP BY d.id, d.record_type, d.source, d.source_timestamp, d.title, d.content
ORDER BY d.source_timestamp DESC NULLS LAST, d.id DESC LIMIT %(n)s;
