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
NAMES = ("one row, used column", "one row, unused column", "one row, equal value", "one row, another column", "child insert",
         "child delete", "document insert", "20 touches of one document", "update of 100 rows", "user rename",
         "TVIEW on TVIEW, three deep", "ten TVIEWs on one table", "join, for pg_ivm")
SIZE = 1000


def chosen():
    return [s for s in scenarios.ALL if s.name in NAMES] + [scenarios.rename(6, 167)]


def script(player):
    """What the backend is to run: for each scenario a warm-up, a mark, the operations, a mark."""
    lines = []
    for number, scenario in enumerate(chosen()):
        arena = Numbers()
        counted = max(3, COUNTED // (scenario.rows * scenario.statements))
        lines.append("SET search_path = %s_%s, public" % (scenario.dataset, player))
        lines.append("PREPARE operation%s AS %s" % (scenario.types and "(%s)" % scenario.types, scenario.sql))
        for count in WARM_UP, counted:
            lines += measure.operations(arena, scenario, count)
            lines.append(MARK)
        lines.append("DEALLOCATE operation")
    return "\n".join(" ".join(line.split()) for line in lines) + "\n"


class Numbers:
    """What measure.operations wants of an arena."""
    size = SIZE
    next_operation = 1


def counts(player, data, directory):
    """Instructions of one operation of each scenario."""
    copy = directory / player
    shutil.copytree(data, copy, symlinks=True)
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--dump-before=pg_backend_pid", "--callgrind-out-file=%s/%s.out" % (directory, player),
         shutil.which("postgres"), "--single", "-D", str(copy), "-c", "shared_buffers=64MB", "postgres"],
        input=script(player), capture_output=True, text=True)
    if run.returncode or "ERROR:" in run.stderr or "FATAL:" in run.stderr:
        sys.exit("callgrind's backend failed:\n" + run.stderr[-3000:])
    dumps = sorted(directory.glob(player + ".out.*"), key=lambda path: int(path.suffix[1:]))
    totals = [int(re.search(r"^(?:summary|totals): (\d+)", path.read_text(), re.M)[1]) for path in dumps]
    if len(totals) < 2 * len(chosen()):
        sys.exit("callgrind left %d dumps, not %d" % (len(totals), 2 * len(chosen())))
    found = {}
    for number, scenario in enumerate(chosen()):
        counted = max(3, COUNTED // (scenario.rows * scenario.statements))
        found[scenario.name] = totals[2 * number + 1] / counted
    shutil.rmtree(copy)
    return found


def measured(data):
    """{scenario: (added, base)} in instructions; data is the directory of a server that is stopped."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="check."))
    try:
        base = counts("nothing", data, directory)
        ours = counts("pg_tviews", data, directory)
    finally:
        shutil.rmtree(directory)
    return {name: (ours[name] - base[name], base[name]) for name in base}


def make_schemas(log):
    """The data sets for both, in the server that is running."""
    for dataset in dict.fromkeys(s.dataset for s in chosen()):
        measure.Arena(dataset, SIZE, ("nothing", "pg_tviews"), log).leave()


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
