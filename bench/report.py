"""The report: a page of tables and two plots, from what measuring has left in a file."""

import math
import re

from .scenarios import ALL, CURVES, GOALS, spaced

SIZE_COUNTED = 1000
LIMITS = {s.name: s.limit for s in ALL}
NOISY = "too noisy to tell"

COLORS = {"pg_tviews": "#c0392b", "best by hand": "#2471a3", "pg_tviews, one": "#e59866", "pg_ivm": "#7d3c98"}


def microseconds(us):
    if us is None:
        return "–"
    if abs(us) < 1000:
        return "%.1f µs" % us if abs(us) < 100 else "%.0f µs" % us
    return "%.2f ms" % (us / 1e3) if abs(us) < 1e6 else "%.2f s" % (us / 1e6)


def mebibytes(number):
    return "–" if number is None else "%.1f MiB" % (number / 2**20)


def range_of(three, form=microseconds):
    """A median, with p10 and p90."""
    return "%s (%s–%s)" % tuple(form(three[i]) for i in (1, 0, 2))


def factor(value):
    return "%.2f" % value


def is_noise(result):
    """True where the best by hand adds so little that a ratio to it would be one of noise."""
    return result["contenders"][result["best"]]["cpu"][1] < 0.05 * result["base"]


def verdict(is_met, by=None):
    return "met" if is_met else "**missed**" + (" by %.0f %%" % (100 * (by - 1)) if by else "")


def clear(text, three, limit):
    """A verdict, unless the limit is where p10 and p90 leave both open."""
    return NOISY if three[0] <= limit < three[2] else text


def of_median(times, rounds):
    """p10, median, p90 of the median of so many rounds, given those of the rounds, as if these were distributed normally."""
    error = 0.63 * (times[2] - times[0]) / math.sqrt(rounds)
    return times[1] - error, times[1], times[1] + error


def judged(goal, result):
    """What was measured for a goal, and whether that meets it."""
    ours = result["contenders"]["pg_tviews"]
    median, wal = ours["cpu"][1], ours["cost"]["wal"]
    if goal.kind == "ratio":
        value = result["ratio"][1]
        limit = LIMITS[result["scenario"]]
        if is_noise(result):
            return "–", NOISY
        return range_of(result["ratio"], factor), clear(verdict(value <= limit, value / limit), result["ratio"], limit)
    if goal.kind in ("5 us", "no WAL"):     # no record has less than 24 bytes, so less is the server's own
        text = verdict(wal < 24 and (median <= 5 or goal.kind == "no WAL"))
        times = of_median(ours["cpu"], result["rounds"])
        if wal < 24 and goal.kind == "5 us":
            text = clear(text, times, 5)
        return "%s, %.0f bytes" % (range_of(times), max(wal, 0)), text
    if goal.kind == "10 x one":
        times = median / result["contenders"]["pg_tviews, one"]["cpu"][1]
        return "%.1f x" % times, verdict(times <= 10, times / 10)
    if "pg_ivm" not in result["contenders"]:
        return "no pg_ivm here", "not measured"
    times = result["contenders"]["pg_ivm"]["cpu"][1] / median
    return "%.1f x" % times, verdict(times >= 20, 20 / times)


def by_instructions(goal, name, counted):
    """The ratio of the instructions added, ours / best by hand, or their number; and what that says of the goal."""
    by_hand = [n for who, n in counted.items() if who in ("row", "statement")]
    if goal.kind == "ratio" and by_hand:
        value = counted["pg_tviews"] / min(by_hand)
        limit = LIMITS.get(name) or 1.5         # what is counted only is a rename
        return "%.2f" % value, verdict(value <= limit, value / limit)
    return spaced(round(counted["pg_tviews"])) if goal.kind in ("5 us", "no WAL") else "–", ""


