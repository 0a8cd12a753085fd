"""A lab.yaml -> the same result: what is wrong with it, as `labctl plan` says it."""

from __future__ import annotations

import re
from pathlib import Path

from labctl.errors import SpecError
from labctl.lint.compose.tree import Place, read_tree
from labctl.lint.linter import LintResult
from labctl.lint.rule import Finding
from labctl.spec.text_file import read_text_file

RULE = "LAB-YAML"
OWN_KEYS = {"checks", "kafka", "listeners", "runtime", "security", "timeout", "topics", "ui"}
_PROBLEM = re.compile(r"^(?P<file>.*?):(?P<line>\d+):(?P<column>\d+): (?P<what>.*)$", re.DOTALL)


def is_lab_yaml(path: Path) -> bool:
    """Return whether a file is a lab.yaml, by its name or its keys. Raises SpecError where it can't be read."""
    return path.name == "lab.yaml" or bool(OWN_KEYS & read_tree(read_text_file(path), str(path)).items.keys())


def lint_lab_yaml(path: Path) -> LintResult:
    """Return what is wrong with a lab.yaml. Raises SpecError where it can't be read."""
    from labctl.spec.loader import load_spec

    read_text_file(path)
    try:
        load_spec(path)
    except SpecError as error:
        return LintResult(
            (str(path),), (), tuple(_finding(path, problem, error.hint) for problem in error.problems), ()
        )
    return LintResult((str(path),), (), (), ())


def _finding(path: Path, problem: str, hint: str) -> Finding:
    match = _PROBLEM.match(problem)
    place = Place(str(path), int(match["line"]), int(match["column"])) if match else Place(str(path), 1, 1)
    return Finding(RULE, "error", place, match["what"] if match else problem, hint or "see labctl schema")
