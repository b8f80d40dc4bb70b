"""Contenders in schemas of their own, operations in interleaved rounds, what they cost."""

import pathlib
import random
import statistics
import time

import psycopg2

from .scenarios import DATASETS, contenders

HERE = pathlib.Path(__file__).resolve().parent
BATCH_SECONDS = 0.01        # rounds are interleaved as finely as this
WARM_UP = 12                # after five executions a prepared statement may get its generic plan
ACCOUNTED = 20              # operations over which WAL and buffers are counted


class Player:
    """A contender with its connection, whose search_path is its schema."""

    def __init__(self, contender, schema, settings):
        self.contender = contender
        self.name = contender.name
        self.schema = schema
        self.connection = psycopg2.connect("")
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.sql("SET client_min_messages = error")
        for name, value in settings.items():
            self.sql("SET %s = '%s'" % (name, value))
        self.sql("SET search_path = %s, public" % schema)
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

    def run(self, statements):
        """Runs statements; returns seconds by the clock and on the CPU."""
        execute = self.cursor.execute
        cpu = self.cpu()
        start = time.perf_counter()
        for statement in statements:
            execute(statement)
        elapsed = time.perf_counter() - start
        return elapsed, (self.cpu() - cpu) / 1e9


class Arena:
    """A data set at one size, with all who keep its documents."""

    def __init__(self, dataset, size, names, log):
        self.dataset = DATASETS[dataset]
        self.size = size
        self.log = log
        self.next_operation = 1
        self.players = {}
        settings = {"bench.products": size}
        for contender in contenders(self.dataset):
            if contender.name not in names:
                continue
            schema = "%s_%s" % (dataset, contender.name)
            player = Player(contender, schema, settings)
            player.sql("CREATE SCHEMA " + schema)
            player.sql((HERE / (dataset + ".sql")).read_text())
            player.sql("VACUUM ANALYZE")
            setup = contender.setup
            if setup.endswith(".sql"):
                parts = HERE / "by_hand" / (dataset + "_parts.sql")
                setup = (parts.read_text() if parts.exists() else "") + (HERE / setup).read_text()
            if setup:
                player.sql(setup)
            self.players[contender.name] = player
        self.vacuum()

    def vacuum(self):
        self.players["nothing"].sql("VACUUM ANALYZE")
        self.players["nothing"].sql("CHECKPOINT")

    def close(self):
        for player in self.players.values():
            player.sql("DROP SCHEMA %s CASCADE" % player.schema)
            player.connection.close()

    def table_of(self, player):
        return self.dataset.target if player.name == "pg_tviews" else "stored"

    def check(self):
        """All documents equal those of the base's view, of the same data; raises otherwise."""
        base = self.players["nothing"]
        base.sql("DROP TABLE IF EXISTS expected; CREATE TABLE expected AS SELECT * FROM document")
        columns = base.value("SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute "
                             "WHERE attrelid = 'expected'::regclass AND attnum > 0")
        for player in self.players.values():
            if player is base:
                continue
            differing = player.value(
                "SELECT count(*) FROM (SELECT {k}, ({c})::text AS t FROM (SELECT {c} FROM {b}.expected) e) e FULL JOIN "
                "(SELECT {k}, ({c})::text AS t FROM {t} s) s USING ({k}) WHERE e.t IS DISTINCT FROM s.t"
                .format(k=self.dataset.key, c=columns, b=base.schema, t=self.table_of(player)))
            if differing:
                raise AssertionError("%s: %d documents of %s differ from the view" % (self.dataset.name, differing, player.name))
        base.sql("DROP TABLE expected")


class Result:
    """What the rounds of one scenario gave; times are seconds for one operation."""

    def __init__(self, scenario, size):
        self.scenario = scenario
        self.size = size
        self.clock = {}         # contender -> one figure for each round
        self.cpu = {}
        self.cost = {}          # contender -> WAL bytes, buffers, dead tuples of one operation


def run(arena, scenario, seconds):
    """Runs a scenario and checks the documents afterwards."""
    result = Result(scenario, arena.size)
    players = [arena.players[name] for name in scenario.contenders if name in arena.players]
    for player in players:
        if scenario.before:
            player.sql(scenario.before)
        player.sql("PREPARE operation (%s) AS %s" % (scenario.types, scenario.sql))
        result.clock[player.name], result.cpu[player.name] = [], []
    slowest = warm_up(arena, scenario, players)
    batch = max(1, int(BATCH_SECONDS / slowest))
    end = time.monotonic() + seconds
    rounds = 0
    while rounds < 5 or (time.monotonic() < end and rounds < 400):
        statements = operations(arena, scenario, batch)
        random.shuffle(players)
        for player in players:
            clock, cpu = player.run(statements)
            result.clock[player.name].append(clock / batch)
            result.cpu[player.name].append(cpu / batch)
        rounds += 1
    account(arena, scenario, players, result, 1 if slowest > 0.1 else ACCOUNTED)
    for player in players:
        player.sql("DEALLOCATE operation")
    arena.check()
    arena.log(result)
    return result


def operations(arena, scenario, count):
    """The statements of the next operations, which differ from all before."""
    statements = []
    for _ in range(count):
        if scenario.statements > 1:
            statements.append("BEGIN")
        for _ in range(scenario.statements):
            args = scenario.args(arena.next_operation, arena.size)
            statements.append("EXECUTE operation (%s)" % ", ".join(map(str, args)))
            arena.next_operation += 1
        if scenario.statements > 1:
            statements.append("COMMIT")
    return statements


def warm_up(arena, scenario, players):
    """Fills the caches; returns how long the slowest contender takes for one operation."""
    slowest = 0
    first = operations(arena, scenario, 1)
    for player in players:
        slowest = max(slowest, player.run(first)[0])
    if slowest > 0.1:
        return slowest
    statements = operations(arena, scenario, WARM_UP)
    return max(player.run(statements)[0] / WARM_UP for player in players)


def account(arena, scenario, players, result, count):
    """WAL, buffers and dead tuples of one operation: the least of three goes, for the server writes WAL of its own too."""
    goes = {player.name: [] for player in players}
    for _ in range(3):
        statements = operations(arena, scenario, count)
        for player in players:
            before = counters(player)
            player.run(statements)
            after = counters(player)
            goes[player.name].append([(b - a) / count for a, b in zip(before, after)])
    for name, counted in goes.items():
        result.cost[name] = dict(zip(("wal", "buffers", "dead"), map(min, zip(*counted))))


def counters(player):
    """WAL position, and what was counted in the schema's tables."""
    player.sql("SELECT pg_stat_force_next_flush()")
    player.cursor.execute(
        "SELECT pg_current_wal_insert_lsn() - '0/0', (SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0) "
        "+ coalesce(toast_blks_read + toast_blks_hit + tidx_blks_read + tidx_blks_hit, 0)) FROM pg_statio_user_tables WHERE schemaname = '{0}'), "
        "(SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = '{0}')".format(player.schema))
    return [float(x or 0) for x in player.cursor.fetchone()]


def added(result, name, what="clock"):
    """What a contender adds to the base in each round, in seconds."""
    figures = getattr(result, what)
    return [a - b for a, b in zip(figures[name], figures["nothing"])]


def quantiles(figures):
    """p10, median, p90"""
    if len(figures) < 2:
        return figures[0], figures[0], figures[0]
    tenths = statistics.quantiles(figures, n=10, method="inclusive")
    return tenths[0], statistics.median(figures), tenths[8]
