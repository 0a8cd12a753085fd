"""Each rule finds its own fault, and nothing where the fault is mended."""

import runpy
from pathlib import Path

import pytest

from labctl.lint.complete import COMPLETE, as_overlay
from labctl.lint.linter import lint
from labctl.lint.rules.table import RULES

SOURCE = Path(__file__).parent.parent


@pytest.fixture
def examine(tmp_path):
    """The findings for an example of a rule, merged over the complete file."""

    def examined(example=""):
        (tmp_path / "complete.yml").write_text(COMPLETE)
        (tmp_path / "example.yml").write_text(as_overlay(example) if example else "services: {}\n")
        return lint([tmp_path / "complete.yml", tmp_path / "example.yml"], {}).findings

    return examined


def test_the_complete_file_has_no_fault(examine):
    """The file that all examples start from is clean."""
    assert examine() == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_finds_its_fault(rule, examine):
    """The rule's `wrong` example has its finding, with the place in the example or in the complete file."""
    found = [finding for finding in examine(rule.wrong) if finding.rule == rule.id]
    assert found, [finding.rule for finding in examine(rule.wrong)]
    assert all(finding.level == rule.level and finding.cause and finding.fix for finding in found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_silent_where_its_fault_is_mended(rule, examine):
    """The rule's `right` example has no finding of any rule."""
    assert [(finding.rule, finding.cause) for finding in examine(rule.right)] == []


def test_rules_have_names_of_their_own():
    """No two rules share an id, and each explains itself."""
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.title.endswith((".", "!")) and rule.why for rule in RULES)


def test_each_rule_has_its_page():
    """docs/lint is what scripts/lint_pages.py makes of the rules."""
    pages = runpy.run_path(str(SOURCE / "scripts" / "lint_pages.py"))["pages"]()
    assert {path.name: path.read_text() for path in (SOURCE / "docs" / "lint").glob("*.md")} == pages
