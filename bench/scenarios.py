"""What is measured: data sets, contenders and scenarios.  A scenario is a few lines of SQL."""

from dataclasses import dataclass, field
from typing import Callable, Dict, Tuple


@dataclass
class Contender:
    """Who keeps the documents, in a schema of its own with the same tables."""
    name: str
    setup: str = ""             # a file of SQL, or SQL, run after the data set's
    after: Dict[str, str] = field(default_factory=dict)     # ways to bring the documents up to date, if that is not automatic


@dataclass
class Target:
    """A view of the base tables, and the tables that must equal it."""
    key: str
    tview: str
    view: str = "document"
    stored: str = "stored"


@dataclass
class Dataset:
    name: str
    targets: Tuple[Target, ...]
    contenders: Tuple[Contender, ...]


@dataclass
class Scenario:
    name: str
    dataset: str
    sql: str                    # a statement with parameters
    types: str = ""             # of the parameters
    args: Callable = lambda i, n: ()    # (number of the operation, size of the data set) -> the parameters
    rows: int = 1               # documents that one operation concerns
    statements: int = 1         # so many in one transaction are one operation
    setup: str = ""             # SQL that everybody runs at first
    before: Callable = None     # (number of the first, of the last, size) -> SQL that everybody runs before these operations
    after: str = ""             # SQL that everybody runs after some operations
    copy: Callable = None       # (number, size) -> lines for COPY FROM STDIN, which sql is then
    limit: float = 0            # the goal: added time at most so many times that of the best by hand
    contenders: Tuple[str, ...] = ("nothing", "row", "statement", "pg_tviews")
    sizes: Tuple[int, ...] = () # these only


def tview(name):
    """SQL that makes the base's view a TVIEW, as if somebody had written its query there."""
    return "DO $$ BEGIN EXECUTE 'CREATE TABLE %s AS ' || rtrim(pg_get_viewdef('document'::regclass), ';'); END $$" % name


def by_hand(dataset, *styles):
    return tuple(Contender(style, "by_hand/%s_%s.sql" % (dataset, style)) for style in styles)


NOTHING = Contender("nothing")
MATVIEW = "CREATE MATERIALIZED VIEW stored AS SELECT * FROM document; CREATE UNIQUE INDEX ON stored (pk_product)"

DATASETS: Dict[str, Dataset] = {d.name: d for d in [
    Dataset("shop", (Target("pk_product", "tv_product"),), (NOTHING,) + by_hand("shop", "row", "statement") + (
        Contender("pg_tviews", tview("tv_product")),
        Contender("matview", MATVIEW, {"refresh": "REFRESH MATERIALIZED VIEW stored",
                                       "concurrently": "REFRESH MATERIALIZED VIEW CONCURRENTLY stored"}))),
    Dataset("blog", (Target("pk_post", "tv_post"),), (NOTHING,) + by_hand("blog", "row") + (
        Contender("pg_tviews", tview("tv_post")),)),
    Dataset("company", tuple(Target("pk_" + e, "tv_" + e, e + "_document", "stored_" + e)
                             for e in ("employee", "department", "company")),
            (NOTHING,) + by_hand("company", "row") + (Contender("pg_tviews", "by_pg_tviews/company.sql"),)),
    Dataset("totals", (Target("pk_customer", "tv_customer"),), (NOTHING,) + by_hand("totals", "row", "statement") + (
        Contender("pg_tviews", tview("tv_customer")),)),
    Dataset("ten", tuple(Target("pk_item%d" % i, "tv_item%d" % i, "document_%d" % i, "stored_%d" % i) for i in range(1, 11)),
            (NOTHING,) + by_hand("ten", "row") + (
                Contender("pg_tviews", "by_pg_tviews/ten.sql"),
                Contender("pg_tviews, one", tview("tv_item1").replace("document", "document_1")))),
    Dataset("many", (Target("pk_item1", "tv_item1", "document_1", "stored_1"),), (NOTHING,) + by_hand("many", "row") + (
        Contender("pg_tviews", "by_pg_tviews/many.sql"),)),
    Dataset("elsewhere", (Target("pk_item", "tv_item"),), (NOTHING,) + by_hand("elsewhere", "row") + (
        Contender("pg_tviews", "by_pg_tviews/elsewhere.sql"),)),
    Dataset("pages", (Target("pk_page", "tv_page"),), (NOTHING,) + by_hand("pages", "row", "set") + (
        Contender("pg_tviews", tview("tv_page")),)),
    Dataset("flat", (Target("pk_product", "tv_product"),), (NOTHING,) + by_hand("flat", "row", "statement") + (
        Contender("pg_tviews", tview("tv_product")), Contender("pg_ivm", "by_pg_ivm/flat.sql"))),
]}


