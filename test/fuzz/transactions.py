"""Random transactions: generators of steps that are told how each step went.

A generator yields a Step and receives True or False.  The model is saved at BEGIN and at each
savepoint and put back with it.
"""

import copy

from .changes import Changes
from .ddl import Ddl
from .dice import Dead
from .model import ALSO, Step, ident

READS = {"read_prepared": 50, "read_direct": 15, "read_function": 8, "read_cursor": 5, "read_copy": 4,
         "read_explain": 4, "read_parallel": 5}
ISOLATION = {"read committed": 6, "repeatable read": 2, "serializable": 2}


class Transactions:
    WEIGHTS = {"autocommit": 30, "multi_statement": 3, "commit": 36, "rollback": 6, "two_phase": 5,
               "procedure": 5, "replica_role": 1.5, "no_write": 2}

    def __init__(self, dice, model, maker, options):
        self.dice = dice
        self.model = model
        self.maker = maker
        self.options = options
        self.changes = Changes(dice, model)
        self.ddl = Ddl(dice, model, maker)
        self.session = 0
        self.settings = {}

    # -- plumbing ------------------------------------------------------------------------------

    def save(self):
        return copy.deepcopy(self.model)

    def restore(self, saved):
        counter = self.model.counter
        self.model.__dict__.update(saved.__dict__)
        self.model.counter = counter

    def sql(self, text, shape=None, allow=(), kind="sql"):
        if shape:
            self.dice.note(shape)
        return Step(text, kind, allow=allow, shapes=(shape,) if shape else ())

    # -- checks --------------------------------------------------------------------------------

    def check(self, everything=False):
        """Compare some or all TVIEWs, in random order: the order decides what is flushed when."""
        dice, tviews = self.dice, self.model.tviews
        if not tviews:
            return None
        if not everything:
            tviews = dice.sample(tviews, dice.pick([1, 1, 2]))
        pairs = tuple((t.view, t.sql) for t in dice.shuffled(tviews))
        return Step("", "check", tviews=pairs, style=dice.choose(READS))

    # -- one transaction -----------------------------------------------------------------------

    def transaction(self):
        dice = self.dice
        self.session = 1 if dice.want("other_session", 0.15) else 0
        yield from self.between()
        if self.options.ddl and dice.chance(0.12):
            yield from self.ddl_alone()
        if self.options.ddl and dice.allowed("temp_rollback") and dice.chance(0.02):
            yield from self.made_in_vain()
        kind = dice.choose(dict(self.WEIGHTS, two_phase=5 if self.model.two_phase else 0))
        yield from getattr(self, "tx_" + kind)()
        check = self.check(everything=True)
        if check:
            yield check

    def between(self):
        """Session settings and the like, outside of transactions."""
        dice = self.dice
        if dice.want("statement_mode", 0.05):
            yield self.sql("SET pg_tviews.refresh_at = 'statement'")
            self.settings[self.session] = True
        elif self.settings.get(self.session) and dice.chance(0.4):
            yield self.sql("SET pg_tviews.refresh_at = 'commit'")
            self.settings[self.session] = False
        if dice.want("search_path", 0.04):
            path = dice.pick(["''", "public", "pg_catalog", ident(dice.pick(self.model.schemas)) + ", public"])
            yield self.sql("SET search_path = " + path)
        if dice.want("little_memory", 0.03):
            yield self.sql("SET pg_tviews.pending_mem = " + dice.pick(["64", "64", "65536"]))
        if dice.want("discard", 0.02):
            yield self.sql("DISCARD " + dice.pick(["PLANS", "ALL"]))
            self.settings[self.session] = False
        if not self.options.dry and self.model.tviews and dice.want("refresh_function", 0.03):
            tview = dice.pick(self.model.tviews)
            yield Step("SELECT public.pg_tviews_refresh('%s')" % tview.sql, "refresh", shapes=("refresh_function",))

    def made_in_vain(self):
        """A TVIEW made, used, and rolled back: no trace of it may stay."""
        saved = self.save()
        yield self.sql("BEGIN", "temp_rollback")
        inside = self.dice.chance(0.5)
        if inside:
            yield self.sql("SAVEPOINT vain")
        for step in self.maker.tview_steps(group="vain:%d" % self.model.next()):
            ok = yield step
            if not ok:
                break
        ok = yield self.changes.step()
        check = self.check()
        if ok and check and self.dice.chance(0.5):
            yield check
        if inside:
            yield self.sql("ROLLBACK TO vain")
            self.restore(copy.deepcopy(saved))
            yield self.changes.step()
        yield self.sql("ROLLBACK")
        self.restore(saved)

    def ddl_alone(self):
        for step in self.ddl.steps():
            ok = yield step
            if not ok:
                return
        if self.dice.chance(0.5):
            check = self.check(everything=True)
            if check:
                yield check

    def tx_autocommit(self):
        yield self.changes.step()

    def tx_multi_statement(self):
        """One message, one implicit transaction."""
        steps = [self.changes.step(self.changes.SIMPLE) for _ in range(self.dice.int(2, 3))]
        yield Step(ALSO.join(s.sql for s in steps))

    def tx_procedure(self):
        """COMMIT and ROLLBACK inside plpgsql, outside of a transaction block."""
        parts = []
        for _ in range(self.dice.int(2, 4)):
            parts.append(self.changes.inner_change())
            if self.dice.chance(0.4):
                parts.append(self.changes.compare_call())
            if self.dice.chance(0.6):
                parts.append(self.dice.pick(["COMMIT", "COMMIT", "ROLLBACK", "COMMIT AND CHAIN"]))
        body = "; ".join(parts)
        if self.dice.chance(0.5):
            yield Step("DO $do$ BEGIN %s; END $do$" % body)
            return
        name = "fuzz.procedure_%d" % self.model.next()
        yield Step("CREATE PROCEDURE %s() LANGUAGE plpgsql AS $fn$ BEGIN %s; END $fn$" % (name, body))
        yield Step("CALL %s()" % name)

    def tx_replica_role(self):
        """Triggers do not fire for a replica: an explicit refresh must repair what they missed."""
        role = self.dice.pick(["replica", "replica", "local"])
        yield self.sql("BEGIN")
        yield self.sql("SET LOCAL session_replication_role = " + role)
        for _ in range(self.dice.int(1, 3)):
            ok = yield self.changes.step(self.changes.SIMPLE)
            if not ok:
                break
        yield self.sql("COMMIT")
        if role == "replica" and not self.options.dry:
            for tview in self.model.tviews:
                yield self.sql("SELECT public.pg_tviews_refresh('%s')" % tview.sql, "refresh_function")

    def tx_no_write(self):
        """An UPDATE to equal values: no row of any TVIEW may be written anew."""
        step = self.changes.update_equal()
        step.kind = "sql" if self.model.pinned else "no_write"
        step.tviews = tuple((t.view, t.sql) for t in self.model.tviews)
        yield step

    def begin(self):
        level = self.dice.choose(ISOLATION)
        step = self.sql("BEGIN ISOLATION LEVEL " + level.upper())
        step.shapes = (level,)
        return step

    def tx_commit(self):
        yield from self.block("commit")

    def tx_rollback(self):
        yield from self.block("rollback")

    def tx_two_phase(self):
        yield from self.block("two_phase")

    def block(self, end):
        """BEGIN, statements, and one of the ends."""
        saved = self.save()
        yield self.begin()
        if self.dice.want("set_constraints", 0.12):
            yield self.sql("SET CONSTRAINTS ALL " + self.dice.pick(["DEFERRED", "IMMEDIATE"]))
        if self.dice.want("statement_mode", 0.03):
            yield self.sql("SET LOCAL pg_tviews.refresh_at = 'statement'")
        alive = yield from self.body(saved)
        if alive:
            yield from self.finish(end, saved)

    def finish(self, end, saved):
        if end == "commit":
            ok = yield self.sql("COMMIT")
            if not ok:
                self.restore(saved)
        elif end == "rollback":
            yield self.sql("ROLLBACK")
            self.restore(saved)
        else:
            yield from self.prepare(saved)

    def prepare(self, saved):
        gid = "fuzz_%d" % self.model.next()
        # a transaction that touched temporary objects, or exported a snapshot, cannot be prepared
        ok = yield self.sql("PREPARE TRANSACTION '%s'" % gid, allow=("0A000",))
        if not ok:
            self.restore(saved)
            return
        if self.dice.chance(0.3):
            self.session = 1 - self.session
        if self.dice.chance(0.3):
            check = self.check()         # what is prepared shows neither here nor there
            if check:
                check.allow = ("55P03",)
                yield check
        commit = self.dice.chance(0.75)
        yield self.sql("%s PREPARED '%s'" % ("COMMIT" if commit else "ROLLBACK", gid))
        if not commit:
            self.restore(saved)

    # -- inside a block ------------------------------------------------------------------------

    def body(self, saved):
        """The statements of a block.  False when it had to be rolled back."""
        stack = []                       # [(savepoint, model at that time)]
        if self.dice.chance(0.15):       # two levels from the start, for what RELEASE hands up
            for _ in range(2):
                yield from self.open_savepoint(stack)
        ddl = self.options.ddl and self.dice.chance(0.1)
        cursor = False
        for _ in range(self.dice.pick([1, 2, 2, 3, 3, 4, 5, 7, 9])):
            for step in self.block_steps(ddl):
                ok = yield step
                if not ok:
                    alive = yield from self.recover(stack, saved)
                    if not alive:
                        return False
                    break
            if self.dice.chance(0.3):
                yield from self.savepoints(stack)
            if not cursor and self.model.tviews and self.dice.want("cursor", 0.04):
                yield from self.open_cursor()
                cursor = True
        return True

    def block_steps(self, ddl):
        steps = []
        if ddl and self.dice.chance(0.35):
            steps += self.ddl.steps(in_transaction=True)
        else:
            steps.append(self.changes.step())
        if self.dice.chance(self.options.check_rate):
            check = self.check()
            steps += [check] if check else []
        return steps

    def recover(self, stack, saved):
        """After an error: back to a savepoint, or give up."""
        if stack and self.dice.chance(0.7):
            name, before = stack[-1]
            yield self.sql("ROLLBACK TO " + name, "rollback_to")
            self.restore(copy.deepcopy(before))
            return True
        yield self.sql("ROLLBACK")
        self.restore(saved)
        return False

    def open_savepoint(self, stack):
        """Names repeat now and then: the newer one hides the older."""
        name = "sp%d" % self.dice.int(1, 3) if self.dice.chance(0.2) else "sp_%d" % self.model.next()
        stack.append((name, self.save()))
        yield self.sql("SAVEPOINT " + name, "savepoint")

    def savepoints(self, stack):
        """Open, release or roll back; release-then-rollback-of-the-parent is on the menu."""
        dice = self.dice
        roll = dice.int(0, 9)
        if roll < 4 or not stack:
            if len(stack) < 4:
                yield from self.open_savepoint(stack)
            return
        index = dice.int(0, len(stack) - 1)
        if any(n == stack[index][0] for n, _ in stack[index + 1:]):
            index = len(stack) - 1       # a newer savepoint of that name hides it
        name, before = stack[index]
        if roll < 7:
            yield self.sql("ROLLBACK TO " + name, "rollback_to")
            del stack[index + 1:]
            self.restore(copy.deepcopy(before))
            return
        yield self.sql("RELEASE " + name, "release")
        del stack[index:]
        if stack and dice.chance(0.7):
            parent, before = stack[-1]
            if dice.chance(0.5):
                check = self.check()
                if check:
                    yield check
            yield self.sql("ROLLBACK TO " + parent, "release_then_rollback")
            self.restore(copy.deepcopy(before))

    def open_cursor(self):
        """Opened now, read after later changes: it must still show what it saw."""
        tview = self.dice.pick(self.model.tviews)
        ok = yield Step("DECLARE keep SCROLL CURSOR FOR SELECT * FROM %s" % tview.sql)
        if not ok:
            return
        ok = yield self.changes.step()
        if ok:
            yield Step("FETCH ALL FROM keep")
