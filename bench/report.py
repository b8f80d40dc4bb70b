"""The report: a page of tables and two plots, from what measuring has left in a file."""

import math

from .scenarios import CURVES, spaced

COLORS = {"pg_tviews": "#c0392b", "best by hand": "#2471a3", "pg_tviews, one": "#e59866", "pg_ivm": "#7d3c98"}


def microseconds(us):
    if us is None:
        return "–"
    if abs(us) < 1000:
        return "%.1f µs" % us if abs(us) < 100 else "%.0f µs" % us
    return "%.2f ms" % (us / 1e3) if abs(us) < 1e6 else "%.2f s" % (us / 1e6)


def verdict(result):
    """Whether a scenario's goal is met, in words."""
    ours = result["contenders"]["pg_tviews"]
    if result["limit"]:
        value = result["ratio"][1]
        return "met" if value <= result["limit"] else "**missed by %.1f x**" % (value / result["limit"])
    if "WAL" in result["goal"]:
        late = "us" in result["goal"] and ours["cpu"][1] > 5
        wal = ours["cost"]["wal"] >= 8      # an average over goes: no record is that small
        missed = ["%.0f µs" % ours["cpu"][1]] * late + ["%.0f bytes of WAL" % ours["cost"]["wal"]] * wal
        return "**missed: %s**" % ", ".join(missed) if missed else "met"
    if "10 x one" in result["goal"]:
        one = result["contenders"]["pg_tviews, one"]["cpu"][1]
        return "%s: %.1f x one" % ("met" if ours["cpu"][1] <= 10 * one else "**missed**", ours["cpu"][1] / one)
    if "pg_ivm" in result["goal"]:
        if "pg_ivm" not in result["contenders"]:
            return "not measured: no pg_ivm here"
        times = result["contenders"]["pg_ivm"]["cpu"][1] / ours["cpu"][1]
        return "%s: %.1f x" % ("met" if times >= 20 else "**missed**", times)
    return ""


def cost(result, name, what):
    return result["contenders"][name]["cost"][what]


def scenario_rows(results):
    yield "| scenario | size | base | best by hand | pg_tviews (p10–p90) | ratio (p10–p90) | by the clock | goal | |"
    yield "|---|---:|---:|---:|---:|---:|---:|---|---|"
    for r in results:
        ours, best = r["contenders"]["pg_tviews"], r["contenders"][r["best"]]
        small = best["cpu"][1] < 0.05 * r["base"]     # then the ratio is one of noise
        yield "| %s | %s | %s | %s (%s) | %s (%s–%s) | %s | %s | %s | %s |" % (
            r["scenario"], spaced(r["size"]), microseconds(r["base"]), microseconds(best["cpu"][1]), r["best"],
            microseconds(ours["cpu"][1]), microseconds(ours["cpu"][0]), microseconds(ours["cpu"][2]),
            "–" if small else "%.2f (%.2f–%.2f)" % (r["ratio"][1], r["ratio"][0], r["ratio"][2]),
            "–" if small else "%.2f" % r["clock_ratio"], r["goal"], verdict(r))


def cost_rows(results):
    yield "| scenario | size | WAL bytes, by hand | pg_tviews | buffers, by hand | pg_tviews | dead tuples, by hand | pg_tviews | memory, by hand | pg_tviews |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for r in results:
        figures = []
        for what, form in ("wal", "%.0f"), ("buffers", "%.1f"), ("dead", "%.1f"):
            figures += [form % (cost(r, r["best"], what) + 0.0), form % (cost(r, "pg_tviews", what) + 0.0)]
        memory = [r["contenders"][name]["memory"] for name in (r["best"], "pg_tviews")]
        figures += ["–" if m is None else "%.1f MiB" % (m / 2**20) for m in memory]
        yield "| %s | %s | %s |" % (r["scenario"], spaced(r["size"]), " | ".join(figures))


def other_rows(results):
    yield "| scenario | size | maintained by | added | times pg_tviews |"
    yield "|---|---:|---|---:|---:|"
    for r in results:
        ours = r["contenders"]["pg_tviews"]["cpu"][1]
        others = {name: c["cpu"][1] for name, c in r["contenders"].items() if name not in ("pg_tviews", r["best"])}
        for name, added in dict(others, **r["refresh"]).items():
            yield "| %s | %s | %s | %s | %.2f |" % (r["scenario"], spaced(r["size"]), name, microseconds(added), added / ours)


def fill_rows(fills):
    yield "| products | what | time | times CREATE TABLE AS |"
    yield "|---:|---|---:|---:|"
    for size, ways in fills.items():
        base = ways["CREATE TABLE AS"]
        for what, seconds in ways.items():
            yield "| %s | %s | %s | %.2f |" % (spaced(int(size)), what, microseconds(1e6 * seconds), seconds / base)


def points(curve, results):
    """(x, added by us, added by the best by hand, ...) of a curve, in microseconds."""
    mine = [r for r in results if r["scenario"].startswith(curve.prefix)]
    if not curve.by_size:
        most = max((r["size"] for r in mine), default=0)
        mine = [r for r in mine if r["size"] == most]
    found = {}
    for r in mine:
        found[r["size"] if curve.by_size else r["rows"]] = (
            r["contenders"]["pg_tviews"]["cpu"][1], r["contenders"][r["best"]]["cpu"][1])
    return sorted((x,) + ys for x, ys in found.items())


def slopes(line, column):
    """Slopes between neighbours in log-log; what is under a microsecond counts as one."""
    for a, b in zip(line, line[1:]):
        yield math.log(max(b[column], 1) / max(a[column], 1)) / math.log(b[0] / a[0])


