"""Connections, running one step, and judging what came back."""

import io
import re
import time

import psycopg2

from . import oracle
from .model import plain_sql

# what any DML may raise on its own: data exceptions, constraints, a row hit twice, row changed by a
# trigger of the same command, our own RAISE, an aborted transaction
DML_CLASSES = ("22", "23")
DML_CODES = ("21000", "27000", "P0001", "25P02", "3B001", "34000")
# our own names; base tables, helper views and functions never look like this
OURS = re.compile(r"\btv_|\"tv_|\bv_(q|my|Q|\u00e9)|\"v_|pg_tview")
LEAK = re.compile(r"leak|not closed|still referenced|problem in alloc|detected write past|you don't own", re.I)
CRASH_CODES = ("57P01", "57P02", "57P03", "08006", "08003", "08000")


class Failure(Exception):
    """Something is wrong with the engine (or the fuzzer): kind, text, and the rows to show."""

    def __init__(self, kind, text, signature=None):
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.signature = (kind, signature or "")


def roll_back(cur):
    """Ends a transaction that has a short statement_timeout: on a busy machine that may cancel the ROLLBACK, too."""
    try:
        cur.execute("ROLLBACK")
    except psycopg2.errors.QueryCanceled:
        cur.execute("ROLLBACK")


class Session:
    """One backend.  Remembers which comparisons it has prepared."""

    def __init__(self, dsn, dbname, plant=None, quick_timeout="20s"):
        self.dsn = dict(dsn, dbname=dbname)
        self.plant = plant
        self.timeout = quick_timeout
        self.open()

    def open(self):
        self.conn = psycopg2.connect(**self.dsn)
        self.conn.autocommit = True
        self.cur = self.conn.cursor()
        self.prepared = {}
        self.cols = {}
        self.number = 0
        self.setup()

    def setup(self):
        self.cur.execute("SET statement_timeout = '%s'" % self.timeout)
        self.cur.execute("SET lock_timeout = '500ms'")
        if self.plant:
            self.cur.execute("SET pg_tviews.test_fault = '%s'" % self.plant)

    def close(self):
        try:
            self.conn.close()
        except psycopg2.Error:
            pass

    def aborted(self):
        return self.conn.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INERROR

    def idle(self):
        return self.conn.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE

    # -- statements ----------------------------------------------------------------------------

    def run(self, step):
        sql = plain_sql(step.sql).replace("\\;", ";")
        before = self.versions(step)
        if step.kind == "copy":
            self.cur.copy_expert(sql, io.StringIO(step.data))
        else:
            self.cur.execute(sql)
        if sql.startswith("DISCARD ALL"):
            self.prepared.clear()
            self.setup()
        if step.kind == "refresh":
            self.refreshed()
        if step.kind == "validate":
            self.validated()
        if self.versions(step) != before:
            raise Failure("write", "an UPDATE to equal values wrote rows of a TVIEW", "write")

    def versions(self, step):
        """For a step that must not write: what tells one version of a TVIEW's rows from the next."""
        found = []
        for view, tview in step.tviews if step.kind == "no_write" else ():
            if self.columns(view, tview):
                self.cur.execute(oracle.VERSIONS % tview)
                found.append(self.cur.fetchone()[0])
        return found

    def validated(self):
        """The engine's own check must agree that all is well."""
        rows = self.cur.fetchall()
        if rows:
            raise Failure("validate", "\n".join(str(row) for row in rows[:10]), str(rows[0][1:2]))

    def refreshed(self):
        """A TVIEW is always exact, so an explicit refresh has nothing to change."""
        rows = self.cur.fetchall()
        if rows and rows[0][0]:
            raise Failure("difference", "pg_tviews_refresh() changed %s rows of a TVIEW that was due to be exact"
                          % rows[0][0], "refresh")

    def notices(self):
        found, self.conn.notices[:] = list(self.conn.notices), []
        return found

    # -- comparisons ---------------------------------------------------------------------------

    def forget_columns(self):
        self.cols.clear()
        for name in self.prepared.values():
            self.cur.execute("DEALLOCATE " + name)
        self.prepared.clear()

    def columns(self, view, tview):
        """The view's columns, or None when one of the two does not exist."""
        if view not in self.cols:
            self.cur.execute(oracle.COLUMNS, (view, tview))
            self.cols[view] = self.cur.fetchone()[0]
        return self.cols[view]

    def compare(self, view, tview, style):
        """The differing rows, [(place, times, text)]."""
        cols = self.columns(view, tview)
        if cols is None:
            return []
        sql = oracle.difference_sql(cols, view, tview)
        return getattr(self, style)(sql, view, tview)

    def read_direct(self, sql, view, tview):
        self.cur.execute(sql)
        return self.cur.fetchall()

    def read_prepared(self, sql, view, tview):
        if view not in self.prepared:
            self.number += 1
            name = "compare_%d" % self.number
            self.cur.execute("PREPARE %s AS %s" % (name, sql))
            self.prepared[view] = name
        return self.read_direct("EXECUTE " + self.prepared[view], view, tview)

    def read_function(self, sql, view, tview):
        self.cur.execute("SELECT fuzz.diff(%s, %s)", (view, tview))
        if not self.cur.fetchone()[0]:
            return []
        return self.read_direct(sql, view, tview) or [("seen by a function only", 1, "")]

    def read_cursor(self, sql, view, tview):
        alone = self.idle()
        if alone:
            self.cur.execute("BEGIN")
        try:
            self.cur.execute("DECLARE compare CURSOR FOR " + sql)
            self.cur.execute("FETCH ALL FROM compare")
        except psycopg2.Error:
            if alone:                    # a prepared transaction may have the lock: the session goes on
                self.cur.execute("ROLLBACK")
            raise
        rows = self.cur.fetchall()
        self.cur.execute("COMMIT" if alone else "CLOSE compare")
        return rows

    def read_copy(self, sql, view, tview):
        """COPY of the table flushes as well; its text against that of the view."""
        cols = self.columns(view, tview)
        sides = []
        for source in ("%s (%s)" % (tview, cols), "(SELECT %s FROM %s)" % (cols, view)):
            out = io.StringIO()
            self.cur.copy_expert("COPY %s TO stdout" % source, out)
            sides.append(sorted(out.getvalue().splitlines()))
        if sides[0] != sides[1]:
            return self.read_direct(sql, view, tview) or [("seen by COPY only", 1, "")]
        return []

    def read_explain(self, sql, view, tview):
        self.cur.execute("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT * FROM " + tview)
        return self.read_direct(sql, view, tview)

    def read_parallel(self, sql, view, tview):
        force = "debug_parallel_query" if self.conn.server_version >= 160000 else "force_parallel_mode"
        for name, value in ((force, "on"), ("parallel_setup_cost", "0"), ("parallel_tuple_cost", "0"),
                            ("min_parallel_table_scan_size", "0")):
            self.cur.execute("SET %s = %s" % (name, value))
        try:
            return self.read_direct(sql, view, tview)
        finally:
            if not self.aborted():
                for name in (force, "parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
                    self.cur.execute("RESET " + name)


def error_text(error):
    diag = error.diag
    parts = [diag.message_primary, diag.message_detail, diag.message_hint, diag.context]
    return "\n".join(p for p in parts if p)


def signature(error):
    """The kind of an error, without names and numbers, which may change while shrinking."""
    text = error.diag.message_primary or ""
    if (error.pgcode or "").startswith("42"):
        return "%s %s" % (error.pgcode, text)
    return "%s %s" % (error.pgcode, re.sub(r"\"[^\"]*\"|'[^']*'|\d+|\([^)]*\)", "_", text))


def is_crash(error):
    return (isinstance(error, psycopg2.InterfaceError) or error.pgcode in CRASH_CODES
            or error.pgcode is None and "server closed" in str(error) or error.pgcode is None
            and "terminat" in str(error))


def from_engine(error):
    """Did the flush or the maintenance raise it, rather than the statement?"""
    diag = error.diag
    names = " ".join(n for n in (diag.table_name, diag.constraint_name) if n)
    return bool(OURS.search(error_text(error)) or OURS.search(names))


def judge(step, error, key_broken):
    """'allowed' or 'refused', or raises Failure."""
    code = error.pgcode or ""
    if is_crash(error):
        raise Failure("crash", "the server went away: %s" % error, "crash")
    if code == "FZ001":
        raise Failure("difference", error_text(error), "plpgsql")
    if code == "57014" and step.kind in ("check", "refresh"):
        return "slow"
    if step.kind == "tview" and not (key_broken and code == "TV002"):
        return judge_creation(error)
    if code in step.allow and not code.startswith("XX"):
        return "allowed"
    if from_engine(error):
        if key_broken and (code == "TV002" or code[:2] == "23"):
            return "allowed"
        raise Failure("error", "%s %s" % (code, error_text(error)), signature(error))
    if code[:2] in DML_CLASSES or code in DML_CODES:
        return "allowed"
    raise Failure("error", "%s %s" % (code, error_text(error)), signature(error))


def judge_creation(error):
    """A refusal is counted; whether it was justified is the statistics' question."""
    if error.pgcode == "25P02":
        return "allowed"
    if error.pgcode == "0A000":
        return "refused"
    raise Failure("error", "%s %s" % (error.pgcode, error_text(error)), signature(error))


def wait_for_server(dsn, seconds=60):
    """After a crash the postmaster restarts by itself; a moment must pass until it has noticed."""
    time.sleep(0.3)
    end = time.time() + seconds
    while time.time() < end:
        try:
            psycopg2.connect(**dsn).close()
            return
        except psycopg2.OperationalError:
            time.sleep(0.2)
