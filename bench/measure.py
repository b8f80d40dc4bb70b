"""Contenders in schemas of their own, operations in interleaved rounds, what they cost."""

import io
import pathlib
import random
import statistics
import threading
import time
from dataclasses import dataclass, field
from typing import List

import psycopg2

from .scenarios import DATASETS, tview

HERE = pathlib.Path(__file__).resolve().parent
BATCH_SECONDS = 0.004       # rounds are interleaved as finely as this
WARM_UP = 12                # after five executions a prepared statement may get its generic plan
ACCOUNTED = 20              # operations over which WAL and buffers are counted
SLOW = 0.1                  # an operation of so many seconds is not often done
MANY = 1000                 # rows of an operation whose memory is watched


@dataclass
class Turn:
    """Operations that everybody has to do, and what comes before and after without being measured."""
    before: str = ""
    statements: List = field(default_factory=list)
    after: str = ""


class Player:
    """A contender with its connection, whose search_path is its schema."""

    def __init__(self, contender, schema, size):
        self.contender = contender
        self.name = contender.name
        self.schema = schema
        self.size = size
        self.connection = None
        self.connect()

    def connect(self):
        """Begins with a new backend."""
        if self.connection:
            self.connection.close()
        self.connection = psycopg2.connect("")
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.sql("SET client_min_messages = error")
        self.sql("SET bench.size = %d" % self.size)
        self.sql("SET search_path = %s, public" % self.schema)
        self.pid = self.value("SELECT pg_backend_pid()")

    def sql(self, text):
        self.cursor.execute(text)

    def value(self, text):
        self.cursor.execute(text)
        return self.cursor.fetchone()[0]

    def cpu(self):
        """Nanoseconds that the backend, which is idle now, has spent on a CPU."""
        try:
            return int(pathlib.Path("/proc/%d/schedstat" % self.pid).read_text().split()[0])
        except OSError:
            return 0

    def memory(self):
        """Bytes of memory that the backend has to itself."""
        resident, shared = pathlib.Path("/proc/%d/statm" % self.pid).read_text().split()[1:3]
        return (int(resident) - int(shared)) * 4096

    def run_watched(self, turn):
        """Runs a turn; returns seconds, and by how many bytes the backend's memory grew meanwhile, at most."""
        self.sql(turn.before or "SELECT")
        before = most = self.memory()
        done = threading.Event()

        def watch():
            nonlocal most
            while not done.wait(0.005):
                most = max(most, self.memory())
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            took = self.run(Turn("", turn.statements))
        finally:
            done.set()
            watcher.join()
        self.sql(turn.after or "SELECT")
        return took, most - before

    def run(self, turn):
        """Runs a turn; returns seconds by the clock and on the CPU."""
        execute = self.cursor.execute
        if turn.before:
            execute(turn.before)
        cpu = self.cpu()
        start = time.perf_counter()
        for statement in turn.statements:
            if isinstance(statement, tuple):
                self.cursor.copy_expert(statement[0], io.StringIO(statement[1]))
            else:
                execute(statement)
        elapsed = time.perf_counter() - start
        cpu = self.cpu() - cpu
        if turn.after:
            execute(turn.after)
        return elapsed, cpu / 1e9

    def run_counted(self, turn, number):
        """Runs a turn of so many operations; returns seconds, and what one of them cost besides time."""
        self.sql(turn.before or "SELECT")
        before = counters(self)
        took = self.run(Turn("", turn.statements))
        after = counters(self)
        self.sql(turn.after or "SELECT")
        return took, [(b - a) / number for a, b in zip(before, after)]


