"""Hand-made schemas on which everything collides, and random changes of them.

A table is described by its columns: the key, links (to keys, whose domain they share) and values.
"""

KEYS = 4                                 # keys are 1 .. KEYS
VALUES = 3


class Table:
    """name, the key column, link columns and value columns; weight: how often it is changed."""

    def __init__(self, name, key, links=(), vals=("v",), weight=1, keys=KEYS, ddl=None, truncate=True):
        self.name, self.key, self.links, self.vals = name, key, tuple(links), tuple(vals)
        self.weight, self.keys, self.truncate = weight, keys, truncate
        self.ddl = ddl

    def create(self):
        if self.ddl:
            return self.ddl
        return "CREATE TABLE %s (%s)" % (self.name, ", ".join(
            ["%s int PRIMARY KEY" % self.key] + ["%s int" % c for c in self.links + self.vals]))


class Scenario:
    strict = False                       # no deadlock may happen
    bulk = 0.06                          # how often a statement changes many rows
    linger = 0.15                        # how often a transaction flushes, waits a moment, and goes on
    burst = 99                           # transactions of a session between two comparisons, at most
    lengths = (1, 1, 2, 2, 3, 4)         # statements of a transaction
    tables = ()
    setup = ()                           # after the tables
    tviews = ()                          # CREATE TABLE tv_... AS
    extra = ()                           # TVIEWs made and dropped meanwhile: (name, query)
    ddl = True
    fill = True                          # with some rows

    def create(self, cur):
        for sql in self.commands():
            cur.execute(sql)
        return True

    def commands(self):
        fill = ["INSERT INTO %s SELECT i%s FROM generate_series(1, %d) i" % (
            t.name, "".join(", 1 + (i * %d) %% %d" % (j + 2, KEYS - 1) for j in range(len(t.links) + len(t.vals))),
            max(1, t.keys - 1)) for t in self.tables if self.fill]
        return (["SET client_min_messages = error"] + [t.create() for t in self.tables] + list(self.setup) + fill
                + ["CREATE TABLE %s" % t for t in self.tviews])

    def script(self):
        return "".join(sql + ";\n" for sql in self.commands())

    def changes(self, rng, number):
        return Changes(self, rng)

    def ddl_commands(self, rng):
        """One thing that an administrator may do while all write; a list in it is a transaction."""
        roll = rng.randint(0, 7)
        table = rng.choice(self.tables)
        column = rng.choice((table.key,) + table.links + table.vals)
        if roll == 0:
            return ["CREATE INDEX IF NOT EXISTS stress_index ON %s (%s)" % (table.name, column),
                    "DROP INDEX stress_index"]
        if roll == 1:
            return ["ANALYZE %s" % table.name]
        if roll == 2:
            return ["ALTER TABLE %s ADD COLUMN stress int" % table.name, "SELECT pg_sleep(0.02)",
                    "ALTER TABLE %s DROP COLUMN stress" % table.name]
        if roll >= 6 or not self.extra:
            return ["SELECT pg_tviews_refresh(tview::text, %s) FROM kit.meta()" % rng.choice(("false", "true"))]
        name, query = rng.choice(self.extra)
        create, drop = "CREATE TABLE %s AS %s" % (name, query), "DROP TABLE %s" % name
        narrow = "SELECT q.* FROM (%s) q WHERE pk_x < 4" % query
        if roll == 3:
            changes = self.changes(rng, 0)
            return [["BEGIN", changes.statement()[0], create, changes.statement()[0], drop,
                     rng.choice(("COMMIT", "ROLLBACK"))]]
        if roll == 4:
            return [create, "CREATE OR REPLACE VIEW v_x AS " + narrow, "SELECT pg_sleep(0.05)", drop]
        return [create, "SELECT pg_sleep(0.05)", "SELECT pg_tviews_alter('tv_x', '%s')" % narrow.replace("'", "''"),
                "SELECT pg_sleep(0.05)", drop]


