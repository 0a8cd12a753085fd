"""The documentation as a site: `mkdocs build --strict`, and what the built pages load."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from tests.integration.labs import SOURCE

pytest.importorskip("material", reason="mkdocs-material is not installed: pip install --editable '.[docs]'")
pytestmark = pytest.mark.gate

ELSEWHERE = re.compile(r"^\s*(?:\w+:)?//")
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "srcset", "video": "src", "object": "data"}
FROM_CSS = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Loads(HTMLParser):
    """What a page loads: scripts, images, styles, fonts, frames. Links that a reader follows are not among them."""

    def __init__(self, text):
        super().__init__()
        self.addresses = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "link" and found.get("rel") not in {"canonical", "prev", "next", "alternate"}:
            self.addresses.append(found.get("href") or "")
        self.addresses.append(found.get(LOADS.get(tag, "")) or "")
        self.addresses += FROM_CSS.findall(found.get("style") or "")

    def handle_data(self, data):
        if self.lasttag == "style":
            self.addresses += FROM_CSS.findall(data)

    @property
    def elsewhere(self):
        """The addresses on other hosts."""
        return [address for address in self.addresses if ELSEWHERE.match(address)]


def test_every_page_is_built(site):
    """The site has each page of docs, and a search index."""
    pages = [path.relative_to(SOURCE / "docs") for path in (SOURCE / "docs").rglob("*.md")]
    built = [
        site / (page.with_name("index.html") if page.stem == "README" else page.with_suffix(".html")) for page in pages
    ]
    assert [path for path in built if not path.is_file()] == []
    assert (site / "search/search_index.json").is_file()


def test_the_pages_load_nothing_from_other_hosts(site):
    """Scripts, styles, fonts and images are files of the site, in the pages and in the styles."""
    pages = sorted(site.rglob("*.html"))
    styles = sorted(site.rglob("*.css"))
    assert pages
    assert styles
    # the theme loads a script from elsewhere where a page has a diagram
    assert [page for page in pages if 'class="mermaid"' in page.read_text(encoding="utf-8")] == []
    found = {str(page): Loads(page.read_text(encoding="utf-8")).elsewhere for page in pages}
    found |= {str(style): FROM_CSS.findall(style.read_text(encoding="utf-8")) for style in styles}
    assert {page: addresses for page, addresses in found.items() if addresses} == {}


@pytest.mark.parametrize(
    "page",
    [
        '<script src="https://example.org/a.js"></script>',
        '<link rel="stylesheet" href="//example.org/a.css">',
        '<link rel="preconnect" href="https://example.org">',
        '<img src="https://example.org/a.png">',
        '<style>@font-face { src: url("https://example.org/a.woff2") }</style>',
        '<p style="background: url(https://example.org/a.png)">',
    ],
)
def test_what_a_page_loads_is_found(page):
    """Each way to load something from another host is noticed; a link to follow is none."""
    assert Loads(page).elsewhere
    assert not Loads('<a href="https://example.org"><img src="a.png"></a><link rel="icon" href="/a.png">').elsewhere
