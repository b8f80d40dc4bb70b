"""What is measured: data sets, contenders and scenarios.  A scenario is a few lines of SQL."""

from dataclasses import dataclass, field
from typing import Callable, Tuple


@dataclass
class Contender:
    """Who keeps the documents, in a schema of its own with the same tables."""
    name: str
    setup: str = ""             # a file of SQL, or SQL, run after the data set's
    after: str = ""             # run after each operation, as a part of it
    slow: bool = False          # costs what a whole refresh costs: takes part in few rounds only


@dataclass
class Dataset:
    """Tables, and the view `document` over them; `key` identifies its rows in `stored`."""
    name: str
    key: str
    target: str                 # the TVIEW's name
    hand: Tuple[str, ...] = ("row", "statement")


@dataclass
class Scenario:
    name: str
    dataset: str
    sql: str                    # a statement with parameters
    types: str                  # of the parameters
    args: Callable              # (number of the operation, products) -> the parameters
    statements: int = 1         # so many in one transaction are one operation
    goal: str = ""              # as issue 7 words it
    limit: float = 0            # added time at most so many times that of the best by hand
    rows: Callable = lambda n: 1        # documents that one operation concerns
    before: str = ""            # SQL run first for every contender
    contenders: Tuple[str, ...] = ("nothing", "row", "statement", "pg_tviews")
    axes: dict = field(default_factory=dict)


DATASETS = {d.name: d for d in [
    Dataset("shop", "pk_product", "tv_product"),
]}


def contenders(dataset):
    """Everybody who may take part; `nothing` is the base that is subtracted."""
    yield Contender("nothing")
    for style in dataset.hand:
        yield Contender(style, "by_hand/%s_%s.sql" % (dataset.name, style))
    yield Contender("pg_tviews", "CREATE TABLE %s AS SELECT * FROM document" % dataset.target)


def some(i, n):
    """A row that is not near the one before it."""
    return 1 + (i * 7919) % n


SHOP = [
    Scenario("one row, used column", "shop", "UPDATE tb_product SET current_price = $2 WHERE pk_product = $1",
             "int, numeric", lambda i, n: (some(i, n), 1 + (i * 37 % 90000) / 100), goal="<= 1.0", limit=1.0),
    Scenario("one row, unused column", "shop", "UPDATE tb_review SET helpful_count = helpful_count + 1 WHERE pk_review = $1",
             "int", lambda i, n: (some(i, n),), goal="<= 5 us, no WAL"),
    Scenario("one row, equal value", "shop", "UPDATE tb_product SET current_price = current_price WHERE pk_product = $1",
             "int", lambda i, n: (some(i, n),), goal="no WAL"),
    Scenario("child insert", "shop", "INSERT INTO tb_review (id, fk_product, fk_user, rating, title, content, created_at) VALUES "
             "(md5('new' || $1)::uuid, $2, 1, 1 + $1 % 5, 'New ' || $1, 'An opinion that somebody has just had', "
             "timestamptz '2026-06-01 00:00Z' + $1 * interval '1 second')",
             "int, int", lambda i, n: (i, some(i, n)), goal="<= 1.0", limit=1.0),
    Scenario("document insert", "shop", "INSERT INTO tb_product (id, fk_category, fk_supplier, sku, name, description, base_price, "
             "current_price) VALUES (md5('newp' || $1)::uuid, 1 + $1 % 10, 4 + $1 % 6, 'NEW-' || $1, 'New product ' || $1, "
             "'What there is to say about a new product, in a sentence or two of ordinary length.', 10 + $1 % 100, 10 + $1 % 90)",
             "int", lambda i, n: (i,), goal="<= 0.9", limit=0.9),
]
ALL = SHOP
