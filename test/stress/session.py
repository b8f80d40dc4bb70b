"""One client each: those that write, one that reads, one that ends prepared transactions, one that does DDL."""

import io
import queue
import time
from collections import deque

import psycopg2

from fuzz.session import from_engine, is_crash

from .totals import LEVELS

RETRY = ("40001", "40P01")
TRIES = 200
# what base tables and data raise by themselves
OWN_FAULT = ("22", "23")
OWN_CODES = ("21000", "27000", "P0001", "25P02", "3B001", "34000", "55006", "0A000")
UNSEEN = ("TRUNCATE", "ATTACH", "DETACH")   # shows in older snapshots, too
PATIENCE = "60s"                         # who waits longer hangs
READER_PATIENCE = "20s"


def is_own_fault(error):
    """Did the statement fail by itself, as what is random may, without us or others?"""
    code = error.pgcode or ""
    return (code[:2] in OWN_FAULT or code in OWN_CODES) and not from_engine(error)


class Worker:
    """A connection and a log of what it did."""

    def __init__(self, arena, name, rng):
        self.arena = arena
        self.rng = rng
        self.name = name
        self.log = deque(maxlen=4000)
        self.open()

    def open(self):
        self.conn = self.arena.server.connect(self.arena.name)
        self.conn.autocommit = True
        self.cur = self.conn.cursor()
        self.execute("SET statement_timeout = '%s'" % PATIENCE)
        self.execute("SET deadlock_timeout = '10ms'")
        if self.arena.options.fault:
            self.execute("SET pg_tviews.test_fault = '%s'" % self.arena.options.fault)

    def execute(self, sql, data=None):
        self.note("> " + sql)
        if any(word in sql for word in UNSEEN):
            self.arena.is_unseen = True
        if data is not None:
            self.cur.copy_expert(sql, io.StringIO(data))
        else:
            self.cur.execute(sql)
        self.note("< done")

    def note(self, text):
        self.log.append((time.time() - self.arena.started, text))

    def fail(self, error, sql):
        self.arena.fail("%s: error %s %s\n%s\nin: %s" % (
            self.name, error.pgcode, error.diag.message_primary or error, error.diag.context or "", sql))

    def rollback(self):
        if not self.conn.closed:
            self.cur.execute("ROLLBACK")

    def is_over(self):
        return self.arena.are_clients_done

    def work(self):
        try:
            while not self.is_over():
                self.one()
        except Exception as error:       # a thread that dies in silence would look like success
            self.arena.fail("%s: %s: %s" % (self.name, type(error).__name__, error))

    def wind_up(self):
        """After the burst, before the comparison."""

    def close(self):
        try:
            self.conn.close()
        except psycopg2.Error:
            pass


