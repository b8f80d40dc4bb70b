"""The one source of randomness, and the record of what was chosen."""

import random
from collections import Counter

from . import shapes

BOOST = 12          # how much more often a --shape is chosen where it can be


class Dead(Exception):
    """The generator painted itself into a corner: throw away and try again."""


class Dice:
    def __init__(self, seed, without=(), shape=None):
        self.rng = random.Random(seed)
        self.without = set(without)
        self.shape = shape
        self.used = Counter()

    def chance(self, p):
        return self.rng.random() < p

    def int(self, low, high):
        return self.rng.randint(low, high)

    def pick(self, items):
        items = list(items)
        if not items:
            raise Dead("nothing to pick from")
        return self.rng.choice(items)

    def sample(self, items, count):
        items = list(items)
        return self.rng.sample(items, min(count, len(items)))

    def shuffled(self, items):
        items = list(items)
        self.rng.shuffle(items)
        return items

    def allowed(self, name):
        if name not in shapes.ALL:
            raise KeyError("shape %s is not listed in shapes.py" % name)
        return name not in self.without

    def note(self, name):
        """Count a shape that was produced."""
        if not self.allowed(name):
            raise Dead("shape %s is switched off" % name)
        self.used[name] += 1

    def choose(self, options):
        """Pick one of {shape: weight}, count it, and return its name."""
        names = [n for n in options if self.allowed(n) and options[n] > 0]
        if not names:
            raise Dead("every choice is switched off")
        weights = [options[n] * (BOOST if n == self.shape else 1) for n in names]
        name = self.rng.choices(names, weights)[0]
        self.used[name] += 1
        return name

    def want(self, name, p):
        """With probability p, but only when the shape is not switched off; counts it."""
        if not self.allowed(name):
            return False
        if not self.chance(min(0.9, p * 6) if name == self.shape else p):
            return False
        self.used[name] += 1
        return True
