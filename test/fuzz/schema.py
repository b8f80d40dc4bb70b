"""Random base tables, their rows, and user triggers."""

from .model import Col, Model, Step, Table, ident, optional
from . import values

ENTITIES = ("user", "post", "comment", "tag", "team", "item", "event", "node")
ODD_NAMES = ("tb_Order", "tb_select", "user", "My Table", "tb_\u00fcber")
ACTIONS = {
    "DELETE": ("NO ACTION", "CASCADE", "CASCADE", "SET NULL", "SET NULL", "SET DEFAULT", "RESTRICT"),
    "UPDATE": ("NO ACTION", "CASCADE", "CASCADE", "SET NULL"),
}


class SchemaMaker:
    """Yields the steps that make 3 to 8 tables, and leaves their description in self.model."""

    def __init__(self, dice, version, two_phase):
        self.dice = dice
        self.model = Model(version=version, two_phase=two_phase, schemas=["public"])

    def steps(self):
        dice = self.dice
        if dice.chance(0.35):
            name = dice.pick(["app", "My Schema"])
            self.model.schemas.append(name)
            yield Step("CREATE SCHEMA %s" % ident(name), kind="setup", group="schema")
        entities = dice.shuffled(ENTITIES)[:dice.pick([3, 3, 4, 4, 5, 6, 8])]
        for entity in entities:
            table = self.describe(entity)
            self.model.tables.append(table)
            yield from self.create(table)
        for table in self.model.roots():
            yield from self.fill(table)
        if self.dice.want("user_trigger", 0.12):
            yield from self.trigger()

    # -- description ---------------------------------------------------------------------------

    def describe(self, entity):
        dice = self.dice
        name = "tb_" + entity
        if dice.want("quoted_name", 0.12):
            taken = {t.name for t in self.model.tables}
            name = dice.pick([n for n in ODD_NAMES if n not in taken])
        table = Table(dice.pick(self.model.schemas), name, [], serial=self.model.next())
        table.kind = self.table_kind()
        self.add_key(table, entity)
        self.add_links(table)
        self.add_columns(table)
        self.place_generated(table)
        if table.kind == "partitioned":
            self.choose_partition_column(table)
        return table

    def table_kind(self):
        if self.dice.want("partitioned", 0.16):
            return "partitioned"
        if self.dice.want("inherited", 0.1):
            return "parent"
        return "plain"

    def add_key(self, table, entity):
        dice = self.dice
        if dice.want("no_pk", 0.2):
            return
        if dice.want("composite_pk", 0.14):
            table.cols += [Col("k1", dice.pick(["int", "text"]), True),
                           Col("k2", dice.pick(values.KEY_TYPES), True)]
            table.key = ("k1", "k2")
        else:
            name = dice.pick(["pk_" + entity] * 3 + ["id"])
            type_ = dice.pick(["int"] * 6 + ["bigint", "bigint", "uuid", "text", "date"])
            identity = type_ == "int" and table.kind == "plain" and dice.want("identity", 0.15)
            table.cols.append(Col(name, type_, True, identity=identity))
            table.key = (name,)
        table.pk_deferrable = table.kind == "plain" and dice.want("deferrable_pk", 0.1)

    def add_links(self, table):
        """Columns that point to another table's key, with or without a constraint."""
        dice = self.dice
        targets = [t for t in self.model.roots() if t.key and len(t.key) == 1]
        for _ in range(dice.pick([0, 1, 1, 1, 2])):
            own = table.key and len(table.key) == 1 and dice.chance(0.2)
            target = table if own else (dice.pick(targets) if targets else None)
            if target is None:
                return
            pk = target.key_cols()[0]
            name = "fk_" + target.name.replace("tb_", "").replace(" ", "_").lower()
            while any(c.name == name for c in table.cols):
                name += "_2"
            type_ = pk.type
            enforced = (not target.pk_deferrable and target.kind != "parent"
                        and dice.want("foreign_key", 0.55))
            if not enforced and type_ in values.NUMBERS and dice.chance(0.3):
                type_ = dice.pick(values.NUMBERS)
            table.cols.append(Col(name, type_, dice.chance(0.15), fk=target, enforced=enforced,
                                  fk_col=pk.name))

    def add_columns(self, table):
        dice = self.dice
        names = {"a"} | set(dice.sample(values.COLUMNS, dice.int(3, 6)))
        if dice.chance(0.3):
            names |= {"lo", "hi"}
        for name in sorted(names):
            table.cols.append(Col(name, values.COLUMNS[name], dice.chance(0.1)))
        table.cols = dice.shuffled(table.cols)

    def place_generated(self, table):
        if self.dice.want("generated", 0.12):
            table.cols.append(Col("gen_a", "int", generated=True))

    def choose_partition_column(self, table):
        names = table.key or [c.name for c in table.cols
                              if c.type in values.KEY_TYPES and not c.generated]
        table.part_col = self.dice.pick(names)

    # -- DDL -----------------------------------------------------------------------------------

    def create(self, table):
        group = "table:%d" % table.serial
        hole = self.dice.want("dropped_column", 0.12)
        lines = (["zz_gone int"] if hole else []) + [self.column_sql(table, c) for c in table.cols]
        if table.key:
            lines.append("PRIMARY KEY (%s)%s" % (", ".join(ident(k) for k in table.key),
                                                 " DEFERRABLE" if table.pk_deferrable else ""))
        tail = ""
        if table.kind == "partitioned":
            self.method = self.dice.pick(["RANGE", "LIST", "HASH"])
            tail = " PARTITION BY %s (%s)" % (self.method, ident(table.part_col))
        # never without the primary key: the keys of queries stand on it
        body = lines[0] + "".join(", " + line if line.startswith("PRIMARY") else optional(", " + line)
                                  for line in lines[1:])
        yield Step("CREATE TABLE %s (%s)%s" % (table.sql, body, tail), "setup", group=group)
        if hole:
            yield Step("ALTER TABLE %s DROP COLUMN zz_gone" % table.sql, "setup", group=group)
        if table.kind == "partitioned":
            yield from self.partitions(table, group)
        elif table.kind == "parent":
            yield from self.child(table, group)
        if self.dice.chance(0.3):
            col = self.dice.pick([c for c in table.cols if c.type in values.GROUP_TYPES and not c.generated])
            yield Step("CREATE INDEX ON %s (%s)" % (table.sql, col.sql), "setup", group=group)

    def column_sql(self, table, col):
        parts = [col.sql, values.sql_type(col.type)]
        if col.identity:
            parts.append("GENERATED BY DEFAULT AS IDENTITY")
        if col.generated:
            # from 18 on, virtual columns hold nothing in the tuple: a trap for transition tables
            kind = "VIRTUAL" if self.model.version >= 180000 and self.dice.chance(0.4) else "STORED"
            parts.append("GENERATED ALWAYS AS (a + 1) " + kind)
        if col.notnull:
            parts.append("NOT NULL")
        if col.enforced:
            parts.append(self.reference(table, col))
        return " ".join(parts)

    def reference(self, table, col):
        dice = self.dice
        text = "REFERENCES %s (%s) ON DELETE %s ON UPDATE %s" % (
            col.fk.sql, ident(col.fk_col), dice.pick(ACTIONS["DELETE"]), dice.pick(ACTIONS["UPDATE"]))
        if dice.want("deferrable_fk", 0.35):
            text += " DEFERRABLE INITIALLY " + dice.pick(["DEFERRED", "IMMEDIATE"])
        if dice.chance(0.3):
            text = "DEFAULT %s %s" % (values.constant(None, col.type, dice.int(0, 3)), text)
        return text

    def bounds(self, table):
        """Two ordinary partitions and mostly a default one."""
        type_ = table.col(table.part_col).type
        val = lambda i: values.constant(None, type_, i)
        cut = 5 if table.key else 2
        if self.method == "HASH":
            return ["FOR VALUES WITH (MODULUS 2, REMAINDER %d)" % i for i in (0, 1)]
        if self.method == "RANGE":
            both = ["FOR VALUES FROM (MINVALUE) TO (%s)" % val(cut),
                    "FOR VALUES FROM (%s) TO (MAXVALUE)" % val(cut)]
        else:
            both = ["FOR VALUES IN (%s)" % ", ".join(val(i) for i in range(0, cut)),
                    "FOR VALUES IN (%s)" % ", ".join(val(i) for i in range(cut, cut + 3))]
        return both + (["DEFAULT"] if self.dice.chance(0.85) else [])

    def partitions(self, table, group):
        for i, bound in enumerate(self.bounds(table), 1):
            part = Table(table.schema, "%s_p%d" % (table.name, i), list(table.cols), key=table.key,
                         kind="partition", parent=table, bounds=bound, part_col=table.part_col,
                         serial=table.serial)
            table.children.append(part)
            self.model.tables.append(part)
            yield from self.make_partition(table, part, group)

    def make_partition(self, table, part, group):
        generated = any(c.generated for c in table.cols)
        if not generated and self.dice.want("attach_reordered", 0.25):
            cols = ", ".join("%s %s%s" % (c.sql, values.sql_type(c.type), " NOT NULL" if c.notnull else "")
                             for c in self.dice.shuffled(table.cols))
            yield Step("CREATE TABLE %s (zz_gone int, %s)" % (part.sql, cols), "setup", group=group)
            yield Step("ALTER TABLE %s DROP COLUMN zz_gone" % part.sql, "setup", group=group)
            yield Step("ALTER TABLE %s ATTACH PARTITION %s %s" % (table.sql, part.sql, part.bounds),
                       "setup", group=group)
            return
        sub = ""
        if self.dice.chance(0.15):
            sub = " PARTITION BY HASH (%s)" % ident(table.part_col)
        yield Step("CREATE TABLE %s PARTITION OF %s %s%s" % (part.sql, table.sql, part.bounds, sub),
                   "setup", group=group)
        for i in (0, 1) if sub else ():
            name = "%s.%s" % (ident(part.schema), ident("%s_s%d" % (part.name, i)))
            yield Step("CREATE TABLE %s PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER %d)"
                       % (name, part.sql, i), "setup", group=group)

    def child(self, table, group):
        """An inherited child has no share in the parent's primary key: the parent loses its key."""
        kid = Table(table.schema, table.name + "_kid", table.cols + [Col("extra", "int")],
                    kind="child", parent=table, serial=table.serial)
        table.children.append(kid)
        self.model.tables.append(kid)
        yield Step("CREATE TABLE %s (extra int) INHERITS (%s)" % (kid.sql, table.sql), "setup", group=group)

    # -- rows ----------------------------------------------------------------------------------

    def fill(self, table):
        rows = RowMaker(self.dice)
        for target in [table] + [c for c in table.children if c.kind == "child"]:
            yield Step(rows.insert(target, self.dice.int(4, 9)) + " ON CONFLICT DO NOTHING"
                       if not target.pk_deferrable else rows.insert(target, 4),
                       "setup", group="table:%d" % table.serial)

    # -- triggers ------------------------------------------------------------------------------

    def trigger(self):
        """A change of one table changes another one, behind the statement's back."""
        dice = self.dice
        source, target = dice.pick(self.model.roots()), dice.pick(self.model.roots())
        action = dice.pick([
            "UPDATE %s SET a = (coalesce(a, 0) + 1) %% 5" % target.sql,
            "UPDATE %s SET a = 3 WHERE a = 1" % target.sql,
            "DELETE FROM %s WHERE a = 4" % target.sql,
        ])
        level = dice.pick(["ROW", "STATEMENT"])
        when = dice.pick(["BEFORE", "AFTER"])
        self.model.pinned = (target.sql,)
        yield Step("""CREATE FUNCTION public.user_trigger() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  IF pg_trigger_depth() < 2 THEN
    %s;
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $fn$""" % action, "setup", group="trigger")
        yield Step("CREATE TRIGGER %s %s %s ON %s FOR EACH %s EXECUTE FUNCTION public.user_trigger()"
                   % (dice.pick(["aa_user", "zz_user"]), when,
                      dice.pick(["INSERT OR UPDATE OR DELETE", "UPDATE", "INSERT"]), source.sql, level),
                   "setup", group="trigger")