class Changes:
    """Random statements: (sql, None)."""

    def __init__(self, scenario, rng):
        self.scenario = scenario
        self.rng = rng
        self.tables = [t for t in scenario.tables for _ in range(t.weight)]

    def statement(self):
        rng = self.rng
        table = rng.choice(self.tables)
        roll = rng.random()
        if roll < 0.02 and table.truncate and rng.random() < 0.4:
            return "TRUNCATE %s CASCADE" % table.name, None
        if roll < self.scenario.bulk:
            return self.bulk(table), None
        if roll < self.scenario.bulk * 2.5:
            return self.merge(table), None
        if roll < self.scenario.bulk * 3.5:
            return self.two_tables(), None
        return self.simple(table), None

    def simple(self, table, key=None):
        rng = self.rng
        where = "WHERE %s = %d" % (table.key, key or rng.randint(1, table.keys))
        roll = rng.random()
        if roll < 0.38:
            return self.insert(table, key)
        if roll < 0.55 and table.links:
            return "UPDATE %s SET %s = %s %s" % (table.name, rng.choice(table.links), self.link(), where)
        if roll < 0.75 and table.vals:
            return "UPDATE %s SET %s = %d %s" % (table.name, rng.choice(table.vals), rng.randint(0, 999), where)
        if roll < 0.80 and not key:
            return "UPDATE %s SET %s = %d %s" % (table.name, table.key, rng.randint(1, table.keys), where)
        return "DELETE FROM %s %s" % (table.name, where)

    def link(self):
        return "NULL" if self.rng.random() < 0.08 else str(self.rng.randint(1, KEYS))

    def row(self, table, key=None):
        values = [str(key or self.rng.randint(1, table.keys))] + [self.link() for _ in table.links]
        return values + [str(self.rng.randint(0, VALUES)) for _ in table.vals]

    def columns(self, table):
        return (table.key,) + table.links + table.vals

    def insert(self, table, key=None):
        rest = table.links + table.vals
        conflict = "NOTHING"
        if rest and self.rng.random() < 0.5:
            conflict = "UPDATE SET " + ", ".join("%s = excluded.%s" % (c, c) for c in rest)
        return "INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%s) DO %s" % (
            table.name, ", ".join(self.columns(table)), ", ".join(self.row(table, key)), table.key, conflict)

    def bulk(self, table):
        rng = self.rng
        rest = table.links + table.vals
        roll = rng.randint(0, 2)
        if roll == 0 or not rest:
            return "DELETE FROM %s WHERE %s > %d" % (table.name, table.key, rng.randint(0, 3))
        if roll == 1:
            return "UPDATE %s SET %s = %d" % (table.name, rng.choice(rest), rng.randint(1, KEYS))
        return "INSERT INTO %s (%s) SELECT i%s FROM generate_series(1, %d) i ON CONFLICT DO NOTHING" % (
            table.name, ", ".join(self.columns(table)),
            "".join(", %d" % rng.randint(1, KEYS) for _ in rest), table.keys)

    def merge(self, table):
        rest = table.links + table.vals
        matched = "DELETE" if self.rng.random() < 0.3 or not rest else "UPDATE SET %s" % ", ".join(
            "%s = s.%s" % (c, c) for c in rest)
        return "MERGE INTO %s t USING (VALUES (%s)) s (%s) ON t.%s = s.%s WHEN MATCHED THEN %s " \
            "WHEN NOT MATCHED THEN INSERT (%s) VALUES (%s)" % (
                table.name, "), (".join(", ".join("%s::int" % v for v in self.row(table, key))
                                        for key in sorted(self.rng.sample(range(1, table.keys + 1), 2))),
                ", ".join(self.columns(table)), table.key, table.key, matched,
                ", ".join(self.columns(table)), ", ".join("s." + c for c in self.columns(table)))

    def two_tables(self):
        one, other = self.simple(self.rng.choice(self.tables)), self.simple(self.rng.choice(self.tables))
        return "WITH w AS (%s RETURNING 1) %s" % (one, other)

    def read(self):
        names = [t.split(" ")[0] for t in self.scenario.tviews]
        return "SELECT count(*) FROM %s" % self.rng.choice(names)

    def ordered(self):
        """Single rows in one order for all: then no transaction may be a deadlock's victim."""
        places = sorted({(self.rng.randrange(len(self.scenario.tables)), self.rng.randint(1, KEYS))
                         for _ in range(self.rng.randint(1, 4))})
        return [(self.simple(self.scenario.tables[i], key), None) for i, key in places]


