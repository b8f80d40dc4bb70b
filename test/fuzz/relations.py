"""What a query's FROM holds: sources with an alias, and the scope they make up."""

from dataclasses import dataclass, field
from typing import List, Optional, Tuple

from .model import Col, ident


@dataclass
class Source:
    """One FROM item: its text without the alias, its alias, its columns and its key."""
    text: str
    alias: str
    cols: List[Col]
    key: Optional[Tuple[str, ...]] = None
    is_base: bool = False

    @property
    def sql(self):
        return "%s AS %s" % (self.text, self.alias)

    def ref(self, name):
        return "%s.%s" % (self.alias, ident(name))

    def col(self, name):
        return next(c for c in self.cols if c.name == name)

    def key_refs(self):
        """[(sql, type)] of the key's columns."""
        return [(self.ref(k), self.col(k).type) for k in self.key]


@dataclass
class Query:
    """A finished SELECT: key names columns that are unique and not NULL whatever the data."""
    sql: str
    cols: List[Col]
    key: Tuple[str, ...] = ()


@dataclass
class Scope:
    """The sources an expression may use."""
    sources: List[Source] = field(default_factory=list)

    def add(self, source):
        self.sources.append(source)
        return source

    def columns(self, types=None):
        """[(sql, Col)] of every column, or of those with one of the types."""
        return [(s.ref(c.name), c) for s in self.sources for c in s.cols
                if types is None or c.type in types]

    def plus(self, other):
        return Scope(self.sources + other.sources)
