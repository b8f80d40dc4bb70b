"""What was run, and the report at the end."""

import threading
from collections import Counter

LEVELS = {"rc": "READ COMMITTED", "rr": "REPEATABLE READ", "ser": "SERIALIZABLE"}


class Totals:
    def __init__(self):
        self.lock = threading.Lock()
        self.done = Counter()            # by level: transactions that came to their end
        self.retries = Counter()         # by level
        self.errors = Counter()          # by level and SQLSTATE
        self.unusual = Counter()         # texts of serialization failures at READ COMMITTED
        self.rounds = Counter()          # by scenario
        self.ends = Counter()            # how transactions ended
        self.looks = self.comparisons = self.reads = self.slow_reads = self.ddl = 0
        self.slowest = 0.0
        self.failures = []

    def transaction(self, level, retries, end):
        with self.lock:
            self.done[level] += 1
            self.retries[level] += retries
            self.ends[end] += 1

    def error(self, level, code, message):
        with self.lock:
            self.errors[level, code] += 1
            if (level, code) == ("rc", "40001"):
                self.unusual[message] += 1

    def look(self):
        with self.lock:
            self.looks += 1

    def read(self, seconds):
        with self.lock:
            self.reads += 1
            self.slowest = max(self.slowest, seconds)

    def report(self):
        lines = []
        for level, name in LEVELS.items():
            if self.done[level]:
                errors = ", ".join("%s %d" % (code, count) for (which, code), count in sorted(self.errors.items())
                                   if which == level)
                lines.append("%-16s %7d transactions, %6d retries; errors: %s" % (
                    name, self.done[level], self.retries[level], errors or "none"))
        lines += ["READ COMMITTED, 40001, %d times: %s" % (count, text) for text, count in self.unusual.items()]
        lines.append("rounds: " + ", ".join("%s %d" % item for item in sorted(self.rounds.items())))
        lines.append("ends: " + ", ".join("%s %d" % item for item in self.ends.most_common()))
        lines.append("%d comparisons, %d more within transactions, %d reads alongside (slowest %.0f ms), %d DDL commands" % (
            self.comparisons, self.looks, self.reads, self.slowest * 1000, self.ddl))
        lines.append("stress: %d transactions, %d retries, %d differences" % (
            sum(self.done.values()), sum(self.retries.values()), len(self.failures)))
        return "\n".join(lines)