def goal_rows(data):
    yield "| goal | scenario | size | measured (p10–p90) | by instructions | |"
    yield "|---|---|---:|---:|---:|---|"
    for goal in GOALS:
        for name in goal.scenarios:
            measured = [r for r in data["results"] if r["scenario"] == name]
            counted = data["instructions"].get(name)
            instructions = by_instructions(goal, name, counted) if counted else ("–", "")
            for r in measured:
                figures, word = judged(goal, r)
                counts = instructions if r["size"] == SIZE_COUNTED else ("–", "")
                if word == NOISY and counts[1]:
                    word += "; by instructions " + counts[1]
                yield "| %s | %s | %s | %s | %s | %s |" % (goal.text, name, spaced(r["size"]), figures, counts[0], word)
            if counted and not any(r["size"] == SIZE_COUNTED for r in measured):
                yield "| %s | %s | %s | – | %s | %s |" % ((goal.text, name, spaced(SIZE_COUNTED)) + instructions)
    for size, ways in data["fills"].items():
        times = ways["CREATE TABLE tv_product AS"] / ways["CREATE TABLE AS"]
        yield "| initial fill at most 1.2 x `CREATE TABLE AS` | | %s | %.2f | – | %s |" % (
            spaced(int(size)), times, verdict(times <= 1.2, times / 1.2))


def step_rows(data):
    steps = list(next(iter(data["steps"].values())))
    yield "| scenario | instructions added: by hand | pg_tviews | %s |" % " | ".join(steps)
    yield "|---|---:|---:|" + "---:|" * len(steps)
    for name, shares in data["steps"].items():
        counted = data["instructions"][name]
        by_hand = [(n, who) for who, n in counted.items() if who in ("row", "statement")]
        yield "| %s | %s | %s | %s |" % (
            name, "%s (%s)" % (spaced(round(min(by_hand)[0])), min(by_hand)[1]), spaced(round(counted["pg_tviews"])),
            " | ".join("%.0f %%" % (100 * shares[step]) for step in steps))


def cost(result, name, what):
    return result["contenders"][name]["cost"][what]


def scenario_rows(results):
    yield "| scenario | size | base | best by hand (p10–p90) | pg_tviews (p10–p90) | ratio (p10–p90) | by the clock | rounds |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for r in results:
        ours, best = r["contenders"]["pg_tviews"], r["contenders"][r["best"]]
        yield "| %s | %s | %s | %s, %s | %s | %s | %s | %d |" % (
            r["scenario"], spaced(r["size"]), microseconds(r["base"]), r["best"], range_of(best["cpu"]), range_of(ours["cpu"]),
            "–" if is_noise(r) else range_of(r["ratio"], factor), "–" if is_noise(r) else "%.2f" % r["clock_ratio"], r["rounds"])


def cost_rows(results):
    yield "| scenario | size | WAL bytes, by hand | pg_tviews | buffers, by hand | pg_tviews | dead tuples, by hand | pg_tviews | memory, by hand | pg_tviews |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for r in results:
        figures = []
        for what, form in ("wal", "%.0f"), ("buffers", "%.1f"), ("dead", "%.1f"):
            figures += [form % (cost(r, r["best"], what) + 0.0), form % (cost(r, "pg_tviews", what) + 0.0)]
        memory = [r["contenders"][name]["memory"] for name in (r["best"], "pg_tviews")]
        figures += map(mebibytes, memory)
        yield "| %s | %s | %s |" % (r["scenario"], spaced(r["size"]), " | ".join(figures))


def other_rows(results):
    yield "| scenario | size | pg_tviews | maintained by | added | times pg_tviews |"
    yield "|---|---:|---:|---|---:|---:|"
    names = {"refresh": "REFRESH MATERIALIZED VIEW", "concurrently": "REFRESH MATERIALIZED VIEW CONCURRENTLY",
             "row": "row triggers", "statement": "statement triggers", "set": "row trigger, jsonb_set"}
    for r in results:
        ours = r["contenders"]["pg_tviews"]["cpu"][1]
        others = {name: c["cpu"][1] for name, c in r["contenders"].items() if name not in ("pg_tviews", r["best"])}
        for name, added in dict(others, **r["refresh"]).items():
            yield "| %s | %s | %s | %s | %s | %s |" % (r["scenario"], spaced(r["size"]), microseconds(ours), names.get(name, name),
                                                   microseconds(added), "%.2f" % (added / ours) if ours > 0.05 * r["base"] else "–")