class Arena:
    """A data set at one size, with those who keep its documents."""

    def __init__(self, dataset, size, names, log=lambda text: None):
        self.dataset = DATASETS[dataset]
        self.size = size
        self.next_operation = 1
        self.players = {}
        for contender in self.dataset.contenders:
            if contender.name in names:
                log("%s, %d: %s" % (dataset, size, contender.name))
                self.players[contender.name] = self.add(contender)
        self.base = self.players["nothing"]
        self.vacuum()

    def add(self, contender):
        """Makes a contender's schema."""
        schema = "%s_%s" % (self.dataset.name, contender.name.replace(", ", "_"))
        player = Player(contender, schema, self.size)
        player.sql("DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s" % (schema, schema))
        player.sql((HERE / (self.dataset.name + ".sql")).read_text())
        for table in player.value("SELECT coalesce(array_agg(tablename::text), '{}') FROM pg_tables WHERE schemaname = '%s'" % schema):
            player.sql("VACUUM ANALYZE " + table)
        setup = contender.setup
        if setup.endswith(".sql"):
            setup = (HERE / setup).read_text()
        if setup:
            player.sql(setup)
        return player

    def vacuum(self):
        self.base.sql("VACUUM ANALYZE")
        self.base.sql("CHECKPOINT")

    def close(self):
        for player in self.players.values():
            player.sql("DROP SCHEMA %s CASCADE" % player.schema)
            player.connection.close()

    def leave(self):
        """Disconnects, and keeps the schemas."""
        for player in self.players.values():
            player.connection.close()

    def check(self, names):
        """The documents of these contenders equal those of the base's view, of the same data; raises otherwise."""
        for target in self.dataset.targets:
            columns = self.base.value("SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute "
                                      "WHERE attrelid = '%s'::regclass AND attnum > 0" % target.view)
            digest = "SELECT format('%%s rows, %%s', count(*), sum(hashtextextended((%s)::text, 0))) FROM " % columns
            expected = self.base.value(digest + target.view)
            for name in names:
                player = self.players[name]
                table = target.tview if player.name.startswith("pg_tviews") else target.stored
                if player is self.base or player.value("SELECT to_regclass('%s') IS NULL" % table):
                    continue
                for refresh in list(player.contender.after.values())[:1]:
                    player.sql(refresh)
                found = player.value(digest + table)
                if found != expected:
                    raise AssertionError("%s: %s by %s has %s, not %s; they differ in %s" % (
                        self.dataset.name, table, player.name, found, expected, self.difference(target, columns, player, table)))

    def difference(self, target, columns, player, table):
        """Keys of rows that differ."""
        return player.value(
            "SELECT array_agg({k}) FROM (SELECT {k} FROM (SELECT {k}, ({c})::text AS t FROM {b}.{v}) e FULL JOIN "
            "(SELECT {k}, ({c})::text AS t FROM {t}) s USING ({k}) WHERE e.t IS DISTINCT FROM s.t ORDER BY 1 LIMIT 10) d"
            .format(k=target.key, c=columns, b=self.base.schema, v=target.view, t=table))


class Result:
    """What the rounds of one scenario gave; times are seconds for one operation."""

    def __init__(self, scenario, size):
        self.scenario = scenario
        self.size = size
        self.clock = {}         # contender -> one figure for each round it took part in
        self.cpu = {}
        self.cost = {}          # contender -> WAL bytes, buffers, dead tuples of one operation
        self.refresh = {}       # way to refresh everything -> seconds on the CPU
        self.memory = {}        # contender -> bytes, where an operation takes long enough to see


