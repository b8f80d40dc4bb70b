"""The guard: instructions that keeping documents takes, counted by callgrind, against those last accepted.

A backend in single-user mode runs the operations under valgrind.  Between them it calls pg_backend_pid(), at which
callgrind writes down what it has counted.  Compared is what pg_tviews adds, as a multiple of what the same statements
take without it: that depends least on compiler, minor release and machine.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from . import measure, scenarios

ACCEPTED = pathlib.Path("bench/results/accepted.json")
TOLERANCE = 0.15
WARM_UP, COUNTED = 12, 40
MARK = "SELECT pg_backend_pid()"
NAMES = ("one row, used column", "one row, unused column", "one row, unused column of SELECT *", "one row, equal value",
         "one row, another column", "child insert", "child delete", "document insert", "20 touches of one document",
         "update of 100 rows", "comment insert", "answer insert", "user rename",
         "TVIEW on TVIEW, three deep", "ten TVIEWs on one table", "join, one row")
SIZE = 1000


def chosen(player="nothing", only=""):
    """The scenarios in which somebody takes part, and whose names contain this."""
    everything = [s for s in scenarios.ALL if s.name in NAMES] + [scenarios.rename(6, 167)]
    return [s for s in everything if only in s.name and player in [c.name for c in scenarios.DATASETS[s.dataset].contenders]]


def times(scenario):
    """How many operations of a scenario are counted."""
    return max(3, COUNTED // (scenario.rows * scenario.statements))


def script(player, only):
    """What the backend is to run: for each scenario a warm-up and what counts, each between marks."""
    lines = []
    for scenario in chosen(player, only):
        arena = Numbers()
        lines.append("SET search_path = %s_%s, public" % (scenario.dataset, player))
        lines.append("PREPARE operation%s AS %s" % (scenario.types and "(%s)" % scenario.types, scenario.sql))
        for number in WARM_UP, times(scenario):
            turn = measure.operations(arena, scenario, number)
            lines += [turn.before] * bool(turn.before) + [MARK] + turn.statements + [MARK]
            lines += [turn.after] * bool(turn.after)
        lines.append("DEALLOCATE operation")
    return "\n".join(" ".join(line.split()) for line in lines) + "\n"


class Numbers:
    """What measure.operations wants of an arena."""
    size = SIZE
    next_operation = 1


def counts(player, data, directory, only=""):
    """{scenario: (instructions of one operation, callgrind's file)}"""
    copy = directory / player
    shutil.copytree(data, copy, symlinks=True)
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--dump-before=pg_backend_pid", "--callgrind-out-file=%s/%s.out" % (directory, player),
         shutil.which("postgres"), "--single", "-D", str(copy), "-c", "shared_buffers=64MB", "postgres"],
        input=script(player, only), capture_output=True, text=True)
    if run.returncode or "ERROR:" in run.stderr or "FATAL:" in run.stderr:
        sys.exit("callgrind's backend failed:\n" + run.stderr[-3000:])
    dumps = sorted(directory.glob(player + ".out.*"), key=lambda path: int(path.suffix[1:]))
    wanted = chosen(player, only)
    if len(dumps) < 4 * len(wanted):
        sys.exit("callgrind left %d dumps, not %d" % (len(dumps), 4 * len(wanted)))
    found = {}
    for scenario, dump in zip(wanted, dumps[3::4]):
        total = int(re.search(r"^(?:summary|totals): (\d+)", dump.read_text(), re.M)[1])
        found[scenario.name] = total / times(scenario), dump
    shutil.rmtree(copy)
    return found


def measured(data, only):
    """{scenario: (added, base)} in instructions; data is the directory of a server that is stopped."""
    with tempfile.TemporaryDirectory(prefix="check.") as directory:
        base, ours = (counts(player, data, pathlib.Path(directory), only) for player in ("nothing", "pg_tviews"))
        return {name: (ours[name][0] - base[name][0], base[name][0]) for name in base}


def measured_all(data, log):
    """{scenario: {contender: instructions added}}, and {scenario: {step: share of what pg_tviews adds}}"""
    added, shares = {}, {}
    with tempfile.TemporaryDirectory(prefix="check.") as directory:
        base = counts("nothing", data, pathlib.Path(directory))
        for player in "row", "statement", "pg_tviews":
            log("counting the instructions of " + player)
            for name, (instructions, dump) in counts(player, data, pathlib.Path(directory)).items():
                added.setdefault(name, {"nothing": base[name][0]})[player] = instructions - base[name][0]
                if player == "pg_tviews" and instructions - base[name][0] > 0.05 * base[name][0]:
                    shares[name] = step_shares(base[name][1], dump)
    return added, shares


# Steps of the work, by the functions that they are in; what one is in another's counts for both.
STEPS = {
    "capture": ("pg_tviews_capture",),
    "locks": ("tview_locks_begin", "tview_locks_links", "tview_locks_keys"),
    "asking the view": ("tview_read_view",),
    "writing": ("tview_write_row",),
    "compressing": ("pglz_compress",),
    "decompressing": ("pglz_decompress",),
    "heap and indexes": ("heap_update", "heap_insert", "ExecInsertIndexTuples"),
}


def step_shares(base, ours):
    """{step: share of the instructions by which one file of callgrind's has more than another}"""
    before, after = steps(base), steps(ours)
    return {step: (after[step] - before[step]) / (after["all"] - before["all"]) for step in STEPS}


def steps(dump):
    """{step: instructions, with those of what is called} of a file of callgrind's."""
    text = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--auto=no", "--threshold=100", str(dump)],
                          capture_output=True, text=True, check=True).stdout
    costs = {}
    for line in text.splitlines():
        match = re.match(r"\s*([\d,]+)(?: \([ \d.]+%\))?\s+(?:\S*?:(\w+)|PROGRAM TOTALS)", line)
        if match:       # what is inlined elsewhere has lines of its own, with less
            costs[match[2]] = max(costs.get(match[2], 0), int(match[1].replace(",", "")))
    found = {step: sum(costs.get(function, 0) for function in functions) for step, functions in STEPS.items()}
    return dict(found, all=costs[None])


def make_schemas(log, players=("nothing", "pg_tviews"), only=""):
    """The data sets, in the server that is running."""
    for dataset in dict.fromkeys(s.dataset for s in chosen(only=only)):
        measure.Arena(dataset, SIZE, players, log).leave()


def compare(found, accepted):
    """Prints a line for each scenario; returns how many have become dearer than is tolerated."""
    failed = 0
    for name, (added, base) in found.items():
        value, before = added / base, accepted.get(name)
        change = (value - before) / max(abs(before), 0.05) if before is not None else 0
        word = "new" if before is None else "DEARER" if change > TOLERANCE else "cheaper: accept" if change < -TOLERANCE else "ok"
        failed += word == "DEARER"
        print("%-30s %10.0f instructions on top of %9.0f: %6.3f, accepted %s  %+5.1f %%  %s" % (
            name, added, base, value, "%6.3f" % before if before is not None else "none", 100 * change, word))
    return failed


def load(major):
    """The accepted figures of a major; those of all."""
    everything = json.loads(ACCEPTED.read_text()) if ACCEPTED.exists() else {}
    return everything.get(major, {}), everything


def save(found, major, out):
    """Writes the figures as accepted."""
    everything = load(major)[1]
    everything[major] = {name: round(added / base, 4) for name, (added, base) in found.items()}
    (out / ACCEPTED.name).write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n")
