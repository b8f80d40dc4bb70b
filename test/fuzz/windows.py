"""The forms of queries that have window functions: a part of Queries."""

from .dice import Dead
from .relations import Scope, Source
from . import values


class Windows:
    def window_function(self, scope, partition, order):
        """A function whose value does not depend on the order of rows that are equal in `order`."""
        over = "(%sORDER BY %s)" % (partition, order)
        whole = "(%s)" % partition.strip()
        sql, col = self.column(scope)
        return self.dice.pick([
            ("row_number() OVER %s" % over, "bigint"), ("rank() OVER %s" % over, "bigint"),
            ("dense_rank() OVER %s" % over, "bigint"), ("count(*) OVER %s" % whole, "bigint"),
            ("count(%s) OVER %s" % (sql, whole), "bigint"),
            ("lag(%s) OVER %s" % (sql, over), col.type), ("lead(%s) OVER %s" % (sql, over), col.type),
            ("first_value(%s) OVER %s" % (sql, over), col.type)])

    def windowed(self, source, names, partition_cols):
        """Rows of a keyed source with window functions; ordered by all that is shown."""
        scope = Scope([source])
        shown = list(source.key) + [c.name for c in self.dice.sample(
            [c for c in source.cols if c.name not in source.key], 2)]
        first = self.dice.pick(shown)
        order = ", ".join([source.ref(first) + self.dice.pick(["", " DESC"])] +
                          [source.ref(n) for n in shown if n != first])
        partition = ""
        if partition_cols:
            partition = "PARTITION BY %s " % ", ".join(partition_cols)
        narrow = Scope([Source("", source.alias, [source.col(n) for n in shown])])
        items = [(source.ref(n), source.col(n).type, "c%d" % i)
                 for i, n in enumerate(shown[len(source.key):], 1)]
        items += [self.window_function(narrow, partition, order) + ("w%d" % i,)
                  for i in range(self.dice.int(1, 2))]
        where = [self.simple_pred(scope)] if self.dice.chance(0.3) else []
        return self.select(names, source.key_refs(), items, source.sql, where)

    def form_window(self, depth, names):
        source = self.source(depth, keyed=True)
        cols = [c for c in source.cols if c.type in values.GROUP_TYPES and c.name not in source.key]
        refs = [source.ref(c.name) for c in self.dice.sample(cols, self.dice.int(1, 2))]
        if not refs:
            raise Dead("nothing to partition by")
        return self.windowed(source, names, refs)

    def form_set_window(self, depth, names):
        """Partitions of rows of two tables, or of what these are joined with; the key is that of a row."""
        source = self.source_set(0, True)
        scope, text, key = Scope([source]), source.sql, source.key_refs()
        if self.dice.chance(0.3):
            text, key = self.join_inner_join(text, scope, key, depth, self.dice.pick(["JOIN", "LEFT JOIN"]))
        by, type_ = self.any_expr(scope, values.GROUP_TYPES)
        if self.dice.chance(0.4):
            order = ", ".join([by] + [sql + self.dice.pick(["", " DESC"]) for sql, _ in key])
            return self.select(names, key, [(by, type_, "c0")] + self.items(scope, 0, 0, 1), text, (),
                               "DISTINCT ON (%s) " % by, " ORDER BY " + order)
        if len(scope.sources) == 1:
            return self.windowed(source, names, [by])
        order = ", ".join(sql for sql, _ in key)
        windows = ["count(*) OVER (PARTITION BY %s)", "row_number() OVER (PARTITION BY %%s ORDER BY %s)" % order]
        return self.select(names, key, [(by, type_, "c1"), (self.dice.pick(windows) % by, "bigint", "w1")], text,
                           self.wheres(scope, 0, 0.2))

    def form_full_window(self, depth, names):
        return self.windowed(self.source(depth, keyed=True), names, [])

    def form_row_number(self, depth, names):
        """Key: the partition and the number in it.  Ordered by all columns shown, so ties are twins."""
        text, scope, where = self.tree(depth)
        key, type_ = self.any_expr(scope, values.GROUP_TYPES)
        items = self.items(scope, 0, 1, 3)
        order = ", ".join(sql + self.dice.pick(["", " DESC"]) for sql, _, _ in items)
        number = "row_number() OVER (PARTITION BY %s ORDER BY %s)" % (key, order)
        query = self.select_required(("g", "rn"), [(key, type_), (number, "bigint")], items, text,
                                     ["%s IS NOT NULL" % key] + where, 1, "")
        alias = self.alias()
        source = Source("(%s)" % query.sql, alias, query.cols, ("g", "rn"))
        outer = [(source.ref(n), t, n) for _, t, n in items]
        limit = ["%s <= %d" % (source.ref("rn"), self.dice.int(1, 3))] if self.dice.chance(0.7) else []
        return self.select(names, source.key_refs(), outer, source.sql, limit)

    def form_group_window(self, depth, names):
        """Groups in partitions by an expression over what they are grouped by.

        Numbers in a group may be equal and look different; what is shown of them looks one way.
        """
        text, scope, where = self.tree(depth)
        keys = self.group_keys(scope)[:2]
        shown = [sql for sql, _ in keys]
        numbers = scope.columns(("numeric",))
        if numbers and self.dice.chance(0.6):
            number = self.dice.pick(numbers)[0]
            keys.append(("CASE WHEN %s THEN trim_scale(%s) ELSE %s END" % (self.simple_pred(scope), number, number),
                         "numeric"))
            shown.append("round(%s, 2)" % keys[-1][0])
        where = ["%s IS NOT NULL" % sql for sql, _ in keys] + where + self.wheres(scope, depth, 0.3)
        count = "count(*)"
        group = " GROUP BY " + ", ".join(sql for sql, _ in keys)
        if self.dice.chance(0.5):
            inner = ", ".join(["%s AS g%d" % (sql, i) for i, (sql, _) in enumerate(keys)])
            text = "(SELECT %s, count(*) AS n FROM %s WHERE %s%s) AS q" % (inner, text, " AND ".join(where), group)
            shown = ["round(q.g%d, 2)" % i if shown[i] != sql else "q.g%d" % i for i, (sql, _) in enumerate(keys)]
            keys = [("q.g%d" % i, t) for i, (_, t) in enumerate(keys)]
            count, where, group = "q.n", [], ""
        by = [self.partition_by(*key) for key in self.dice.sample(list(zip(shown, keys)), self.dice.int(1, 2))]
        over = "PARTITION BY " + ", ".join(by)
        order = ", ".join(shown)
        items = self.dice.sample([
            ("(sum(%s) OVER (%s))::bigint" % (count, over), "bigint"), ("max(%s) OVER (%s)" % (count, over), "bigint"),
            ("count(*) OVER (%s)" % over, "bigint"), ("rank() OVER (%s ORDER BY %s)" % (over, order), "bigint"),
            ("lag(%s) OVER (%s ORDER BY %s DESC)" % (count, over, ", ".join([count, order])), "bigint")], 2)
        return self.select_required(names, [(s, t) for s, (_, t) in zip(shown, keys)],
                                    [item + ("w%d" % i,) for i, item in enumerate(items)], text, where, len(where),
                                    group)

    def partition_by(self, shown, key):
        """A column of a group, or an expression that is the same for all values of one group."""
        sql, type_ = key
        if self.dice.chance(0.3):
            return sql
        if shown != sql:
            return self.dice.pick([sql, "floor(%s)" % sql, "round(%s, 1)" % sql, "(%s) + 0.000" % sql, shown])
        return self.dice.pick([text % {"x": "(%s)" % sql} for text, _ in self.transforms(type_)])

    def form_distinct_window(self, depth, names):
        """DISTINCT ON hides rows that windows beside it have counted."""
        text, scope, where = self.tree(depth)
        keys = self.group_keys(scope)
        by = self.dice.pick([sql for sql, _ in keys] + [self.any_expr(scope, values.GROUP_TYPES)[0] for _ in range(2)])
        number = [sql for sql, _ in scope.columns(("int",))]
        items = [self.any_expr(scope) + ("c%d" % i,) for i in range(self.dice.int(0, 2))]
        items.append((self.dice.pick(["count(*) OVER (PARTITION BY %s)"] +
                                     ["sum(%s) OVER (PARTITION BY %%s)" % n for n in number]) % by, "bigint", "w"))
        on = ", ".join(sql for sql, _ in keys)
        order = ", ".join([on] + [sql + self.dice.pick(["", " DESC"]) for sql, _, _ in items])
        query = self.select(("k1", "k2"), keys, items, text, where + self.wheres(scope, depth, 0.3),
                            "DISTINCT ON (%s) " % on, " ORDER BY " + order)
        source = Source("(%s)" % query.sql, self.alias(), query.cols, query.key)
        outer = [(source.ref(n), t, n) for _, t, n in items]
        required = ["%s IS NOT NULL" % sql for sql, _ in source.key_refs()]
        return self.select_required(names, source.key_refs(), outer, source.sql, required, len(required), "")
