"""The comparison: a TVIEW against its view, both ways, as multisets, byte for byte."""

# record_send() shows each value's exact bytes and type, which = and EXCEPT do not
DIFFERENCE = """SELECT CASE WHEN sum(n) > 0 THEN 'only in view' ELSE 'only in tview' END AS place, abs(sum(n)) AS times, shown
FROM (SELECT record_send(ROW({cols})) AS image, ROW({cols})::text AS shown, 1 AS n FROM {view}
      UNION ALL
      SELECT record_send(ROW({cols})), ROW({cols})::text, -1 FROM {tview}) both_sides
GROUP BY image, shown HAVING sum(n) <> 0 ORDER BY shown, place"""

COLUMNS = """SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND to_regclass(%s) IS NOT NULL"""

# changes when any row is written, be it to the same values
VERSIONS = "SELECT md5(string_agg(ctid::text || ' ' || xmin::text, ',' ORDER BY ctid)) FROM %s"

# For plpgsql: the number of differing rows.  Made once in the template database.
HELPERS = """
CREATE SCHEMA fuzz;
CREATE COLLATION fuzz.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FUNCTION fuzz.diff(view text, tview text) RETURNS bigint LANGUAGE plpgsql AS $fn$
DECLARE
  cols text;
  found bigint;
BEGIN
  SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) INTO cols
  FROM pg_catalog.pg_attribute
  WHERE attrelid = to_regclass(view) AND attnum > 0 AND NOT attisdropped AND to_regclass(tview) IS NOT NULL;
  IF cols IS NULL THEN RETURN 0; END IF;
  EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM (SELECT record_send(ROW(%1$s)) AS image, 1 AS n FROM %2$s '
                 'UNION ALL SELECT record_send(ROW(%1$s)), -1 FROM %3$s) s GROUP BY image HAVING sum(n) <> 0) d',
                 cols, view, tview) INTO found;
  RETURN found;
END $fn$;
"""


def difference_sql(cols, view, tview):
    return DIFFERENCE.format(cols=cols, view=view, tview=tview)


def key_sql(view, key):
    """Rows whose key is NULL or not unique: such a TVIEW must not exist."""
    cols = ", ".join(key)
    nulls = " OR ".join("%s IS NULL" % k for k in key)
    return ("SELECT (SELECT count(*) FROM (SELECT 1 FROM %s q GROUP BY %s HAVING count(*) > 1) d)"
            " + (SELECT count(*) FROM %s q WHERE %s)" % (view, cols, view, nulls))

# --dry: nobody keeps the TVIEWs exact, so plpgsql has nothing to complain about
DRY_HELPERS = """
CREATE SCHEMA fuzz;
CREATE COLLATION fuzz.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FUNCTION fuzz.diff(view text, tview text) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
"""
