"""Compose files -> the same files with what can be fixed without a question, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labctl.lint.compose.loader import load_stack, read_text
from labctl.lint.document import Document
from labctl.lint.edit import Edit
from labctl.lint.linter import LintResult, examine
from labctl.lint.rule import Finding

MOST_ROUNDS = 30  # a fix shows what it hid; each round fixes the worst finding


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
    before = {path: read_text(path) for path in paths}
    texts = dict(before)
    fixed: list[Finding] = []
    tried: set[tuple[str, tuple[Edit, ...]]] = set()
    result = examine(load_stack(paths, environment))
    for _round in range(MOST_ROUNDS):
        finding = next((one for one in result.findings if one.edits and (one.rule, one.edits) not in tried), None)
        if finding is None:
            break
        tried.add((finding.rule, finding.edits))
        changed = _edited(texts, finding)
        if changed == texts:
            continue
        texts = changed
        fixed.append(finding)
        result = examine(load_stack(paths, environment, texts))
    differing = {path: (before[path], texts[path]) for path in paths if texts[path] != before[path]}
    return FixResult(differing, tuple(fixed), result)


def _edited(texts: Mapping[Path, str], finding: Finding) -> dict[Path, str]:
    """The texts with the changes of a finding, each in the file of the finding, or the first that has the service.

    They stay as they are where a value would replace a variable: what it will be is somebody else's decision.
    """
    documents = {path: Document(text) for path, text in texts.items()}
    if any(document.replaces_variable(edit) for document in documents.values() for edit in finding.edits):
        return dict(texts)
    for edit in finding.edits:
        own = [path for path in texts if str(path) == finding.place.file]
        target = next((path for path in (*own, *texts) if documents[path].has(edit.service)), None)
        if target:
            documents[target].apply(edit)
    return {path: document.text() for path, document in documents.items()}
