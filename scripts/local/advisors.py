"""The database advisors of the Supabase CLI, and the findings we accept with a reason (supabase/advisors.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .paths import ROOT
from .stack.errors import StackError
from .stack.migrations import run_cli

ACCEPTED = Path("supabase") / "advisors.json"


def findings(database_url: str) -> list[dict[str, Any]]:
    """Everything `supabase db advisors --level info` reports. Raises StackError when it fails."""
    # as text its findings come after its warnings, of a connection without TLS for one
    asked = ["db", "advisors", f"--remote={database_url}", "--level", "info", "--output-format", "json"]  # fmt: skip
    done = run_cli(ROOT, asked)
    if done.returncode:
        raise StackError(f"`supabase db advisors` failed:\n{done.stdout}{done.stderr}")
    reported: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return reported


def split(reported: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """The findings nobody accepted, and the accepted entries that no longer match anything.

    An entry of advisors.json accepts findings by `name`, and by `object` ("schema.table") unless that is "*",
    which says something about databases in general and need not match.
    """
    entries = json.loads((ROOT / ACCEPTED).read_text())
    matched: set[int] = set()
    open_findings = []
    for finding in reported:
        about = finding.get("metadata", {})
        place = f"{about.get('schema')}.{about.get('name')}"
        hits = [
            number
            for number, entry in enumerate(entries)
            if entry["name"] == finding["name"] and entry["object"] in ("*", place)
        ]
        matched.update(hits)
        if not hits:
            open_findings.append(finding)
    unused = [
        f"{entry['name']} on {entry['object']}"
        for number, entry in enumerate(entries)
        if number not in matched and entry["object"] != "*"
    ]
    return open_findings, unused


def report(database_url: str) -> str:
    """What is wrong, for a person; empty when nothing is."""
    open_findings, unused = split(findings(database_url))
    lines = [
        f"{finding['level']} {finding['name']}: {finding['detail']}" for finding in open_findings
    ]
    lines += [f"{ACCEPTED} accepts {entry}, which no longer appears: remove it" for entry in unused]
    return "\n".join(lines)
