"""LintResult -> text. FORMATS is the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labctl import __version__
from labctl.lint.linter import LintResult
from labctl.lint.rule import Finding
from labctl.lint.rules.table import RULES

PAGES = "docs/lint"  # a page for each rule
SARIF_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
GITHUB_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


def to_text(result: LintResult) -> str:
    """Return FILE:LINE:COLUMN: LEVEL RULE: cause, and its remedy, for each finding."""
    return "".join(f"{one.place}: {one.level} {one.rule}: {one.cause}\n  fix: {one.fix}\n" for one in result.findings)


def to_json(result: LintResult) -> str:
    """Return one JSON document: files, nodes, findings (rule, level, place, cause, fix, fixable), notes."""
    findings = [_flat(finding) for finding in result.findings]
    whole = {"files": result.files, "nodes": result.nodes, "findings": findings, "notes": result.notes}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def to_github(result: LintResult) -> str:
    """Return workflow commands: GitHub shows each finding at its line of a pull request."""
    return "".join(
        f"::{GITHUB_LEVELS[one.level]} file={_property(one.place.file)},line={one.place.line},col={one.place.column},"
        f"title={one.rule}::{_data(f'{one.cause}; {one.fix}')}\n"
        for one in result.findings
    )


def to_sarif(result: LintResult) -> str:
    """Return SARIF 2.1.0, which code scanners and editors read."""
    found = {finding.rule for finding in result.findings}
    rules = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.why},
            "help": {"text": f"{PAGES}/{rule.id}.md"},
            "defaultConfiguration": {"level": SARIF_LEVELS[rule.level]},
        }
        for rule in RULES
        if rule.id in found
    ]
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "labctl", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(finding, numbers) for finding in result.findings],
    }
    return json.dumps({"version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


FORMATS: Mapping[str, Callable[[LintResult], str]] = {
    "text": to_text,
    "json": to_json,
    "github": to_github,
    "sarif": to_sarif,
}


def _flat(finding: Finding) -> dict[str, Any]:
    place, said = asdict(finding.place), {"cause": finding.cause, "fix": finding.fix}
    return {"rule": finding.rule, "level": finding.level, **place, **said, "fixable": bool(finding.edits)}


def _sarif_result(finding: Finding, numbers: Mapping[Any, int]) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": Path(finding.place.file).as_posix()},
        "region": {"startLine": finding.place.line, "startColumn": finding.place.column},
    }
    return {
        "ruleId": finding.rule,
        **({"ruleIndex": numbers[finding.rule]} if finding.rule in numbers else {}),
        "level": SARIF_LEVELS[finding.level],
        "message": {"text": f"{finding.cause}; {finding.fix}"},
        "locations": [{"physicalLocation": place}],
    }


def _data(text: str) -> str:
    """`text` as the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """`text` as a property of a workflow command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