def growth_rows(results):
    yield "| against | from | to | pg_tviews from | to | steepest slope | by hand | |"
    yield "|---|---:|---:|---:|---:|---:|---:|---|"
    for curve in CURVES:
        line = points(curve, results)
        if len(line) < 2:
            continue
        steepest = max(slopes(line, 1))
        grown = line[-1][1] / max(line[0][1], 1)
        word = "flat" if curve.flat and grown < 1.5 else "**grows %.1f x**" % grown if curve.flat else \
            "linear or better" if steepest <= 1.2 else "**knee**"
        yield "| %s | %s | %s | %s | %s | %.2f | %.2f | %s |" % (
            curve.name, spaced(line[0][0]), spaced(line[-1][0]), microseconds(line[0][1]), microseconds(line[-1][1]),
            steepest, max(slopes(line, 2)), word)


def write(data, directory, name):
    """Writes NAME.md, NAME-ratios.svg and NAME-growth.svg."""
    results = data["results"]
    page = ["# What keeping documents costs", ""]
    page += ["- %s: %s" % item for item in data["machine"].items()]
    page += ["", "Time that the backend spends on a CPU, per operation, *added* to the same statement without documents; median of",
             "interleaved rounds, p10–p90 in brackets. One client waits for nothing else here; the column \"by the clock\" has the ratio",
             "of the clock's times, which other work on the machine disturbs more. \"By hand\" is the faster of row and statement triggers.",
             "The documents of all contenders were compared with the view after each scenario, and were equal.", "",
             "![ratios](%s-ratios.svg)" % name, ""]
    page += scenario_rows(results)
    page += ["", "A ratio is left out where what the best by hand adds is less than a twentieth of the base.", "",
             "## What else an operation costs, added to the base", "",
             "Memory: by how much the backend grew, where an operation takes long enough to look.", ""]
    page += cost_rows(results)
    page += ["", "## Other ways", ""]
    page += other_rows(results)
    page += ["", "## Filling and refreshing all", "", "Goal: the initial fill at most 1.2 x `CREATE TABLE AS`.", ""]
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
    shown = [r for r in results if r["contenders"][r["best"]]["cpu"][1] >= 0.05 * r["base"]]
    left, width, row = 300, 480, 16
    parts = [text(left + width / 2, 16, "added time, pg_tviews / best by hand (tick: the goal)", "middle", 'font-weight="bold"')]

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
            a, y + 1, max(b - a, 1), "#c0392b" if middle > (r["limit"] or 1) else "#229954"))
        parts.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="black"/>' % (at(low), y + 6, at(high), y + 6))
        if r["limit"]:
            parts.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="black" stroke-width="2"/>' % (
                at(r["limit"]), y - 1, at(r["limit"]), y + 13))
        parts.append(text(left + width + 8, y + 10, "%.2f" % middle))
    return svg(left + width + 60, bottom + 10, parts)


def growth_svg(results):
    """A log-log panel for each curve: ours and the best by hand."""
    side, gap, across = 210, 70, 3
    panels = [(curve, points(curve, results)) for curve in CURVES]
    panels = [(curve, line) for curve, line in panels if len(line) > 1]
    parts = [text(20, 18, "added time per operation (log-log); grey: linear", more='font-weight="bold"')]
    parts += [text(360 + 130 * i, 18, name, more='fill="%s"' % COLORS[name]) for i, name in enumerate(("pg_tviews", "best by hand"))]
    for number, (curve, line) in enumerate(panels):
        x0, y0 = 60 + (number % across) * (side + gap), 50 + (number // across) * (side + gap)
        parts += panel(curve, line, x0, y0, side)
    rows = (len(panels) + across - 1) // across
    return svg(20 + across * (side + gap), 40 + rows * (side + gap), parts)


def panel(curve, line, x0, y0, side):
    lowest_x, highest_x = math.log10(line[0][0]), math.log10(line[-1][0])
    times = [max(t, 0.5) for p in line for t in p[1:]]
    lowest, highest = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)) + 0.01)

    def at(x, t):
        return (x0 + side * (math.log10(x) - lowest_x) / (highest_x - lowest_x),
                y0 + side - side * (math.log10(max(t, 0.5)) - lowest) / (highest - lowest))
    parts = ['<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#999"/>' % (x0, y0, side, side),
             text(x0, y0 - 8, curve.name, more='font-weight="bold"')]
    for power in range(lowest, highest + 1):
        y = at(line[0][0], 10.0 ** power)[1]
        parts.append('<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#eee"/>' % (x0, y, x0 + side, y))
        parts.append(text(x0 - 4, y + 4, {0: "1 µs", 1: "10 µs", 2: "100 µs", 3: "1 ms", 4: "10 ms", 5: "100 ms", 6: "1 s",
                                          7: "10 s"}.get(power, "10^%d µs" % power), "end"))
    for p in line:
        parts.append(text(at(p[0], 1)[0], y0 + side + 14, spaced(p[0]) if p[0] < 10000 else "%gk" % round(p[0] / 1000), "middle"))
    if not curve.flat:
        reach = line[0][1] * line[-1][0] / line[0][0]
        ends = at(line[0][0], line[0][1]) + at(line[-1][0], reach)
        parts.append('<clipPath id="c%d_%d"><rect x="%d" y="%d" width="%d" height="%d"/></clipPath>' % (x0, y0, x0, y0, side, side))
        parts.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#bbb" stroke-dasharray="4 3" clip-path="url(#c%d_%d)"/>' % (
            ends + (x0, y0)))
    for column, name in (2, "best by hand"), (1, "pg_tviews"):
        path = " ".join("%.1f,%.1f" % at(p[0], p[column]) for p in line)
        parts.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (path, COLORS[name]))
        parts += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (at(p[0], p[column]) + (COLORS[name],)) for p in line]
    return parts
