"""The command line and the loop over rounds."""

import argparse
import pathlib
import random
import sys
import time

from fuzz import cluster

from . import generated, scenarios
from .arena import Arena, Server
from .totals import Totals

OUT = pathlib.Path(__file__).resolve().parents[2] / "build" / "stress"
# where a planted defect shows soonest
SHOWS = {"no_reader": ["duel"], "no_writer": ["duel"], "no_walk": ["duel"], "no_key_lock": ["hot"],
         "early_snapshot": ["hot"], "skip_old": ["chain"], "skip_hop": ["duel"]}


def arguments(argv):
    p = argparse.ArgumentParser(prog="scripts/stress", description=__doc__,
                                epilog="Without PGHOST or PGPORT a throw-away cluster is started (PGBIN or PG_CONFIG "
                                       "choose the PostgreSQL).  The last line is the total; exit status 1 if there "
                                       "was a difference or an error that concurrency must not cause.")
    p.add_argument("--seconds", type=float, default=60, help="stop after so many seconds (default 60)")
    p.add_argument("--sessions", type=int, default=8, help="writing sessions (default 8)")
    p.add_argument("--level", choices=("rc", "rr", "ser", "mixed"), default="mixed", help="isolation level")
    p.add_argument("--seed", help="what is random follows from it, except the timing (default: random, printed)")
    p.add_argument("--fault", help="set pg_tviews.test_fault to this in every session; exit status 0 only if "
                                    "it is found")
    p.add_argument("--scenario", action="append", help="only this one; may be repeated (see --list)")
    p.add_argument("--burst", type=int, default=4, help="transactions of a session between two comparisons, at most")
    p.add_argument("--round", type=float, default=3, help="seconds until the next scenario")
    p.add_argument("--max-failures", type=int, default=1, help="stop after so many failures")
    p.add_argument("--no-ddl", dest="ddl", action="store_false", help="no DDL meanwhile")
    p.add_argument("--out", type=pathlib.Path, default=OUT, help="where the logs of failures go")
    p.add_argument("--list", action="store_true", help="print the scenarios and stop")
    options = p.parse_args(argv)
    names = [s.name for s in scenarios.ALL] + [generated.NAME]
    for name in options.scenario or ():
        if name not in names:
            p.error("no scenario %s; there are %s" % (name, ", ".join(names)))
    if options.fault and not options.scenario:
        options.scenario = SHOWS.get(options.fault)
    return options


def main(argv=None):
    options = arguments(argv)
    if options.list:
        for scenario in scenarios.ALL:
            print("%-12s %s" % (scenario.name, scenario.about))
        print("%-12s %s" % (generated.NAME, generated.ABOUT))
        return 0
    own = cluster.Cluster() if cluster.wanted() else None
    server = Server(own.start() if own else None)
    try:
        return Run(server, options).loop()
    finally:
        server.finish()


class Run:
    """Rounds until the time is used up: one scenario each."""

    def __init__(self, server, options):
        self.server = server
        self.options = options
        self.seed = options.seed or str(random.SystemRandom().randint(1, 10 ** 9))
        self.totals = Totals()

    def loop(self):
        o = self.options
        print("stress: seed %s, level %s, %d sessions, PostgreSQL %d%s" % (
            self.seed, o.level, o.sessions, self.server.version, ", fault " + o.fault if o.fault else ""), flush=True)
        end = time.time() + o.seconds
        number = 0
        while time.time() < end and len(self.totals.failures) < o.max_failures:
            number += 1
            self.one_round(number, end)
        print(self.totals.report())
        return self.status()

    def status(self):
        found = bool(self.totals.failures)
        if self.options.fault:
            print("planted fault %s: %s" % (self.options.fault, "found" if found else "NOT found"))
            return 0 if found else 1
        return 1 if found else 0

    def one_round(self, number, end):
        rng = random.Random("%s/%s" % (self.seed, number))
        scenario = self.choose(rng, number)
        arena = Arena(self.server, scenario, self.options, "%s/%d" % (self.seed, number), self.totals)
        try:
            failures = arena.play(end)
        finally:
            arena.close()
        self.totals.rounds[scenario.name] += 1
        for failure in failures:
            self.totals.failures.append(failure)
        if failures:
            self.explain(arena, failures, number)

    def choose(self, rng, number):
        """Every hand-made one in turn, every second time a generated one."""
        names = self.options.scenario
        if names:
            name = names[(number - 1) % len(names)]
        elif number % 2 == 0:
            name = generated.NAME
        else:
            name = scenarios.ALL[(number // 2) % len(scenarios.ALL)].name
        if name == generated.NAME:
            return generated.Generated(self.server, rng)
        return next(s for s in scenarios.ALL if s.name == name)

    def explain(self, arena, failures, number):
        place = self.options.out / ("seed-%s-round-%d" % (self.seed, number))
        arena.save_logs(place, failures)
        print("\nFAILURE in round %d of seed %s, scenario %s" % (number, self.seed, arena.scenario.name))
        for failure in failures[:5]:
            print(failure)
        print("logs of the sessions: %s" % place, flush=True)


if __name__ == "__main__":
    sys.exit(main())
