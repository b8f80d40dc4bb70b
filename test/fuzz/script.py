"""A list of steps as a psql script for people, and as JSON for --replay."""

import json
import re

from . import oracle
from .model import Step, plain_sql


def statement(step):
    """The psql text of a step."""
    if step.kind == "check":
        return "\n".join(comparison(view, tview) for view, tview in step.tviews)
    if step.kind == "keys":
        return "\n".join("%s; -- %s" % (oracle.key_sql(v, k.split(", ")), "is the key broken?")
                         for v, k in step.tviews)
    sql = plain_sql(step.sql)
    if step.kind == "copy":
        return "%s;\n%s\\." % (sql, step.data)
    if step.kind == "no_write":
        versions = "\n".join(oracle.VERSIONS % tview + ";" for _, tview in step.tviews)
        return "%s\n%s;\n%s" % (versions, sql, versions)
    return sql + ";"


def comparison(view, tview):
    """Columns are looked up by psql, so that the script goes on working when it is edited."""
    cols = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS cols FROM pg_attribute " \
           "WHERE attrelid = to_regclass('%s') AND attnum > 0 AND NOT attisdropped \\gset" % view
    sql = oracle.DIFFERENCE.format(cols=":cols", view=view, tview=tview)
    return "%s\n%s;" % (cols, sql)


def render(steps, head, plant=None):
    """The whole script.  Statements of a second backend are marked; psql runs them in a new one."""
    lines = ["-- " + line for line in head]
    lines.append("CREATE EXTENSION pg_tviews;")
    if plant:
        lines.append("SET pg_tviews.test_fault = '%s';" % plant)
    if any("fuzz." in step.sql for step in steps) or any(s.style == "read_function" for s in steps):
        lines.append(oracle.HELPERS.strip())
    session = 0
    for step in steps:
        if step.session != session:
            session = step.session
            lines.append("-- backend %d" % session)
            lines.append("\\connect")
        if step.kind == "check" and step.style != "read_direct":
            lines.append("-- %s" % step.style)
        lines.append(statement(step))
    return "\n".join(lines) + "\n"


def save(path, steps, head, plant=None, signature=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(steps, head, plant))
    saved = {"signature": signature, "steps": [s.to_json() for s in steps]}
    path.with_suffix(".json").write_text(json.dumps(saved, indent=1))


def load(path):
    """(steps, signature of the failure) of a saved file."""
    with open(path) as saved:
        saved = json.load(saved)
    return [Step.from_json(obj) for obj in saved["steps"]], tuple(saved["signature"])


def size(steps):
    return sum(len(re.sub(r"\s+", " ", plain_sql(s.sql))) for s in steps)