CHAIN_TABLES = (Table("tb_r", "pk_r", ("fk_a",), weight=3), Table("tb_a", "pk_a", ("fk_b",), weight=3),
                Table("tb_b", "pk_b", weight=2), Table("tb_c", "pk_c", ("fk_r",), weight=2),
                Table("tb_d", "pk_d", ("fk_c",), weight=2))
CHAIN_QUERY = """tv_r AS SELECT r.pk_r, jsonb_build_object('v', r.v, 'a', a.v, 'b', b.v, 'c',
  (SELECT jsonb_agg(jsonb_build_object('c', c.pk_c, 'v', c.v, 'd',
     (SELECT jsonb_agg(jsonb_build_array(d.pk_d, d.v) ORDER BY d.pk_d) FROM tb_d d WHERE d.fk_c = c.pk_c))
     ORDER BY c.pk_c) FROM tb_c c WHERE c.fk_r = r.pk_r)) AS data
  FROM tb_r r LEFT JOIN tb_a a ON a.pk_a = r.fk_a LEFT JOIN tb_b b ON b.pk_b = a.fk_b"""


class Chain(Scenario):
    name, about = "chain", "parents of parents, children of children"
    tables = CHAIN_TABLES
    tviews = (CHAIN_QUERY,)
    extra = (("tv_x", "SELECT a.pk_a AS pk_x, a.v, (SELECT sum(r.v) FROM tb_r r WHERE r.fk_a = a.pk_a) AS s FROM tb_a a"),
             ("tv_x", "SELECT t.pk_r AS pk_x, t.data->'v' AS v FROM tv_r t"))


class Ordered(Chain):
    name, about = "ordered", "the same, rows changed in one order for all: no deadlock may happen"
    strict = True
    ddl = False
    tviews = (CHAIN_QUERY, """tv_a AS SELECT a.pk_a, a.v, b.v AS bv, (SELECT count(*) FROM tb_r r WHERE r.fk_a = a.pk_a) AS n
  FROM tb_a a LEFT JOIN tb_b b ON b.pk_b = a.fk_b""")


class Walk(Scenario):
    name, about = "walk", "a chain of three links: new rows at one end, changes at the other"
    tables = (Table("tb_r", "pk_r", ("fk_a",), weight=3), Table("tb_a", "pk_a", ("fk_b",), keys=3),
              Table("tb_b", "pk_b", ("fk_e",), keys=3, weight=2), Table("tb_e", "pk_e", weight=3, keys=3))
    tviews = ("""tv_r AS SELECT r.pk_r, r.v, a.v AS av, b.v AS bv, e.v AS ev FROM tb_r r
  LEFT JOIN tb_a a ON a.pk_a = r.fk_a LEFT JOIN tb_b b ON b.pk_b = a.fk_b LEFT JOIN tb_e e ON e.pk_e = b.fk_e""",)
    extra = (("tv_x", "SELECT b.pk_b AS pk_x, b.v, e.v AS ev FROM tb_b b LEFT JOIN tb_e e ON e.pk_e = b.fk_e"),)


class Links(Scenario):
    name, about = "links", "little but links to meet at: rows rarely collide, chains do"
    bulk = 0
    linger = 0.7
    burst = 2
    tables = (Table("tb_r", "pk_r", ("fk_a",), weight=3, keys=9, truncate=False),
              Table("tb_a", "pk_a", ("fk_b",), weight=2, keys=4, truncate=False),
              Table("tb_b", "pk_b", ("fk_e",), weight=2, keys=4, truncate=False),
              Table("tb_e", "pk_e", weight=2, keys=4, truncate=False),
              Table("tb_c", "pk_c", ("fk_r",), weight=2, keys=9, truncate=False),
              Table("tb_d", "pk_d", ("fk_c",), weight=3, keys=9, truncate=False))
    tviews = ("""tv_r AS SELECT r.pk_r, r.v, a.v AS av, b.v AS bv, e.v AS ev,
  (SELECT jsonb_agg(jsonb_build_array(c.pk_c, c.v, (SELECT sum(d.v) FROM tb_d d WHERE d.fk_c = c.pk_c)) ORDER BY c.pk_c)
   FROM tb_c c WHERE c.fk_r = r.pk_r) AS kids FROM tb_r r
  LEFT JOIN tb_a a ON a.pk_a = r.fk_a LEFT JOIN tb_b b ON b.pk_b = a.fk_b LEFT JOIN tb_e e ON e.pk_e = b.fk_e""",)
    ddl = False