def run(arena, scenario, limit):
    """Runs a scenario for so many seconds, and checks the documents afterwards."""
    result = Result(scenario, arena.size)
    everybody = list(arena.players.values())
    players = [arena.players[name] for name in scenario.contenders if name in arena.players]
    counted = {player.name: [] for player in players}
    result.clock = {player.name: [] for player in players if not player.contender.after}
    result.cpu = {player.name: [] for player in players if not player.contender.after}
    for player in everybody:
        if scenario.rows >= MANY:           # what an old one has freed would hide what this takes
            player.connect()
        player.sql(scenario.setup or "SELECT")
        if not scenario.copy:
            player.sql("PREPARE operation%s AS %s" % (scenario.types and "(%s)" % scenario.types, scenario.sql))
    slowest, usual = warm_up(arena, scenario, everybody, result.memory)
    batch = max(1, int(BATCH_SECONDS / usual))
    end = time.monotonic() + limit
    rounds = 0
    while rounds < (3 if slowest > 1 else 5) or (time.monotonic() < end and rounds < 1000):
        turn = operations(arena, scenario, batch)
        random.shuffle(everybody)
        for player in everybody:
            if slowest > SLOW:              # then nothing else is worth a turn of its own
                (clock, cpu), cost = player.run_counted(turn, batch)
                counted.setdefault(player.name, []).append(cost)
            else:
                clock, cpu = player.run(turn)
            if player not in players:       # it must have the same rows all the same
                continue
            if player.contender.after:      # see refresh_all
                continue
            result.clock[player.name].append(clock / batch)
            result.cpu[player.name].append(cpu / batch)
        rounds += 1
    refresh_all(arena, scenario, batch, players, result)
    if slowest <= SLOW:
        count(arena, scenario, everybody, counted)
    for player in (arena.players[name] for name in result.cpu):
        # the least of all goes, for the server writes WAL of its own too
        result.cost[player.name] = dict(zip(("wal", "buffers", "dead"), map(min, zip(*counted[player.name]))))
    for player in everybody:
        if not scenario.copy:
            player.sql("DEALLOCATE operation")
    arena.check([player.name for player in players])
    if scenario.rows != 1 or scenario.before or scenario.after:
        arena.vacuum()
    return result


def refresh_all(arena, scenario, number, players, result):
    """Refreshes everything, once in each way, after some more operations; apart from the rounds, which would find cold caches."""
    for player in players:
        for way, text in player.contender.after.items():
            turn = operations(arena, scenario, number)
            for other in arena.players.values():
                other.run(turn)
            result.refresh[way] = seconds(player.run(Turn("", [text])))


def operations(arena, scenario, number):
    """The next operations, which differ from all before."""
    turn = Turn(after=scenario.after)
    arena.next_operation += -arena.next_operation % scenario.statements
    first = arena.next_operation
    for _ in range(number):
        if scenario.statements > 1:
            turn.statements.append("BEGIN")
        for _ in range(scenario.statements):
            if scenario.copy:
                turn.statements.append((scenario.sql, scenario.copy(arena.next_operation, arena.size)))
            else:
                args = ", ".join(map(str, scenario.args(arena.next_operation, arena.size)))
                turn.statements.append("EXECUTE operation" + (args and " (%s)" % args))
            arena.next_operation += 1
        if scenario.statements > 1:
            turn.statements.append("COMMIT")
    if scenario.before:
        turn.before = scenario.before(first, arena.next_operation - 1, arena.size)
    return turn


def warm_up(arena, scenario, players, memory):
    """Fills the caches, and memory; returns how long the slowest contender takes for one operation, and how long most do."""
    number = 1
    turn = operations(arena, scenario, number)
    if scenario.rows >= MANY and pathlib.Path("/proc/self/statm").exists():
        took = []
        for player in players:
            times, memory[player.name] = player.run_watched(turn)
            took.append(seconds(times))
    else:
        took = [seconds(player.run(turn)) for player in players]
    if max(took) <= SLOW:
        number = WARM_UP
        turn = operations(arena, scenario, number)
        took = [seconds(player.run(turn)) for player in players]
    return max(took) / number, statistics.median(took) / number


def seconds(times):
    """Of the clock's seconds and the CPU's the latter, where they are known."""
    clock, cpu = times
    return cpu or clock


def count(arena, scenario, players, counted):
    """Counts what operations cost besides time, in three goes."""
    for _ in range(3):
        turn = operations(arena, scenario, ACCOUNTED)
        for player in players:
            cost = player.run_counted(turn, ACCOUNTED)[1]
            if player.name in counted:
                counted[player.name].append(cost)


def counters(player):
    """WAL position, and what was counted in the schema's tables."""
    player.sql("SELECT pg_stat_force_next_flush()")
    player.cursor.execute(
        "SELECT pg_current_wal_insert_lsn() - '0/0', (SELECT sum(heap_blks_read + heap_blks_hit "
        "+ coalesce(idx_blks_read + idx_blks_hit, 0) + coalesce(toast_blks_read + toast_blks_hit + tidx_blks_read + tidx_blks_hit, 0)) "
        "FROM pg_statio_user_tables WHERE schemaname = '{0}'), "
        "(SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = '{0}')".format(player.schema))
    return [float(x or 0) for x in player.cursor.fetchone()]


