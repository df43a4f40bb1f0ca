DROP FUNCTION user_data.treat;
DROP TABLE imports.privacy;
DROP POLICY privacy ON user_data.entities;
DROP POLICY privacy ON user_data.search_words;
DROP POLICY privacy ON vectors.cache;
