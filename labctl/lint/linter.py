"""Compose files -> findings, the worst first, and what could not be examined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labctl.lint.compose.loader import load_stack
from labctl.lint.compose.model import Stack
from labctl.lint.images import OTHER
from labctl.lint.rule import LEVELS, Finding, Rule, Setup
from labctl.lint.rules.table import RULES


@dataclass(frozen=True, slots=True)
class LintResult:
    """What was found in `files`. `notes` say what could not be examined; `nodes` are the services that run Kafka."""

    files: tuple[str, ...]
    nodes: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def faulty(self) -> bool:
        """Whether there is an error or a warning."""
        return any(finding.level != "info" for finding in self.findings)


def lint(paths: Sequence[Path], environment: Mapping[str, str], rules: Sequence[Rule] = RULES) -> LintResult:
    """Return what is wrong with Compose files, merged in their order, with the variables of `environment`.

    Raises SpecError where a file can't be read, or is no Compose file.
    """
    return examine(load_stack(paths, environment), rules)


def examine(stack: Stack, rules: Sequence[Rule] = RULES) -> LintResult:
    """Return what is wrong with a stack, the worst first."""
    setup = Setup(stack)
    order = {level: number for number, level in enumerate(LEVELS)}
    ranks = {rule.id: (order[rule.level], number) for number, rule in enumerate(rules)}
    found = [finding for rule in rules for finding in _find(rule, setup)]
    found.sort(key=lambda finding: (ranks[finding.rule], finding.place.file, finding.place.line, finding.place.column))
    names = tuple(node.name for node in setup.nodes)
    return LintResult(setup.stack.files, names, tuple(dict.fromkeys(found)), tuple(_notes(setup)))


def joined(results: Sequence[LintResult]) -> LintResult:
    """Return one result for several, in their order."""
    return LintResult(
        tuple(file for result in results for file in result.files),
        tuple(node for result in results for node in result.nodes),
        tuple(finding for result in results for finding in result.findings),
        tuple(note for result in results for note in result.notes),
    )


def _find(rule: Rule, setup: Setup) -> list[Finding]:
    return [
        Finding(rule.id, rule.level, place, cause, fix, edits)
        for place, cause, fix, edits in rule.find(setup)
        if not _is_ignored(setup.stack, rule.id, place.file, place.line)
    ]


def _is_ignored(stack: Stack, rule: str, file: str, line: int) -> bool:
    lines = stack.ignored.get(file, {})
    return rule in lines.get(line, frozenset()) | lines.get(0, frozenset())


def _notes(setup: Setup) -> list[str]:
    """What can't be told from the files."""
    notes = []
    for node in setup.nodes:
        if node.elsewhere:
            notes.append(f"{node.name}: {node.elsewhere}; what it lacks here is not examined")
        elif node.image is OTHER:
            notes.append(f"{node.name}: labctl does not know how this image is configured")
        elif not node.image.known:
            notes.append(
                f"{node.name}: the defaults of {node.image.name} depend on its version; what it lacks is not examined"
            )
    redpanda = [one.name for one in setup.stack if "redpanda" in one.image and "console" not in one.image]
    notes += [f"{name}: Redpanda, not Kafka; it is not examined" for name in redpanda]
    if not setup.nodes:
        notes.append("no service runs a Kafka image that labctl knows")
    return notes
