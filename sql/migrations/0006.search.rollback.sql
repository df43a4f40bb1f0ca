DROP TRIGGER to_be_indexed ON user_data.documents;
DROP TRIGGER to_be_indexed_again ON user_data.documents;
DROP TRIGGER no_more_found ON user_data.documents;
DROP FUNCTION user_data.to_be_indexed, user_data.no_more_found, user_data.who, user_data.km;
DROP FUNCTION user_data.words_in, user_data.spaced, user_data.words_of;
DROP TABLE user_data.search_words, user_data.search_languages, user_data.search,
    user_data.unindexed;
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT cfgname FROM pg_ts_config
            WHERE cfgnamespace = 'user_data'::regnamespace LOOP
        EXECUTE format('DROP TEXT SEARCH CONFIGURATION user_data.%I', name);
    END LOOP;
END
$$;
