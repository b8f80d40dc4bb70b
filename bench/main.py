"""The command line: runs scenarios and writes the report."""

import argparse
import os
import subprocess
import sys

import psycopg2

from . import measure, scenarios

# One writer with everything in memory: what is measured is the work, not the disk.
SETTINGS = {"shared_buffers": "2GB", "max_wal_size": "8GB", "checkpoint_timeout": "1h", "synchronous_commit": "off",
            "full_page_writes": "off", "autovacuum": "off", "jit": "off", "shared_preload_libraries": "pg_tviews"}


def arguments(argv):
    p = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    p.add_argument("--sizes", default="1000,100000", help="numbers of products (default 1000,100000)")
    p.add_argument("--seconds", type=float, default=6, help="for each scenario (default 6)")
    p.add_argument("--only", default="", help="scenarios whose name contains this")
    return p.parse_args(argv)


def prepare_server():
    """The private server that scripts/with-pg has started gets our settings."""
    connection = psycopg2.connect("")
    connection.autocommit = True
    cursor = connection.cursor()
    for name, value in SETTINGS.items():
        cursor.execute("ALTER SYSTEM SET %s = '%s'" % (name, value))
    connection.close()
    subprocess.run(["pg_ctl", "-w", "-m", "fast", "-l", os.environ["PGDATA"] + "/../log", "restart"],
                   check=True, stdout=subprocess.DEVNULL)
    connection = psycopg2.connect("")
    connection.autocommit = True
    connection.cursor().execute("CREATE EXTENSION IF NOT EXISTS pg_tviews")
    connection.close()


def show(result):
    """One line for each contender, as soon as there are figures."""
    base = measure.quantiles(result.clock["nothing"])[1]
    print("%s, %d: base %.1f us, %d rounds" % (result.scenario.name, result.size, 1e6 * base, len(result.clock["nothing"])))
    for name in result.clock:
        if name == "nothing":
            continue
        low, middle, high = measure.quantiles(measure.added(result, name))
        cpu = measure.quantiles(measure.added(result, name, "cpu"))[1]
        cost = {k: v - result.cost["nothing"][k] for k, v in result.cost[name].items()}
        print("    %-10s + %9.1f us (p10 %.1f, p90 %.1f), CPU %9.1f us, WAL %8.0f, buffers %7.1f, dead %6.1f" % (
            name, 1e6 * middle, 1e6 * low, 1e6 * high, 1e6 * cpu, cost["wal"], cost["buffers"], cost["dead"]), flush=True)


def main(argv=None):
    options = arguments(argv)
    prepare_server()
    chosen = [s for s in scenarios.ALL if options.only in s.name]
    results = []
    for dataset in dict.fromkeys(s.dataset for s in chosen):
        wanted = [s for s in chosen if s.dataset == dataset]
        names = {name for s in wanted for name in s.contenders}
        for size in map(int, options.sizes.split(",")):
            arena = measure.Arena(dataset, size, names, show)
            for scenario in wanted:
                results.append(measure.run(arena, scenario, options.seconds))
            arena.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
