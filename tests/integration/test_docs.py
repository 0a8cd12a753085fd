"""The pages of the documentation: their command blocks are typed top to bottom, and print what the pages show."""

import shutil
from dataclasses import dataclass

import pytest

from tests.integration.documents import IN_CHECKOUT, blocks, shown_as, stock_image, type_in_bash, type_page
from tests.integration.labs import SOURCE

pytestmark = [pytest.mark.local, pytest.mark.network, pytest.mark.timeout(400)]

DOCS = SOURCE / "docs"
TESTED_ELSEWHERE = {
    "homework.ru.md": "test_homework_ru.py",
    "migrate.md": "test_migrate.py",
    "swarm.md": "test_swarm_page.py",
}
ENGINE = ["howto/another-container.md", "howto/own-image.md"]
PAGES = {
    page: blocks((DOCS / page).read_text(encoding="utf-8"))
    for page in (str(path.relative_to(DOCS)) for path in sorted(DOCS.rglob("*.md")))
    if page not in TESTED_ELSEWHERE
}
TYPED = [page for page, found in PAGES.items() if any(block.kind == "sh" for block in found)]


@dataclass(frozen=True)
class NotTyped:
    """A block of commands that no test types: its page, how it begins, and why."""

    page: str
    begins: str
    why: str


NOT_TYPED = [
    NotTyped(
        "howto/offline.md", "$ tar -xzf labctl-wheels", "for another machine: it would overwrite this user's cache"
    ),
]


def _type(page, labctl):
    """Type a page, and compare each text block with what the commands before it printed."""
    if any(block.title == IN_CHECKOUT for block in PAGES[page]):
        # the reader goes on from labctl's folder: pytest must not find its settings
        shutil.copy(SOURCE / "pyproject.toml", labctl.folder)
    printed = iter(type_page(PAGES[page], labctl.folder, labctl.env))
    output, wrong = "", []
    for block in PAGES[page]:
        if block.kind == "sh":
            output = next(printed)
        elif block.kind == "text":
            missing = [line for line in block.text.splitlines() if not shown_as(line).search(output)]
            wrong += [f"the page shows {missing}, and the commands printed\n{output}"] if missing else []
    assert not wrong, "\n".join(wrong)


def test_every_block_that_is_not_typed_has_a_reason():
    """Commands that no test types are console blocks, and each is listed above."""
    found = [(page, block.text) for page, all_ in PAGES.items() for block in all_ if block.kind == "console"]
    assert len(found) == len(NOT_TYPED)
    for page, text in found:
        assert any(listed.page == page and text.startswith(listed.begins) and listed.why for listed in NOT_TYPED), text


def test_the_documents_tested_elsewhere_are_tested():
    """A page that has a test module of its own is named there."""
    for page, module in TESTED_ELSEWHERE.items():
        assert page in (SOURCE / "tests/integration" / module).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [page for page in TYPED if page not in ENGINE])
def test_a_page(labctl, page):
    """Each command of the page succeeds without Docker, and prints what the page shows."""
    _type(page, labctl)


@pytest.mark.docker
@pytest.mark.parametrize("page", ENGINE)
def test_a_page_that_needs_an_engine(engine_labctl, page):
    """Each command of the page succeeds with Docker, and prints what the page shows."""
    with stock_image():
        _type(page, engine_labctl)


def test_tab_completes_commands_and_presets(labctl):
    """After the block for bash, Tab completes a command, an option and a preset."""
    (block,) = (block.text for block in PAGES["howto/completion.md"] if block.kind == "sh")
    pressed = "".join(
        f'COMP_WORDS=(labctl {words} "") COMP_CWORD={len(words.split()) + 1} COMPREPLY=()\n'
        f'_labctl_completion labctl\necho "${{COMPREPLY[@]}}"\n'
        for words in ("", "up --preset", "cache")
    )
    commands, presets, of_cache = type_in_bash(block + pressed, labctl.folder, labctl.env).splitlines()
    assert {"up", "down", "doctor"} <= set(commands.split())
    assert presets.split() == ["cluster", "homework", "isolated", "secure"]
    assert of_cache.split() == ["warm", "ls", "clear"]
