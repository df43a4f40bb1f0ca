DROP FUNCTION user_data.how_shared, user_data.in_letters;
