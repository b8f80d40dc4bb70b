"""What was run, what was found, and the summary at the end."""

import time
from collections import Counter

import psycopg2

from . import shapes
from .model import plain_sql
from .queries import is_by_key


class Stats:
    def __init__(self):
        self.started = time.time()
        self.cases = self.statements = self.transactions = 0
        self.comparisons = self.tviews = self.slow = 0
        self.outcomes = Counter()
        self.shapes = Counter()
        self.refused = Counter()
        self.refused_by_key = []
        self.strategies = Counter()
        self.full_by_key = Counter()
        self.full_examples = []
        self.complaints = Counter()
        self.examples = {}
        self.kinds = Counter()
        self.time_in = Counter()
        self.failures = []

    def step(self, step, outcome, seconds):
        self.kinds[step.kind] += 1
        self.time_in[step.kind] += seconds
        self.outcomes[step.kind + " " + outcome] += 1
        if step.kind not in ("check", "keys"):
            self.statements += 1
        if step.kind == "tview" and outcome == "ok" and step.apply:
            self.tviews += 1
            for name in step.shapes:
                if name in shapes.BY_KEY or name in shapes.IN_FULL:
                    self.shapes[name] += 1
        if step.kind == "tview" and outcome == "refused":
            self.refused.update(step.shapes)
            if is_by_key(step.shapes):
                self.refused_by_key.append(plain_sql(step.sql))

    def case(self, dice):
        self.cases += 1
        for name, count in dice.used.items():
            if name not in shapes.BY_KEY and name not in shapes.IN_FULL:
                self.shapes[name] += count

    def ask_strategies(self, session, tviews):
        """How each source reaches the key, as pg_tviews_explain() tells it.

        A source of strategy "full" in a query whose parts all have a route is worth a look: it is
        right, but slow, and it hides from this test whatever a route would do.
        """
        for tview in tviews:
            try:
                session.cur.execute("SELECT strategy, source, route FROM public.pg_tviews_explain(%s)", (tview.sql,))
            except psycopg2.Error:
                continue
            rows = session.cur.fetchall()
            self.strategies.update(row[0] for row in rows)
            full = [row for row in rows if row[0] == "full"]
            if full and tview.by_key:
                self.full_by_key.update({"TVIEWs": 1, "sources": len(full)})
                self.full_examples.append((tview.query, full))

    def complain(self, reason, sql):
        """A query that the generator should not have made."""
        self.complaints[reason] += 1
        self.examples.setdefault(reason, sql)

    def seconds(self):
        return time.time() - self.started

    def last_line(self):
        return "fuzz: %d cases, %d statements, %d transactions, %d differences" % (
            self.cases, self.statements, self.transactions, len(self.failures) + len(self.refused_by_key))

    def report(self, verbose=False):
        lines = ["", "shapes (TVIEWs made with it, or times used)"]
        for title, group in (("refreshed by key", shapes.BY_KEY), ("refreshed in full", shapes.IN_FULL),
                             ("schema", shapes.SCHEMA), ("changes", shapes.CHANGES),
                             ("transactions", shapes.TRANSACTIONS), ("reads", shapes.READS), ("ddl", shapes.DDL)):
            items = ["%s %d" % (name, self.shapes[name]) for name in group]
            lines += wrap("  %s: " % title, items)
        if self.refused:
            lines += wrap("refused by the engine, by shape: ",
                          ["%s %d" % item for item in self.refused.most_common()])
        for sql in self.refused_by_key[:5]:
            lines.append("refused although every part has a route: " + sql)
        if self.strategies:
            lines += wrap("strategies: ", ["%s %d" % item for item in self.strategies.most_common()])
        if self.full_by_key:
            lines.append("refreshed in full although every part of the query has a route: %d TVIEWs, %d sources"
                         % (self.full_by_key["TVIEWs"], self.full_by_key["sources"]))
            shortest = sorted(self.full_examples, key=lambda e: len(e[0]))[:20 if verbose else 2]
            lines += ["    %s\n        %s" % example for example in shortest]
        lines += wrap("outcomes: ", ["%s %d" % item for item in sorted(self.outcomes.items())])
        lines += wrap("seconds in: ", ["%s %.1f" % item for item in self.time_in.most_common()])
        for reason, count in self.complaints.most_common(None if verbose else 5):
            lines.append("generator: %d times %s, e.g. %s" % (count, reason, self.examples[reason]))
        seconds = self.seconds()
        lines.append("%d TVIEWs, %d comparisons, %d cases ended early as too slow, %.0f seconds, %.0f statements/s"
                     % (self.tviews, self.comparisons, self.slow, seconds,
                        (self.statements + self.comparisons) / max(seconds, 0.1)))
        lines.append(self.last_line())
        return "\n".join(lines)


def wrap(head, items, width=110):
    """Head, then comma-separated items over as many lines as needed."""
    lines, line = [], head
    for item in items:
        if len(line) + len(item) > width:
            lines.append(line.rstrip())
            line = "    "
        line += item + ", "
    lines.append(line.rstrip(", "))
    return lines
