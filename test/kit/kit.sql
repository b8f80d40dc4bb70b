-- The test kit: is a TVIEW what its view says, row for row and byte for byte?
--
-- Plain SQL without psql commands and without curly braces, so that psql,
-- isolationtester (see the Makefile) and any driver can load it.
--
--   kit.same(view, table)  'ok', or an error that shows the rows that differ
--   kit.check(tview)       the same for one TVIEW and its backing view
--   kit.check_all()        for every TVIEW of the database; how many there were
--
-- Rows are compared with the record_image operators, since under plain "="
-- 1.0 equals 1.00 and a case-insensitive collation hides what differs; and as
-- multisets, so that a row stored twice is a difference.

CREATE SCHEMA IF NOT EXISTS kit;

-- Names of the columns of a relation, and of those of another that it lacks
-- or has with another type.
CREATE OR REPLACE FUNCTION kit.columns(rel regclass) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
	SELECT array_agg(attname::text ORDER BY attnum)
	  FROM pg_attribute
	 WHERE attrelid = rel AND attnum > 0 AND NOT attisdropped
$$;

CREATE OR REPLACE FUNCTION kit.columns_lacking(rel regclass, model regclass)
RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
	SELECT array_agg(m.attname || ' ' || format_type(m.atttypid, m.atttypmod)
					 ORDER BY m.attnum)
	  FROM pg_attribute m
	 WHERE m.attrelid = model AND m.attnum > 0 AND NOT m.attisdropped
	   AND NOT EXISTS (SELECT FROM pg_attribute r
						WHERE r.attrelid = rel AND r.attname = m.attname
						  AND r.attnum > 0 AND NOT r.attisdropped
						  AND r.atttypid = m.atttypid)
$$;

-- The query that lists what differs: one text per row that only one side has.
-- Both sides are read by one statement, thus with one snapshot, after the
-- flush that reading a TVIEW causes.  Equal rows are numbered (row_number
-- minus rank, both ordered by image), so that each pairs with one only.
CREATE OR REPLACE FUNCTION kit.difference_query(view regclass, tab regclass)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
	SELECT format(
		'WITH v AS (SELECT r, row_number() OVER w - rank() OVER w AS n
					  FROM (SELECT ROW(%1$s) AS r FROM %2$s) x
					WINDOW w AS (ORDER BY r USING OPERATOR(pg_catalog.*<))),
			  t AS (SELECT r, row_number() OVER w - rank() OVER w AS n
					  FROM (SELECT ROW(%1$s) AS r FROM %3$s) x
					WINDOW w AS (ORDER BY r USING OPERATOR(pg_catalog.*<)))
		 SELECT CASE WHEN t.n IS NULL THEN ''only in view: '' || v.r::text
					 ELSE ''only in table: '' || t.r::text END AS d
		   FROM v FULL JOIN t ON v.r OPERATOR(pg_catalog.*=) t.r AND v.n = t.n
		  WHERE v.n IS NULL OR t.n IS NULL',
		string_agg(quote_ident(c), ', ' ORDER BY i), view, tab)
	  FROM unnest(kit.columns(view)) WITH ORDINALITY AS u (c, i)
$$;

CREATE OR REPLACE FUNCTION kit.same(view regclass, tab regclass) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $$
DECLARE
	lacking text[] := kit.columns_lacking(tab, view);
	rows text[];
BEGIN
	IF view IS NULL OR tab IS NULL OR kit.columns(view) IS NULL THEN
		RAISE 'nothing to compare: view %, table %', view, tab;
	END IF;
	IF lacking IS NOT NULL THEN
		RAISE 'table % lacks columns of view %: %', tab, view, lacking;
	END IF;

	EXECUTE 'SELECT array_agg(d ORDER BY d COLLATE "C" DESC) FROM (' ||
		kit.difference_query(view, tab) || ') AS s' INTO rows;
	IF rows IS NOT NULL THEN
		RAISE '% differs from %: % row(s)', tab, view, cardinality(rows)
			USING DETAIL = array_to_string(rows[1:5], E'\n') ||
				CASE WHEN cardinality(rows) > 5 THEN E'\n...' ELSE '' END;
	END IF;
	RETURN 'ok';
END
$$;

-- pg_tview_meta, wherever the extension was put.
CREATE OR REPLACE FUNCTION kit.meta() RETURNS TABLE (tview regclass, view regclass)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $$
DECLARE
	home text := (SELECT extnamespace::regnamespace::text
					FROM pg_extension WHERE extname = 'pg_tviews');
BEGIN
	IF home IS NULL THEN
		RAISE 'extension pg_tviews is not installed';
	END IF;
	RETURN QUERY EXECUTE format('SELECT m.tview, m.view FROM %s.pg_tview_meta m
		ORDER BY m.tview::text COLLATE "C"', home);
END
$$;

-- Raises for a table that is not a TVIEW: a check of nothing must not pass.
-- The name is looked up with the caller's search_path.
CREATE OR REPLACE FUNCTION kit.check(name text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	backing regclass := (SELECT m.view FROM kit.meta() m
						  WHERE m.tview = name::regclass);
BEGIN
	IF backing IS NULL THEN
		RAISE '% is not a TVIEW', name;
	END IF;
	RETURN kit.same(backing, name::regclass);
END
$$;

CREATE OR REPLACE FUNCTION kit.check_all() RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $$
DECLARE
	checked bigint := 0;
	m record;
BEGIN
	FOR m IN SELECT * FROM kit.meta() LOOP
		PERFORM kit.same(m.view, m.tview);
		checked := checked + 1;
	END LOOP;
	RETURN checked;
END
$$;