def fill_rows(fills):
    yield "| products | what | time | times CREATE TABLE AS |"
    yield "|---:|---|---:|---:|"
    for size, ways in fills.items():
        base = ways["CREATE TABLE AS"]
        for what, seconds in ways.items():
            yield "| %s | %s | %s | %.2f |" % (spaced(int(size)), what, microseconds(1e6 * seconds), seconds / base)


def points(curve, results):
    """(x, added by us, added by the best by hand) of a curve, in microseconds or bytes."""
    mine = [r for r in results if r["scenario"].startswith(curve.prefix)]
    if not curve.by_size:
        most = max((r["size"] for r in mine), default=0)
        mine = [r for r in mine if r["size"] == most]
    found = {}
    for r in mine:
        ours, best = (r["contenders"][name] for name in ("pg_tviews", r["best"]))
        if curve.what == "cpu":
            found[r["size"] if curve.by_size else r["rows"]] = ours["cpu"][1], best["cpu"][1]
        elif ours["memory"] is not None:
            found[r["rows"]] = ours["memory"], best["memory"]
    return sorted((x,) + ys for x, ys in found.items())


# What is less does not count when growth is judged, and is drawn as so much: a microsecond, a MiB.
LEAST = {"cpu": 1, "memory": 2**20}


def slopes(curve, line, column):
    """Slopes between neighbours in log-log."""
    for a, b in zip(line, line[1:]):
        yield math.log(max(b[column], LEAST[curve.what]) / max(a[column], LEAST[curve.what])) / math.log(b[0] / a[0])


def growth_rows(results):
    yield "| against | from | to | pg_tviews from | to | steepest slope | by hand | |"
    yield "|---|---:|---:|---:|---:|---:|---:|---|"
    for curve in CURVES:
        line = points(curve, results)
        if len(line) < 2:
            continue
        form = microseconds if curve.what == "cpu" else mebibytes
        steepest, by_hand = max(slopes(curve, line, 1)), max(slopes(curve, line, 2))
        grown = line[-1][1] / max(line[0][1], LEAST[curve.what])
        word = "flat" if curve.flat and grown < 1.5 else "**grows %.1f x**" % grown if curve.flat else \
            "linear or better" if steepest <= 1.2 else "as by hand" if steepest <= by_hand + 0.1 else "**knee**"
        yield "| %s | %s | %s | %s | %s | %.2f | %.2f | %s |" % (
            curve.name, spaced(line[0][0]), spaced(line[-1][0]), form(line[0][1]), form(line[-1][1]),
            steepest, by_hand, word)


def busy(machine):
    """A warning, if other work had the processors as well."""
    loads = [float(n) for n in re.findall(r"\d+\.\d", machine["Load average"])]
    if max(loads) < 2 * int(machine["Machine"].split()[0]):
        return []
    return ["", "**Other work had the processors as well.** A backend that has been interrupted finds cold caches, so all takes longer than it",
            "would on a quiet machine, and differences of some ten microseconds are lost. Go by the instructions where there are any."]


