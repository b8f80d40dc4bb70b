--
-- Documents whose values are replaced: what results is, bit by bit, what the view computes
--
SET client_min_messages = error;
CREATE SCHEMA t_document;
SET search_path = t_document, public;
\pset format unaligned
\pset tuples_only on

-- 45 keys of several lengths, over columns of each kind that jsonb has
CREATE TABLE tb_document (pk_document int PRIMARY KEY, t text, n numeric, b boolean, j jsonb, f float8, a int[]);
CREATE FUNCTION query(keys int) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT pk_document, jsonb_build_object(%s) AS data FROM tb_document',
                string_agg(format('%L, %s', repeat('k', 1 + i % 7) || i, ('{t,n,b,j,f,a,t || n}'::text[])[1 + i * 3 % 7]), ', '))
  FROM generate_series(1, keys) i $$;
DO $$
BEGIN
  EXECUTE 'CREATE TABLE tv_document AS ' || query(45);
  EXECUTE replace('CREATE TABLE tv_small AS ' || query(7), 'pk_document', 'pk_document AS pk_small');
END $$;
INSERT INTO tb_document VALUES (1, 'text', 1.50, true, '{"a": [1, 2.5, "x", null, {}], "longer": {"b": false}}', 0.5, '{1,2}'),
  (2, '', 0, NULL, '[]', 'NaN', '{}'), (3, NULL, NULL, false, '{}', NULL, NULL), (4, repeat('long ', 2000), 1e40, true, '"é"', -1, '{7}');

-- each column alone, to values of other lengths; a refresh, which compares bit by bit, finds nothing to write
CREATE FUNCTION change(what text, value text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('UPDATE tb_document SET %I = %s', what, value);
  PERFORM FROM tv_document;
  IF pg_tviews_refresh('tv_document') <> 0 OR pg_tviews_refresh('tv_small') <> 0 THEN
    RAISE EXCEPTION 'after % = %, documents are others than computed', what, value;
  END IF;
END $$;
DO $$
BEGIN
  FOR i IN 0 .. 9 LOOP
    PERFORM change('t', format('repeat(%L, (pk_document * 5 + %s) %% 11)', 'xé', i));
    PERFORM change('n', format('round((pk_document * 1000.125) ^ %s, 2)', i));
    PERFORM change('b', format('nullif(pk_document %% 2 = %s %% 2, pk_document = 3)', i));
    PERFORM change('j', format('jsonb_build_object(repeat(%L, %s), pk_document, %L, jsonb_build_array(t, n, b))', 'y', i, 'z'));
    PERFORM change('j', format('nullif(to_jsonb(pk_document * %s), %L)', i, 2 * i));
    PERFORM change('f', format('pk_document / (%s + 0.5)', i));
    PERFORM change('a', format('array_fill(pk_document, ARRAY[%s])', i));
  END LOOP;
END $$;
SELECT kit.check_all();
SELECT pk_small, data FROM tv_small ORDER BY pk_small;

DROP SCHEMA t_document CASCADE;
