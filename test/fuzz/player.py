"""Playing: one case from the generators, or a list of steps again, each in a database of its own."""

import re
import time

import psycopg2

from . import oracle
from .dice import Dead, Dice
from .model import Step, ident, plain_sql
from .schema import SchemaMaker
from .session import Failure, LEAK, Session, is_crash, judge, roll_back, signature, wait_for_server
from .transactions import Transactions
from .tviews import TviewMaker

PROBE = 9             # the session that tries out queries
PLANS = (("hashjoin", "hashagg"), ("nestloop", "sort"), ("mergejoin", "seqscan", "material"),
         ("indexscan", "bitmapscan", "hashagg", "nestloop"))
# a case with a fragile key looks at the view before every statement; what could flush in the middle
# of a statement is left out, so that "was the key broken just now?" has an answer
NOT_WHEN_FRAGILE = {"do_block", "do_exception", "function_change", "procedure", "statement_mode",
                    "autocommit", "multi_statement", "read_tview_dml", "user_trigger", "two_phase",
                    "attach", "detach", "new_partition", "inherit", "replace_view", "replace_helper",
                    "drop_base", "little_memory", "replica_role"}


class Databases:
    """Makes the throw-away databases of the cases."""

    def __init__(self, dsn, dry):
        self.dsn = dsn
        self.dry = dry
        self.admin = psycopg2.connect(**dsn)
        self.admin.autocommit = True
        self.version = self.admin.server_version
        self.prefix = "fuzz_%d_" % self.admin.info.backend_pid
        self.template = self.prefix + "template"
        self.number = 0
        self.can_validate = False
        self.two_phase = self.one("SHOW max_prepared_transactions") != "0"

    def execute(self, sql, args=None):
        """On the administrative connection, made again when a crash took it away."""
        try:
            cur = self.admin.cursor()
            cur.execute(sql, args)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            wait_for_server(self.dsn)
            self.admin = psycopg2.connect(**self.dsn)
            self.admin.autocommit = True
            cur = self.admin.cursor()
            cur.execute(sql, args)
        return cur

    def one(self, sql):
        return self.execute(sql).fetchone()[0]

    def run(self, sql):
        self.execute(sql)

    def prepare(self):
        self.run("CREATE DATABASE %s TEMPLATE template0" % self.template)
        conn = psycopg2.connect(**dict(self.dsn, dbname=self.template))
        conn.autocommit = True
        cur = conn.cursor()
        if not self.dry:
            cur.execute("CREATE EXTENSION pg_tviews")
            cur.execute("SELECT to_regprocedure('public.pg_tviews_validate(text)') IS NOT NULL")
            self.can_validate = cur.fetchone()[0]
        cur.execute(oracle.DRY_HELPERS if self.dry else oracle.HELPERS)
        conn.close()

    def create(self):
        self.number += 1
        name = "%s%d" % (self.prefix, self.number)
        self.run("CREATE DATABASE %s TEMPLATE %s" % (name, self.template))
        return name

    def drop(self, name):
        for gid, in self.prepared(name):
            conn = psycopg2.connect(**dict(self.dsn, dbname=name))
            conn.autocommit = True
            conn.cursor().execute("ROLLBACK PREPARED '%s'" % gid)
            conn.close()
        self.run("DROP DATABASE IF EXISTS %s WITH (FORCE)" % name)

    def prepared(self, name):
        return self.execute("SELECT gid FROM pg_prepared_xacts WHERE database = %s", (name,)).fetchall()

    def finish(self):
        self.run("DROP DATABASE IF EXISTS %s WITH (FORCE)" % self.template)