def write(data, directory, name):
    """Writes NAME.md, NAME-ratios.svg and NAME-growth.svg."""
    results = data["results"]
    page = ["# What keeping documents costs", ""]
    page += ["- %s: %s" % item for item in data["machine"].items()]
    page += busy(data["machine"])
    page += ["", "Time that the backend spends on a CPU, per operation, *added* to the same statement without documents: the median of",
             "interleaved rounds. A ratio is that of two such medians; p10–p90 of it come from drawing the rounds anew. \"By the clock\" has",
             "the same ratio of the clock's times, which other work on the machine disturbs more. \"By hand\" is the faster of row and",
             "statement triggers. The documents of all contenders were compared with the view after each scenario, and were equal.", "",
             "## Goals", "",
             "Ratios are to the best by hand; p10–p90 of a time are those of its median, reckoned from those of the rounds below.",
             "By instructions: the same ratio (or the number added, where the goal is none) of the",
             "instructions that callgrind counts, which no other work disturbs, but in which a cache miss costs nothing.", ""]
    page += goal_rows(data)
    if data["steps"]:
        page += ["", "### Where the instructions go", "",
                 "Shares of the instructions that pg_tviews adds to an operation, 1 000 rows; what one step is in another's counts for both.",
                 "The rest is the life of a transaction and of the queue.", ""]
        page += step_rows(data)
    page += ["", "## All scenarios", "", "![ratios](%s-ratios.svg)" % name, ""]
    page += scenario_rows(results)
    page += ["", "A ratio is left out where what the best by hand adds is less than a twentieth of the base.", "",
             "## What else an operation costs", "", "Added to the base. Memory: by how much a new backend grew, of operations on 1 000 rows or more.", ""]
    page += cost_rows(results)
    page += ["", "## Other ways", "",
             "A materialized view is refreshed as a whole, after however many operations; pg_ivm keeps the joins, which it accepts.", ""]
    page += other_rows(results)
    page += ["", "## Filling and refreshing all", ""]
    page += fill_rows(data["fills"])
    page += ["", "## Growth", "", "![growth](%s-growth.svg)" % name, "",
             "Slope 1 in log-log is linear. What should be flat is called so when it grows less than 1.5 x from one end to the other.", ""]
    page += growth_rows(data["results"] + data["growth"])
    (directory / (name + ".md")).write_text("\n".join(page) + "\n")
    (directory / (name + "-ratios.svg")).write_text(ratios_svg(results))
    (directory / (name + "-growth.svg")).write_text(growth_svg(data["results"] + data["growth"]))


def text(x, y, what, anchor="start", more=""):
    what = what.replace("&", "&amp;").replace("<", "&lt;")
    return '<text x="%.1f" y="%.1f" text-anchor="%s" %s>%s</text>' % (x, y, anchor, more, what)


def svg(width, height, parts):
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" '
            'font-size="11">\n<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n' % (
                width, height, width, height, "\n".join(parts)))


def ratios_svg(results):
    """A bar for each scenario: added time, ours / best by hand, with the goal as a tick; logarithmic from 1/16 to 16."""
    shown = [r for r in results if not is_noise(r)]
    left, width, row = 300, 480, 16
    parts = [text(left + width / 2, 16, "added time, pg_tviews / best by hand; tick: the goal; red: over it, or over 1", "middle",
                  'font-weight="bold"')]

    def at(value):
        return left + width * (math.log2(min(max(value, 1 / 16), 16)) + 4) / 8
    bottom = 44 + row * len(shown)
    for power in range(-4, 5):
        x = at(2.0 ** power)
        parts.append('<line x1="%.1f" y1="34" x2="%.1f" y2="%d" stroke="%s"/>' % (x, x, bottom, "#555" if power == 0 else "#ddd"))
        parts.append(text(x, 30, "%g" % 2.0 ** power if power >= 0 else "1/%d" % 2 ** -power, "middle"))
    for i, r in enumerate(shown):
        y, (low, middle, high) = 38 + row * i, r["ratio"]
        a, b = sorted((at(1), at(middle)))
        parts.append(text(left - 6, y + 10, "%s, %s" % (r["scenario"], spaced(r["size"])), "end"))
        parts.append('<rect x="%.1f" y="%d" width="%.1f" height="10" fill="%s"/>' % (
            a, y + 1, max(b - a, 1), "#c0392b" if middle > (LIMITS[r["scenario"]] or 1) else "#229954"))
        parts.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="black"/>' % (at(low), y + 6, at(high), y + 6))
        if LIMITS[r["scenario"]]:
            limit = at(LIMITS[r["scenario"]])
            parts.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="black" stroke-width="2"/>' % (limit, y - 1, limit, y + 13))
        parts.append(text(left + width + 8, y + 10, "%.2f" % middle))
    return svg(left + width + 60, bottom + 10, parts)


