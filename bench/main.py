"""The command line: runs scenarios and writes the report."""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys

import psycopg2

from . import check, measure, report, scenarios

# One writer with everything in memory: what is measured is the work, not the disk.
SETTINGS = {"shared_buffers": "2GB", "max_wal_size": "8GB", "checkpoint_timeout": "1h", "synchronous_commit": "off",
            "full_page_writes": "off", "autovacuum": "off", "jit": "off", "shared_preload_libraries": "pg_tviews"}


def arguments(argv):
    p = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    p.add_argument("--sizes", default="1000,100000", help="numbers of products, posts, employees (default 1000,100000)")
    p.add_argument("--seconds", type=float, default=6, help="for each scenario (default 6)")
    p.add_argument("--only", default="", help="scenarios whose name contains this")
    p.add_argument("--dataset", default="", help="one of " + ", ".join(scenarios.DATASETS))
    p.add_argument("--brief", action="store_true", help="leave out fills and what is measured for the curves only")
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("bench/results"), help=argparse.SUPPRESS)
    p.add_argument("--report", type=pathlib.Path, nargs="+", metavar="JSON",
                   help="write the report again, of one run or of several: the first has its name, and that of what all have measured")
    p.add_argument("--check", action="store_true", help="count instructions; fail if more than 15 %% above those accepted")
    p.add_argument("--accept", action="store_true", help="count instructions and accept them")
    options = p.parse_args(argv)
    options.part = "part" if options.only or options.dataset or options.brief else "all"
    return options


def connect():
    connection = psycopg2.connect("")
    connection.autocommit = True
    return connection


def pg_ctl(what):
    subprocess.run(["pg_ctl", "-w", "-m", "fast", "-l", os.environ["PGDATA"] + "/../log", what], check=True, stdout=subprocess.DEVNULL)


def prepare_server():
    """The private server that scripts/with-pg has started gets our settings."""
    connection = connect()
    cursor = connection.cursor()
    for name, value in SETTINGS.items():
        cursor.execute("ALTER SYSTEM SET %s = '%s'" % (name, value))
    connection.close()
    pg_ctl("restart")
    connection = connect()
    connection.cursor().execute("CREATE EXTENSION IF NOT EXISTS pg_tviews")
    connection.close()


def has_pg_ivm():
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_ivm'")
    there = cursor.fetchone()[0] > 0
    if there:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_ivm")
    connection.close()
    return there


def machine():
    """What the figures were made on."""
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SELECT version()")
    postgres = cursor.fetchone()[0].split(" on ")[0]
    cursor.execute("SELECT string_agg(name || ' ' || default_version, ', ') FROM pg_available_extensions WHERE name = 'pg_ivm'")
    others = cursor.fetchone()[0]
    connection.close()
    try:
        cpus = pathlib.Path("/proc/cpuinfo").read_text()
        model = cpus.split("model name")[1].split(":")[1].split("\n")[0].strip()
        memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) // 2**20
    except (OSError, IndexError):
        model, memory = platform.processor(), 0
    return {"Date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "pg_tviews": os.environ.get("BENCH_COMMIT", "unknown commit"),
            "Server": "%s, %s" % (", ".join(filter(None, (postgres, others))), ", ".join("%s %s" % s for s in SETTINGS.items()) + ", fsync off"),
            "Machine": "%d x %s, %d GiB, %s" % (os.cpu_count(), model, memory, platform.system() + " " + platform.release()),
            "Load average": "%.1f when measuring began" % os.getloadavg()[0]}


def show(result):
    """The figures of a scenario, as soon as there are any."""
    print("%s, %d: base %.1f us, %d rounds%s" % (result["scenario"], result["size"], result["base"], result["rounds"],
                                               ", ratio %.2f (%.2f-%.2f)" % tuple(result["ratio"][i] for i in (1, 0, 2))))
    for name, c in result["contenders"].items():
        print("    %-14s + %9.1f us (p10 %.1f, p90 %.1f), clock %9.1f us, WAL %8.0f, buffers %7.1f, dead %6.1f" % (
            name, c["cpu"][1], c["cpu"][0], c["cpu"][2], c["clock"][1], c["cost"]["wal"], c["cost"]["buffers"], c["cost"]["dead"]))
    sys.stdout.flush()


def progress(line):
    print("#", line, flush=True)