class Player:
    """Runs steps on two sessions of one database and keeps the trace."""

    def __init__(self, databases, options, stats=None, wanted=None):
        """wanted: a replay looks for failures of this signature and forgives errors of other kinds."""
        self.databases = databases
        self.options = options
        self.stats = stats
        self.wanted = wanted
        self.name = databases.create()
        self.sessions = {}
        self.trace = []
        self.key_broken = False
        self.keys = {}                   # --dry: the key of each view

    def session(self, number):
        if number not in self.sessions:
            self.sessions[number] = Session(self.databases.dsn, self.name, self.options.plant)
        return self.sessions[number]

    def close(self):
        for session in self.sessions.values():
            session.close()
        self.databases.drop(self.name)

    # -- one step ------------------------------------------------------------------------------

    def play(self, step):
        """True when it succeeded; raises Failure."""
        self.trace.append(step)
        session = self.session(step.session)
        started = time.time()
        try:
            outcome = self.attempt(session, step)
        except psycopg2.Error as error:
            if self.options.verbose:
                print("   -- %s %s" % (error.pgcode, str(error).strip().split("\n")[0]))
            outcome = self.judge(step, error)
        self.look_at_notices(session)
        if self.stats:
            self.stats.step(step, outcome, time.time() - started)
        if outcome == "slow":
            raise Slow(plain_sql(step.sql))
        return outcome == "ok"

    def judge(self, step, error):
        """Leaving out steps makes others fail, which says nothing: a replay goes on."""
        try:
            return judge(step, error, self.key_broken)
        except Failure as failure:
            if self.wanted and failure.kind == "error" and failure.signature != self.wanted:
                return "forgiven"
            raise

    def attempt(self, session, step):
        if self.options.verbose:
            print("%d> %s" % (step.session, plain_sql(step.sql) or "compare %s (%s)" % (
                ", ".join(t for _, t in step.tviews), step.style)))
        if step.kind == "check":
            return self.check(session, step)
        if step.kind == "keys":
            return self.look_at_keys(session, step)
        ends = step.sql.startswith(("COMMIT", "PREPARE TRANSACTION"))
        lost = ends and session.aborted()
        changed = step.ddl or ends or "ROLLBACK" in step.sql or "DISCARD" in step.sql
        try:
            session.run(step)
            changed = changed and (not ends or lost)     # one that fails undoes DDL
        finally:
            if changed and not session.conn.closed:
                for other in self.sessions.values():
                    other.stale = True
        return "lost" if lost else "ok"      # COMMIT of a failed transaction rolls it back

    def check(self, session, step):
        if session.aborted():
            return "skipped"
        if getattr(session, "stale", False):
            session.forget_columns()
            session.stale = False
        for view, tview in step.tviews:
            if self.options.dry:
                self.imitate(session, view, tview)
            rows = session.compare(view, tview, step.style)
            if self.stats:
                self.stats.comparisons += 1
            if rows:
                raise Failure("difference", self.describe(view, tview, rows), "rows")
        return "ok"

    def look_at_keys(self, session, step):
        """Is the key of a fragile TVIEW broken at this point?  Only then may a flush complain."""
        self.key_broken = False
        for view, key in step.tviews:
            if not session.aborted():
                session.cur.execute(oracle.key_sql(view, key.split(", ")))
                self.key_broken |= bool(session.cur.fetchone()[0])
        return "ok"

    def imitate(self, session, view, tview):
        """--dry: bring the table up to date by hand, then compare under another plan.

        That shows queries whose result depends on the plan.  The planted bug 'no_delete' is for
        testing what happens after a difference.
        """
        cols = session.columns(view, tview)
        if cols is None:
            return
        session.cur.execute("RESET ALL")
        session.setup()
        if self.options.plant != "no_delete":
            session.cur.execute("DELETE FROM " + tview)
            session.cur.execute("INSERT INTO %s (%s) SELECT %s FROM %s" % (tview, cols, cols, view))
        for name in PLANS[len(self.trace) % len(PLANS)]:
            session.cur.execute("SET enable_%s = off" % name)
        if view in self.keys:
            session.cur.execute(oracle.key_sql(view, self.keys[view]))
            if session.cur.fetchone()[0]:
                raise Failure("generator", "the key of %s is not unique" % view, "key")

    def describe(self, view, tview, rows):
        lines = ["%s differs from %s in %d rows" % (tview, view, len(rows))]
        lines += ["  %s (%s times): %s" % tuple(row) for row in rows[:12]]
        return "\n".join(lines)

    def look_at_notices(self, session):
        for notice in session.notices():
            if notice.startswith("WARNING") and LEAK.search(notice):
                raise Failure("warning", notice, re.sub(r"\d+|\"[^\"]*\"", "_", notice.split("\n")[0]))


class Slow(Exception):
    """The data has grown beyond what the query can stand: the case ends, nothing is wrong."""


def replay(databases, options, steps, wanted=None):
    """Play recorded steps; the Failure or None."""
    player = Player(databases, options, wanted=wanted)
    try:
        for step in steps:
            player.play(step)
    except Failure as failure:
        return failure
    except Slow:
        return None
    finally:
        player.close()
    return None