class Duel(Scenario):
    name, about = "duel", "half of the sessions add rows above, half change rows far below: all meet in links only"
    linger = 1
    burst = 1
    lengths = (1,)
    tables = (Table("tb_r", "pk_r", ("fk_a",)), Table("tb_a", "pk_a", ("fk_b",)), Table("tb_b", "pk_b", ("fk_e",)),
              Table("tb_e", "pk_e"))
    setup = tuple("INSERT INTO tb_%s SELECT i, %s FROM generate_series(0, 99) i" % item
                  for item in (("a", "i, 0"), ("b", "i, 0"), ("e", "0")))
    tviews = ("""tv_r AS SELECT r.pk_r, r.v, a.v AS av, b.v AS bv, e.v AS ev FROM tb_r r
  LEFT JOIN tb_a a ON a.pk_a = r.fk_a LEFT JOIN tb_b b ON b.pk_b = a.fk_b LEFT JOIN tb_e e ON e.pk_e = b.fk_e""",)
    ddl = False
    fill = False

    def changes(self, rng, number):
        return Duelist(self, rng, number)


class Duelist(Changes):
    def __init__(self, scenario, rng, number):
        super().__init__(scenario, rng)
        self.number, self.counter = number, 0

    def statement(self):
        """A new row of one's own below some chain, or a change of one's own part of one."""
        if self.number % 2 == 0:
            self.counter += 1
            return "INSERT INTO tb_r VALUES (%d, %d, 0)" % (
                self.number * 100000 + self.counter, self.rng.choice((1, 3, 5, 7))), None
        letter = self.rng.choice("abee")
        return "UPDATE tb_%s SET v = v + 1 WHERE pk_%s = %d" % (letter, letter, self.number), None


class Hot(Scenario):
    name, about = "hot", "many small rows below few keys"
    bulk = 0.02
    tables = (Table("tb_h", "pk_h", (), keys=2, truncate=False), Table("tb_i", "pk_i", ("fk_h",), weight=6, keys=12))
    tviews = ("""tv_h AS SELECT h.pk_h, count(i.pk_i) AS n, sum(i.v) AS total,
  jsonb_agg(i.pk_i ORDER BY i.pk_i) AS items FROM tb_h h LEFT JOIN tb_i i ON i.fk_h = h.pk_h GROUP BY h.pk_h""",
              "tv_g AS SELECT i.fk_h AS pk_g, sum(i.v) AS total, count(*) AS n FROM tb_i i "
              "WHERE i.fk_h IS NOT NULL GROUP BY i.fk_h")
    extra = (("tv_x", "SELECT g.pk_g AS pk_x, g.total FROM tv_g g"),)


class Cascades(Scenario):
    name, about = "cascades", "foreign keys that cascade, set NULL, or are deferred"
    tables = (
        Table("tb_user", "pk_user", weight=2),
        Table("tb_post", "pk_post", ("fk_user",), weight=2, keys=6,
              ddl="CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user "
                  "ON DELETE CASCADE ON UPDATE CASCADE, v int)"),
        Table("tb_comment", "pk_comment", ("fk_post", "fk_user"), weight=3, keys=8,
              ddl="CREATE TABLE tb_comment (pk_comment int PRIMARY KEY, fk_post int REFERENCES tb_post "
                  "ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED, fk_user int "
                  "REFERENCES tb_user ON DELETE SET NULL ON UPDATE CASCADE, v int)"))
    setup = ("CREATE INDEX ON tb_post (fk_user)", "CREATE INDEX ON tb_comment (fk_post)")
    tviews = ("""tv_post AS SELECT p.pk_post, u.v AS user, p.v, (SELECT jsonb_agg(jsonb_build_array(c.v, w.v) ORDER BY
  c.pk_comment) FROM tb_comment c LEFT JOIN tb_user w ON w.pk_user = c.fk_user WHERE c.fk_post = p.pk_post) AS comments
  FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user""",
              "tv_user AS SELECT u.pk_user, u.v, (SELECT jsonb_agg(t.comments ORDER BY t.pk_post) FROM tv_post t "
              "JOIN tb_post p ON p.pk_post = t.pk_post WHERE p.fk_user = u.pk_user) AS posts FROM tb_user u")
    extra = (("tv_x", "SELECT c.pk_comment AS pk_x, u.v FROM tb_comment c JOIN tb_user u ON u.pk_user = c.fk_user"),)


