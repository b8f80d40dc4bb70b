"""Types and their tiny value domains: everything is meant to collide.

A type here is the fuzzer's own name.  "doc" is jsonb of unknown structure, "jsonb" is the
structured column meta, from which casts are known not to fail.
"""

# one name, one type: so NATURAL JOIN and USING find partners across tables
COLUMNS = {
    "a": "int", "b": "int", "rank": "int", "lo": "int", "hi": "int",
    "big": "bigint", "name": "text", "code": "text", "Label": "text", "order": "text",
    "ref": "uuid", "amount": "numeric", "day": "date", "flag": "bool",
    "nums": "int[]", "tags": "text[]", "meta": "jsonb",
}
SQL_TYPE = {"numeric": "numeric(6,2)", "doc": "jsonb"}
KEY_TYPES = ("int", "bigint", "uuid", "text", "date")
GROUP_TYPES = KEY_TYPES + ("numeric", "bool")
DOMAIN = 5          # ordinary columns: 0..4
KEY_DOMAIN = 10     # keys: 0..9
NUMBERS = ("int", "bigint")


def sql_type(type_):
    return SQL_TYPE.get(type_, type_)


def compatible(one, other):
    """Can the two be compared by = in a way that is worth generating?"""
    return one == other or (one in NUMBERS and other in NUMBERS)


def plain(dice, type_, i):
    """The text form of value number i, as COPY wants it; monotonic in i for scalar types."""
    if type_ in ("int", "bigint"):
        return str(i)
    if type_ == "text":
        return ("V%d" if i < DOMAIN and dice is not None and dice.chance(0.15) else "v%d") % i
    if type_ == "uuid":
        return "00000000-0000-4000-8000-%012d" % i
    if type_ == "numeric":
        return "%d.%s" % (i, "50" if i % 2 else "00")
    if type_ == "date":
        return "2024-01-%02d" % (i + 1)
    if type_ == "bool":
        return "t" if i % 2 else "f"
    if type_ == "int[]":
        return _array(dice, str)
    if type_ == "text[]":
        return _array(dice, lambda n: "v%d" % n)
    return _document(dice)


def _array(dice, render):
    items = [render(dice.int(0, DOMAIN - 1)) for _ in range(dice.int(0, 3))]
    if dice.chance(0.08):
        items.append("NULL")
    return "{%s}" % ",".join(items)


def _document(dice):
    """meta: owner is an int or JSON null or missing, tags an array or missing."""
    parts = []
    if dice.chance(0.8):
        parts.append('"owner": %s' % dice.pick(["0", "1", "2", "3", "4", "null"]))
    if dice.chance(0.6):
        tags = ", ".join('"v%d"' % dice.int(0, DOMAIN - 1) for _ in range(dice.int(0, 3)))
        parts.append('"tags": [%s]' % tags)
    return "{%s}" % ", ".join(parts)


def constant(dice, type_, i):
    """Value number i as a SQL expression of exactly that type."""
    text = plain(dice, type_, i)
    if type_ in ("int", "numeric"):
        return text
    if type_ == "bool":
        return "true" if text == "t" else "false"
    if type_ == "text":
        return "'%s'::text" % text
    if type_ == "date":
        return "DATE '%s'" % text
    return "'%s'::%s" % (text, sql_type(type_))


def literal(dice, type_, null=0.0, domain=DOMAIN):
    """A random constant of the type, or NULL."""
    if dice.chance(null):
        return "NULL::%s" % sql_type(type_)
    return constant(dice, type_, dice.int(0, domain - 1))


def copy_text(dice, type_, null=0.0, domain=DOMAIN):
    if dice.chance(null):
        return "\\N"
    return plain(dice, type_, dice.int(0, domain - 1))