class RowMaker:
    """Random rows and values for one table."""

    def __init__(self, dice):
        self.dice = dice

    def value(self, table, col, subselect=True):
        """A value for the column; for an enforced link mostly one that exists."""
        dice = self.dice
        is_key = table.key and col.name in table.key
        null = 0 if col.notnull or is_key else 0.2
        domain = values.KEY_DOMAIN if is_key or col.fk else values.DOMAIN
        if col.enforced and subselect and not is_key and dice.chance(0.75):
            pk = ident(col.fk_col)
            return "(SELECT %s FROM %s WHERE %s >= %s ORDER BY %s LIMIT 1)" % (
                pk, col.fk.sql, pk, values.literal(dice, col.type, 0, 6), pk)
        return values.literal(dice, col.type, null, domain)

    def columns(self, table):
        """The columns an INSERT names: all that are needed, sometimes not all."""
        cols = table.writable()
        cols = [c for c in cols if not (c.identity and self.dice.chance(0.3))]
        if self.dice.chance(0.25):
            cols = [c for c in cols if c.notnull or self.dice.chance(0.7)] or cols
        return cols

    def insert(self, table, count, cols=None):
        cols = cols or self.columns(table)
        rows = ["(%s)" % ", ".join(self.value(table, c) for c in cols) for _ in range(count)]
        body = rows[0] + "".join(optional(", " + r) for r in rows[1:])
        return "INSERT INTO %s (%s) VALUES %s" % (table.sql, ", ".join(c.sql for c in cols), body)

    def copy(self, table, count):
        """COPY FROM stdin: its statement and its data."""
        cols = self.columns(table)
        lines = []
        for _ in range(count):
            lines.append("\t".join(self.copy_value(table, c) for c in cols))
        sql = "COPY %s (%s) FROM stdin" % (table.sql, ", ".join(c.sql for c in cols))
        return sql, "".join(line + "\n" for line in lines)

    def copy_value(self, table, col):
        is_key = table.key and col.name in table.key
        domain = values.KEY_DOMAIN if is_key or col.fk else values.DOMAIN
        return values.copy_text(self.dice, col.type, 0 if col.notnull or is_key else 0.2, domain)
