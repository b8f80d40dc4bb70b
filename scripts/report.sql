-- The page that scripts/report writes.  It only reads, in one transaction.
--
-- Each table of the page is a query between :rows and :as_table, which turn it
-- into HTML with every value escaped.  A value under "Status" is the class of
-- its cell, too.  On a phone rows become cards, with the column's name before
-- each value.
SET client_min_messages = error;
SET extra_float_digits = 0;
SELECT coalesce((SELECT quote_ident(n.nspname)
	FROM pg_catalog.pg_extension e
	JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
	WHERE e.extname = 'pg_tviews'), 'pg_tviews_is_not_installed') AS ext \gset
SELECT :ext.pg_tviews_version() AS version \gset
\if :{?validate}
\else
\set validate on
\endif

SELECT 'WITH q AS (' AS rows, $$),
r AS (
	SELECT row_number() OVER () AS n, to_json(q) AS r FROM q
),
cell AS (
	SELECT n, i, name, replace(replace(replace(replace(coalesce(value #>> '{}', ''),
		'&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;') AS value
	FROM r, json_each(r) WITH ORDINALITY AS c (name, value, i)
),
classed AS (
	SELECT *, CASE WHEN name = 'Status' THEN value
		WHEN value ~ '^[0-9][0-9,]*(\.[0-9]+)?( (ms|%|bytes|kB|MB|GB|TB))?$' THEN 'number' END AS class
	FROM cell
),
line AS (
	SELECT n,
		string_agg(format('<th class="%s">%s</th>', class, name), '' ORDER BY i) AS head,
		string_agg(format('<td class="%s" data-label="%s">%s</td>', class, name, value),
			'' ORDER BY i) AS body
	FROM classed GROUP BY n
)
SELECT count(*) AS count, CASE count(*) WHEN 0 THEN '' ELSE format(
	'<div class="scroll"><table><thead><tr>%s</tr></thead><tbody>%s</tbody></table></div>',
	min(head), string_agg(format('<tr>%s</tr>', body), E'\n' ORDER BY n)) END AS html
FROM line$$ AS as_table \gset

BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL search_path = pg_catalog;

-- All that the page says.  What a broken TVIEW keeps from being told stays empty.
\set ON_ERROR_ROLLBACK on
\set ON_ERROR_STOP off
\set graph ''
\set index_count ?
\set index_html ''
\set issue_count ''
\set issue_html ''
SELECT :ext.pg_tviews_graph('svg') AS graph \gset

:rows SELECT check_name AS "Check", status AS "Status", details AS "Details"
FROM :ext.pg_tviews_health_check() :as_table \gset health_
SELECT coalesce(min(status) FILTER (WHERE status <> 'OK'), 'OK') AS health_status
FROM :ext.pg_tviews_health_check() \gset

\if :validate
:rows SELECT entity_name AS "TVIEW", issue AS "Issue", detail AS "Detail", hint AS "Hint"
FROM :ext.pg_tviews_validate() :as_table \gset issue_
\endif

:rows SELECT e.command AS "Command",
	string_agg(DISTINCT m.tview::text, ', ') AS "For",
	string_agg(DISTINCT x.source, ', ') AS "When rows change of"
FROM (SELECT m.tview FROM :ext.pg_tview_meta m
	JOIN pg_class t ON t.oid = m.tview
	JOIN pg_class v ON v.oid = m.view OFFSET 0) m,	-- those that have their parts
LATERAL :ext.pg_tviews_explain(m.tview::text) x,
LATERAL regexp_split_to_table(x.indexes, E'\n') AS e (command)
WHERE e.command LIKE 'CREATE INDEX%'
GROUP BY 1 ORDER BY 1 :as_table \gset index_

:rows SELECT m.tview::text AS "TVIEW",
	to_char(s.mean_time_ms, 'FM999,999,990.0 "ms"') AS "Mean",
	to_char(s.max_time_ms, 'FM999,999,990.0 "ms"') AS "Longest",
	to_char(s.total_time_ms, 'FM999,999,990 "ms"') AS "Total",
	to_char(100 * s.total_time_ms / sum(s.total_time_ms) OVER (), 'FM990 "%"') AS "Share",
	to_char(s.full_refreshes, 'FM999,999,999,990') AS "Full refreshes",
	to_char(s.lock_waits, 'FM999,999,999,990') AS "Waits"
FROM :ext.pg_tview_meta m JOIN :ext.pg_tviews_stats() s ON s.tview = m.tview
WHERE s.total_time_ms > 0
ORDER BY s.mean_time_ms DESC LIMIT 10 :as_table \gset slow_

:rows SELECT m.entity_name AS "TVIEW",
	to_char(s.flushes, 'FM999,999,999,990') AS "Refreshes",
	to_char(s.keys, 'FM999,999,999,990') AS "Keys",
	to_char(s.rows_inserted, 'FM999,999,999,990') AS "Inserted",
	to_char(s.rows_updated, 'FM999,999,999,990') AS "Updated",
	to_char(s.rows_deleted, 'FM999,999,999,990') AS "Deleted",
	to_char(s.rows_unchanged, 'FM999,999,999,990') AS "Unchanged",
	to_char(s.lock_escalations, 'FM999,999,999,990') AS "Escalations",
	to_char(s.errors, 'FM999,999,999,990') AS "Errors",
	m.last_error AS "Last error",
	to_char(m.last_refreshed, 'YYYY-MM-DD HH24:MI') AS "Last refreshed",
	pg_size_pretty(pg_total_relation_size(c.oid)) AS "Size"
FROM :ext.pg_tviews_metadata m
LEFT JOIN :ext.pg_tviews_stats() s ON s.tview = m.tview
LEFT JOIN pg_class c ON c.oid = m.tview
ORDER BY 1 :as_table \gset stats_

SELECT replace(replace(replace(current_database(),
		'&', '&amp;'), '<', '&lt;'), '>', '&gt;') AS database,
	current_setting('server_version') AS server_version,
	to_char(now(), 'YYYY-MM-DD HH24:MI TZ') AS now,
	count(*) AS tviews
FROM :ext.pg_tview_meta \gset
COMMIT;

-- The page.
\set ON_ERROR_STOP on
SELECT $$<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
:root {
	color-scheme: light dark;
	--page: #fff; --text: #1d2733; --soft: #5c6b7a; --line: #dde3e9; --band: #f5f7f9;
	--ok: #18794e; --warning: #8a5a00; --error: #c1232b; --table: #f4f4f0; --tview: #dceefb;
}
@media (prefers-color-scheme: dark) {
	:root {
		--page: #14191f; --text: #dfe6ed; --soft: #93a1b0; --line: #2d3743; --band: #1b222a;
		--ok: #4cc38a; --warning: #e2a336; --error: #ff6b72; --table: #2a2f36; --tview: #17395a;
	}
}
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 84rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin: .5rem 0 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p { margin: .4rem 0; color: var(--soft); }
.sums { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.2rem 0 0; padding: 0; list-style: none; }
.sums li { flex: 1 1 8rem; padding: .5rem .9rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--band); }
.sums b { display: block; font-size: 1.4rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { padding: .4rem .55rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; background: var(--band); }
th.OK, th.WARNING, th.ERROR { color: var(--soft); }
td { overflow-wrap: break-word; white-space: pre-wrap; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.OK, .WARNING, .ERROR { font-weight: 600; }
.OK { color: var(--ok); } .WARNING { color: var(--warning); } .ERROR { color: var(--error); }
svg { display: block; max-width: 100%; height: auto; }
svg rect { fill: var(--table); stroke: var(--soft); } svg rect.tview { fill: var(--tview); }
svg text { fill: var(--text); }
@media (max-width: 45rem) {
	svg { max-width: none; }
	.scroll:not(.graph) { border: 0; overflow: visible; }
	thead { display: none; }
	table, tbody, td { display: block; }
	tr { display: grid; grid-template-columns: 1fr 1fr; border: 1px solid var(--line); border-radius: .5rem;
		padding: .4rem 0; margin-bottom: .6rem; }
	td, td.number { border: 0; padding: .1rem .75rem; text-align: left; white-space: pre-wrap; min-width: 0; }
	td:not(.number) { grid-column: 1 / -1; }
	td.OK, td.WARNING, td.ERROR { grid-row: 1; grid-column: 2; text-align: right; }
	td:first-child { grid-row: 1; font-weight: 600; }
	td:empty { display: none; }
	td:not(:first-child):not(.OK):not(.WARNING):not(.ERROR)::before { content: attr(data-label) ": "; color: var(--soft); font-weight: 400; }
}
</style>$$;
SELECT format($$<title>TVIEWs of %1$s</title>
</head>
<body><main>
<h1>TVIEWs of %1$s</h1>
<p>%2$s, PostgreSQL %3$s, pg_tviews %4$s</p>
<ul class="sums">
<li><b>%5$s</b> TVIEWs</li>
<li><b class="%6$s">%6$s</b> health</li>
<li><b class="%7$s">%8$s</b> validation</li>
<li><b>%9$s</b> indexes missing</li>
</ul>$$, :'database', :'now', :'server_version', :'version', :'tviews', :'health_status',
	CASE :'issue_count' WHEN '0' THEN 'OK' WHEN '' THEN '' ELSE 'ERROR' END,
	CASE :'issue_count' WHEN '0' THEN 'equal' WHEN '' THEN 'not run' ELSE :'issue_count' || ' issues' END,
	:'index_count');
SELECT format($$<h2>Health</h2>
%s
<h2>Validation</h2>
<p>%s</p>
%s
<h2>What is built on what</h2>
<p>An arrow's colour says what a change of its table costs: green, the row has the key; blue, a query leads
to it; red and dashed, all rows are computed anew.</p>
<div class="scroll graph">%s</div>
<h2>Missing indexes</h2>
<p>%s</p>
%s
<h2>Slowest refreshes</h2>
<p>%s</p>
%s
<h2>Statistics</h2>
<p>Since they were last reset; empty where none are kept.</p>
%s
</main></body>
</html>$$, :'health_html',
	CASE :'issue_count' WHEN '' THEN 'Left out.'
		WHEN '0' THEN 'Every TVIEW equals its view, row for row.'
		ELSE 'TVIEWs that are not as they should be.' END,
	:'issue_html', :'graph',
	CASE :'index_count' WHEN '0' THEN 'Every step from a changed row to the key has its index.'
		ELSE 'Refreshes would be faster with these.' END,
	:'index_html',
	CASE :'slow_count' WHEN '0' THEN 'Nothing was refreshed yet, or statistics are off.'
		ELSE 'By mean time; a refresh is what one transaction needs for one TVIEW.' END,
	:'slow_html', :'stats_html');