def some(i, n):
    """A row that is not near the one before it."""
    return 1 + (i * 7919) % n


def some_block(i, n, rows):
    """First and last of so many rows."""
    first = 1 + (i * 7919) % (n - rows + 1)
    return first, first + rows - 1


def bulk(rows, **more):
    return Scenario("update of %s rows" % spaced(rows), "shop",
                    "UPDATE tb_product SET current_price = $3 + pk_product % 90 WHERE pk_product BETWEEN $1 AND $2",
                    "int, int, int", lambda i, n: some_block(i, n, rows) + (1 + i % 1000,), rows=rows, **more)


def rename(supplier, fan_out, **more):
    return Scenario("parent rename, fan-out %s" % spaced(fan_out), "shop",
                    "UPDATE tb_supplier SET name = 'Supplier no. ' || $1 WHERE pk_supplier = %d" % supplier,
                    "int", lambda i, n: (i,), rows=fan_out, sizes=(100000, 1000000), **more)


def orders(rows, **more):
    return Scenario("totals, update of %s orders" % spaced(rows), "totals",
                    "UPDATE tb_order SET amount = $3 + pk_order % 90 WHERE pk_order BETWEEN $1 AND $2",
                    "int, int, int", lambda i, n: some_block(i, 5 * n, rows) + (1 + i % 997,), rows=rows, **more)


def spaced(number):
    return format(number, ",").replace(",", " ")


def new_products(offset, first, last):
    """SQL for products with these numbers and an offset."""
    return (NEW_PRODUCT % ("pk_product, ", "%d + i, " % offset, "gone", "GONE") + "FROM generate_series(%d, %d) i" % (first, last))


def new_reviews(offset, first, last, n):
    """SQL for reviews with these numbers and an offset."""
    return ("INSERT INTO tb_review (pk_review, id, fk_product, fk_user, rating, title, content, created_at) "
            "SELECT %d + i, md5('gone' || i)::uuid, 1 + (i::bigint * 7919) %% %d, 1, 1 + i %% 5, 'Gone ' || i, "
            "'An opinion that will not stay for long', timestamptz '2026-06-01 00:00Z' + i * interval '1 second' "
            "FROM generate_series(%d, %d) i" % (offset, n, first, last))


def product_lines(i, n):
    """A hundred thousand products for COPY."""
    return "".join("%s\t%d\t%d\tCOPY-%d-%d\tCopied product %d\tA description of ordinary length, in a sentence or two.\t%d\t%d\n" % (
        "%032x" % ((i << 64) + k), 1 + k % 10, 5 + k % 5, i, k, k, 10 + k % 100, 10 + k % 90) for k in range(100000))


NEW_PRODUCT = ("INSERT INTO tb_product (%sid, fk_category, fk_supplier, sku, name, description, base_price, current_price) "
               "SELECT %smd5('%s' || i)::uuid, 1 + i %% 10, 5 + i %% 5, '%s-' || i, 'New product ' || i, "
               "'What there is to say about a new product, in a sentence or two of ordinary length.', 10 + i %% 100, 10 + i %% 90 ")
