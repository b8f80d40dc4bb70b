"""One database in which a scenario is played: sessions let loose, barriers, comparisons."""

import os
import pathlib
import queue
import random
import threading
import time

import psycopg2

from .session import Client, Finisher, Mason, Reader

KIT = pathlib.Path(__file__).resolve().parents[1] / "kit" / "kit.sql"


class Server:
    """Makes the databases."""

    def __init__(self, dsn):
        self.dsn = dsn or {"dbname": os.environ.get("PGDATABASE", "postgres")}
        self.admin = self.connect()
        self.version = self.admin.server_version
        self.prefix = "stress_%d_" % self.admin.info.backend_pid
        self.number = 0
        self.run("CREATE DATABASE %stemplate TEMPLATE template0" % self.prefix)
        with self.connect(self.prefix + "template") as conn:
            cur = conn.cursor()
            cur.execute("CREATE EXTENSION pg_tviews")
            cur.execute(KIT.read_text())
            conn.commit()
        conn.close()
        self.two_phase = self.one("SHOW max_prepared_transactions") != "0"

    def connect(self, dbname=None):
        conn = psycopg2.connect(**(dict(self.dsn, dbname=dbname) if dbname else self.dsn))
        conn.autocommit = dbname is None
        return conn

    def run(self, sql):
        self.admin.cursor().execute(sql)

    def one(self, sql):
        cur = self.admin.cursor()
        cur.execute(sql)
        return cur.fetchone()[0]

    def create(self):
        self.number += 1
        name = "%s%d" % (self.prefix, self.number)
        self.run("CREATE DATABASE %s TEMPLATE %stemplate" % (name, self.prefix))
        self.run("ALTER DATABASE %s SET jit = off" % name)   # compiling takes longer than all else
        return name

    def drop(self, name):
        cur = self.admin.cursor()
        cur.execute("SELECT gid FROM pg_prepared_xacts WHERE database = %s", (name,))
        for gid, in cur.fetchall():
            conn = self.connect(name)
            conn.autocommit = True
            conn.cursor().execute("ROLLBACK PREPARED '%s'" % gid)
            conn.close()
        self.run("DROP DATABASE IF EXISTS %s WITH (FORCE)" % name)

    def finish(self):
        self.run("DROP DATABASE IF EXISTS %stemplate WITH (FORCE)" % self.prefix)


class Arena:
    def __init__(self, server, scenario, options, seed, totals):
        self.server = server
        self.scenario = scenario
        self.options = options
        self.seed = seed
        self.totals = totals
        self.started = time.time()
        self.failures = []
        self.prepared = queue.Queue()    # what PREPARE TRANSACTION has left for others to finish
        self.name = server.create()
        self.clients = []
        self.others = []
        self.conn = server.connect(self.name)
        self.conn.autocommit = True
        self.cur = self.conn.cursor()

    def fail(self, text):
        self.failures.append(text)

    # -- the life of a round -------------------------------------------------------------------

    def play(self, end):
        """The failures, hopefully none."""
        if not self.set_up():
            return self.failures
        o = self.options
        self.clients = [Client(self, i, random.Random("%s/%d" % (self.seed, i))) for i in range(o.sessions)]
        self.others = [Reader(self, o.sessions, random.Random("%s/reader" % self.seed))]
        if self.server.two_phase:
            self.others.append(Finisher(self, o.sessions + 1, random.Random("%s/finisher" % self.seed)))
        if o.ddl and self.scenario.ddl:
            self.others.append(Mason(self, o.sessions + 2, random.Random("%s/mason" % self.seed)))
        end = min(end, time.time() + o.round)
        rng = random.Random("%s/bursts" % self.seed)
        while time.time() < end and not self.failures:
            self.burst(rng.randint(1, min(o.burst, self.scenario.burst)))
        return self.failures

    def set_up(self):
        """False when a generated case has come to nothing."""
        self.tviews = []
        if not self.scenario.create(self.cur):
            return False
        self.cur.execute("SELECT tview::text FROM kit.meta()")
        self.tviews = [row[0] for row in self.cur.fetchall()]
        self.cur.execute("SELECT format('SELECT count(*), string_agg(d, E''\\n'') FROM (%s) d', kit.difference_query(view, tview)) "
                         "FROM kit.meta() ORDER BY tview::text")
        self.looks = [row[0] for row in self.cur.fetchall()]
        self.compare("at the beginning")
        return bool(self.tviews) and not self.failures

    def burst(self, transactions):
        """All at once; then, when all is quiet, the comparison.

        Short, for a row that has gone wrong may be put right by the next change of it.
        """
        for client in self.clients:
            client.left = transactions
        self.are_clients_done = self.are_all_done = self.is_unseen = False
        clients = [threading.Thread(target=c.work) for c in self.clients]
        others = [threading.Thread(target=c.work) for c in self.others]
        for thread in clients + others:
            thread.start()
        for thread in clients:
            thread.join()
        self.are_clients_done = True
        for thread, other in zip(others, self.others):
            if not isinstance(other, Finisher):
                thread.join()
        self.are_all_done = True         # but for the finisher, for whom others may be waiting
        for thread in others:
            thread.join()
        for other in self.others:
            other.wind_up()
        self.compare("after a burst")

    def compare(self, when):
        self.cur.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'userlock' AND database = "
                         "(SELECT oid FROM pg_database WHERE datname = current_database())")
        if self.cur.fetchone()[0]:
            self.fail("locks are left although all is quiet")
        self.cur.execute("SELECT view::text, tview::text FROM kit.meta()")
        for view, tview in self.cur.fetchall():
            self.totals.comparisons += 1
            try:
                self.cur.execute("SELECT kit.same(%s, %s)", (view, tview))
            except psycopg2.Error as error:
                self.fail("difference %s: %s\n%s" % (when, error.diag.message_primary, error.diag.message_detail))

    def close(self):
        for client in self.clients + self.others:
            client.close()
        self.conn.close()
        self.server.drop(self.name)

    # -- what is left of a failure -------------------------------------------------------------

    def save_logs(self, place, failures):
        place.mkdir(parents=True, exist_ok=True)
        with open(place / "failures", "w") as out:
            out.write("\n\n".join(failures) + "\n")
        with open(place / "schema.sql", "w") as out:
            out.write(self.scenario.script())
        everything = []
        for client in self.clients + self.others:
            with open(place / ("%s.log" % client.name), "w") as out:
                for line in client.log:
                    out.write("%.6f %s\n" % line)
            everything += [(when, "%-8s %s" % (client.name, what)) for when, what in client.log]
        with open(place / "all.log", "w") as out:
            for line in sorted(everything):
                out.write("%.6f %s\n" % line)
