"""Random queries, composed of each other, each with a key that holds for all data.

A form (rows, grouped, distinct, ...) makes a Query.  A source of a form may be a composed query
again.  Sublinks and LATERAL take a scope and link a new source to it.
"""

from .dice import Dead
from .expressions import Expressions, TAGS
from .model import Col, Table, ident, optional
from .relations import Query, Scope, Source
from .windows import Windows
from . import shapes, values

NAMES = ("k1", "k2", "k3")


class Queries(Windows, Expressions):
    def __init__(self, dice, model, budget=7):
        super().__init__(dice)
        self.model = model
        self.budget = budget             # how many sources the whole query may still get
        self.ctes = []
        self.uses = set()
        self.aliases = 0

    # -- sources -------------------------------------------------------------------------------

    def alias(self):
        self.aliases += 1
        return "s%d" % self.aliases

    def source(self, depth, keyed=False, base=False):
        """A new source.  keyed: one whose key is known.  base: a table."""
        self.budget -= 1
        options = {"base": 60}
        if not base:
            options["helper"] = 14 if any(v.key or not keyed for v in self.model.views) else 0
            options["tview"] = 22 if self.model.tviews and "tview_source" not in self.dice.without else 0
            options["cte"] = 40 if any(c.key or not keyed for c in self.ctes) else 0
            options["query"] = 16 if depth > 0 and self.budget > 1 else 0
            options["set"] = 7 if self.model_has_key() and "set_source" not in self.dice.without else 0
        shape = self.dice.shape
        for kind, name in (("helper", "helper_view"), ("tview", "tview_source"), ("query", "subquery"),
                           ("set", "set_source"), ("set", "collated_set")):
            if shape == name and options.get(kind):
                options[kind] *= 10
        if base or not self.model_has_key():
            keyed_ok = not keyed or self.model_has_key()
            if not keyed_ok:
                options = dict(options, base=0, query=1)
        kind = self.dice.rng.choices(list(options), list(options.values()))[0]
        if kind == "base":
            return self.source_base(depth, keyed, base)
        return getattr(self, "source_" + kind)(depth, keyed)

    def model_has_key(self):
        return any(t.key and t.kind != "parent" and not t.pk_deferrable for t in self.model.roots())

    def source_base(self, depth, keyed, base=False):
        dice = self.dice
        tables = [t for t in self.model.tables if t.attached and t.kind not in ("partition", "child")]
        if dice.want("partition_source", 0.05):
            parts = [t for t in self.model.tables if t.kind in ("partition", "child") and (t.key or not keyed)]
            tables = parts or tables
        if keyed:
            tables = [t for t in tables if t.key and t.kind != "parent" and not t.pk_deferrable] or \
                     [t for t in tables if t.key and t.kind == "parent" and not t.pk_deferrable]
        table = dice.pick(tables)
        if any(table.sql in u for u in self.uses):
            dice.used["self_join"] += 1
        self.uses.add(table.sql)
        # a deferred key may be doubled until the end of the transaction, for all to see
        text, key = table.sql, None if table.pk_deferrable else table.key
        if table.kind == "parent":
            only = keyed or dice.want("only", 0.2)
            if only and keyed:
                dice.note("only")
            text, key = ("ONLY " + text, key) if only else (text, None)
        texts = [c for c in table.cols if c.type == "text"]
        if texts and not base and dice.want("fenced_cast", 0.06):
            return self.fenced(text, table, key, dice.pick(texts))
        return Source(text, self.alias(), list(table.cols), key, is_base=True)

    def fenced(self, text, table, key, col):
        """Only 'v1' is a number without its 'v', and OFFSET 0 keeps the cast behind the condition."""
        name = "t.%s" % col.sql
        sql = "(SELECT %s, replace(%s, 'v', '')::int AS cast_n FROM %s AS t WHERE %s ~ '^v[0-9]$' OFFSET 0)" % (
            ", ".join("t." + c.sql for c in table.cols), name, text, name)
        return Source(sql, self.alias(), list(table.cols) + [Col("cast_n", "int")], key)

    def source_helper(self, depth, keyed):
        view = self.dice.pick([v for v in self.model.views if v.key or not keyed])
        self.dice.note("helper_view")
        self.uses.add(view.sql)
        return Source(view.sql, self.alias(), list(view.cols), view.key)

    def source_tview(self, depth, keyed):
        tviews = [t for t in self.model.tviews if not t.fragile]
        tview = self.dice.pick(tviews)
        self.dice.note("tview_source")
        self.uses.add(tview.sql)
        return Source(tview.sql, self.alias(), list(tview.cols), tview.sql_key)

    def source_cte(self, depth, keyed):
        cte = self.dice.pick([c for c in self.ctes if c.key or not keyed])
        return Source(cte.text, self.alias(), cte.cols, cte.key)

    def source_query(self, depth, keyed):
        self.dice.note("subquery")
        query = self.query(depth - 1)
        return Source("(%s)" % query.sql, self.alias(), query.cols, query.key)

    def source_set(self, depth, keyed):
        """A UNION of two tables: rows of both share groups, partitions and partners."""
        self.dice.note("set_source")
        one, two = self.source_base(0, True, True), self.source_base(0, True, True)
        types = [tuple(t for _, t in s.key_refs()) for s in (one, two)]
        if len(types[0]) != 1 or len(types[1]) != 1:
            raise Dead("key would have too many columns")
        if all(t[0] in values.NUMBERS for t in types) and self.dice.chance(0.6):
            keys = [["%s::bigint AS id" % one.key_refs()[0][0]], ["-1 - %s::bigint" % two.key_refs()[0][0]]]
            cols, key = [Col("id", "bigint", True)], ("id",)
        elif types[0] == types[1]:
            keys = [["'one'::text AS src", "%s AS id" % one.key_refs()[0][0]], ["'two'::text", two.key_refs()[0][0]]]
            cols, key = [Col("src", "text", True), Col("id", types[0][0], True)], ("src", "id")
        else:
            raise Dead("keys of two types")
        shared = [t for t in values.GROUP_TYPES if Scope([one]).columns([t])]
        for i, type_ in enumerate(self.dice.sample(shared, 3)):
            cols.append(Col("u%d" % i, type_))
            keys[0].append("%s AS u%d" % (self.expr(Scope([one]), type_), i))
            keys[1].append(self.expr(Scope([two]), type_))
        if self.dice.want("collated_set", 0.2):
            self.collate(one, two, cols, keys)
        parts = []
        for source, listed in zip((one, two), keys):
            where = optional(" WHERE " + self.simple_pred(Scope([source]))) if self.dice.chance(0.25) else ""
            parts.append("SELECT %s FROM %s%s" % (", ".join(listed), source.sql, where))
        word = self.dice.pick([" UNION ALL ", " UNION ALL ", " UNION "])
        return Source("(%s)" % word.join(parts), self.alias(), cols, key)

    def collate(self, one, two, cols, keys):
        """A column that the second table compares without regard to case, but the UNION does not."""
        first, second = [self.dice.pick([c for c in s.cols if c.type == "text"]) for s in (one, two)]
        two.text = "(SELECT *, %s COLLATE fuzz.nocase AS folded FROM %s)" % (second.sql, two.text)
        cols.append(Col("cased", "text"))
        keys[0].append('%s COLLATE "default" AS cased' % one.ref(first.name))
        keys[1].append(two.ref("folded"))
        third = self.source_base(0, False, True)
        texts = [c for c in third.cols if c.type == "text"]
        if texts:
            cols.append(Col("met", "bigint"))
            keys[0].append("0::bigint AS met")
            keys[1].append("(SELECT count(*) FROM %s WHERE %s = %s)" % (
                third.sql, third.ref(self.dice.pick(texts).name), two.ref("folded")))

    # -- sublinks ------------------------------------------------------------------------------

    def linked(self, scope, depth):
        """A source in a sublink: (source, FROM text, WHERE text); sometimes with a second source."""
        if self.budget <= 0 and depth < 1:
            depth = 0
        source = self.source(depth)
        where = self.link(scope, source)
        text = source.sql
        inner = Scope([source])
        if depth > 0 and self.budget > 0 and self.dice.chance(0.3):
            second = self.source(0)
            if self.dice.chance(0.5):
                text += " JOIN %s ON %s" % (second.sql, self.link(inner, second))
            else:
                text += " LEFT JOIN %s ON %s" % (second.sql, self.link(inner, second))
            inner.add(second)
        if self.dice.chance(0.25):
            where += optional(" AND %s" % self.pred(inner, 0))
        return inner, text, where

    def sublink_pred(self, scope, depth):
        dice = self.dice
        kind = dice.choose({"exists": 3, "not_exists": 3, "in_subquery": 3, "not_in": 2,
                            "any_subquery": 2, "all_subquery": 2, "array_subquery": 1})
        if kind in ("exists", "not_exists"):
            _, text, where = self.linked(scope, depth)
            return "%s (SELECT 1 FROM %s WHERE %s)" % (kind.replace("_", " ").upper(), text, where)
        if kind == "array_subquery":
            inner, text, where = self.linked(scope, depth)
            return "cardinality(ARRAY(SELECT 1 FROM %s WHERE %s)) > 1" % (text, where)
        return self.in_pred(kind, scope, depth)

    def in_pred(self, kind, scope, depth):
        """IN and its kin: the tested expression is itself the link, more may be correlated."""
        source = self.source(depth)
        pairs = self.pairs(scope, source)
        if not pairs:
            raise Dead("no columns for IN")
        outer, inner, type_ = self.dice.pick(pairs)
        sub = "SELECT %s FROM %s" % (inner, source.sql)
        conds = [c for c, p in ((self.simple_pred(Scope([source])), 0.4), (self.link(scope, source), 0.3))
                 if self.dice.chance(p)]
        if conds:
            sub += optional(" WHERE " + " AND ".join(conds))
        if kind == "all_subquery":
            op = self.dice.pick(["<>", ">=", "<", "="]) if type_ in ("int", "bigint", "text", "date") else "<>"
            return "%s %s ALL (%s)" % (outer, op, sub)
        text = {"in_subquery": "%s IN (%s)", "not_in": "%s NOT IN (%s)",
                "any_subquery": "%s = ANY (%s)"}[kind]
        return text % (outer, sub)

    def scalar(self, scope, depth):
        """(sql, type) of a correlated scalar subquery."""
        self.dice.note("scalar_subquery")
        inner, text, where = self.linked(scope, depth)
        if self.dice.chance(0.7):
            sql, type_ = self.aggregate(inner)
            return "(SELECT %s FROM %s WHERE %s)" % (sql, text, where), type_
        sql, type_ = self.any_expr(inner)
        order = " ORDER BY 1%s LIMIT 1" % self.dice.pick(["", " DESC", " NULLS FIRST"])
        return "(SELECT %s FROM %s WHERE %s%s)" % (sql, text, where, order), type_

    def array_of(self, scope, depth):
        self.dice.note("array_subquery")
        inner, text, where = self.linked(scope, depth)
        sql, type_ = self.any_expr(inner, ("int", "text"))
        return "ARRAY(SELECT %s FROM %s WHERE %s ORDER BY 1)" % (sql, text, where), type_ + "[]"

    def document_list(self, scope, depth):
        """The jsonb_agg of documents, each of which may hold further sublinks."""
        self.dice.note("jsonb_agg")
        inner, text, where = self.linked(scope, depth)
        doc = self.document(inner, depth)
        head = inner.sources[0]
        if head.key and len(inner.sources) == 1:
            order = ", ".join(r for r, _ in head.key_refs())
            return "(SELECT coalesce(jsonb_agg(%s ORDER BY %s), '[]') FROM %s WHERE %s)" % (doc, order, text, where)
        return ("(SELECT jsonb_agg(x.doc ORDER BY x.doc) FROM (SELECT %s AS doc FROM %s WHERE %s) x)"
                % (doc, text, where))

    def nested_value(self, scope, depth):
        roll = self.dice.int(0, 9)
        if roll < 4:
            return self.document_list(scope, depth)
        if roll < 6:
            return self.document(scope, depth)
        if roll < 8:
            return self.scalar(scope, depth)[0]
        if roll < 9:
            return self.array_of(scope, depth)[0]
        return self.sublink_pred(scope, depth)

    # -- select lists --------------------------------------------------------------------------

    def item(self, scope, depth):
        """(sql, type) of one output column."""
        roll = self.dice.int(0, 99)
        if depth > 0 and self.budget > -3:
            if roll < 18:
                return self.document(scope, depth), "doc"
            if roll < 32:
                return self.scalar(scope, depth - 1)
            if roll < 38:
                return self.array_of(scope, depth - 1)
            if roll < 43:
                return self.sublink_pred(scope, depth - 1), "bool"
            if roll < 50:
                return self.document_list(scope, depth - 1), "doc"
        bases = [s for s in scope.sources if s.is_base]
        if bases and self.dice.want("whole_row", 0.02):
            return "to_jsonb(%s)" % self.dice.pick(bases).alias, "doc"
        return self.any_expr(scope)

    def items(self, scope, depth, low=1, high=4):
        """[(sql, type, name)]"""
        count = self.dice.int(low, high)
        return [self.item(scope, depth) + ("c%d" % i,) for i in range(1, count + 1)]

    def select(self, names, key, items, text, where=(), distinct="", tail=""):
        """Put a SELECT together; key is [(sql, type)], its columns come first."""
        outputs = ["%s AS %s" % (sql, ident(n)) for (sql, _), n in zip(key, names)]
        extra = [optional(", %s AS %s" % (sql, ident(n))) for sql, _, n in items]
        if not outputs:
            outputs, extra = [extra[0][3:-1]], extra[1:]
        sql = "SELECT %s%s%s FROM %s" % (distinct, ", ".join(outputs), "".join(extra), text)
        where = list(where)
        if where:
            sql += optional(" WHERE " + where[0] + "".join(optional(" AND " + w) for w in where[1:]))
        cols = [Col(n, t, True) for (_, t), n in zip(key, names)] + [Col(n, t) for _, t, n in items]
        return Query(sql + tail, cols, tuple(names[:len(key)]))

    def wheres(self, scope, depth, p=0.5):
        found = []
        while self.dice.chance(p) and len(found) < 2:
            found.append(self.pred(scope, depth if self.budget > -2 else 0))
        return found

    # -- forms: dispatch -----------------------------------------------------------------------

    FORMS = {"rows": 40, "group_by": 16, "group_by_pk": 4, "distinct": 6, "distinct_on": 6, "window": 6,
             "row_number": 5, "group_window": 4, "distinct_window": 3, "set_window": 3, "union": 3, "union_all": 4,
             "intersect": 3, "except": 3, "cte": 9, "unnest": 3, "json_elements": 5, "series": 2}
    FULL = {"full_subquery": 3, "full_cross_join": 3, "full_limit": 3, "full_recursive": 3, "full_window": 3}

    def query(self, depth, names=NAMES, full=False):
        options = dict(self.FULL if full else self.FORMS)
        if self.dice.shape in self.FORMS and not full:
            options[self.dice.shape] *= 3
        return getattr(self, "form_" + self.dice.choose(options))(depth, names)

    # -- forms: one row per row of a keyed source ----------------------------------------------

    JOINS = {"inner_join": 5, "left_join": 8, "right_join": 2, "full_join": 3, "multi_join": 4, "using": 2,
             "lateral_agg": 4, "lateral_top": 4, "grouped_join": 4, "unnest": 1, "json_elements": 2, "series": 1}

    def form_rows(self, depth, names):
        first = self.source(depth, keyed=True)
        self.text, scope, key = first.sql, Scope([first]), first.key_refs()
        text = first.sql
        for _ in range(self.dice.pick([0, 0, 1, 1, 1, 2, 2, 3])):
            if self.budget <= 0:
                break
            kind = self.dice.choose(self.JOINS)
            text, key = getattr(self, "join_" + kind)(text, scope, key, depth)
        where = self.wheres(scope, depth)
        return self.select(names, key, self.items(scope, depth), text, where)

    def key_condition(self, scope, source):
        """Ties every key column of the source to the scope: at most one partner."""
        conds = []
        for ref, type_ in source.key_refs():
            refs = [s for s, c in scope.columns() if values.compatible(c.type, type_) for _ in
                    range(6 if c.fk is not None else 1)]
            conds.append("%s = %s" % (self.dice.pick(refs), ref))
        self.dice.note("link_eq" if len(conds) == 1 else "link_columns")
        return " AND ".join(conds)

    def join_inner_join(self, text, scope, key, depth, word="JOIN"):
        source = self.source(depth, keyed=True)
        cond = self.key_condition(scope, source)
        if self.dice.chance(0.2):
            cond += optional(" AND %s" % self.simple_pred(Scope([source])))
        scope.add(source)
        return "%s %s %s ON %s" % (text, word, source.sql, cond), key

    def join_left_join(self, text, scope, key, depth):
        return self.join_inner_join(text, scope, key, depth, "LEFT JOIN")

    def join_right_join(self, text, scope, key, depth):
        """Each row of the new source meets at most one row of the text: its key becomes the key."""
        source = self.source(depth, keyed=True)
        new = Scope([source])
        conds = []
        for ref, type_ in key:
            refs = [s for s, c in new.columns() if values.compatible(c.type, type_)]
            conds.append("%s = %s" % (ref, self.dice.pick(refs)))
        scope.add(source)
        return "%s RIGHT JOIN %s ON %s" % (text, source.sql, " AND ".join(conds)), source.key_refs()

    def join_full_join(self, text, scope, key, depth):
        source = self.source(depth, keyed=True)
        refs = source.key_refs()
        if len(refs) != 1 or len(key) != 1 or refs[0][1] != key[0][1]:
            raise Dead("no common key for a full join")
        scope.add(source)
        merged = "coalesce(%s, %s)" % (key[0][0], refs[0][0])
        return "%s FULL JOIN %s ON %s = %s" % (text, source.sql, key[0][0], refs[0][0]), [(merged, key[0][1])]

    def join_multi_join(self, text, scope, key, depth):
        source = self.source(depth, keyed=True)
        if len(key) + len(source.key) > 3:
            raise Dead("key would have too many columns")
        cond = self.link(scope, source)
        if self.dice.chance(0.25):
            text = "%s CROSS JOIN LATERAL (SELECT * FROM %s WHERE %s) %s" % (text, source.sql, cond, source.alias)
        else:
            text = "%s JOIN %s ON %s" % (text, source.sql, cond)
        scope.add(source)
        return text, key + source.key_refs()

    def join_using(self, text, scope, key, depth):
        """The other side's key renamed to a column that the scope has exactly once."""
        source = self.source(depth, keyed=True)
        if len(source.key) != 1:
            raise Dead("USING wants one column")
        type_ = source.key_refs()[0][1]
        names = [c.name for _, c in scope.columns()]
        fits = [c.name for _, c in scope.columns() if c.type == type_ and names.count(c.name) == 1]
        name = self.dice.pick(fits)
        rest = [c for c in source.cols if c.name != name and c.name not in source.key]
        cols = "%s AS %s" % (source.key_refs()[0][0], ident(name))
        cols += "".join(", " + source.ref(c.name) for c in rest)
        alias = self.alias()
        sub = Source("(SELECT %s FROM %s)" % (cols, source.sql), alias, [Col(name, type_)] + rest, (name,))
        scope.add(sub)
        word = self.dice.pick(["JOIN", "LEFT JOIN"])
        return "%s %s %s USING (%s)" % (text, word, sub.sql, ident(name)), key

    def join_lateral_agg(self, text, scope, key, depth):
        inner, sub, where = self.linked(scope, depth - 1)
        aggs = [self.aggregate(inner) for _ in range(self.dice.int(1, 2))]
        alias = self.alias()
        cols = [Col("g%d" % i, t) for i, (_, t) in enumerate(aggs)]
        listed = ", ".join("%s AS g%d" % (sql, i) for i, (sql, _) in enumerate(aggs))
        source = Source("LATERAL (SELECT %s FROM %s WHERE %s)" % (listed, sub, where), alias, cols)
        scope.add(source)
        if self.dice.chance(0.5):
            return "%s CROSS JOIN %s" % (text, source.sql), key
        return "%s LEFT JOIN %s ON true" % (text, source.sql), key

    def join_lateral_top(self, text, scope, key, depth):
        """Top-1 keeps the key; top-2 lengthens it by the inner source's key."""
        inner = self.source(depth - 1, keyed=True)
        cond = self.link(scope, inner)
        names = list(inner.key) + [c.name for c in self.dice.sample(
            [c for c in inner.cols if c.name not in inner.key], 2)]
        first = self.dice.pick(names)
        order = [inner.ref(first) + self.dice.pick(["", " DESC", " DESC NULLS LAST"])] + \
                [inner.ref(n) for n in names if n != first]
        many = len(key) + len(inner.key) <= 3 and self.dice.chance(0.4)
        limit = "LIMIT %d" % (2 if many else 1)
        if many and self.dice.want("with_ties", 0.4):
            order, limit = order[:1], "FETCH FIRST %d ROWS WITH TIES" % self.dice.int(1, 2)
        sub = "LATERAL (SELECT %s FROM %s WHERE %s ORDER BY %s %s)" % (
            ", ".join(inner.ref(n) for n in names), inner.sql, cond, ", ".join(order), limit)
        source = Source(sub, self.alias(), [inner.col(n) for n in names], inner.key)
        scope.add(source)
        if many:
            return "%s CROSS JOIN %s" % (text, source.sql), key + source.key_refs()
        return "%s LEFT JOIN %s ON true" % (text, source.sql), key

    def join_grouped_join(self, text, scope, key, depth):
        inner = self.source(depth - 1)
        col = self.dice.pick([c for c in inner.cols if c.type in values.GROUP_TYPES])
        aggs = [self.aggregate(Scope([inner])) for _ in range(self.dice.int(1, 2))]
        listed = ", ".join("%s AS g%d" % (sql, i) for i, (sql, _) in enumerate(aggs, 2))
        tail = optional(" HAVING count(*) > 1") if self.dice.want("having", 0.2) else ""
        where = optional(" WHERE " + self.simple_pred(Scope([inner]))) if self.dice.chance(0.3) else ""
        sub = "(SELECT %s AS g1, %s FROM %s%s GROUP BY %s%s)" % (
            inner.ref(col.name), listed, inner.sql, where, inner.ref(col.name), tail)
        cols = [Col("g1", col.type)] + [Col("g%d" % i, t) for i, (_, t) in enumerate(aggs, 2)]
        source = Source(sub, self.alias(), cols, ("g1",))
        cond = self.key_condition(scope, source)
        scope.add(source)
        return "%s %s %s ON %s" % (text, self.dice.pick(["JOIN", "LEFT JOIN"]), source.sql, cond), key

    # -- set-returning functions ---------------------------------------------------------------

    def set_function(self, kind, scope):
        """(call, type of its elements) over a column in scope."""
        dice = self.dice
        if kind == "unnest":
            sql, col = self.column(scope, ("int[]", "text[]"))
            return "unnest(%s)" % sql, col.type[:-2]
        if kind == "json_elements":
            return "jsonb_array_elements_text(%s)" % (TAGS % self.column(scope, ("jsonb",))[0]), "text"
        refs = [s for s, _ in scope.columns(("int",))]
        return "generate_series(%s, %s)" % (dice.pick(refs), dice.pick(refs)), "int"

    def join_set_function(self, kind, text, scope, key):
        if len(key) > 2:
            raise Dead("key would have too many columns")
        call, type_ = self.set_function(kind, scope)
        alias = self.alias()
        source = Source("%s WITH ORDINALITY" % call, "%s(e, n)" % alias, [], None)
        lateral = self.dice.pick(["", "LATERAL "])
        text = "%s CROSS JOIN %s%s" % (text, lateral, source.sql)
        scope.add(Source("", alias, [Col("e", type_), Col("n", "bigint")]))
        return text, key + [("%s.n" % alias, "bigint")]

    def join_unnest(self, text, scope, key, depth):
        return self.join_set_function("unnest", text, scope, key)

    def join_json_elements(self, text, scope, key, depth):
        return self.join_set_function("json_elements", text, scope, key)

    def join_series(self, text, scope, key, depth):
        return self.join_set_function("series", text, scope, key)

    def form_set_function(self, kind, depth, names):
        """One row per element, or grouped by the element."""
        first = self.source(depth, keyed=True)
        scope = Scope([first])
        if self.dice.chance(0.5):
            text, key = self.join_set_function(kind, first.sql, scope, first.key_refs())
            return self.select(names, key, self.items(scope, depth), text, self.wheres(scope, depth, 0.3))
        call, type_ = self.set_function(kind, scope)
        alias = self.alias()
        scope.add(Source("", alias, [Col("e", type_)]))
        text = "%s, %s AS %s(e)" % (first.sql, call, alias)
        return self.grouped_over(names, [("%s.e" % alias, type_)], text, scope, [], depth)

    def form_unnest(self, depth, names):
        return self.form_set_function("unnest", depth, names)

    def form_json_elements(self, depth, names):
        return self.form_set_function("json_elements", depth, names)

    def form_series(self, depth, names):
        return self.form_set_function("series", depth, names)

    # -- join trees without a key --------------------------------------------------------------

    def tree(self, depth):
        """(text, scope, wheres) of one to three sources joined in any way."""
        dice = self.dice
        first = self.source(depth)
        text, scope, where = first.sql, Scope([first]), []
        for _ in range(dice.pick([0, 0, 1, 1, 2])):
            if self.budget <= 0:
                break
            kind = dice.choose({"inner_join": 4, "left_join": 5, "right_join": 2, "full_join": 2,
                                "natural": 2, "comma_join": 2, "lateral_agg": 1})
            if kind == "natural":
                text = self.natural(text, scope)
            elif kind == "comma_join":
                # JOIN binds tighter than the comma, so nothing may follow
                return self.comma(text, scope, where, depth)
            elif kind == "lateral_agg":
                text, _ = self.join_lateral_agg(text, scope, [], depth)
            else:
                source = self.source(depth)
                cond = self.link(scope, source, only_equal=kind == "full_join")
                scope.add(source)
                text = "%s %s %s ON %s" % (text, kind.replace("_", " ").upper(), source.sql, cond)
        return text, scope, where

    def comma(self, text, scope, where, depth):
        source = self.source(depth)
        where = where + [self.link(scope, source)]
        scope.add(source)
        return "%s, %s" % (text, source.sql), scope, where

    def natural(self, text, scope):
        """Only two tables: every common column must have one type, and there must be one."""
        source = self.source(0, base=True)
        if len(scope.sources) != 1 or not scope.sources[0].is_base:
            raise Dead("NATURAL wants two tables")
        left = {c.name: c.type for c in scope.sources[0].cols}
        common = [c for c in source.cols if c.name in left]
        if not common or any(left[c.name] != c.type for c in common):
            raise Dead("no common columns")
        scope.add(source)
        word = self.dice.pick(["NATURAL JOIN", "NATURAL LEFT JOIN"])
        return "%s %s %s" % (text, word, source.sql)

    # -- forms: grouping -----------------------------------------------------------------------

    def group_keys(self, scope):
        """One or two grouping expressions, [(sql, type)]."""
        found = []
        for _ in range(self.dice.pick([1, 1, 1, 2])):
            sql, type_ = self.any_expr(scope, values.GROUP_TYPES)
            if sql not in [s for s, _ in found]:
                found.append((sql, type_))
        return found

    def grouped_over(self, names, keys, text, scope, where, depth):
        where = ["%s IS NOT NULL" % sql for sql, _ in keys] + list(where)
        items = [self.aggregate(scope) + ("c%d" % i,) for i in range(1, self.dice.int(2, 4))]
        tail = " GROUP BY " + ", ".join(sql for sql, _ in keys)
        if self.dice.want("having", 0.25):
            tail += optional(" HAVING " + self.having(scope))
        return self.select_required(names, keys, items, text, where, len(keys), tail)

    def select_required(self, names, keys, items, text, where, required, tail):
        """Like select, but the first conditions keep NULL keys out and must stay."""
        fixed, free = where[:required], where[required:]
        query = self.select(names, keys, items, text)
        clause = " WHERE " + " AND ".join(fixed) + "".join(optional(" AND " + w) for w in free)
        return Query(query.sql + (clause if fixed or free else "") + tail, query.cols, query.key)

    def having(self, scope):
        sql, type_ = self.aggregate(scope)
        if type_ == "bigint":
            return "%s %s %d" % (sql, self.dice.pick([">", "<", "="]), self.dice.int(0, 3))
        return self.dice.pick(["%s IS NOT NULL" % sql, "count(*) > 1", "count(*) < 3"])

    def form_group_by(self, depth, names):
        text, scope, where = self.tree(depth)
        return self.grouped_over(names, self.group_keys(scope), text, scope,
                                 where + self.wheres(scope, depth, 0.35), depth)

    def form_group_by_pk(self, depth, names):
        """GROUP BY the primary key alone: the table's other columns are functionally dependent."""
        tables = [t for t in self.model.roots() if t.key and t.kind == "plain" and not t.pk_deferrable]
        if not tables:
            raise Dead("no table with a primary key")
        table = self.dice.pick(tables)
        self.uses.add(table.sql)
        first = Source(table.sql, self.alias(), list(table.cols), table.key, is_base=True)
        second = self.source(depth)
        cond = self.link(Scope([first]), second)
        keys = first.key_refs()
        free = self.dice.sample(first.cols, 2)
        items = [(first.ref(c.name), c.type, "c%d" % i) for i, c in enumerate(free, 1)]
        items.append(self.aggregate(Scope([second])) + ("c9",))
        tail = " GROUP BY " + ", ".join(s for s, _ in keys)
        return self.select(names, keys, items, "%s LEFT JOIN %s ON %s" % (first.sql, second.sql, cond), tail=tail)

    def form_distinct(self, depth, names):
        text, scope, where = self.tree(depth)
        keys = self.group_keys(scope)
        where = ["%s IS NOT NULL" % sql for sql, _ in keys] + where + self.wheres(scope, depth, 0.35)
        query = self.select_required(names, keys, [], text, where, len(keys), "")
        return Query(query.sql.replace("SELECT ", "SELECT DISTINCT ", 1), query.cols, query.key)

    def form_distinct_on(self, depth, names):
        text, scope, where = self.tree(depth)
        keys = self.group_keys(scope)
        items = self.items(scope, depth - 1, 1, 3)
        where = ["%s IS NOT NULL" % sql for sql, _ in keys] + where + self.wheres(scope, depth, 0.3)
        on = ", ".join(sql for sql, _ in keys)
        order = ", ".join([sql for sql, _ in keys] +
                          [sql + self.dice.pick(["", " DESC"]) for sql, _, _ in items])
        query = self.select_required(names, keys, items, text, where, len(keys), " ORDER BY " + order)
        return Query(query.sql.replace("SELECT ", "SELECT DISTINCT ON (%s) " % on, 1), query.cols, query.key)

    # -- forms: set operations -----------------------------------------------------------------

    def branch(self, types, names, depth):
        """A SELECT of expressions of the given types; NULLs are kept out of the key."""
        text, scope, where = self.tree(depth)
        keys = [(self.branch_key(scope, t), t) for t in types]
        where = ["%s IS NOT NULL" % sql for sql, _ in keys] + where
        return self.select_required(names, keys, [], text, where, len(keys), "").sql

    def branch_key(self, scope, type_):
        """A column where there is one: a constant key gives changes no way to it."""
        if not scope.columns([type_]):
            self.dice.note("constant_key")
        return self.expr(scope, type_)

    def set_operation(self, word, depth, names):
        types = [self.dice.pick(("int", "int", "text", "text", "bigint", "date"))
                 for _ in range(self.dice.pick([1, 1, 2]))]
        parts = [self.branch(types, names, depth - 1) for _ in range(self.dice.pick([2, 2, 3]))]
        cols = [Col(n, t, True) for n, t in zip(names, types)]
        return Query((" %s " % word).join(parts), cols, tuple(names[:len(types)]))

    def form_union(self, depth, names):
        return self.set_operation("UNION", depth, names)

    def form_intersect(self, depth, names):
        return self.set_operation("INTERSECT", depth, names)

    def form_except(self, depth, names):
        """A keyed left side stays keyed, also under EXCEPT ALL."""
        if self.dice.chance(0.4):
            return self.set_operation("EXCEPT", depth, names)
        source = self.source(depth, keyed=True)
        left = self.select(names, source.key_refs(), [], source.sql)
        right = self.branch([t for _, t in source.key_refs()], names, depth - 1)
        return Query("%s EXCEPT %s%s" % (left.sql, self.dice.pick(["", "ALL "]), right), left.cols, left.key)

    def form_union_all(self, depth, names):
        """Each branch has its own tag, which is part of the key."""
        count = self.dice.pick([2, 2, 3])
        sources = [self.source(depth, keyed=True)]
        want = [t for _, t in sources[0].key_refs()]
        if len(want) > 2:
            raise Dead("key would have too many columns")
        for _ in range(count * 4):
            other = self.source(0, keyed=True)
            if [t for _, t in other.key_refs()] == want and len(sources) < count:
                sources.append(other)
        if len(sources) < 2:
            raise Dead("no branches of one type")
        extra = self.dice.pick(["int", "text", "bool"])
        parts = []
        for i, source in enumerate(sources):
            scope = Scope([source])
            key = [("'b%d'::text" % i, "text")] + source.key_refs()
            query = self.select(names, key, [], source.sql)
            item = ", %s AS c1 FROM " % self.expr(scope, extra)
            where = optional(" WHERE " + self.simple_pred(scope)) if self.dice.chance(0.4) else ""
            parts.append(query.sql.replace(" FROM ", item, 1) + where if " FROM " in query.sql else query.sql)
        cols = query.cols + [Col("c1", extra)]
        return Query(" UNION ALL ".join(parts), cols, query.key)

    # -- forms: WITH ---------------------------------------------------------------------------

    def form_cte(self, depth, names):
        name = "cte%d" % self.alias_number()
        body = self.query(max(0, depth - 1))
        self.ctes.append(Source(name, "", body.cols, body.key))
        hint = self.dice.pick(["", "", "MATERIALIZED ", "NOT MATERIALIZED "])
        try:
            query = self.query_over_cte(depth, names)
        finally:
            self.ctes.pop()
        if name + " AS" not in query.sql:
            raise Dead("the CTE was not used")
        return Query("WITH %s AS %s(%s) %s" % (name, hint, body.sql, query.sql), query.cols, query.key)

    def alias_number(self):
        self.aliases += 1
        return self.aliases

    def query_over_cte(self, depth, names):
        form = self.dice.choose({"rows": 5, "group_by": 2, "distinct_on": 1, "union_all": 1, "except": 1})
        return getattr(self, "form_" + form)(max(0, depth - 1), names)

    # -- forms that have no route --------------------------------------------------------------

    def form_full_subquery(self, depth, names):
        source, other = self.source(depth, keyed=True), self.source(0)
        sql, type_ = self.aggregate(Scope([other]))
        item = ("(SELECT %s FROM %s)" % (sql, other.sql), type_, "c1")
        scope = Scope([source])
        items = [item] + [self.item(scope, depth) + ("c2",)]
        where = []
        if self.dice.chance(0.3):
            third = self.source(0)
            where = ["EXISTS (SELECT 1 FROM %s WHERE %s)" % (third.sql, self.simple_pred(Scope([third])))]
        return self.select(names, source.key_refs(), items, source.sql, where)

    def form_full_cross_join(self, depth, names):
        one, two = self.source(depth, keyed=True), self.source(0, keyed=True)
        if len(one.key) + len(two.key) > 3:
            raise Dead("key would have too many columns")
        text = "%s CROSS JOIN %s" % (one.sql, two.sql)
        return self.select(names, one.key_refs() + two.key_refs(),
                           self.items(Scope([one, two]), 0), text)

    def form_full_limit(self, depth, names):
        query = self.query(depth, names)
        if " ORDER BY " in query.sql[-200:] or query.sql.startswith("WITH"):
            raise Dead("already ordered")
        order, limit = ", ".join(str(i) for i in range(1, len(query.key) + 1)), "LIMIT %d"
        if self.dice.want("with_ties", 0.4):
            order, limit = str(self.dice.int(1, len(query.cols))), "FETCH FIRST %d ROWS WITH TIES"
        return Query("SELECT * FROM (%s) q ORDER BY %s %s" % (query.sql, order, limit % self.dice.int(1, 5)),
                     query.cols, query.key)

    def form_full_recursive(self, depth, names):
        """UNION keeps every key once, so cycles in the data end."""
        table = self.source(0, keyed=True, base=True)
        if len(table.key) != 1:
            raise Dead("recursion wants one key column")
        key, type_ = table.key_refs()[0]
        links = [c for c in table.cols if values.compatible(c.type, type_) and c.name not in table.key]
        if not links or type_ in values.NUMBERS and not any(c.type == type_ for c in links):
            raise Dead("nothing to walk along")
        col = self.dice.pick(links)
        name = "walk%d" % self.alias_number()
        start = "SELECT %s FROM %s WHERE %s" % (key, table.sql, self.simple_pred(Scope([table])))
        step = "SELECT %s FROM %s JOIN %s ON %s = %s.k" % (key, table.sql, name, table.ref(col.name), name)
        sql = "WITH RECURSIVE %s(k) AS (%s UNION %s) SELECT %s.k AS %s FROM %s" % (
            name, start, step, name, ident(names[0]), name)
        return Query(sql, [Col(names[0], type_, True)], (names[0],))


def is_by_key(used):
    """No part of the query lacks a route."""
    if "set_source" in used and any(name in shapes.PARTITIONED for name in used):
        return False
    return not any(name in shapes.IN_FULL for name in used)