def fills(arena, log):
    """Seconds on the CPU of filling and refreshing everything: {what: figures}."""
    base, ours = arena.base, arena.players["pg_tviews"]
    ways = {
        "CREATE TABLE AS": (base, "CREATE TABLE filled AS SELECT * FROM document"),
        "CREATE TABLE AS, with the same indexes": (base, "CREATE TABLE indexed AS SELECT * FROM document; "
                                                   "ALTER TABLE indexed ADD PRIMARY KEY (pk_product), ADD UNIQUE (id)"),
        "CREATE TABLE tv_product AS": (ours, tview("tv_product")),
        "pg_tviews_refresh, nothing to do": (ours, "SELECT pg_tviews_refresh('product')"),
        "pg_tviews_refresh, force": (ours, "SELECT pg_tviews_refresh('product', force => true)"),
        "TRUNCATE and INSERT by hand": (base, "TRUNCATE indexed; INSERT INTO indexed SELECT * FROM document"),
    }
    if "matview" in arena.players:
        for what in "REFRESH MATERIALIZED VIEW", "REFRESH MATERIALIZED VIEW CONCURRENTLY":
            ways[what] = (arena.players["matview"], what + " stored")
    figures = {what: [] for what in ways}
    for _ in range(5 if arena.size < 100000 else 2 if arena.size < 1000000 else 1):
        base.sql("DROP TABLE IF EXISTS filled, indexed")
        ours.sql("DROP TABLE tv_product")
        for what, (player, statement) in ways.items():
            figures[what].append(seconds(player.run(Turn("", [statement]))))
            log("fill, %d: %s %.3f s" % (arena.size, what, figures[what][-1]))
    base.sql("DROP TABLE filled, indexed")
    arena.check(["pg_tviews"])
    return figures


def ratio(result, name, best, what="cpu"):
    """p10, median, p90 of the ratio of two medians, by drawing rounds anew."""
    ours, theirs = added(result, name, what), added(result, best, what)
    drawn = []
    for _ in range(300):
        a, b = (statistics.median(random.choices(figures, k=len(figures))) for figures in (ours, theirs))
        drawn.append(a / b if b > 0 else float("inf"))
    return quantiles(drawn)


def summary(result):
    """A result as it goes into the report's file; times in microseconds."""
    out = {"scenario": result.scenario.name, "dataset": result.scenario.dataset, "size": result.size,
           "rounds": len(result.cpu["nothing"]),
           "rows": result.scenario.rows, "refresh": {way: 1e6 * s for way, s in result.refresh.items()},
           "base": 1e6 * quantiles(result.cpu["nothing"])[1], "contenders": {}}
    by_hand = [name for name in result.cpu if name in ("row", "statement", "set")]
    for name in result.cpu:
        if name != "nothing":
            out["contenders"][name] = {
                "cpu": [1e6 * x for x in quantiles(added(result, name))],
                "clock": [1e6 * x for x in quantiles(added(result, name, "clock"))],
                "memory": result.memory.get(name),
                "cost": {k: v - result.cost["nothing"][k] for k, v in result.cost[name].items()}}
    if by_hand:
        best = min(by_hand, key=lambda name: out["contenders"][name]["cpu"][1])
        out.update(best=best, ratio=ratio(result, "pg_tviews", best), clock_ratio=ratio(result, "pg_tviews", best, "clock")[1])
    return out


def added(result, name, what="cpu"):
    """What a contender adds to the base in each round, in seconds."""
    figures = getattr(result, what if any(result.cpu["nothing"]) else "clock")
    return [a - b for a, b in zip(figures[name], figures["nothing"])]


def quantiles(figures):
    """p10, median, p90"""
    if len(figures) < 2:
        return figures[0], figures[0], figures[0]
    tenths = statistics.quantiles(figures, n=10, method="inclusive")
    return tenths[0], statistics.median(figures), tenths[8]