class Partitions(Scenario):
    name, about = "partitions", "windows and DISTINCT ON, over a partitioned table; partitions come and go"
    tables = (Table("tb_s", "pk_s", ("fk_g",), weight=4, keys=8,
                    ddl="CREATE TABLE tb_s (pk_s int PRIMARY KEY, fk_g int, v int) PARTITION BY RANGE (pk_s)"),
              Table("tb_g", "pk_g"), Table("tb_t", "pk_t", ("fk_s",), weight=2))
    setup = ("CREATE TABLE tb_s_1 PARTITION OF tb_s FOR VALUES FROM (1) TO (4)",
             "CREATE TABLE tb_s_2 PARTITION OF tb_s FOR VALUES FROM (4) TO (100)")
    tviews = ("""tv_s AS SELECT s.pk_s, s.v, g.v AS gv, rank() OVER (PARTITION BY s.fk_g ORDER BY s.v) AS place,
  sum(s.v) OVER (PARTITION BY s.fk_g) AS total FROM tb_s s LEFT JOIN tb_g g ON g.pk_g = s.fk_g""",
              """tv_g AS SELECT g.pk_g, g.v, l.pk_s, l.v AS last, t.n FROM tb_g g LEFT JOIN
  (SELECT DISTINCT ON (fk_g) fk_g, pk_s, v FROM tb_s ORDER BY fk_g, v DESC, pk_s) l ON l.fk_g = g.pk_g
  LEFT JOIN LATERAL (SELECT count(*) AS n FROM tb_t t WHERE t.fk_s = l.pk_s) t ON true""",
              """tv_w AS SELECT w.pk_s AS pk_w, w.place, t.v FROM (SELECT pk_s, fk_g, row_number() OVER
  (PARTITION BY fk_g ORDER BY v, pk_s) AS place FROM tb_s) w JOIN tb_t t ON t.pk_t = w.fk_g""")
    extra = (("tv_x", "SELECT DISTINCT ON (s.fk_g) s.fk_g AS pk_x, s.v FROM tb_s s WHERE s.fk_g IS NOT NULL "
              "ORDER BY s.fk_g, s.v, s.pk_s"),)

    def ddl_commands(self, rng):
        if rng.random() < 0.3:
            return ["CREATE TABLE tb_s_3 (v int, fk_g int, pk_s int NOT NULL)",
                    "INSERT INTO tb_s_3 VALUES (1, 1, 100), (2, 2, 101)",
                    "ALTER TABLE tb_s ATTACH PARTITION tb_s_3 FOR VALUES FROM (100) TO (200)",
                    "UPDATE tb_s SET v = v + 1 WHERE pk_s >= 100",
                    "ALTER TABLE tb_s DETACH PARTITION tb_s_3",
                    "DROP TABLE tb_s_3"]
        return super().ddl_commands(rng)