class Case:
    """One random schema with its TVIEWs and transactions."""

    def __init__(self, databases, options, seed, number, stats):
        self.databases = databases
        self.options = options
        self.seed = seed
        self.number = number
        self.stats = stats
        self.dice = Dice("%s/%s" % (seed, number), options.without, options.shape)
        self.player = None
        self.trace = []

    def run(self):
        """The Failure or None."""
        self.player = Player(self.databases, self.options, self.stats)
        self.trace = self.player.trace
        try:
            self.play_all()
        except Failure as failure:
            return failure
        except Slow:
            self.stats.slow += 1
        finally:
            self.player.close()
            self.stats.case(self.dice)
        return None

    def play_all(self):
        dice = self.dice
        self.fragile = dice.chance(0.08) and dice.allowed("fragile_key") or self.options.shape == "fragile_key"
        if self.fragile:
            dice.without |= NOT_WHEN_FRAGILE
        maker = SchemaMaker(dice, self.databases.version, self.databases.two_phase)
        for step in maker.steps():
            self.play(step)
        self.model = maker.model
        self.make_relations()
        self.transact()
        if self.databases.can_validate:
            self.play(Step("SELECT * FROM public.pg_tviews_validate()", "validate", group="validate"))
        self.stats.ask_strategies(self.player.session(0), self.model.tviews)

    def play(self, step):
        if self.fragile and step.kind != "setup":
            self.look_at_keys(step)
        ok = self.player.play(step)
        if ok and step.apply:
            step.apply(self.model)
            if self.options.dry:
                self.player.keys = {t.view: [ident(k) for k in t.sql_key]
                                    for t in self.model.tviews if not t.fragile}
        return ok

    # -- relations -----------------------------------------------------------------------------

    def make_relations(self):
        dice = self.dice
        self.tviews = TviewMaker(dice, self.model, self.probe, self.options.dry)
        for _ in range(dice.pick([0, 0, 1, 1, 2])):
            self.unless_dead(lambda: [self.tviews.helper_step()])
        for i in range(dice.pick([1, 2, 2, 3, 3, 4])):
            fragile = self.fragile and i == 0
            self.unless_dead(lambda: self.tviews.tview_steps(fragile=fragile))
            if dice.chance(0.15):
                self.unless_dead(lambda: [self.tviews.helper_step()])

    def unless_dead(self, make):
        try:
            steps = make()
        except Dead:
            return
        for step in steps:
            if not self.play(step):
                return

    def probe(self, sql, key):
        """Can the query be a TVIEW on the data that there is?  The reason why not.

        In a session of its own: a look at a TVIEW would flush what the transaction has pending.
        """
        session = self.player.session(PROBE)
        cur = session.cur
        try:
            cur.execute("BEGIN; SET LOCAL statement_timeout = '150ms'; SET LOCAL lock_timeout = '20ms'")
            cur.execute("CREATE TEMP VIEW probe_view AS " + sql)
            cur.execute("SELECT count(*) FROM probe_view")
            if cur.fetchone()[0] > 400:
                return "too many rows"
            cur.execute(oracle.key_sql("probe_view", [ident(k) for k in key]))
            bad = cur.fetchone()[0]
            return self.bad_key(sql) if bad and not self.fragile else "fragile" if bad else None
        except (psycopg2.errors.QueryCanceled, psycopg2.errors.LockNotAvailable):
            return "slow"
        except psycopg2.Error as error:
            if is_crash(error):
                raise Failure("crash", str(error), "crash")
            return self.invalid(sql, error)
        finally:
            if not session.conn.closed:
                roll_back(cur)

    def bad_key(self, sql):
        """A generator's mistake: shapes must guarantee their key."""
        self.stats.complain("key is not unique", sql)
        return "key is not unique"

    def invalid(self, sql, error):
        if all(s.idle() for s in self.player.sessions.values() if s is not self.player.session(PROBE)):
            self.stats.complain(signature(error), sql)
        return "invalid"

    def look_at_keys(self, step):
        """Before each statement of a fragile case; a step of its own, so that a replay does it too."""
        pairs = tuple((t.view, ", ".join(ident(k) for k in t.sql_key))
                      for t in self.model.tviews if t.fragile)
        if pairs:
            self.player.play(Step("", "keys", step.session, step.group, tviews=pairs))

    # -- transactions --------------------------------------------------------------------------

    def transact(self):
        transactions = Transactions(self.dice, self.model, self.tviews, self.options)
        for number in range(self.options.transactions):
            self.drive(transactions, "tx:%d" % number)
            self.stats.transactions += 1

    def drive(self, transactions, group):
        """Feed a generator of steps with their outcomes."""
        steps = transactions.transaction()
        ok = None
        try:
            while True:
                step = steps.send(ok)
                step.group = step.group if step.group else group
                step.session = transactions.session
                ok = self.play(step)
        except StopIteration:
            pass
        except Dead:
            self.leave_transaction()

    def leave_transaction(self):
        """The generator gave up in the middle: end what is open the plain way."""
        for number in (0, 1):
            if number in self.player.sessions and not self.player.session(number).idle():
                self.player.play(Step("ROLLBACK", session=number))
