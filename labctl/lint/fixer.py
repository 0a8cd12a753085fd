"""Compose files -> the same files with what can be fixed without a question, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labctl.lint.compose.loader import load_stack
from labctl.lint.document import Document
from labctl.lint.edit import Edit
from labctl.lint.linter import LintResult, examine
from labctl.lint.rule import Finding
from labctl.spec.text_file import read_text_file

MOST_ROUNDS = 100  # a fix shows what it hid; each round fixes what the worst rule finds


@dataclass(frozen=True, slots=True)
class FixResult:
    """The files that changed, {path: (text before, text after)}, the findings that were fixed, and what is left."""

    changed: Mapping[Path, tuple[str, str]]
    fixed: tuple[Finding, ...]
    left: LintResult


def fix(paths: Sequence[Path], environment: Mapping[str, str]) -> FixResult:
    """Return what `--fix` makes of Compose files, merged in their order; writes nothing.

    Raises SpecError where a file can't be read, or is no Compose file.
    """
    before = {path: read_text_file(path) for path in paths}
    texts = dict(before)
    fixed: list[Finding] = []
    tried: set[tuple[str, tuple[Edit, ...]]] = set()
    result = examine(load_stack(paths, environment))
    for _round in range(MOST_ROUNDS):
        batch = _worst([one for one in result.findings if one.edits and (one.rule, one.edits) not in tried])
        if not batch:
            break
        tried |= {(one.rule, one.edits) for one in batch}
        changed = _edited(texts, batch)
        if changed == texts:
            continue
        texts = changed
        result = examine(load_stack(paths, environment, texts))
        left = {(one.rule, one.edits) for one in result.findings}
        fixed += [one for one in batch if (one.rule, one.edits) not in left]
    differing = {path: (before[path], texts[path]) for path in paths if texts[path] != before[path]}
    return FixResult(differing, tuple(fixed), result)


def _worst(findings: Sequence[Finding]) -> list[Finding]:
    """The worst finding, and those of the same rule whose changes concern something else: they are made together."""
    batch: list[Finding] = []
    concerned: set[tuple[str, str]] = set()
    for one in findings:
        own = {(edit.service, getattr(edit, "name", "")) for edit in one.edits}
        if one.rule == findings[0].rule and not own & concerned:
            batch.append(one)
            concerned |= own
    return batch


def _edited(texts: Mapping[Path, str], findings: Sequence[Finding]) -> dict[Path, str]:
    """The texts with the changes of findings, each in the file of the finding, or the first that has the service.

    A finding is left where a value would replace a variable: what it will be is somebody else's decision.
    """
    documents = {path: Document(text) for path, text in texts.items()}
    for finding in findings:
        if any(document.replaces_variable(edit) for document in documents.values() for edit in finding.edits):
            continue
        for edit in finding.edits:
            own = [path for path in texts if str(path) == finding.place.file]
            target = next((path for path in (*own, *texts) if documents[path].has(edit.service)), None)
            if target:
                documents[target].apply(edit)
    return {path: document.text() for path, document in documents.items()}
