-- Are the TVIEWs of a database healthy?
--
--   psql -X -d DATABASE -f health-check.sql            (-v strict=1)
--
-- One line per finding.  The exit status is 0 when there is none that needs
-- work, 3 when there is one, or with strict=1 also a warning, and 2 without a
-- connection.  Changes nothing, does not compare rows (post-upgrade-validation.sql
-- does), and runs with every version of pg_tviews.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset format unaligned
\pset tuples_only on
\if :{?strict} \else \set strict 0 \endif
SELECT count(*) = 1 AS installed,
	coalesce(min(extversion), 'none') AS version,
	coalesce(min(extnamespace::regnamespace::text), 'public') AS schema
  FROM pg_extension WHERE extname = 'pg_tviews' \gset
\if :installed \else
	\echo '❌ pg_tviews is not installed in' :DBNAME
	DO $$BEGIN RAISE EXCEPTION 'pg_tviews is not installed in %', current_database(); END$$;
\endif
SELECT set_config('search_path', :'schema' || ', pg_catalog', false) AS path \gset

SELECT CASE WHEN to_regprocedure('pg_tviews_stats()') IS NULL THEN 'NULL::timestamptz'
	ELSE 'stats_last_computed' END AS stats_last_computed \gset

-- What pg_tviews says itself, and what its views show.  Kept in a variable and
-- not in a table, so that this runs on a standby.
SELECT json_agg(json_build_object('status', status, 'what', what) ORDER BY n) AS findings
  FROM (SELECT row_number() OVER () AS n, status, check_name || ': ' || details
		  FROM pg_tviews_health_check()
		UNION ALL
		SELECT 101, CASE WHEN count(last_error) = 0 THEN 'OK' ELSE 'ERROR' END,
			CASE WHEN count(last_error) = 0 THEN 'the last refresh of each TVIEW succeeded'
				ELSE 'the last refresh failed: ' || string_agg(entity_name, ', ' ORDER BY entity_name)
					FILTER (WHERE last_error IS NOT NULL) END
		  FROM pg_tviews_metadata
		UNION ALL
		SELECT 102, CASE WHEN count(*) = 0 THEN 'OK' ELSE 'ERROR' END,
			CASE WHEN count(*) = 0 THEN 'queue empty' ELSE 'queue: ' || count(*) || ' refreshes to do' END
		  FROM pg_tviews_queue WHERE processed_at IS NULL
		UNION ALL
		SELECT 103, CASE WHEN count(*) = 0 THEN 'OK' ELSE 'WARNING' END,
			'performance: ' || CASE WHEN count(*) = 0 THEN 'no last refresh took 5 seconds'
				ELSE 'the last refresh took 5 seconds or more: '
					|| string_agg(entity_name, ', ' ORDER BY entity_name) END
		  FROM pg_tviews_metadata WHERE last_refresh_duration_ms >= 5000
		UNION ALL
		SELECT 104, CASE WHEN count(*) = 0 THEN 'OK' ELSE 'NOTE' END,
			CASE WHEN count(*) = 0 THEN 'all TVIEWs have stats'
				ELSE count(*) || ' TVIEWs have no stats about their rows, which a forced refresh computes' END
		  FROM pg_tviews_metadata WHERE :stats_last_computed IS NULL) f (n, status, what) \gset

\echo '✅ pg_tviews' :version 'in' :DBNAME
SELECT CASE status WHEN 'OK' THEN '✅ ' WHEN 'NOTE' THEN 'ℹ️ ' WHEN 'WARNING' THEN '⚠️ ' ELSE '❌ ' END || what
  FROM json_to_recordset(:'findings') AS f (status text, what text);
SELECT count(*) > 0 AS sick FROM json_to_recordset(:'findings') AS f (status text)
 WHERE status = 'ERROR' OR (status = 'WARNING' AND :strict > 0) \gset
RESET search_path;
\if :sick
	DO $$BEGIN RAISE EXCEPTION 'unhealthy TVIEWs in %', current_database(); END$$;
\endif