class Tests(Scenario):
    name, about = "tests", "EXISTS, NOT IN, arrays, inequalities, UNION, FULL JOIN, self-join"
    tables = (Table("tb_p", "pk_p", ("a", "parent"), weight=4), Table("tb_q", "pk_q", ("a", "b"), weight=3),
              Table("tb_l", "pk_l", ("b",), weight=2))
    tviews = (
        "tv_in AS SELECT p.pk_p AS pk_in, p.a NOT IN (SELECT q.a FROM tb_q q) AS none FROM tb_p p",
        "tv_ex AS SELECT p.pk_p AS pk_ex, p.v FROM tb_p p WHERE NOT EXISTS (SELECT FROM tb_q q JOIN tb_l l "
        "ON l.b = q.b WHERE q.a = p.a AND l.v > 0)",
        "tv_le AS SELECT p.pk_p AS pk_le, (SELECT count(*) FROM tb_q q WHERE q.a <= p.a) AS n FROM tb_p p",
        "tv_full AS SELECT coalesce(p.pk_p, q.pk_q) AS pk_full, p.v, q.v AS qv, l.v AS lv FROM tb_p p FULL JOIN tb_q q "
        "ON p.pk_p = q.pk_q LEFT JOIN tb_l l ON l.pk_l = q.b",
        "tv_un AS SELECT u.pk_un, sum(u.v) AS v FROM (SELECT p.a AS pk_un, p.v FROM tb_p p UNION ALL SELECT q.b, l.v "
        "FROM tb_q q JOIN tb_l l ON l.b = q.a) u WHERE u.pk_un IS NOT NULL GROUP BY u.pk_un",
        "tv_self AS SELECT p.pk_p AS pk_self, up.v AS up, top.v AS top, (SELECT count(*) FROM tb_p k WHERE k.parent = p.pk_p) "
        "AS kids FROM tb_p p LEFT JOIN tb_p up ON up.pk_p = p.parent LEFT JOIN tb_p top ON top.pk_p = up.parent",
        "tv_any AS SELECT p.pk_p AS pk_any, p.v, (SELECT array_agg(q.v ORDER BY q.pk_q) FROM tb_q q "
        "WHERE p.a = ANY (ARRAY[q.a, q.b])) AS vs FROM tb_p p WHERE p.parent = 1 OR p.v > 1",
    )
    extra = (("tv_x", "SELECT p.pk_p AS pk_x, p.a IN (SELECT q.b FROM tb_q q WHERE q.v > 0) AS y FROM tb_p p"),)


class Full(Scenario):
    name, about = "full", "sources without a route: the TVIEW is refreshed as a whole"
    tables = (Table("tb_p", "pk_p", ("a",), weight=3), Table("tb_q", "pk_q", weight=1))
    tviews = ("tv_p AS SELECT p.pk_p, p.v, (SELECT sum(q.v) FROM tb_q q) AS total FROM tb_p p",
              "tv_top AS SELECT p.pk_p AS pk_top, p.v FROM tb_p p ORDER BY p.v DESC, p.pk_p LIMIT 2",
              "tv_on AS SELECT q.pk_q AS pk_on, t.v FROM tb_q q LEFT JOIN tv_top t ON t.pk_top = q.pk_q")
    extra = (("tv_x", "SELECT p.pk_p AS pk_x, q.v FROM tb_p p LEFT JOIN tb_q q ON q.pk_q = p.a"),)


class Tower(Scenario):
    name, about = "tower", "TVIEWs on TVIEWs on TVIEWs"
    tables = (Table("tb_r", "pk_r", ("fk_a",), weight=3), Table("tb_a", "pk_a", ("fk_b",), weight=2),
              Table("tb_b", "pk_b", weight=2))
    tviews = ("tv_b AS SELECT b.pk_b, b.v * 2 AS w FROM tb_b b",
              "tv_a AS SELECT a.pk_a, a.v, a.fk_b, t.w FROM tb_a a LEFT JOIN tv_b t ON t.pk_b = a.fk_b",
              "tv_r AS SELECT r.pk_r, r.v, t.v AS av, t.w, s.v AS same FROM tb_r r LEFT JOIN tv_a t ON t.pk_a = r.fk_a "
              "LEFT JOIN tb_b s ON s.pk_b = t.fk_b",
              "tv_z AS SELECT t.w AS pk_z, count(*) AS n, sum(r.v) AS v FROM tv_a t JOIN tb_r r ON r.fk_a = t.pk_a "
              "WHERE t.w IS NOT NULL GROUP BY t.w")
    extra = (("tv_x", "SELECT t.pk_r AS pk_x, t.w, z.n FROM tv_r t LEFT JOIN tv_z z ON z.pk_z = t.w"),)


ALL = [s() for s in (Chain, Links, Duel, Walk, Hot, Cascades, Tests, Partitions, Tower, Full, Ordered)]