def growth_svg(results):
    """A log-log panel for each curve: ours and the best by hand."""
    side, gap, across = 210, 70, 3
    panels = [(curve, points(curve, results)) for curve in CURVES]
    panels = [(curve, line) for curve, line in panels if len(line) > 1]
    parts = [text(20, 18, "added to an operation (log-log); dashed: linear", more='font-weight="bold"')]
    parts += [text(360 + 130 * i, 18, name, more='fill="%s"' % COLORS[name]) for i, name in enumerate(("pg_tviews", "best by hand"))]
    for number, (curve, line) in enumerate(panels):
        x0, y0 = 60 + (number % across) * (side + gap), 50 + (number // across) * (side + gap)
        parts += panel(curve, line, x0, y0, side)
    rows = (len(panels) + across - 1) // across
    return svg(20 + across * (side + gap), 40 + rows * (side + gap), parts)


def scale(curve):
    """Powers of ten and what they are called, of microseconds or bytes."""
    if curve.what == "memory":
        return {6: "1 MB", 7: "10 MB", 8: "100 MB", 9: "1 GB", 10: "10 GB"}
    return {0: "1 µs", 1: "10 µs", 2: "100 µs", 3: "1 ms", 4: "10 ms", 5: "100 ms", 6: "1 s", 7: "10 s", 8: "100 s"}


def short(number, curve):
    """A number for an axis."""
    if "bytes" in curve.name:
        return "%d KiB" % (number // 1024) if number < 2**20 else "%d MiB" % (number // 2**20)
    return spaced(number) if number < 10000 else "%gk" % round(number / 1000)


def panel(curve, line, x0, y0, side):
    least = LEAST[curve.what] / 2
    lowest_x, highest_x = math.log10(line[0][0]), math.log10(line[-1][0])
    figures = [max(y, least) for p in line for y in p[1:]]
    lowest, highest = math.floor(math.log10(min(figures))), math.ceil(math.log10(max(figures)) + 0.01)
    highest = max(highest, lowest + 2)

    def at(x, y):
        return (x0 + side * (math.log10(x) - lowest_x) / (highest_x - lowest_x),
                y0 + side - side * (math.log10(max(y, least)) - lowest) / (highest - lowest))
    parts = ['<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#999"/>' % (x0, y0, side, side),
             text(x0, y0 - 8, curve.name, more='font-weight="bold"')]
    for power in range(lowest, highest + 1):
        y = at(line[0][0], 10.0 ** power)[1]
        if 10.0 ** power >= least:
            parts.append('<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#eee"/>' % (x0, y, x0 + side, y))
            parts.append(text(x0 - 4, y + 4, scale(curve).get(power, ""), "end"))
    for p in line:
        parts.append(text(at(p[0], 1)[0], y0 + side + 14, short(p[0], curve), "middle"))
    if not curve.flat:
        start = max(line[0][1], LEAST[curve.what])
        ends = at(line[0][0], start) + at(line[-1][0], start * line[-1][0] / line[0][0])
        parts.append('<clipPath id="c%d_%d"><rect x="%d" y="%d" width="%d" height="%d"/></clipPath>' % (x0, y0, x0, y0, side, side))
        parts.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#bbb" stroke-dasharray="4 3" clip-path="url(#c%d_%d)"/>' % (
            ends + (x0, y0)))
    for column, name in (2, "best by hand"), (1, "pg_tviews"):
        path = " ".join("%.1f,%.1f" % at(p[0], p[column]) for p in line)
        parts.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (path, COLORS[name]))
        parts += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (at(p[0], p[column]) + (COLORS[name],)) for p in line]
    return parts