def measure_all(data, chosen, sizes, options, fills=False):
    """Runs scenarios, data set by data set; results are added to data as they come."""
    ivm = has_pg_ivm()
    for dataset in dict.fromkeys(s.dataset for s in chosen):
        for size in sizes or sorted({size for s in chosen if s.dataset == dataset for size in s.sizes}):
            wanted = [s for s in chosen if s.dataset == dataset and (not s.sizes or size in s.sizes)]
            names = {name for s in wanted for name in s.contenders if name != "pg_ivm" or ivm}
            if not names:
                continue
            arena = measure.Arena(dataset, size, names, progress)
            if fills and dataset == "shop" and not options.only and not options.brief:
                data["fills"][size] = {what: measure.quantiles(s)[1] for what, s in measure.fills(arena, progress).items()}
            for scenario in wanted:
                data["results" if sizes else "growth"].append(measure.summary(measure.run(arena, scenario, options.seconds)))
                show(data["results" if sizes else "growth"][-1])
                save(data, options.out, options.part)
            arena.close()


def merged(runs):
    """What several runs have measured, as if it had been one: what a later one has measured too, counts."""
    data = {"machine": {}, "results": [], "growth": [], "fills": {}, "instructions": {}, "steps": {}}
    for what in runs[0]["machine"]:
        texts = [run["machine"][what] for run in runs]
        data["machine"][what] = texts[0] if len(set(texts)) == 1 else "; ".join(
            "%s (%s)" % (text, what_of(run)) for text, run in zip(texts, runs))
    for run in runs:
        for kind in "results", "growth":
            found = {(r["scenario"], r["size"]): r for r in data[kind] + run[kind]}
            data[kind] = list(found.values())
        for kind in "fills", "instructions", "steps":
            data[kind].update(run[kind])
    return data


def what_of(run):
    """What a run has measured, in words."""
    return "%s of %s" % (", ".join(dict.fromkeys(r["dataset"] for r in run["results"])),
                         ", ".join(map(scenarios.spaced, sorted({r["size"] for r in run["results"]}))))


def save(data, directory, of="all"):
    """Writes what has been measured so far, and the report of it; of a part it does not replace that of all."""
    directory.mkdir(exist_ok=True, parents=True)
    name = "pg" + data["machine"]["Server"].split()[1].split(".")[0] + ("" if of == "all" else "-" + of)
    (directory / (name + ".json")).write_text(json.dumps(data, indent=1) + "\n")
    report.write(json.loads((directory / (name + ".json")).read_text()), directory, name)


def guard(options):
    """Counts instructions, and compares or accepts them."""
    major = machine()["Server"].split()[1].split(".")[0]
    check.make_schemas(progress, only=options.only)
    data = pathlib.Path(os.environ["PGDATA"])
    pg_ctl("stop")
    found = check.measured(data, options.only)
    failed = check.compare(found, check.load(major)[0])
    if options.accept:
        check.save(found, major, options.out)
        return 0
    print("%d of %d dearer" % (failed, len(found)))
    return 1 if failed or not check.load(major)[0] else 0


def count_instructions(data):
    """Counts what the contenders take, before there is much to copy."""
    check.make_schemas(progress, ("nothing", "row", "statement", "pg_tviews"))
    pg_ctl("stop")
    data["instructions"], data["steps"] = check.measured_all(pathlib.Path(os.environ["PGDATA"]), progress)
    pg_ctl("start")


def main(argv=None):
    options = arguments(argv)
    if options.report:
        save(merged([json.loads(path.read_text()) for path in options.report]), options.report[0].parent)
        return 0
    prepare_server()
    if options.check or options.accept:
        return guard(options)
    data = {"machine": machine(), "results": [], "growth": [], "fills": {}, "instructions": {}, "steps": {}}
    if shutil.which("valgrind") and not options.only and not options.dataset:
        count_instructions(data)

    def chosen(of):
        return [s for s in of if options.only in s.name and options.dataset in ("", s.dataset)]
    measure_all(data, chosen(scenarios.ALL), list(map(int, options.sizes.split(","))), options, fills=True)
    if not options.brief:
        measure_all(data, chosen(scenarios.GROWTH), None, options)
    data["machine"]["Load average"] += ", %.1f when it ended" % os.getloadavg()[0]
    save(data, options.out, options.part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
