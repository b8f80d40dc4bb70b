"""The oracle of pg_tviews: random schemas, queries and transactions, each TVIEW compared with its view.

Reading order: main (the loop), player (one case), then the generators (schema, queries, changes,
transactions), then what judges (oracle, session) and what explains (shrink, script, stats).
"""
