"""The documentation: its links, its commands, its navigation, the pages made from the code, its figures."""

import re
import runpy
import shlex
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from ruamel.yaml import YAML

from labctl.cli.main import cli

SOURCE = Path(__file__).parent.parent
DOCS = SOURCE / "docs"
PAGES = [str(path.relative_to(DOCS)) for path in sorted(DOCS.rglob("*.md"))]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", *(f"docs/{page}" for page in PAGES)]
SITE = YAML(typ="safe").load(SOURCE / "mkdocs.yml")
FENCE = re.compile(r"^( *)```(.*)\n((?:.*\n)*?)\1```$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
HERE_DOCUMENT = re.compile(r"(<<'(\w+)'.*)\n(?:.*\n)*?\2$", re.MULTILINE)
OPERATORS = "();|&<>"
OWN_FLAGS = {"-v", "--verbose", "-q", "--quiet", "--no-color"}
HELP = {"-h", "--help", "--version"}


def text_of(document):
    return (SOURCE / document).read_text(encoding="utf-8")


def anchors(document):
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text_of(document)), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in plain}


def links(document):
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text_of(document)))
    return ["".join(found) for found in LINK.findall(prose) if not re.match(r"https?:", "".join(found))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    """Each relative link names a file that exists, and a heading that is in it."""
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (SOURCE / document).parent / path if path else SOURCE / document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.resolve().relative_to(SOURCE)), link


def labctl_commands(script):
    """The arguments of each call of labctl in a script: at the start of a command, or in a command substitution."""
    for line in HERE_DOCUMENT.sub(r"\1", script).replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=OPERATORS)
        lexer.whitespace_split = True
        command = []
        for word in [*lexer, ";"]:
            if word == "(" and command and command[-1].endswith("$"):
                command = []  # what `VARIABLE=$(…)` runs
            elif set(word) <= set(OPERATORS):
                if command and command[0] == "labctl":
                    yield command[1:]
                command = []
            else:
                for inner in re.findall(r"\$\((.*?)\)", word):
                    yield from labctl_commands(inner)
                command.append(word)


def parse(arguments):
    """Parse the arguments of labctl without running it. Raises click.UsageError."""
    context = click.Context(cli, obj=SimpleNamespace())
    words = [word for word in arguments if word not in OWN_FLAGS]
    command: click.Command = cli
    while isinstance(command, click.Group) and words and words[0] not in HELP:
        name = words.pop(0)
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"there is no command {name}")
        command = found
    if not isinstance(command, click.Group) and not HELP & set(words):
        command.make_context("labctl", words, parent=context)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_exist(document):
    """Each labctl command of a shell block has options and values that labctl knows."""
    for _indent, info, script in FENCE.findall(text_of(document)):
        if info.split()[:1] in (["sh"], ["console"]):
            for arguments in labctl_commands(script.replace("$ ", "")):
                try:
                    parse(arguments)
                except click.UsageError as error:
                    pytest.fail(f"labctl {shlex.join(arguments)}: {error.format_message()}")


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("labctl up\n", [["up"]]),
        ("echo x | labctl exec broker -- cat # labctl down\n", [["exec", "broker", "--", "cat"]]),
        ('eval "$(labctl env --name a)"\n', [["env", "--name", "a"]]),
        ("cd a && labctl up || labctl down\n", [["up"], ["down"]]),
        ("cat > a <<'EOF'\nlabctl none\nEOF\nlabctl \\\n  ls\n", [["ls"]]),
    ],
)
def test_commands_are_found(script, commands):
    """Calls in pipes, lists and substitutions are found; comments and the text of files are not."""
    assert list(labctl_commands(script)) == commands


@pytest.mark.parametrize(
    "arguments", ["upp", "up --prest cluster", "up --preset none", "env --format yaml", "cache hot", "cache warm --now"]
)
def test_wrong_commands_are_refused(arguments):
    """A command, an option or a value that does not exist is a usage error."""
    with pytest.raises(click.UsageError):
        parse(arguments.split())


def nav_pages(entries):
    for entry in entries:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else nav_pages(value)


def test_every_page_is_in_the_navigation():
    """Each page is in the navigation once, or among those that another page lists; each entry is a page."""
    listed = list(nav_pages(SITE["nav"]))
    assert len(listed) == len(set(listed))
    assert set(listed) == {page for page in PAGES if not fnmatch(page, SITE["not_in_nav"])}


def test_pages_that_are_not_in_the_navigation_are_linked():
    """docs/lint/README.md links each page that mkdocs.yml leaves out of the navigation."""
    left_out = {page for page in PAGES if fnmatch(page, SITE["not_in_nav"])}
    assert left_out == {f"lint/{link}" for link in links("docs/lint/README.md") if link.startswith("KAFKA-")}


def test_the_reference_is_that_of_this_code():
    """docs/reference is what scripts/docs_pages.py makes of the code."""
    pages = runpy.run_path(str(SOURCE / "scripts" / "docs_pages.py"))["pages"]()
    assert {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md")} == pages


def test_the_reference_writes_defaults_as_yaml():
    """A default of lab.yaml is written as a user would type it."""
    to_yaml = runpy.run_path(str(SOURCE / "scripts" / "docs_pages.py"))["_yaml"]
    values = [None, "", "512m", True, 3, ["a b", "c: d"], {"port": "auto"}]
    assert [to_yaml(value) for value in values] == [
        *("null", '""', "512m", "true", "3", '[a b, "c: d"]', "{port: auto}"),
    ]
    for value in values:
        assert YAML(typ="safe").load(to_yaml(value)) == value


def test_the_figures_of_the_comparison_were_measured():
    """Each figure of docs/comparison.md is in docs/bench.md, which `make bench` writes."""
    figures = re.findall(r"\b\d+\.\d+\b", text_of("docs/comparison.md").replace("127.0.0.1", ""))
    measured = re.findall(r"\b\d+\.\d+\b", text_of("docs/bench.md"))
    assert figures
    assert set(figures) <= set(measured)