class Client(Worker):
    """Random transactions, each repeated until it succeeds."""

    def __init__(self, arena, number, rng):
        super().__init__(arena, "s%d" % number, rng)
        self.number = number
        self.counter = 0
        self.changes = arena.scenario.changes(rng, number)
        self.left = 0

    def is_over(self):
        return self.left <= 0 or self.arena.failures

    def one(self):
        self.left -= 1
        level = self.arena.options.level
        if level == "mixed":
            level = self.rng.choice(("rc", "rc", "rr", "ser"))
        strict = getattr(self.arena.scenario, "strict", False)
        if strict:
            level = "rc"
        script = self.script(level)
        for tries in range(TRIES):
            try:
                self.run(script)
                self.arena.totals.transaction(level, tries, script[-1][0])
                return
            except psycopg2.Error as error:
                self.note("! %s %s" % (error.pgcode, (error.diag.message_primary or str(error)).strip()))
                if not self.is_retry(level, error, strict):
                    self.arena.totals.transaction(level, tries, "error")
                    return
            self.rollback()
            time.sleep(self.rng.uniform(0, 0.002 * min(tries + 1, 20)))
        self.arena.fail("%s: a transaction failed %d times: %s" % (self.name, TRIES, script))

    def is_retry(self, level, error, strict):
        """Must the transaction be repeated?  If not, it has failed by its own fault."""
        code = error.pgcode or ""
        self.arena.totals.error(level, code or "none", error.diag.message_primary or "")
        if is_crash(error):
            self.arena.fail("%s: the server went away: %s" % (self.name, error))
            return False
        if code in RETRY and not strict:
            return True
        self.rollback()
        if is_own_fault(error):
            return False
        if code == "57014":              # hangs: who holds what?
            self.note("hangs")
        self.fail(error, "its transaction; see the log")
        return False

    # -- a transaction as a script: [(kind, sql, data)] ----------------------------------------

    def script(self, level):
        """The statements of a transaction, made before it runs, so that it can be repeated."""
        rng = self.rng
        strict = getattr(self.arena.scenario, "strict", False)
        statements = [self.changes.statement() for _ in range(rng.choice(self.arena.scenario.lengths))]
        if strict:
            statements = self.changes.ordered()
        self.settings(statements)
        if len(statements) == 1 and rng.random() < 0.3 and level == "rc" and not strict:
            return [("autocommit",) + statements[0]]
        script = [("begin", "BEGIN ISOLATION LEVEL " + LEVELS[level], None)]
        for statement in statements:
            if not strict and rng.random() < 0.12:
                script += self.savepoint()
            script.append(("change",) + statement)
            if rng.random() < 0.4:
                script.append(("pause", "", None))
            if not strict and rng.random() < self.arena.scenario.linger:
                script += [("read", self.changes.read(), None), ("pause", "", None)]
            if not strict and rng.random() < 0.06:
                script.append(("look", rng.choice(self.arena.looks), None))
            if not strict and rng.random() < 0.03:
                script.append(("refresh", "SELECT pg_tviews_refresh('%s')" % rng.choice(self.arena.tviews)
                               .replace("'", "''"), None))
        return script + [self.end(rng)]

    def settings(self, statements):
        """Now and then another way to flush."""
        rng = self.rng
        if rng.random() < 0.05:
            statements.insert(0, ("SET LOCAL pg_tviews.lock_escalation = %d" % rng.choice((0, 1, 2, 5)), None))
        if rng.random() < 0.04 and not getattr(self.arena.scenario, "strict", False):
            statements.insert(0, ("SET LOCAL pg_tviews.refresh_at = 'statement'", None))

    def savepoint(self):
        name = "sp"
        steps = [("savepoint", "SAVEPOINT " + name, None), ("change",) + self.changes.statement()]
        if self.rng.random() < 0.5:
            steps.append(("read", self.changes.read(), None))
        steps.append(("savepoint", self.rng.choice(("ROLLBACK TO ", "RELEASE ")) + name, None))
        return steps

    def end(self, rng):
        roll = rng.random()
        if roll < 0.06:
            return ("rollback", "ROLLBACK", None)
        if roll < 0.14 and self.arena.server.two_phase:
            return ("two-phase", "", None)
        return ("commit", "COMMIT", None)

    def run(self, script):
        for kind, sql, data in script:
            if kind == "pause":
                time.sleep(self.rng.uniform(0, 0.006))
            elif kind == "two-phase":
                self.prepare()
            elif kind == "look":
                self.look(sql)
            else:
                self.execute(sql, data)

    def look(self, sql):
        """In the middle of a transaction, too, a query finds a TVIEW as it finds its view.

        But for older snapshots: PostgreSQL does not keep from them what has happened to whole tables since.
        """
        self.execute(sql)
        self.arena.totals.look()
        differences, rows = self.cur.fetchone()
        if differences and not self.arena.is_unseen:
            self.note("! differs: " + rows)
            self.arena.fail("%s: %d differences within its transaction, in: %s\n%s" % (self.name, differences, sql, rows))

    def prepare(self):
        self.counter += 1
        gid = "%s_%s_%d" % (self.arena.name, self.name, self.counter)
        end = "COMMIT" if self.rng.random() < 0.8 else "ROLLBACK"
        self.execute("PREPARE TRANSACTION '%s'" % gid)
        if self.rng.random() < 0.5:
            self.execute("%s PREPARED '%s'" % (end, gid))
        else:
            self.arena.prepared.put((gid, end))


class Finisher(Worker):
    """Ends what others have prepared, a little later."""

    def __init__(self, arena, number, rng):
        super().__init__(arena, "finisher", rng)

    def one(self):
        try:
            gid, end = self.arena.prepared.get(timeout=0.01)
        except queue.Empty:
            return
        time.sleep(self.rng.uniform(0, 0.02))
        self.execute("%s PREPARED '%s'" % (end, gid))

    def is_over(self):
        return self.arena.are_all_done

    def wind_up(self):
        while not self.arena.prepared.empty():
            self.one()


class Reader(Worker):
    """Reads all the time, and must never wait for a writer."""

    def __init__(self, arena, number, rng):
        super().__init__(arena, "reader", rng)
        self.cur.execute("SET statement_timeout = '%s'" % READER_PATIENCE)

    def one(self):
        sql = "SELECT count(*) FROM %s" % self.rng.choice(self.arena.tviews)
        started = time.time()
        try:
            self.cur.execute(sql)
        except psycopg2.Error as error:
            self.fail(error, sql)
        self.arena.totals.read(time.time() - started)
        time.sleep(0.005)


class Mason(Worker):
    """DDL meanwhile: the scenario says what."""

    def __init__(self, arena, number, rng):
        super().__init__(arena, "mason", rng)

    def one(self):
        for command in self.arena.scenario.ddl_commands(self.rng):
            if not self.command(command if isinstance(command, list) else [command]):
                return
        time.sleep(self.rng.uniform(0, 0.05))

    def command(self, statements):
        """One command, or several that begin and end a transaction; False if the rest is pointless."""
        for _ in range(TRIES):
            try:
                for sql in statements:
                    self.execute(sql)
                self.arena.totals.ddl += len(statements)
                return True
            except psycopg2.Error as error:
                self.note("! %s %s" % (error.pgcode, error.diag.message_primary))
                self.rollback()
                if error.pgcode in RETRY:
                    continue
                if len(statements) == 1 or not is_own_fault(error):
                    self.fail(error, sql)
                return False
        return False
