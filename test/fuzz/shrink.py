"""Delta debugging: the fewest steps, and the shortest statements, that still fail the same way.

Replays forgive errors of statements, so any subset of steps can be played.  First whole groups
(a transaction, a table, a TVIEW), then steps, then the marked optional pieces inside statements.
"""

import copy
import time

from .model import CLOSE, OPEN
from .player import replay


class Shrinker:
    def __init__(self, databases, options, failure):
        self.databases = databases
        self.options = options
        self.signature = failure.signature
        self.failure = failure
        self.deadline = time.time() + options.shrink_seconds
        self.tries = 0

    def fails(self, steps):
        """Does this list still fail in the same way?"""
        self.tries += 1
        found = replay(self.databases, self.options, steps, self.signature)
        if found is None or found.kind != self.signature[0]:
            return False
        if found.kind == "error" and found.signature != self.signature:
            return False
        self.failure = found
        return True

    def out_of_time(self):
        return time.time() > self.deadline

    def shrink(self, steps):
        """(steps, failure): the smallest found.  None when it does not fail again."""
        steps = [copy.copy(s) for s in steps]
        for step in steps:
            step.apply = None
        if not self.fails(steps):
            return None
        steps = self.simplify(steps)
        before = None
        while before != self.measure(steps) and not self.out_of_time():
            before = self.measure(steps)
            steps = self.drop_groups(steps)
            steps = self.drop_steps(steps)
            steps = self.drop_pieces(steps)
        self.fails(steps)
        return steps, self.failure

    @staticmethod
    def measure(steps):
        return len(steps), sum(len(s.sql) for s in steps)

    # -- one backend, plain reads --------------------------------------------------------------

    def simplify(self, steps):
        for change in (self.one_session, self.direct_reads, self.only_last_check):
            candidate = change([copy.copy(s) for s in steps])
            if not self.out_of_time() and self.fails(candidate):
                steps = candidate
        return steps

    @staticmethod
    def one_session(steps):
        for step in steps:
            step.session = 0
        return steps

    @staticmethod
    def direct_reads(steps):
        for step in steps:
            step.style = "read_direct"
        return steps

    @staticmethod
    def only_last_check(steps):
        return [s for s in steps[:-1] if s.kind != "check"] + steps[-1:]

    # -- ddmin ---------------------------------------------------------------------------------

    def drop_groups(self, steps):
        groups = []
        for step in steps:
            if step.group not in groups:
                groups.append(step.group)
        keep = self.ddmin(groups, lambda g: self.fails([s for s in steps if s.group in g]))
        return [s for s in steps if s.group in keep]

    def drop_steps(self, steps):
        """A look at fragile keys stays with the step after it, which it excuses or not."""
        bundles = []
        for step in steps:
            if bundles and bundles[-1][-1].kind == "keys":
                bundles[-1].append(step)
            else:
                bundles.append([step])
        flat = lambda chosen: [step for bundle in chosen for step in bundle]
        return flat(self.ddmin(bundles, lambda chosen: self.fails(flat(chosen))))

    def ddmin(self, items, fails):
        """Remove ever smaller chunks, later ones first: setup is needed more often than not."""
        chunk = max(1, len(items) // 2)
        while items and not self.out_of_time():
            removed = False
            start = len(items)
            while start > 0 and not self.out_of_time():
                start = max(0, start - chunk)
                candidate = items[:start] + items[start + chunk:]
                if len(candidate) < len(items) and fails(candidate):
                    items, removed = candidate, True
            if chunk == 1 and not removed:
                break
            chunk = chunk if removed and chunk == 1 else max(1, chunk // 2)
        return items

    # -- pieces of statements ------------------------------------------------------------------

    def drop_pieces(self, steps):
        """Try to leave out each optional piece, outer ones before those inside."""
        for index in range(len(steps)):
            position = 0
            while not self.out_of_time():
                piece = find_piece(steps[index].sql, position)
                if piece is None:
                    break
                start, end = piece
                candidate = list(steps)
                candidate[index] = copy.copy(steps[index])
                candidate[index].sql = steps[index].sql[:start] + steps[index].sql[end:]
                if self.fails(candidate):
                    steps = candidate
                else:
                    position = start + 1
        return self.drop_tviews(steps)

    def drop_tviews(self, steps):
        """Comparisons of fewer TVIEWs."""
        for index, step in enumerate(steps):
            for pair in step.tviews if len(step.tviews) > 1 else ():
                candidate = list(steps)
                candidate[index] = copy.copy(steps[index])
                candidate[index].tviews = tuple(p for p in candidate[index].tviews if p != pair)
                if candidate[index].tviews and not self.out_of_time() and self.fails(candidate):
                    steps = candidate
        return steps


def find_piece(sql, position):
    """(start, end) of the first optional piece that opens at or after position."""
    start = sql.find(OPEN, position)
    if start < 0:
        return None
    depth = 0
    for i in range(start, len(sql)):
        depth += (sql[i] == OPEN) - (sql[i] == CLOSE)
        if depth == 0:
            return start, i + 1
    return None
