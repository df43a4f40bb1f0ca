DROP FUNCTION vectors.make_way;