NO_NEW_COMMENTS = "DELETE FROM tb_comment WHERE pk_comment > 10000000"
BIG = (100000, 1000000)
FLAT = ("nothing", "row", "statement", "pg_tviews", "pg_ivm")
WITH_REFRESH = ("nothing", "row", "statement", "pg_tviews", "matview")

ALL = [
    Scenario("one row, used column", "shop", "UPDATE tb_product SET current_price = $2 WHERE pk_product = $1",
             "int, numeric", lambda i, n: (some(i, n), 1 + (i * 37 % 90000) / 100), limit=1.0,
             contenders=WITH_REFRESH),
    Scenario("one row, unused column", "shop", "UPDATE tb_inventory SET last_restocked_at = now() + $2 * interval '1 second' "
             "WHERE fk_product = $1", "int, int", lambda i, n: (some(i, n), i)),
    Scenario("one row, unused column of SELECT *", "shop", "UPDATE tb_review SET helpful_count = helpful_count + 1 WHERE pk_review = $1",
             "int", lambda i, n: (some(i, n),)),
    Scenario("one row, equal value", "shop", "UPDATE tb_product SET current_price = current_price WHERE pk_product = $1",
             "int", lambda i, n: (some(i, n),)),
    Scenario("one row, another column", "shop", "UPDATE tb_product SET name = 'Product called ' || $2 WHERE pk_product = $1",
             "int, int", lambda i, n: (some(i, n), i)),
    Scenario("child update (inventory)", "shop", "UPDATE tb_inventory SET quantity = $2 WHERE fk_product = $1",
             "int, int", lambda i, n: (some(i, n), i)),
    Scenario("child insert", "shop", "INSERT INTO tb_review (id, fk_product, fk_user, rating, title, content, created_at) VALUES "
             "(md5('new' || $1)::uuid, $2, 1, 1 + $1 % 5, 'New ' || $1, 'An opinion that somebody has just had', "
             "timestamptz '2026-06-01 00:00Z' + $1 * interval '1 second')",
             "int, int", lambda i, n: (i, some(i, n)), after="DELETE FROM tb_review WHERE pk_review > 100000000",
             limit=1.0),
    Scenario("child delete", "shop", "DELETE FROM tb_review WHERE pk_review = 200000000 + $1", "int", lambda i, n: (i,),
             before=lambda first, last, n: new_reviews(200000000, first, last, n)),
    Scenario("child move", "shop", "UPDATE tb_review SET fk_product = $2 WHERE pk_review = $1",
             "int, int", lambda i, n: (some(i, 5 * n), some(i + 1, n)), rows=2),
    Scenario("document insert", "shop", NEW_PRODUCT % ("", "", "new", "NEW") + "FROM (SELECT $1) x(i)", "int", lambda i, n: (i,),
             after="DELETE FROM tb_product WHERE pk_product > 10000000", limit=0.9),
    Scenario("document delete", "shop", "DELETE FROM tb_product WHERE pk_product = 20000000 + $1", "int", lambda i, n: (i,),
             before=lambda first, last, n: new_products(20000000, first, last)),
    Scenario("20 touches of one document", "shop", "UPDATE tb_product SET current_price = $2 WHERE pk_product = $1",
             "int, numeric", lambda i, n: (some(i // 20, n), 1 + (i * 37 % 90000) / 100), statements=20, limit=0.15),
    rename(1, 1), rename(2, 100), rename(3, 1000, limit=1.5), rename(4, 10000),
    bulk(10), bulk(100, limit=0.8), bulk(1000, limit=0.8), bulk(10000, sizes=BIG),
    bulk(100000, sizes=BIG, limit=0.8, contenders=WITH_REFRESH),
    Scenario("COPY of 100 000 rows", "shop", "COPY tb_product (id, fk_category, fk_supplier, sku, name, description, base_price, "
             "current_price) FROM STDIN", copy=product_lines, rows=100000, sizes=BIG, limit=0.8,
             after="DELETE FROM tb_product WHERE pk_product > 10000000"),
    # the last of the shop, for afterwards the other suppliers have fewer products
    rename(999, 100000, limit=1.5, setup="INSERT INTO tb_supplier VALUES (md5('s999')::uuid, 999, 'Supplier 999', NULL, NULL, NULL, now()); "
           "UPDATE tb_product SET fk_supplier = 999 WHERE pk_product <= 100000"),
    Scenario("post's title", "blog", "UPDATE tb_post SET title = 'Title ' || $2 WHERE pk_post = $1",
             "int, int", lambda i, n: (some(i, n), i)),
    Scenario("post's views (unused)", "blog", "UPDATE tb_post SET views = views + 1 WHERE pk_post = $1",
             "int", lambda i, n: (some(i, n),)),
    Scenario("comment update", "blog", "UPDATE tb_comment SET body = 'What is said now: ' || $2 WHERE pk_comment = $1",
             "int, int", lambda i, n: (some(i, 5 * n), i)),
    Scenario("comment insert", "blog", "INSERT INTO tb_comment VALUES ($1 + 10000000, $2, 1, NULL, 'A new comment, ' || $1)",
             "int, int", lambda i, n: (i, some(i, n)), after=NO_NEW_COMMENTS, limit=1.0),
    Scenario("answer insert", "blog", "INSERT INTO tb_comment VALUES ($1 + 10000000, $2, 1, 1 + ($2 - 1) * 5, 'A new answer, ' || $1)",
             "int, int", lambda i, n: (i, some(i, n)), after=NO_NEW_COMMENTS, limit=1.0),
    Scenario("user rename", "blog", "UPDATE tb_user SET name = 'User no. ' || $2 WHERE pk_user = $1",
             "int, int", lambda i, n: (some(i, n // 10), i), rows=60, limit=1.5),
    Scenario("TVIEW on TVIEW, three deep", "company", "UPDATE tb_employee SET salary = $2 WHERE pk_employee = $1",
             "int, int", lambda i, n: (some(i, n), i), rows=3),
    Scenario("ten TVIEWs on one table", "ten", "UPDATE tb_item SET price = $2 WHERE pk_item = $1",
             "int, int", lambda i, n: (some(i, n), i), rows=10,
             contenders=("nothing", "row", "pg_tviews", "pg_tviews, one")),
    orders(1), orders(10), orders(100), orders(1000), orders(10000, sizes=BIG),
    Scenario("totals, order insert", "totals", "INSERT INTO tb_order VALUES (10000000 + $1, $2, 1 + $1 % 1000)",
             "int, int", lambda i, n: (i, some(i, n)), after="DELETE FROM tb_order WHERE pk_order > 10000000"),
    Scenario("join, one row", "flat", "UPDATE tb_product SET price = $2 WHERE pk_product = $1",
             "int, int", lambda i, n: (some(i, n), i), contenders=FLAT),
    Scenario("join, insert", "flat", "INSERT INTO tb_product VALUES (10000000 + $1, 1 + $1 % 100, 1 + $1 % 50, 'New ' || $1, $1)",
             "int", lambda i, n: (i,), after="DELETE FROM tb_product WHERE pk_product > 10000000", contenders=FLAT),
    Scenario("join, update of 1 000 rows", "flat", "UPDATE tb_product SET price = $3 + pk_product WHERE pk_product BETWEEN $1 AND $2",
             "int, int, int", lambda i, n: some_block(i, n, 1000) + (i,), rows=1000, contenders=FLAT),
    Scenario("join, parent rename, 1/50 of all", "flat", "UPDATE tb_supplier SET name = 'Supplier no. ' || $2 WHERE pk_supplier = $1",
             "int, int", lambda i, n: (1 + i % 50, i), rows=20, contenders=FLAT),
]

# Growth: the data set's size is what grows.
GROWTH = [
    Scenario("document size", "pages", "UPDATE tb_page SET title = 'Title ' || $2 WHERE pk_page = $1",
             "int, int", lambda i, n: (1 + i % 16, i), contenders=("nothing", "row", "set", "pg_tviews"),
             sizes=(1024, 4096, 16384, 65536, 262144, 1048576)),
    Scenario("TVIEWs on the table", "many", "UPDATE tb_item SET price = $2 WHERE pk_item = $1",
             "int, int", lambda i, n: (some(i, 1000), i), sizes=(1, 2, 5, 10, 20, 50)),
    Scenario("TVIEWs on other tables", "elsewhere", "UPDATE tb_item SET price = $2 WHERE pk_item = $1",
             "int, int", lambda i, n: (some(i, 1000), i), sizes=(1, 10, 100, 300)),
    Scenario("rows in the tables", "company", "UPDATE tb_employee SET salary = $2 WHERE pk_employee = $1",
             "int, int", lambda i, n: (some(i, n), i), rows=3, sizes=(1000, 10000, 100000)),
    Scenario("rows that are grouped", "totals", "UPDATE tb_order SET amount = $3 WHERE pk_order IN ($1, $2)",
             "int, int, int", lambda i, n: (some(i, 5 * n), some(i + 1, 5 * n), i), rows=2, sizes=(1000, 10000, 100000)),
]


@dataclass
class Curve:
    """Time or memory against something, of scenarios with this prefix: linear in it, or flat."""
    name: str
    prefix: str
    by_size: bool = False       # against the data set's size, else against the rows concerned
    flat: bool = False
    what: str = "cpu"           # or "memory"


CURVES = [
    Curve("fan-out of a parent's rename", "parent rename"),
    Curve("rows of one UPDATE", "update of"),
    Curve("rows of one UPDATE, grouped", "totals, update of"),
    Curve("memory, rows of one UPDATE", "update of", what="memory"),
    Curve("bytes of a document", "document size", by_size=True),
    Curve("TVIEWs on the table", "TVIEWs on the table", by_size=True),
    Curve("TVIEWs on other tables", "TVIEWs on other tables", by_size=True, flat=True),
    Curve("employees, three TVIEWs deep", "rows in the tables", by_size=True, flat=True),
    Curve("rows that are grouped, two changed", "rows that are grouped", by_size=True, flat=True),
    Curve("products in the shop, one row", "one row, used column", by_size=True, flat=True),
    Curve("products in the shop, child insert", "child insert", by_size=True, flat=True),
]


@dataclass
class Goal:
    """What issue 7 asks for, and the scenarios that show it."""
    text: str
    scenarios: Tuple[str, ...]
    kind: str = "ratio"         # to the best by hand, of which the scenario has the limit; or another that report.py knows


GOALS = [
    Goal("one-row update at most 1.0 x by hand", ("one row, used column",)),
    Goal("child insert at most 1.0 x by hand", ("child insert", "comment insert", "answer insert")),
    Goal("insert of a document at most 0.9 x by hand", ("document insert",)),
    Goal("unused column at most 5 µs, no WAL", ("one row, unused column", "one row, unused column of SELECT *", "post's views (unused)"), "5 us"),
    Goal("equal value: no WAL", ("one row, equal value",), "no WAL"),
    Goal("bulk and COPY at most 0.8 x by hand", ("update of 100 rows", "update of 1 000 rows", "update of 100 000 rows", "COPY of 100 000 rows")),
    Goal("parent rename at most 1.5 x by hand", ("parent rename, fan-out 167", "parent rename, fan-out 1 000", "parent rename, fan-out 100 000", "user rename")),
    Goal("20 touches in one transaction at most 0.15 x by hand", ("20 touches of one document",)),
    Goal("ten TVIEWs on one table at most 10 x one", ("ten TVIEWs on one table",), "10 x one"),
    Goal("pg_ivm at least 20 x ours for one row", ("join, one row",), "pg_ivm"),
]
