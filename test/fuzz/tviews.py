"""Making helper views and TVIEWs, replacing their definitions, dropping them."""

from .dice import Dead
from .model import Step, TView, View, ident, plain_sql
from .queries import NAMES, Queries, is_by_key
from . import shapes, values

TRIES = 60
# what creating may raise when the data or the construct is refused: see session.judge
CREATE_ALLOW = ()


class TviewMaker:
    def __init__(self, dice, model, probe, dry):
        """probe(sql, key) -> why the query cannot be used now, or None."""
        self.dice = dice
        self.model = model
        self.probe = probe
        self.dry = dry

    # -- helper views --------------------------------------------------------------------------

    def helper_step(self):
        """A plain view; it may read other views and, rarely, a TVIEW."""
        query, used, uses = self.try_queries(lambda q: q.query(1), 3)
        name = "vh_%d" % self.model.next()
        view = View(self.dice.pick(self.model.schemas), name, query.cols, query.key or None, uses=uses)
        return Step("CREATE VIEW %s AS %s" % (view.sql, query.sql), "setup", group="view:" + name,
                    ddl=True, shapes=tuple(used), apply=lambda m: m.views.append(view))

    # -- TVIEWs --------------------------------------------------------------------------------

    def try_queries(self, make, budget, accept=lambda used: True):
        """Generate until one is valid on the data there is; the shapes of failed tries do not count."""
        before = self.dice.used.copy()
        for _ in range(TRIES):
            self.dice.used.clear()
            queries = Queries(self.dice, self.model, budget)
            try:
                query = make(queries)
                used = dict(self.dice.used)
                if accept(used) and self.probe(plain_sql(query.sql), query.key) is None:
                    self.dice.used = before
                    return query, used, tuple(queries.uses)
            except Dead:
                pass
        self.dice.used = before
        raise Dead("no usable query")

    def tview_steps(self, group=None, fragile=False):
        dice, model = self.dice, self.model
        full = dice.chance(0.12)
        wanted = dice.shape if dice.shape in shapes.BY_KEY or dice.shape in shapes.IN_FULL else None
        if wanted in shapes.IN_FULL:
            full = True
        entity = self.entity()
        names = ("pk_" + entity,) + NAMES[1:]
        depth = dice.pick([0, 1, 1, 2, 2, 2])

        def make(queries):
            if fragile:
                return self.fragile_query(queries, depth, names)
            return queries.query(depth, names, full)

        accept = lambda used: wanted is None or wanted in used or fragile
        query, used, uses = self.try_queries(make, dice.pick([2, 4, 7, 7]), accept)
        tview = TView(dice.pick(model.schemas), "tv_" + entity, query.cols, query.key, uses, entity=entity,
                      sql_key=query.key, by_key=is_by_key(used), fragile=fragile, shapes=tuple(used), query=plain_sql(query.sql))
        steps = self.create_steps(tview, query, group or "tview:" + entity)
        for step in steps:
            step.shapes = tuple(used)
        steps[-1].apply = lambda m: m.tviews.append(tview)
        return steps

    def entity(self):
        name = "q%d" % self.model.next()
        if self.dice.want("quoted_name", 0.06):
            name = self.dice.pick(["Q%d", "my q%d", "\u00e9%d"]) % self.model.next()
        return name

    def fragile_query(self, queries, depth, names):
        """Claims the first source's key, but an inner join may multiply its rows some day."""
        first = queries.source(0, keyed=True)
        from .relations import Scope
        scope = Scope([first])
        second = queries.source(0)
        cond = queries.link(scope, second)
        scope.add(second)
        self.dice.note("fragile_key")
        return queries.select(names, first.key_refs(), queries.items(scope, 1),
                              "%s JOIN %s ON %s" % (first.sql, second.sql, cond))

    def create_steps(self, tview, query, group):
        step = lambda sql: Step(sql, "tview", group=group, ddl=True)
        if self.dry:
            return [step("CREATE VIEW %s AS %s" % (tview.view, query.sql)),
                    step("CREATE TABLE %s AS SELECT * FROM %s" % (tview.sql, tview.view))]
        by_name = len(query.key) == 1
        kind = self.dice.int(0, 19)
        if not by_name or kind < 6:
            return [step(self.create_call(tview, query))]
        if kind == 6:
            return [step("CREATE TABLE IF NOT EXISTS %s AS %s WITH NO DATA" % (tview.sql, query.sql))]
        if kind == 7:
            return [step("DO $do$ BEGIN CREATE TABLE %s AS %s; END $do$" % (tview.sql, query.sql))]
        if kind == 8:
            return [step("SELECT * INTO %s FROM (%s) made" % (tview.sql, query.sql))]
        return [step("CREATE TABLE %s AS %s" % (tview.sql, query.sql))]

    def create_call(self, tview, query):
        keys = ""
        if len(query.key) > 1 or self.dice.chance(0.3):
            keys = ", key_columns => ARRAY[%s]" % ", ".join("'%s'" % k for k in query.key)
        return "SELECT public.pg_tviews_create('%s', $q$%s$q$%s)" % (tview.sql, query.sql, keys)

    # -- later ---------------------------------------------------------------------------------

    def drop_steps(self, tview):
        """DROP TABLE with what depends on it, if anything."""
        others = self.model.dependents([tview.sql])
        drop = [Step("DROP TABLE %s%s" % (tview.sql, " CASCADE" if others else ""), "ddl", ddl=True,
                     apply=lambda m: m.forget(others | {tview.sql}))]
        if self.dry:
            drop.append(Step("DROP VIEW %s%s" % (tview.view, " CASCADE" if others else ""), "ddl", ddl=True))
        return drop

    def replace_step(self, rel, view_sql):
        """The same columns over fewer rows: the old definition with one more condition."""
        from .expressions import Expressions
        from .relations import Scope, Source
        cols = [c for c in rel.cols]
        pred = Expressions(self.dice).simple_pred(Scope([Source("", "q", cols)]))
        body = "rtrim(pg_get_viewdef('%s'::regclass), ';')" % view_sql
        sql = ("DO $do$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW %s AS SELECT %s FROM (' || %s || $q$) q WHERE %s$q$;"
               " END $do$" % (view_sql, ", ".join("q." + c.sql for c in cols), body, pred))

        def count(model):
            rel.replaced += 1
        return Step(sql, "ddl", ddl=True, apply=count)
