"""The fuzzer's schemas, queries and changes, as a scenario."""

import copy

import psycopg2

from fuzz import oracle
from fuzz.changes import Changes as FuzzChanges
from fuzz.dice import Dead, Dice
from fuzz.model import ident, plain_sql
from fuzz.schema import SchemaMaker
from fuzz.session import roll_back
from fuzz.tviews import TviewMaker

NAME = "generated"
ABOUT = "what the fuzzer makes: schemas, queries and changes"
# they look at a TVIEW in the middle of a transaction, or make functions
WEIGHTS = dict(FuzzChanges.WEIGHTS, function_change=0)


class Generated:
    name, about = NAME, ABOUT
    strict = False
    linger = 0.15
    burst = 99
    lengths = (1, 1, 2, 2, 3, 4)
    ddl = True

    def __init__(self, server, rng):
        self.server = server
        self.seed = rng.random()
        self.done = []

    def create(self, cur):
        """False when nothing came of it."""
        self.cur = cur
        self.dice = Dice("schema/%s" % self.seed, without={"fragile_key", "user_trigger"})
        cur.execute("CREATE SCHEMA IF NOT EXISTS fuzz")
        cur.execute("SET client_min_messages = error")
        maker = SchemaMaker(self.dice, self.server.version, self.server.two_phase)
        for step in maker.steps():
            self.play(step)
        self.model = maker.model
        self.tview_maker = TviewMaker(self.dice, self.model, self.probe, False)
        for i in range(5):
            try:
                steps = [self.tview_maker.helper_step()] if i == 0 else self.tview_maker.tview_steps()
            except Dead:
                continue
            for step in steps:
                if not self.play(step):
                    break
        cur.execute("ANALYZE")
        return bool(self.model.tviews)

    def play(self, step):
        sql = plain_sql(step.sql)
        try:
            self.cur.execute(sql)
        except psycopg2.Error as error:
            if (error.pgcode or "")[:2] in ("22", "23", "0A", "21"):
                return False
            raise
        self.done.append(sql)
        if step.apply:
            step.apply(self.model)
        return True

    def probe(self, sql, key):
        """Can the query be a TVIEW on the data that there is?  The reason why not."""
        cur = self.cur
        try:
            cur.execute("BEGIN; SET LOCAL statement_timeout = '100ms'")
            cur.execute("CREATE TEMP VIEW probe_view AS " + sql)
            cur.execute("SELECT count(*) FROM probe_view")
            if cur.fetchone()[0] > 200:
                return "too many rows"
            cur.execute(oracle.key_sql("probe_view", [ident(k) for k in key]))
            return "key is not unique" if cur.fetchone()[0] else None
        except psycopg2.Error as error:
            return str(error)
        finally:
            roll_back(cur)

    def script(self):
        return "".join(sql + ";\n" for sql in self.done)

    def changes(self, rng, number):
        return Changes(self, Dice("%s/%d" % (self.seed, number), without={"truncate"} if rng.random() < 0.5 else ()))

    def ddl_commands(self, rng):
        roll = rng.randint(0, 2)
        table = rng.choice(self.model.roots())
        if roll == 0:
            return ["CREATE INDEX stress_index ON %s (a)" % table.sql, "DROP INDEX %s.stress_index" % ident(table.schema)]
        if roll == 1:
            return ["ANALYZE %s" % table.sql]
        return ["SELECT pg_tviews_refresh(tview::text, %s) FROM kit.meta()" % rng.choice(("false", "true"))]


class Changes(FuzzChanges):
    """The fuzzer's statements, of a model of one's own."""

    def __init__(self, scenario, dice):
        super().__init__(dice, copy.deepcopy(scenario.model))

    def statement(self):
        step = self.step(WEIGHTS)
        return plain_sql(step.sql), step.data

    def compare_call(self):
        return "PERFORM 1"

    def read(self):
        return "SELECT count(*) FROM %s" % self.dice.pick(self.model.tviews).sql
