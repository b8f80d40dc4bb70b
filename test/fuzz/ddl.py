"""DDL between and inside transactions: each method returns steps whose apply() keeps the model true."""

from .dice import Dead
from .model import Col, Step, Table, ident, optional
from . import values

# an object depends on it, pending trigger events, a row that no partition takes, overlap, ...
DDL_ALLOW = ("2BP01", "55006", "0A000", "42P17", "42P16", "23514", "23502", "42809", "55000", "42804")


class Ddl:
    WEIGHTS = {"rename_column": 4, "rename_table": 3, "set_schema": 2, "add_column": 3, "drop_column": 1.5,
               "alter_type": 1, "create_index": 2, "rewrite": 2, "attach": 25, "detach": 6,
               "new_partition": 6, "rename_schema": 2, "rename_tview": 3, "drop_base": 1.5, "inherit": 3, "drop_tview": 3, "create_tview": 4, "replace_view": 3,
               "replace_helper": 3, "tview_extras": 2}
    NOT_IN_TRANSACTION = ("rewrite",)

    def __init__(self, dice, model, maker):
        self.dice = dice
        self.model = model
        self.maker = maker

    def steps(self, in_transaction=False):
        weights = {k: v for k, v in self.WEIGHTS.items()
                   if not (in_transaction and k in self.NOT_IN_TRANSACTION)}
        for _ in range(15):
            before = self.dice.used.copy()
            try:
                name = self.dice.choose(weights)
                steps = getattr(self, name)()
                for step in steps:
                    step.ddl = True
                    step.allow = step.allow or DDL_ALLOW
                steps[0].shapes += (name,)
                return steps
            except Dead:
                self.dice.used = before
        return []

    def alter(self, table, what, apply=None):
        return [Step("ALTER TABLE %s %s" % (table.sql, what), "ddl", apply=apply)]

    # -- names ---------------------------------------------------------------------------------

    def rename_column(self):
        table = self.dice.pick(self.model.roots())
        col = self.dice.pick([c for c in table.cols if c.name != "a"])
        new = "%s_r%d" % (col.name[:20], self.model.next())
        old = col.name

        def apply(model):
            for rel in model.tables:
                if rel is table or rel.parent is table and rel.attached:
                    self.rename_in(rel, old, new)
            for other in model.tables:
                for c in other.cols:
                    if c.fk is table and c.fk_col == old:
                        c.fk_col = new
        return self.alter(table, "RENAME COLUMN %s TO %s" % (ident(old), ident(new)), apply)

    @staticmethod
    def rename_in(rel, old, new):
        for col in rel.cols:
            if col.name == old:
                col.name = new
        if rel.key:
            rel.key = tuple(new if k == old else k for k in rel.key)
        if rel.part_col == old:
            rel.part_col = new

    def rename_table(self):
        table = self.movable()
        new = "%s_r%d" % (table.name[:20], self.model.next())
        return self.alter(table, "RENAME TO %s" % ident(new), lambda m: self.moved(table, name=new))

    def set_schema(self):
        table = self.movable()
        others = [s for s in self.model.schemas if s != table.schema]
        new = self.dice.pick(others)
        return self.alter(table, "SET SCHEMA %s" % ident(new), lambda m: self.moved(table, schema=new))

    def movable(self):
        return self.dice.pick([t for t in self.model.tables if t.sql not in self.model.pinned])

    def moved(self, table, name=None, schema=None):
        """Views remember what they use by its name in the model."""
        old = table.sql
        table.name, table.schema = name or table.name, schema or table.schema
        for rel in self.model.views + self.model.tviews:
            rel.uses = tuple(table.sql if u == old else u for u in rel.uses)

    def rename_schema(self):
        model = self.model
        old = self.dice.pick([s for s in model.schemas if s != "public"
                              and not any(name.startswith(ident(s) + ".") for name in model.pinned)])
        new = "s_%d" % model.next()

        def apply(model):
            model.schemas = [new if s == old else s for s in model.schemas]
            for rel in model.tables + model.views + model.tviews:
                if rel.schema == old:
                    self.moved(rel, schema=new)
        return [Step("ALTER SCHEMA %s RENAME TO %s" % (ident(old), ident(new)), "ddl", apply=apply)]

    def drop_base(self):
        """What stands on it goes with it."""
        if self.maker.dry or len(self.model.roots()) < 4:
            raise Dead("keep it")
        table = self.dice.pick([t for t in self.model.roots() if t.sql not in self.model.pinned])
        gone = [table] + [c for c in table.children if c.attached]
        names = [t.sql for t in gone]
        others = self.model.dependents(names)

        def apply(model):
            model.forget(others)
            model.tables = [t for t in model.tables if t not in gone]
            for rel in model.tables:
                rel.parent = None if rel.parent is table else rel.parent
                rel.kind = "plain" if rel.parent is None and rel.kind in ("partition", "child") else rel.kind
                for col in rel.cols:
                    if col.fk is table:
                        col.fk, col.enforced = None, False
        return [Step("DROP TABLE %s CASCADE" % table.sql, "ddl", apply=apply)]

    # -- columns -------------------------------------------------------------------------------

    def add_column(self):
        table = self.dice.pick(self.model.roots())
        type_ = self.dice.pick(["int", "text", "date"])
        col = Col("new_%d" % self.model.next(), type_)
        default = " DEFAULT " + values.literal(self.dice, type_) if self.dice.chance(0.5) else ""

        def apply(model):
            for rel in model.tables:
                if rel is table or rel.parent is table and rel.attached:
                    rel.cols.append(col if rel is table else Col(col.name, col.type))
        return self.alter(table, "ADD COLUMN %s %s%s" % (col.sql, values.sql_type(type_), default), apply)

    def drop_column(self):
        """Only columns that no key, link or partition needs; a view that uses it refuses."""
        table = self.dice.pick(self.model.roots())
        keep = set(table.key or ()) | {table.part_col, "a"}
        if table.sql in self.model.pinned:
            raise Dead("a function may name the column")
        col = self.dice.pick([c for c in table.cols if c.name not in keep and c.fk is None and not c.generated])
        old = col.name

        def apply(model):
            for rel in model.tables:
                if rel is table or rel.parent is table and rel.attached:
                    rel.cols = [c for c in rel.cols if c.name != old]
        return self.alter(table, "DROP COLUMN %s" % col.sql, apply)

    def alter_type(self):
        table = self.dice.pick(self.model.roots())
        col = self.dice.pick([c for c in table.cols if c.type == "int" and c.fk is None and not c.identity
                              and c.name not in ("a", table.part_col) and c.name not in (table.key or ())
                              and not any(o.fk is table for t in self.model.tables for o in t.cols)])
        old = col.name

        def apply(model):
            for rel in model.tables:
                if rel is table or rel.parent is table and rel.attached:
                    for c in rel.cols:
                        if c.name == old:
                            c.type = "bigint"
        return self.alter(table, "ALTER COLUMN %s TYPE bigint" % col.sql, apply)

    # -- storage -------------------------------------------------------------------------------

    def create_index(self):
        table = self.dice.pick(self.model.tables)
        col = self.dice.pick([c for c in table.cols if c.type in values.GROUP_TYPES and not c.generated])
        return [Step("CREATE INDEX ON %s (%s)" % (table.sql, col.sql), "ddl")]

    def rewrite(self):
        rel = self.dice.pick(self.model.tables + self.model.tviews)
        return [Step("%s %s" % (self.dice.pick(["VACUUM FULL", "ANALYZE", "VACUUM", "REINDEX TABLE"]), rel.sql),
                     "ddl")]

    # -- partitions and children ---------------------------------------------------------------

    def partition(self, attached, kind="partition"):
        return self.dice.pick([t for t in self.model.tables if t.kind == kind and t.attached == attached])

    def detach(self):
        part = self.partition(True)

        def apply(model):
            part.attached = False
            part.cols = [Col(c.name, c.type, c.notnull, c.generated, fk=c.fk, enforced=c.enforced,
                             fk_col=c.fk_col) for c in part.cols]
        return self.alter(part.parent, "DETACH PARTITION %s" % part.sql, apply)

    def attach(self):
        part = self.partition(False)

        def apply(model):
            part.attached = True
        names = [c.name for c in part.cols]
        if sorted(names) != sorted(c.name for c in part.parent.cols):
            raise Dead("columns have changed meanwhile")
        return self.alter(part.parent, "ATTACH PARTITION %s %s" % (part.sql, part.bounds), apply)

    def new_partition(self):
        """Another one in place of a detached one."""
        old = self.partition(False)
        part = Table(old.schema, "%s_n%d" % (old.parent.name[:20], self.model.next()), list(old.parent.cols),
                     key=old.parent.key, kind="partition", parent=old.parent, bounds=old.bounds,
                     part_col=old.parent.part_col, serial=old.serial)

        def apply(model):
            old.parent.children.append(part)
            model.tables.append(part)
        return [Step("CREATE TABLE %s PARTITION OF %s %s" % (part.sql, old.parent.sql, part.bounds), "ddl",
                     apply=apply)]

    def inherit(self):
        kids = [t for t in self.model.tables if t.kind == "child"]
        kid = self.dice.pick(kids)

        def apply(model):
            kid.attached = not kid.attached
            kid.cols = [Col(c.name, c.type, c.notnull, c.generated, fk=c.fk) for c in kid.cols]
        word = "NO INHERIT" if kid.attached else "INHERIT"
        return self.alter(kid, "%s %s" % (word, kid.parent.sql), apply)

    # -- TVIEWs and views ----------------------------------------------------------------------

    def drop_tview(self):
        if len(self.model.tviews) < 2:
            raise Dead("keep one")
        return self.maker.drop_steps(self.dice.pick(self.model.tviews))

    def create_tview(self):
        if len(self.model.tviews) > 4:
            raise Dead("enough TVIEWs")
        return self.maker.tview_steps()

    def rename_tview(self):
        """The view follows its table."""
        if self.maker.dry:
            raise Dead("only the engine does that")
        tview = self.dice.pick(self.model.tviews)
        kind = self.dice.int(0, 2)
        if kind == 0:
            entity = "q%d" % self.model.next()

            def apply(model):
                self.moved(tview, name="tv_" + entity)
                tview.entity = entity
            return self.alter(tview, "RENAME TO tv_" + entity, apply)
        if kind == 1:
            new = self.dice.pick([s for s in self.model.schemas if s != tview.schema])
            return self.alter(tview, "SET SCHEMA " + ident(new), lambda m: self.moved(tview, schema=new))
        col = self.dice.pick([c for c in tview.cols if c.name not in tview.key])
        new = "c_r%d" % self.model.next()

        def renamed(model):
            col.name = new
        return self.alter(tview, "RENAME COLUMN %s TO %s" % (col.sql, new), renamed)

    def replace_view(self):
        tview = self.dice.pick([t for t in self.model.tviews if t.replaced < 2 and not t.fragile])
        return [self.maker.replace_step(tview, tview.view)]

    def replace_helper(self):
        view = self.dice.pick([v for v in self.model.views if v.replaced < 2])
        return [self.maker.replace_step(view, view.sql)]

    def tview_extras(self):
        """What users add to tv_x themselves."""
        tview = self.dice.pick(self.model.tviews)
        n = self.model.next()
        key = tview.key_cols()[0]

        def apply(model):
            tview.extras += 1
        sql = self.dice.pick([
            "ALTER TABLE %s ADD COLUMN extra_%d int DEFAULT 7" % (tview.sql, n),
            "ALTER TABLE %s ADD COLUMN extra_%d text GENERATED ALWAYS AS ('x') STORED" % (tview.sql, n),
            "CREATE INDEX ON %s (%s)" % (tview.sql, key.sql),
        ])
        return [Step(sql, "ddl", apply=apply)]
