"""What the generators know of the database, and the step: one thing to run.

The model is changed only by steps that succeeded (Step.apply), and put back by a deep copy when
a transaction or savepoint rolls back, so that it always describes what the server has.
"""

import re
from dataclasses import dataclass, field
from typing import Callable, List, Optional, Tuple

RESERVED = {"order", "select", "user", "table", "group", "where", "all", "end", "limit", "desc"}

# A piece of SQL between these two can be left out when a failure is shrunk.
OPEN, CLOSE = "\u27e6", "\u27e7"


def optional(text):
    """Mark a piece of SQL that the shrinker may remove."""
    return OPEN + text + CLOSE


def plain_sql(text):
    """The SQL without the shrinker's marks."""
    return text.replace(OPEN, "").replace(CLOSE, "")


# Between the statements of one message.  psql understands it too: the script means the same.
ALSO = " \\; "


def ident(name):
    """Quote an identifier, only where it needs it."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in RESERVED:
        return name
    return '"%s"' % name.replace('"', '""')


@dataclass
class Col:
    name: str
    type: str
    notnull: bool = False
    generated: bool = False
    identity: bool = False
    fk: Optional["Table"] = None         # the table it points to, enforced or not
    enforced: bool = False
    fk_col: str = ""

    @property
    def sql(self):
        return ident(self.name)


@dataclass
class Relation:
    """Anything that can stand in FROM: its columns, and a key that holds for all data."""
    schema: str
    name: str
    cols: List[Col]
    key: Optional[Tuple[str, ...]] = None
    uses: tuple = ()                     # names of the relations it was made from, for CASCADE

    @property
    def sql(self):
        return "%s.%s" % (ident(self.schema), ident(self.name))

    def col(self, name):
        return next(c for c in self.cols if c.name == name)

    def key_cols(self):
        return [self.col(k) for k in self.key or ()]


@dataclass
class Table(Relation):
    kind: str = "plain"                  # plain, partitioned, parent, partition, child
    parent: Optional["Table"] = None
    children: List["Table"] = field(default_factory=list)
    bounds: str = ""                     # FOR VALUES ... of a partition
    part_col: str = ""
    pk_deferrable: bool = False
    attached: bool = True
    serial: int = 0

    def writable(self):
        return [c for c in self.cols if not c.generated]


@dataclass
class View(Relation):
    replaced: int = 0


@dataclass
class TView(Relation):
    """The relation is tv_x; view is v_x."""
    entity: str = ""
    sql_key: Tuple[str, ...] = ()
    by_key: bool = True
    fragile: bool = False
    replaced: int = 0
    extras: int = 0
    shapes: tuple = ()
    query: str = ""

    @property
    def view(self):
        return "%s.%s" % (ident(self.schema), ident("v_" + self.entity))


@dataclass
class Model:
    version: int
    schemas: List[str] = field(default_factory=list)
    tables: List[Table] = field(default_factory=list)
    views: List[View] = field(default_factory=list)
    tviews: List[TView] = field(default_factory=list)
    counter: int = 0
    two_phase: bool = True
    pinned: tuple = ()                   # names in the text of functions, which no rename follows
    prepared: List[str] = field(default_factory=list)

    def next(self):
        self.counter += 1
        return self.counter

    def roots(self):
        """Tables that a user would name: not the partitions and children."""
        return [t for t in self.tables if t.kind not in ("partition", "child")]

    def dependents(self, names):
        """Views and TVIEWs that were made from any of these relations, transitively."""
        found, grew = set(names), True
        while grew:
            grew = False
            for rel in self.views + self.tviews:
                if rel.sql not in found and found & set(rel.uses):
                    found.add(rel.sql)
                    grew = True
        return found - set(names)

    def forget(self, names):
        self.views = [v for v in self.views if v.sql not in names]
        self.tviews = [t for t in self.tviews if t.sql not in names]


@dataclass
class Step:
    """One thing to run: SQL, or a comparison (kind 'check').

    allow: SQLSTATEs that this step may raise besides those that any DML may raise.
    group: steps that the shrinker first tries to remove together.
    """
    sql: str = ""
    kind: str = "sql"
    session: int = 0
    group: str = ""
    allow: tuple = ()
    data: Optional[str] = None           # what COPY FROM stdin reads
    tviews: tuple = ()                   # check: (view, tview) pairs
    style: str = "read_direct"           # check: how to read
    apply: Optional[Callable] = None     # change the model after success
    shapes: tuple = ()
    ddl: bool = False

    def to_json(self):
        keys = ("sql", "kind", "session", "group", "allow", "data", "tviews", "style", "shapes", "ddl")
        return {k: getattr(self, k) for k in keys}

    @classmethod
    def from_json(cls, obj):
        obj = dict(obj, allow=tuple(obj["allow"]), shapes=tuple(obj["shapes"]),
                   tviews=tuple(tuple(t) for t in obj["tviews"]))
        return cls(**obj)
