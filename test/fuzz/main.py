"""The command line and the loop over cases."""

import argparse
import os
import pathlib
import random
import sys
import time

from . import cluster, script, shapes
from .player import Case, Databases, replay
from .shrink import Shrinker
from .stats import Stats

OUT = pathlib.Path(__file__).resolve().parents[2] / "build" / "fuzz"


def arguments(argv):
    p = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__,
                                epilog="Without PGHOST or PGPORT a throw-away cluster is started (PGBIN or PG_CONFIG "
                                       "choose the PostgreSQL).  Exit status 0 only without differences.")
    p.add_argument("--seconds", type=float, help="stop after so many seconds (default 60 unless --cases)")
    p.add_argument("--cases", type=int, help="stop after so many cases")
    p.add_argument("--seed", help="seed of the run (default: random, printed)")
    p.add_argument("--case", type=int, help="run only this case of the seed")
    p.add_argument("--transactions", type=int, default=14, help="transactions of a case")
    p.add_argument("--check-rate", type=float, default=0.45, help="how often a statement is followed by a comparison")
    p.add_argument("--shape", help="make this shape much more often (see --list-shapes)")
    p.add_argument("--without", default="", help="comma-separated shapes to leave out")
    p.add_argument("--no-ddl", dest="ddl", action="store_false", help="no DDL between changes")
    p.add_argument("--max-failures", type=int, default=1, help="stop after so many failures")
    p.add_argument("--shrink-seconds", type=float, help="time for shrinking a failure, 0: do not "
                                                         "(default 120, with --plant 15)")
    p.add_argument("--plant", help="set pg_tviews.test_fault to this; exit status 0 only if it is found")
    p.add_argument("--dry", action="store_true", help="without the extension: validate the generator itself")
    p.add_argument("--replay", help="play the .json of a failure again, and shrink it")
    p.add_argument("--out", type=pathlib.Path, default=OUT, help="where scripts of failures go")
    p.add_argument("--list-shapes", action="store_true", help="print every shape and stop")
    p.add_argument("--verbose", action="store_true", help="print every statement")
    options = p.parse_args(argv)
    options.without = {s for s in options.without.split(",") if s}
    for name in options.without | ({options.shape} if options.shape else set()):
        if name not in shapes.ALL:
            p.error("no shape named %s (see --list-shapes)" % name)
    if options.shrink_seconds is None:
        options.shrink_seconds = 15 if options.plant else 120
    if options.seconds is None and options.cases is None and options.case is None:
        options.seconds = 60
    return options


def main(argv=None):
    options = arguments(argv)
    if options.list_shapes:
        print(shapes.listing())
        return 0
    server = cluster.Cluster() if cluster.wanted() else None
    dsn = server.start() if server else {"dbname": os.environ.get("PGDATABASE", "postgres")}
    databases = Databases(dsn, options.dry)
    databases.prepare()
    try:
        if options.replay:
            return replay_file(databases, options)
        return Run(databases, options, server).loop()
    finally:
        databases.finish()


def replay_file(databases, options):
    """Play a saved failure again and shrink it further."""
    steps, signature = script.load(options.replay)
    failure = replay(databases, options, steps, signature)
    if failure is None:
        print("no failure")
        return 0
    print("%s: %s" % (failure.kind, failure.text), flush=True)
    if options.shrink_seconds > 0:
        steps, failure = Shrinker(databases, options, failure).shrink(steps) or (steps, failure)
        path = pathlib.Path(options.replay).with_suffix(".small.sql")
        script.save(path, steps, [failure.kind] + failure.text.split("\n"), options.plant, failure.signature)
        print(path.read_text())
    return 1


class Run:
    """Cases until time, count or failures are used up."""

    def __init__(self, databases, options, server):
        self.databases = databases
        self.options = options
        self.server = server
        self.stats = Stats()
        self.seed = options.seed or str(random.SystemRandom().randint(1, 10 ** 9))

    def loop(self):
        print("fuzz: seed %s, PostgreSQL %d" % (self.seed, self.databases.version), flush=True)
        number = 0
        try:
            if self.options.case:
                self.one_case(self.options.case)
            while not self.options.case and not self.is_done(number):
                number += 1
                self.one_case(number)
        except KeyboardInterrupt:
            print("interrupted")
        print(self.stats.report(self.options.verbose))
        return self.status()

    def is_done(self, number):
        o = self.options
        if len(self.stats.failures) >= o.max_failures:
            return True
        if o.cases is not None and number >= o.cases:
            return True
        return o.seconds is not None and self.stats.seconds() > o.seconds

    def status(self):
        found = bool(self.stats.failures)
        if self.options.plant:
            print("planted bug %s: %s" % (self.options.plant, "found" if found else "NOT found"))
            return 0 if found else 1
        return 1 if found or self.stats.refused_by_key else 0

    def one_case(self, number):
        case = Case(self.databases, self.options, self.seed, number, self.stats)
        failure = case.run()
        if failure and self.options.plant and not self.is_planted(case, failure):
            failure = None
        if failure:
            self.stats.failures.append(failure)
            self.explain(case, failure)

    def is_planted(self, case, failure):
        """Not found by a planted bug is what fails without it as well."""
        if self.options.dry:
            return True
        honest = argparse.Namespace(**dict(vars(self.options), plant=None))
        found = replay(self.databases, honest, list(case.trace), failure.signature)
        if found:
            print("case %d fails without the planted bug, too: %s" % (case.number, found.text), flush=True)
        return found is None

    def explain(self, case, failure):
        """Say what failed, shrink it, and write the script."""
        print("\nFAILURE in case %d of seed %s: %s\n%s" % (case.number, self.seed, failure.kind, failure.text))
        print("again: scripts/fuzz --seed %s --case %d%s" % (self.seed, case.number, self.repeat_flags()), flush=True)
        log = self.server.log_tail() if self.server and failure.kind == "crash" else ""
        if log:
            print("server log:\n" + log)
        path = self.options.out / ("seed-%s-case-%d.sql" % (self.seed, case.number))
        head = ["%s" % failure.kind] + failure.text.split("\n") + [
            "seed %s, case %d, PostgreSQL %d" % (self.seed, case.number, self.databases.version)]
        steps = list(case.trace)
        script.save(path.with_suffix(".full.sql"), steps, head, self.options.plant, failure.signature)
        if self.options.shrink_seconds > 0:
            steps, head = self.shrink(steps, failure, head)
        script.save(path, steps, head, self.options.plant, failure.signature)
        print("script: %s (%d steps)" % (path, len(steps)), flush=True)

    def shrink(self, steps, failure, head):
        started = time.time()
        quiet = argparse.Namespace(**dict(vars(self.options), verbose=False))
        shrinker = Shrinker(self.databases, quiet, failure)
        result = shrinker.shrink(steps)
        if result is None:
            print("it does not fail again when replayed")
            return steps, head + ["did not fail again when replayed"]
        steps, failure = result
        print("shrunk to %d steps by %d replays in %.0f s" % (len(steps), shrinker.tries, time.time() - started))
        print(script.render(steps, failure.text.split("\n"), self.options.plant))
        return steps, [failure.kind] + failure.text.split("\n") + head[-1:]

    def repeat_flags(self):
        o = self.options
        flags = " --shape %s" % o.shape if o.shape else ""
        flags += " --without %s" % ",".join(sorted(o.without)) if o.without else ""
        flags += " --transactions %d" % o.transactions if o.transactions != 14 else ""
        return flags + ("" if o.ddl else " --no-ddl") + (" --dry" if o.dry else "")


if __name__ == "__main__":
    sys.exit(main())
