"""Every feature that the generators can produce, by name.

The names are what `--shape` and `--without` take and what the statistics count.  Dice refuses a
name that is not here, so that the list is complete.
"""

# refreshed by key: the engine must accept each of these and every composition of them
BY_KEY = {
    "rows": "rows of one source, its key is the key",
    "inner_join": "inner join on the other side's key",
    "left_join": "left join on the other side's key",
    "right_join": "right join",
    "full_join": "full join, the key is a COALESCE",
    "using": "JOIN ... USING",
    "natural": "NATURAL JOIN",
    "multi_join": "inner join that multiplies rows, the key grows",
    "comma_join": "FROM a, b WHERE link",
    "self_join": "the same table twice",
    "group_by": "GROUP BY with aggregates",
    "group_by_pk": "GROUP BY a primary key, other columns depend on it",
    "having": "HAVING",
    "agg_filter": "aggregate with FILTER",
    "agg_distinct": "aggregate with DISTINCT",
    "agg_order": "aggregate with ORDER BY inside",
    "jsonb_agg": "jsonb_agg of documents",
    "jsonb_object_agg": "jsonb_object_agg",
    "array_agg": "array_agg",
    "document": "jsonb_build_object, nested",
    "scalar_subquery": "correlated scalar subquery",
    "array_subquery": "ARRAY(SELECT ...)",
    "exists": "EXISTS",
    "not_exists": "NOT EXISTS",
    "in_subquery": "IN (SELECT ...)",
    "not_in": "NOT IN (SELECT ...)",
    "any_subquery": "= ANY (SELECT ...)",
    "all_subquery": "op ALL (SELECT ...)",
    "lateral_agg": "LATERAL aggregate",
    "lateral_top": "LATERAL ... ORDER BY ... LIMIT",
    "grouped_join": "grouped subquery joined on its group columns",
    "cte": "WITH, used once or often",
    "distinct": "SELECT DISTINCT",
    "distinct_on": "DISTINCT ON",
    "window": "window functions with PARTITION BY",
    "row_number": "the first rows of each partition by row_number()",
    "group_window": "windows over groups, by an expression over what they are grouped by",
    "distinct_window": "windows beside DISTINCT ON",
    "set_window": "windows or DISTINCT ON over a UNION [ALL] of two tables",
    "with_ties": "FETCH FIRST ... WITH TIES",
    "union": "UNION",
    "union_all": "UNION ALL",
    "intersect": "INTERSECT [ALL]",
    "except": "EXCEPT [ALL]",
    "unnest": "unnest() of a source's column",
    "json_elements": "jsonb_array_elements_text() of a source's column",
    "series": "generate_series() between two columns",
    "link_eq": "link by equality",
    "link_expression": "link by an expression",
    "link_array": "link by = ANY (array), && or @>",
    "link_range": "link by BETWEEN",
    "link_columns": "link by several columns",
    "link_null_safe": "link by IS NOT DISTINCT FROM",
    "link_inequality": "link by < or >=",
    "link_or": "link by an OR of equalities",
    "helper_view": "a plain view as a source",
    "tview_source": "a TVIEW as a source",
    "subquery": "a composed query as a source",
    "set_source": "a UNION [ALL] of two tables as a source",
    "collated_set": "a branch of it that compares without regard to case",
    "partition_source": "a partition or child table as a source",
    "only": "FROM ONLY",
    "whole_row": "to_jsonb(row)",
    "fenced_cast": "a cast that would fail for rows which a condition keeps from it",
    "fragile_key": "a key that later data can make ambiguous",
}

# recomputed as a whole when the source without a route changes
IN_FULL = {
    "full_subquery": "uncorrelated subquery",
    "full_cross_join": "cross join",
    "full_limit": "LIMIT at the top",
    "full_recursive": "recursive CTE",
    "constant_key": "a branch of a set operation whose key is a constant",
    "full_window": "window without PARTITION BY",
}

# a row's partition is not found where rows of several branches share it
PARTITIONED = ("distinct_on", "window", "row_number", "group_window", "distinct_window", "set_window",
               "lateral_top")

SCHEMA = {
    "partitioned": "partitioned base table",
    "inherited": "inherited base table",
    "no_pk": "base table without a primary key",
    "composite_pk": "primary key of several columns",
    "deferrable_pk": "deferrable primary key",
    "identity": "identity column",
    "generated": "generated column",
    "foreign_key": "enforced foreign key",
    "deferrable_fk": "deferrable foreign key",
    "user_trigger": "user trigger that changes another base table",
    "quoted_name": "mixed-case or reserved names",
    "dropped_column": "a dropped column before others",
    "attach_reordered": "a partition with another column order",
}

