"""The report as JUnit XML, which CI systems read: each step and each check is a test case."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from labctl.report.summary import summary
from labctl.results import RunResult, Status

if TYPE_CHECKING:
    from junitparser import TestCase

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # by XML 1.0, section 2.2


def to_junit(run: RunResult) -> str:
    """Return a suite of the steps and one of the checks, with failed, error and skipped as separate results."""
    from junitparser import JUnitXml, TestSuite

    steps, checks = TestSuite(f"labctl {run.command} {run.lab}: steps"), TestSuite(f"labctl {run.lab}: checks")
    for suite in (steps, checks):
        suite.timestamp = run.started_at
        suite.add_property("verdict", _text(summary(run)))
        for name, version in run.versions.items():
            suite.add_property(name, _text(version))
    for step in run.steps:
        why = "\n".join(f"{diagnosis.cause}\ntry: {diagnosis.remedy}" for diagnosis in run.diagnosis)
        steps.add_testcase(_case(run, "steps", step.name, step.seconds, step.status, step.detail, why))
    for check in run.checks:
        evidence = "\n".join(check.evidence)
        checks.add_testcase(_case(run, "checks", check.name, check.seconds, check.status, check.detail, evidence))
    document: Any = JUnitXml("labctl")
    for suite in (steps, checks):
        document.add_testsuite(suite)
    document.update_statistics()
    return str(document.tostring().decode()) + "\n"


def _case(run: RunResult, kind: str, name: str, seconds: float, status: Status, detail: str, evidence: str) -> TestCase:
    from junitparser import Error, Failure, Skipped, TestCase

    case = TestCase(name, f"labctl.{run.lab}.{kind}", seconds)
    results = {"failed": Failure, "error": Error, "skipped": Skipped}
    if status in results:
        result = results[status](_text(detail), status)
        if status != "skipped":
            result.text = _text(evidence)
        case.result = [result]
    elif evidence and kind == "checks":
        case.system_out = _text(evidence)
    return case


def _text(text: str) -> str:
    """`text` without characters that XML can't contain."""
    return _NOT_XML.sub("�", text)
