"""Random changes of base tables: one method per shape, each returns a Step."""

import re

from .dice import Dead
from .expressions import Expressions
from .model import Step, ident, optional
from .relations import Scope, Source
from .schema import RowMaker
from . import values


class Changes:
    WEIGHTS = {"insert": 14, "insert_select": 4, "on_conflict": 8, "update": 16, "update_key": 10,
               "update_from": 4, "update_equal": 2, "delete": 8, "delete_using": 3, "merge": 6,
               "copy": 4, "truncate": 1, "dml_cte": 5, "read_tview_dml": 3, "failing": 1.5,
               "do_block": 4, "do_exception": 4, "function_change": 2, "refill": 4}
    # simple enough to stand inside plpgsql
    SIMPLE = {"insert": 3, "on_conflict": 2, "update": 5, "update_key": 3, "delete": 2, "merge": 1}

    def __init__(self, dice, model):
        self.dice = dice
        self.model = model
        self.rows = RowMaker(dice)
        self.exprs = Expressions(dice)

    def step(self, weights=None):
        for _ in range(20):
            before = self.dice.used.copy()
            try:
                name = self.dice.choose(weights or self.WEIGHTS)
                step = getattr(self, name)()
                step.shapes = step.shapes or (name,)
                return step
            except Dead:
                self.dice.used = before
        return self.update()

    # -- parts ---------------------------------------------------------------------------------

    def table(self, need=lambda t: True):
        """A target: mostly a table as users name it, sometimes a partition or child."""
        if self.dice.want("child_dml", 0.12):
            kids = [t for t in self.model.tables if t.kind in ("partition", "child") and need(t)]
            if kids:
                return self.dice.pick(kids)
        return self.dice.pick([t for t in self.model.roots() if need(t)])

    def scope(self, table, alias="t"):
        return Scope([Source(table.sql, alias, list(table.cols), table.key, True)])

    def where(self, table, alias="t"):
        """A condition that mostly hits few rows."""
        dice = self.dice
        roll = dice.int(0, 99)
        if table.key and roll < 45:
            col = table.key_cols()[0]
            return "%s.%s = %s" % (alias, col.sql, values.literal(dice, col.type, 0, values.KEY_DOMAIN))
        if roll < 55:
            return "true"
        if roll < 65:
            other = self.table()
            source = Source(other.sql, "e", list(other.cols), other.key, True)
            return "EXISTS (SELECT 1 FROM %s WHERE %s)" % (
                source.sql, self.exprs.link_eq(self.scope(table, alias), source) or "true")
        return self.exprs.simple_pred(self.scope(table, alias))

    def assignments(self, table, alias="t", cols=None, scope=None):
        """SET list: constants, NULL, other columns, small steps."""
        dice = self.dice
        free = cols or [c for c in table.writable() if c.name not in (table.key or ()) and not c.identity]
        if not free:
            raise Dead("no column to update")
        parts = []
        for col in dice.sample(free, dice.pick([1, 1, 2, 3])):
            parts.append("%s = %s" % (col.sql, self.new_value(table, col, alias, scope)))
        return parts[0] + "".join(optional(", " + p) for p in parts[1:])

    def new_value(self, table, col, alias, scope):
        dice = self.dice
        roll = dice.int(0, 9)
        if roll < 5:
            return self.rows.value(table, col)
        same = [s for s, c in (scope or self.scope(table, alias)).columns([col.type])]
        if roll < 7 and same:
            return dice.pick(same)
        if col.type in values.NUMBERS:
            return "(coalesce(%s.%s, 0) + %d) %% 5" % (alias, col.sql, dice.int(1, 3))
        if col.type == "jsonb":
            return "jsonb_set(coalesce(%s.%s, '{}'), '{owner}', '%d')" % (alias, col.sql, dice.int(0, 4))
        if col.type == "text[]":
            return "array_append(%s.%s, 'v%d')" % (alias, col.sql, dice.int(0, 4))
        return self.rows.value(table, col)

    # -- INSERT --------------------------------------------------------------------------------

    def insert(self):
        table = self.table()
        sql = self.rows.insert(table, self.dice.pick([1, 1, 1, 2, 3]))
        if table.kind != "parent" and not table.pk_deferrable and self.dice.chance(0.35):
            sql += " ON CONFLICT DO NOTHING"
        if self.dice.chance(0.15):
            sql += " RETURNING *"
        return Step(sql)

    def refill(self):
        table = self.table(lambda t: not t.pk_deferrable)
        return Step(self.rows.insert(table, self.dice.int(4, 8)) + " ON CONFLICT DO NOTHING")

    def insert_select(self):
        table, other = self.table(lambda t: not t.pk_deferrable), self.table()
        scope = self.scope(other, "o")
        cols = self.rows.columns(table)
        exprs = [self.exprs.expr(scope, c.type) if self.dice.chance(0.7) and not c.enforced
                 else self.rows.value(table, c) for c in cols]
        return Step("INSERT INTO %s (%s) SELECT %s FROM %s o WHERE %s LIMIT %d ON CONFLICT DO NOTHING" % (
            table.sql, ", ".join(c.sql for c in cols), ", ".join(exprs), other.sql,
            self.where(other, "o"), self.dice.int(1, 3)))

    def on_conflict(self):
        table = self.table(lambda t: t.key and t.kind != "child" and not t.pk_deferrable)
        cols = [c for c in table.writable() if c.notnull or c.name in table.key or self.dice.chance(0.8)]
        free = [c for c in cols if c.name not in table.key]
        if not free:
            raise Dead("nothing to set")
        sets = []
        for col in self.dice.sample(free, 2):
            sets.append("%s = %s" % (col.sql, self.dice.pick(["excluded." + col.sql, self.rows.value(table, col)])))
        sql = self.rows.insert(table, self.dice.pick([1, 1, 2]), cols)
        tail = " WHERE t.a IS DISTINCT FROM 0" if self.dice.chance(0.2) else ""
        return Step(sql.replace(" (", " AS t (", 1) + " ON CONFLICT (%s) DO UPDATE SET %s%s" % (
            ", ".join(ident(k) for k in table.key), ", ".join(sets), tail))

    def copy(self):
        sql, data = self.rows.copy(self.table(), self.dice.int(1, 3))
        return Step(sql, "copy", data=data)

    # -- UPDATE --------------------------------------------------------------------------------

    def update(self):
        table = self.table()
        return Step("UPDATE %s AS t SET %s WHERE %s" % (
            table.sql, self.assignments(table), self.where(table)))

    def update_key(self):
        """Keys, links and partition columns."""
        table = self.table()
        cols = [c for c in table.writable()
                if c.fk is not None or c.name in (table.key or ()) or c.name == table.part_col]
        if not cols:
            raise Dead("no key or link")
        col = self.dice.pick(cols)
        if col.type in values.NUMBERS and self.dice.chance(0.2):
            value = "t.%s + %d" % (col.sql, self.dice.int(1, 2))
        else:
            value = self.rows.value(table, col)
        return Step("UPDATE %s AS t SET %s = %s WHERE %s" % (table.sql, col.sql, value, self.where(table)))

    def update_from(self):
        table, other = self.table(), self.table()
        source = Source(other.sql, "o", list(other.cols), other.key, True)
        scope = self.scope(table)
        link = self.exprs.link(scope, source)
        return Step("UPDATE %s AS t SET %s FROM %s WHERE %s" % (
            table.sql, self.assignments(table, scope=scope.plus(Scope([source]))), source.sql, link))

    def update_equal(self):
        """Nothing changes: nothing may be written, and nothing may break."""
        table = self.table()
        cols = self.dice.sample([c for c in table.writable() if not c.identity], 2)
        return Step("UPDATE %s AS t SET %s WHERE %s" % (
            table.sql, ", ".join("%s = t.%s" % (c.sql, c.sql) for c in cols), self.where(table)))

    # -- DELETE, TRUNCATE ----------------------------------------------------------------------

    def delete(self):
        table = self.table()
        where = self.where(table)
        if where == "true" and self.dice.chance(0.7):
            where = self.exprs.simple_pred(self.scope(table))
        return Step("DELETE FROM %s AS t WHERE %s" % (table.sql, where))

    def delete_using(self):
        table, other = self.table(), self.table()
        source = Source(other.sql, "o", list(other.cols), other.key, True)
        link = self.exprs.link(self.scope(table), source)
        return Step("DELETE FROM %s AS t USING %s WHERE %s AND %s" % (
            table.sql, source.sql, link, self.exprs.simple_pred(self.scope(table))))

    def truncate(self):
        tables = self.dice.sample(self.model.roots(), self.dice.pick([1, 1, 2]))
        if self.dice.chance(0.2):
            tables = [self.table()]
        return Step("TRUNCATE %s%s" % (", ".join(t.sql for t in tables), self.dice.pick(["", " CASCADE"])),
                    allow=("0A000", "55006"))

    # -- MERGE ---------------------------------------------------------------------------------

    def merge(self):
        dice = self.dice
        table = self.table(lambda t: True)
        source, columns = self.merge_source(table)
        scope = self.scope(table)
        on = self.exprs.link_eq(scope, source)
        if not on:
            raise Dead("nothing to merge on")
        both = scope.plus(Scope([source]))
        clauses = []
        if dice.chance(0.4):
            clauses.append("WHEN MATCHED AND %s THEN %s" % (
                self.exprs.simple_pred(both), dice.pick(["DELETE", "DO NOTHING"])))
        clauses.append("WHEN MATCHED THEN UPDATE SET %s" % self.assignments(table, scope=both))
        if dice.chance(0.7):
            cols = self.rows.columns(table)
            exprs = [self.merge_value(table, c, source) for c in cols]
            clauses.append("WHEN NOT MATCHED THEN INSERT (%s) VALUES (%s)" % (
                ", ".join(c.sql for c in cols), ", ".join(exprs)))
        if self.model.version >= 170000 and dice.chance(0.2):
            clauses.append("WHEN NOT MATCHED BY SOURCE AND %s THEN DELETE" % self.exprs.simple_pred(scope))
        tail = " RETURNING merge_action(), t.*" if self.model.version >= 170000 and dice.chance(0.2) else ""
        return Step("MERGE INTO %s AS t USING %s ON %s %s%s" % (
            table.sql, source.sql, on, " ".join(optional(c) for c in clauses), tail))

    def merge_source(self, table):
        """Another table, or a list of values shaped like the target."""
        if self.dice.chance(0.5):
            other = self.table()
            return Source(other.sql, "o", list(other.cols), other.key, True), other.cols
        cols = table.writable()
        rows = ["(%s)" % ", ".join(values.literal(self.dice, c.type, 0.1, values.KEY_DOMAIN if c.name in
                                                  (table.key or ()) else values.DOMAIN) for c in cols)
                for _ in range(self.dice.int(1, 3))]
        text = "(SELECT * FROM (VALUES %s) v(%s))" % (", ".join(rows), ", ".join(c.sql for c in cols))
        return Source(text, "o", cols), cols

    def merge_value(self, table, col, source):
        same = [source.ref(c.name) for c in source.cols if c.type == col.type]
        named = [source.ref(c.name) for c in source.cols if c.name == col.name and c.type == col.type]
        if (same or named) and self.dice.chance(0.7):
            return self.dice.pick(named or same)
        return values.literal(self.dice, col.type, 0 if col.notnull else 0.2)

    # -- several tables at once ----------------------------------------------------------------

    def dml_cte(self):
        """Two or three tables changed by one statement, one fed by another."""
        dice = self.dice
        parts = []
        for i in range(dice.int(1, 2)):
            inner = self.step(self.SIMPLE)
            if inner.sql.startswith("MERGE") and self.model.version < 170000:
                raise Dead("MERGE in WITH needs 17")
            sql = inner.sql if "RETURNING" in inner.sql else inner.sql + " RETURNING *"
            parts.append("w%d AS (%s)" % (i, sql))
        last = self.step(self.SIMPLE)
        if last.sql.startswith("MERGE"):
            last = self.update()
        sql = last.sql
        if sql.startswith("UPDATE") and dice.chance(0.5):
            sql += " AND (SELECT count(*) FROM w0) >= 0"
        return Step("WITH %s %s" % (", ".join(parts), sql))

    def read_tview_dml(self):
        """The statement itself reads a TVIEW, so pending changes are flushed before it."""
        tview = self.dice.pick([t for t in self.model.tviews if not t.fragile])
        table = self.table()
        source = Source(tview.sql, "o", list(tview.cols), tview.sql_key)
        link = self.exprs.link_eq(self.scope(table), source)
        if not link:
            raise Dead("nothing to compare")
        if self.dice.chance(0.3):
            return Step("DELETE FROM %s AS t WHERE EXISTS (SELECT 1 FROM %s WHERE %s AND %s)" % (
                table.sql, source.sql, link, self.exprs.simple_pred(self.scope(table))))
        return Step("UPDATE %s AS t SET %s WHERE EXISTS (SELECT 1 FROM %s WHERE %s)" % (
            table.sql, self.assignments(table), source.sql, link))

    # -- plpgsql -------------------------------------------------------------------------------

    def compare_call(self):
        """plpgsql that fails with FZ001 when a TVIEW differs at this point."""
        tviews = [t for t in self.model.tviews if not t.fragile]
        if not tviews:
            return "PERFORM 1"
        tview = self.dice.pick(tviews)
        return ("IF fuzz.diff($v$%s$v$, $v$%s$v$) > 0 THEN RAISE EXCEPTION 'TVIEW differs inside plpgsql' "
                "USING ERRCODE = 'FZ001'; END IF" % (tview.view, tview.sql))

    def inner_change(self):
        sql = self.step(self.SIMPLE).sql
        for tail in (" RETURNING *", " RETURNING merge_action(), t.*"):
            sql = sql.replace(tail, "")
        return sql

    def do_block(self):
        parts = []
        for _ in range(self.dice.int(1, 3)):
            parts.append(optional(self.inner_change() + "; "))
            if self.dice.chance(0.5):
                parts.append(optional(self.compare_call() + "; "))
        return Step("DO $do$ BEGIN %sEND $do$" % "".join(parts))

    def do_exception(self):
        """Changes undone by an EXCEPTION block, with reads before, inside and after it."""
        dice = self.dice
        read = lambda p: optional(self.compare_call() + "; ") if dice.chance(p) else ""
        fail = dice.pick(["RAISE EXCEPTION 'undo'; ", "PERFORM 1 / 0; ", ""])
        return Step("DO $do$ BEGIN %s%sBEGIN %s; %s%sEXCEPTION WHEN SQLSTATE 'FZ001' THEN RAISE; "
                    "WHEN raise_exception OR division_by_zero OR integrity_constraint_violation THEN %sNULL; "
                    "END; %s%sEND $do$" % (
                        optional(self.inner_change() + "; "), read(0.4), self.inner_change(), read(0.6), fail,
                        optional(self.inner_change() + "; ") if dice.chance(0.4) else "", read(0.5),
                        optional(self.inner_change() + "; ") if dice.chance(0.4) else ""))

    def function_change(self):
        """A query that changes data through a function: one step makes and calls it."""
        name = "fuzz.change_%d" % self.model.next()
        body = "%s; %s; RETURN 1;" % (self.inner_change(), self.compare_call())
        return Step("CREATE FUNCTION %s() RETURNS int LANGUAGE plpgsql AS $fn$ BEGIN %s END $fn$ \\; "
                    "SELECT %s()" % (name, body, name))

    # -- errors --------------------------------------------------------------------------------

    def failing(self):
        """Changes rows, then fails: nothing of it may remain."""
        table = self.table()
        set_ = self.assignments(table)
        return Step(self.dice.pick([
            "UPDATE %s AS t SET %s WHERE 1 / (SELECT count(*) - count(*) FROM %s) > 0"
            % (table.sql, set_, table.sql),
            "DO $do$ BEGIN UPDATE %s AS t SET %s; RAISE EXCEPTION 'undo'; END $do$" % (table.sql, set_),
            "INSERT INTO %s (a) VALUES ('x'::int)" % table.sql,
        ]))