CHANGES = {
    "insert": "INSERT VALUES",
    "insert_select": "INSERT ... SELECT",
    "on_conflict": "INSERT ... ON CONFLICT",
    "update": "UPDATE",
    "update_key": "UPDATE of key or link columns",
    "update_from": "UPDATE ... FROM",
    "update_equal": "UPDATE to equal values",
    "delete": "DELETE",
    "delete_using": "DELETE ... USING",
    "merge": "MERGE",
    "copy": "COPY FROM",
    "truncate": "TRUNCATE",
    "dml_cte": "data-modifying CTEs over several tables",
    "child_dml": "a change through a partition or child",
    "read_tview_dml": "DML that reads a TVIEW",
    "failing": "a statement that fails",
    "do_block": "plpgsql DO block that changes and reads",
    "do_exception": "plpgsql EXCEPTION block",
    "function_change": "change inside a function called by SELECT",
    "refill": "many rows in one statement",
}

TRANSACTIONS = {
    "autocommit": "one statement",
    "multi_statement": "several statements in one message",
    "commit": "BEGIN ... COMMIT",
    "rollback": "BEGIN ... ROLLBACK",
    "savepoint": "SAVEPOINT",
    "rollback_to": "ROLLBACK TO",
    "release": "RELEASE",
    "release_then_rollback": "RELEASE, then ROLLBACK TO of the parent",
    "two_phase": "PREPARE TRANSACTION",
    "procedure": "COMMIT and ROLLBACK inside a DO block",
    "cursor": "cursor opened before or after changes",
    "replica_role": "session_replication_role = replica, repaired by pg_tviews_refresh()",
    "no_write": "UPDATE to equal values, checked to write no TVIEW row",
    "little_memory": "pg_tviews.pending_mem at its minimum",
    "statement_mode": "refresh_at = statement",
    "set_constraints": "SET CONSTRAINTS",
    "read committed": "isolation level",
    "repeatable read": "isolation level",
    "serializable": "isolation level",
    "other_session": "a second backend",
    "discard": "DISCARD",
    "search_path": "another search_path",
    "refresh_function": "pg_tviews_refresh()",
    "temp_rollback": "TVIEW made and rolled back",
}

READS = {
    "read_direct": "plain query",
    "read_prepared": "prepared statement",
    "read_function": "plpgsql function",
    "read_cursor": "cursor",
    "read_copy": "COPY (query) TO",
    "read_explain": "EXPLAIN ANALYZE before the query",
    "read_parallel": "parallel plan",
}

DDL = {
    "rename_column": "ALTER TABLE RENAME COLUMN",
    "rename_table": "ALTER TABLE RENAME",
    "set_schema": "ALTER TABLE SET SCHEMA",
    "add_column": "ALTER TABLE ADD COLUMN",
    "drop_column": "ALTER TABLE DROP COLUMN",
    "alter_type": "ALTER COLUMN TYPE",
    "create_index": "CREATE INDEX",
    "rewrite": "VACUUM FULL, CLUSTER or ANALYZE",
    "attach": "ATTACH PARTITION",
    "detach": "DETACH PARTITION",
    "new_partition": "CREATE TABLE ... PARTITION OF",
    "inherit": "ALTER TABLE INHERIT / NO INHERIT",
    "drop_tview": "DROP TABLE tv_x",
    "create_tview": "a TVIEW made later",
    "replace_view": "CREATE OR REPLACE VIEW v_x",
    "replace_helper": "CREATE OR REPLACE VIEW of a helper view",
    "rename_schema": "ALTER SCHEMA RENAME",
    "rename_tview": "ALTER TABLE tv_x RENAME, SET SCHEMA, RENAME COLUMN",
    "drop_base": "DROP TABLE tb_x CASCADE",
    "tview_extras": "index, column or trigger on tv_x",
}

ALL = {}
for _group in (BY_KEY, IN_FULL, SCHEMA, CHANGES, TRANSACTIONS, READS, DDL):
    ALL.update(_group)


def listing():
    """The text of --list-shapes."""
    groups = (("query, refreshed by key", BY_KEY), ("query, refreshed in full", IN_FULL),
              ("schema", SCHEMA), ("change", CHANGES), ("transaction", TRANSACTIONS),
              ("read", READS), ("ddl", DDL))
    lines = []
    for title, group in groups:
        lines.append(title)
        lines += ["  %-22s %s" % item for item in group.items()]
    return "\n".join(lines)
