"""Scalar expressions, predicates and links.

Every expression is deterministic to the byte: numerics are rounded to a scale of two (equal
numerics of different scale are different bytes), no floats, no session-dependent casts.
"""

from .dice import Dead
from .model import optional
from . import values

OWNER = "(%s->>'owner')::int"
TAGS = "%s->'tags'"


class Expressions:
    def __init__(self, dice):
        self.dice = dice

    # -- scalars -------------------------------------------------------------------------------

    def column(self, scope, types=None):
        """(sql, Col) of a random column in scope."""
        return self.dice.pick(scope.columns(types))

    def any_expr(self, scope, types=None):
        """(sql, type) of a random expression, of one of the types."""
        sql, col = self.column(scope, types)
        if self.dice.chance(0.65):
            return sql, col.type
        return self.transform(scope, sql, col.type, types)

    def expr(self, scope, type_):
        """An expression of the type: mostly a column, a constant where there is none."""
        refs = scope.columns([type_])
        if not refs:
            return values.literal(self.dice, type_)
        sql = self.dice.pick(refs)[0]
        return sql if self.dice.chance(0.7) else self.transform(scope, sql, type_, (type_,))[0]

    def transform(self, scope, sql, type_, types):
        """Something computed from a column; its type is one of `types` when they are given."""
        options = [(text % {"x": sql}, out) for text, out in self.transforms(type_)
                   if types is None or out in types]
        options += [("coalesce(%s, %s)" % (sql, values.literal(self.dice, type_)), type_)] \
            if type_ != "doc" else []
        options += [("CASE WHEN %s THEN %s END" % (self.simple_pred(scope), sql), type_)]
        return self.dice.pick(options)

    def transforms(self, type_):
        return {
            "int": [("%(x)s + 1", "int"), ("abs(%(x)s - 2)", "int"), ("(%(x)s %% 2 = 0)", "bool"),
                    ("%(x)s::bigint", "bigint"), ("'v' || %(x)s", "text")],
            "bigint": [("%(x)s + 1", "bigint"), ("(%(x)s %% 3)::int", "int")],
            "text": [("lower(%(x)s)", "text"), ("%(x)s || 'z'", "text"), ("length(%(x)s)", "int"),
                     ("upper(%(x)s)", "text")],
            "uuid": [("%(x)s::text", "text")],
            "numeric": [("round(%(x)s + 1, 2)", "numeric"), ("floor(%(x)s)::int", "int")],
            "date": [("%(x)s + 1", "date"), ("%(x)s - DATE '2024-01-01'", "int")],
            "bool": [("(NOT %(x)s)", "bool"), ("%(x)s::int", "int")],
            "int[]": [("cardinality(%(x)s)", "int"), ("%(x)s[1]", "int"), ("array_append(%(x)s, 7)", "int[]")],
            "text[]": [("cardinality(%(x)s)", "int"), ("%(x)s[1]", "text")],
            "jsonb": [(OWNER.replace("%s", "%(x)s"), "int"), ("%(x)s->>'owner'", "text"),
                      ("jsonb_array_length(%(x)s->'tags')", "int")],
            "doc": [("jsonb_typeof(%(x)s)", "text")],
        }[type_]

    # -- predicates ----------------------------------------------------------------------------

    def simple_pred(self, scope):
        """A condition on the columns of one row."""
        dice = self.dice
        sql, col = self.column(scope)
        kind = dice.int(0, 9)
        if col.type == "bool" and kind < 5:
            return sql
        if kind == 0:
            return "%s IS %sNULL" % (sql, dice.pick(["", "NOT "]))
        if col.type in ("doc", "jsonb"):
            return "%s IS NOT NULL" % sql
        if kind < 5:
            op = dice.pick(["=", "<>", "<", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
            return "%s %s %s" % (sql, op, values.literal(dice, col.type))
        if kind < 7:
            items = ", ".join(values.literal(dice, col.type) for _ in range(3))
            return "%s %sIN (%s)" % (sql, dice.pick(["", "NOT "]), items)
        if kind < 8 and col.type in ("int", "bigint", "date", "text"):
            return "%s BETWEEN %s AND %s" % (sql, values.constant(None, col.type, dice.int(0, 2)),
                                             values.constant(None, col.type, dice.int(2, 4)))
        return self.two_column_pred(scope, sql, col)

    def two_column_pred(self, scope, sql, col):
        other = self.dice.pick([s for s, c in scope.columns() if values.compatible(c.type, col.type)])
        return "%s %s %s" % (sql, self.dice.pick(["=", "<>", "<=", "IS NOT DISTINCT FROM"]), other)

    def pred(self, scope, depth=0):
        """A condition that may hold sublinks when depth allows."""
        dice = self.dice
        roll = dice.int(0, 99)
        if depth > 0 and roll < 50:
            return self.sublink_pred(scope, depth - 1)
        if roll < 65:
            return "(%s %s %s)" % (self.simple_pred(scope), dice.pick(["AND", "OR", "OR"]),
                                   self.pred(scope, max(0, depth - 1)))
        if roll < 70:
            return "NOT coalesce(%s, false)" % self.simple_pred(scope)
        return self.simple_pred(scope)

    def sublink_pred(self, scope, depth):
        raise NotImplementedError

    # -- links ---------------------------------------------------------------------------------

    LINKS = {"link_eq": 45, "link_expression": 10, "link_array": 6, "link_range": 6, "link_columns": 8,
             "link_null_safe": 4, "link_inequality": 4, "link_or": 4}

    def link(self, outer, source, only_equal=False):
        """A condition that ties the new source to the scope."""
        for _ in range(6):
            name = "link_eq" if only_equal else self.dice.choose(self.LINKS)
            sql = getattr(self, name)(outer, source)
            if sql:
                if only_equal:
                    self.dice.note("link_eq")
                return sql
            self.dice.used[name] -= 1
        sql = self.link_eq(outer, source)
        if not sql:
            raise Dead("no columns to link by")
        self.dice.note("link_eq")
        return sql

    def pairs(self, outer, source, types=None):
        """Pairs of comparable columns, foreign keys and keys more often than others."""
        found = []
        for osql, ocol in outer.columns(types):
            for col in source.cols:
                if (types is None or col.type in types) and values.compatible(ocol.type, col.type) \
                        and col.type not in ("doc", "jsonb"):
                    weight = 6 if (source.key == (col.name,)) != (ocol.fk is None and col.fk is None) else 1
                    found += [(osql, source.ref(col.name), col.type)] * weight
        return found

    def link_eq(self, outer, source):
        pairs = self.pairs(outer, source)
        if not pairs:
            return None
        one, two, _ = self.dice.pick(pairs)
        return "%s = %s" % ((one, two) if self.dice.chance(0.5) else (two, one))

    def link_expression(self, outer, source):
        dice = self.dice
        options = []
        texts = self.pairs(outer, source, ("text",))
        if texts:
            options.append("lower(%s) = lower(%s)" % dice.pick(texts)[:2])
        ints = self.pairs(outer, source, values.NUMBERS)
        if ints:
            one, two, _ = dice.pick(ints)
            options += ["%s + 1 = %s" % (one, two), "%s = %s + 1" % (one, two),
                        "coalesce(%s, 0) = coalesce(%s, 0)" % (one, two)]
        docs = [source.ref(c.name) for c in source.cols if c.type == "jsonb"]
        numbers = [s for s, c in outer.columns(("int", "bigint"))]
        if docs and numbers:
            options.append("%s = %s" % (OWNER % dice.pick(docs), dice.pick(numbers)))
        outer_docs = [s for s, c in outer.columns(("jsonb",))]
        own = [source.ref(c.name) for c in source.cols if c.type in values.NUMBERS]
        if outer_docs and own:
            options.append("%s = %s" % (OWNER % dice.pick(outer_docs), dice.pick(own)))
        return dice.pick(options) if options else None

    def link_array(self, outer, source):
        options = []
        for array, element in (("int[]", "int"), ("text[]", "text")):
            mine = [source.ref(c.name) for c in source.cols if c.type == array]
            theirs = [s for s, c in outer.columns((array,))]
            options += ["%s = ANY (%s)" % (s, m) for m in mine for s, c in outer.columns((element,))]
            options += ["%s = ANY (%s)" % (source.ref(c.name), t) for t in theirs
                        for c in source.cols if c.type == element]
            options += ["%s && %s" % (m, t) for m in mine for t in theirs]
            options += ["%s @> ARRAY[%s]" % (m, s) for m in mine for s, c in outer.columns((element,))]
        return self.dice.pick(options) if options else None

    def link_range(self, outer, source):
        dice = self.dice
        inner = [source.ref(c.name) for c in source.cols if c.type == "int"]
        outside = [s for s, c in outer.columns(("int",))]
        options = []
        if len(inner) >= 2 and outside:
            lo, hi = dice.sample(inner, 2)
            options.append("%s BETWEEN %s AND %s" % (dice.pick(outside), lo, hi))
        if inner and len(outside) >= 2:
            lo, hi = dice.sample(outside, 2)
            options.append("%s BETWEEN %s AND %s" % (dice.pick(inner), lo, hi))
        return dice.pick(options) if options else None

    def link_columns(self, outer, source):
        pairs = self.pairs(outer, source)
        if len(pairs) < 2:
            return None
        one, two = self.dice.sample(pairs, 2)
        if self.dice.chance(0.3):
            return "(%s, %s) = (%s, %s)" % (one[0], two[0], one[1], two[1])
        return "%s = %s AND %s = %s" % (one[0], one[1], two[0], two[1])

    def link_null_safe(self, outer, source):
        pairs = self.pairs(outer, source)
        return "%s IS NOT DISTINCT FROM %s" % self.dice.pick(pairs)[:2] if pairs else None

    def link_inequality(self, outer, source):
        pairs = self.pairs(outer, source, ("int", "bigint", "date", "text"))
        if not pairs:
            return None
        one, two, _ = self.dice.pick(pairs)
        return "%s %s %s" % (one, self.dice.pick(["<", ">=", "<>"]), two)

    def link_or(self, outer, source):
        pairs = self.pairs(outer, source)
        if len(pairs) < 2:
            return None
        one, two = self.dice.sample(pairs, 2)
        return "(%s = %s OR %s = %s)" % (one[0], one[1], two[0], two[1])

    # -- aggregates ----------------------------------------------------------------------------

    def aggregate(self, scope):
        """(sql, type) of an aggregate that does not depend on the order of its input."""
        dice = self.dice
        name = dice.pick(["count", "count", "numbers", "numbers", "minmax", "bool", "string",
                          "array", "jsonb", "object"])
        sql, type_, wrap = (getattr(self, "agg_" + name)(scope) + ("%s",))[:3]
        if dice.want("agg_filter", 0.2) and name != "object":
            sql += " FILTER (WHERE %s)" % self.simple_pred(scope)
        sql = wrap.replace("%s", sql)
        return ("coalesce(%s, 0)" % sql if type_ == "bigint" and dice.chance(0.3) else sql), type_

    def agg_count(self, scope):
        sql, col = self.column(scope)
        if self.dice.chance(0.4):
            return "count(*)", "bigint"
        if self.dice.want("agg_distinct", 0.4):
            return "count(DISTINCT %s)" % sql, "bigint"
        return "count(%s)" % sql, "bigint"

    def agg_numbers(self, scope):
        options = [("sum(%s)" % s, "bigint", "%s") for s, c in scope.columns(("int",))]
        options += [("sum(%s)" % s, "bigint", "(%s)::bigint") for s, c in scope.columns(("bigint",))]
        options += [("sum(%s)" % s, "numeric", "round(%s, 2)") for s, c in scope.columns(("numeric",))]
        options += [("avg(%s)" % s, "numeric", "round(%s, 2)") for s, c in scope.columns(("int", "numeric"))]
        return self.dice.pick(options or [("count(*)", "bigint", "%s")])

    def agg_minmax(self, scope):
        refs = scope.columns(("int", "bigint", "text", "date", "numeric"))
        if not refs:
            return "count(*)", "bigint"
        sql, col = self.dice.pick(refs)
        return "%s(%s)" % (self.dice.pick(["min", "max"]), sql), col.type

    def agg_bool(self, scope):
        return "%s(%s)" % (self.dice.pick(["bool_or", "bool_and"]), self.simple_pred(scope)), "bool"

    def agg_string(self, scope):
        refs = scope.columns(("text",))
        if not refs:
            return "count(*)", "bigint"
        self.dice.note("agg_order")
        sql = self.dice.pick(refs)[0]
        distinct = "DISTINCT " if self.dice.want("agg_distinct", 0.3) else ""
        return "string_agg(%s%s, ',' ORDER BY %s)" % (distinct, sql, sql), "text"

    def agg_array(self, scope):
        refs = scope.columns(("int", "text"))
        if not refs:
            return "count(*)", "bigint"
        self.dice.note("array_agg")
        sql, col = self.dice.pick(refs)
        distinct = "DISTINCT " if self.dice.want("agg_distinct", 0.3) else ""
        order = self.dice.pick(["", " DESC", " NULLS FIRST"])
        return "array_agg(%s%s ORDER BY %s%s)" % (distinct, sql, sql, order), col.type + "[]"

    def agg_jsonb(self, scope):
        self.dice.note("jsonb_agg")
        refs = self.dice.sample(scope.columns(), self.dice.int(1, 3))
        if len(refs) == 1:
            return "jsonb_agg(%s ORDER BY %s)" % (refs[0][0], refs[0][0]), "doc"
        pairs = ", ".join("'%s', %s" % (chr(97 + i), sql) for i, (sql, _) in enumerate(refs))
        order = ", ".join(sql for sql, _ in refs)
        return "jsonb_agg(jsonb_build_object(%s) ORDER BY %s)" % (pairs, order), "doc"

    def agg_object(self, scope):
        key, col = self.column(scope, ("int", "bigint", "text", "uuid", "date"))
        value = self.column(scope)[0]
        self.dice.note("jsonb_object_agg")
        cast = "" if col.type == "text" else "::text"
        if col.type == "date":      # its text form depends on the session's DateStyle
            key, cast = "(%s - DATE '2024-01-01')" % key, "::text"
        return ("jsonb_object_agg(%s%s, %s ORDER BY %s, %s) FILTER (WHERE %s IS NOT NULL)"
                % (key, cast, value, key, value, key), "doc")

    # -- documents -----------------------------------------------------------------------------

    def document(self, scope, depth):
        """A jsonb_build_object, nested documents and sublinks inside as depth allows."""
        self.dice.note("document")
        pairs = []
        for i in range(self.dice.int(1, 4)):
            pair = "'%s', %s" % ("f%d" % i, self.document_value(scope, depth))
            pairs.append(pair if i == 0 else optional(", " + pair))
        return "jsonb_build_object(%s)" % "".join(pairs)

    def document_value(self, scope, depth):
        if depth > 0 and self.dice.chance(0.45):
            return self.nested_value(scope, depth - 1)
        return self.any_expr(scope)[0]

    def nested_value(self, scope, depth):
        raise NotImplementedError
