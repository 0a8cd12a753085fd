"""Arbitrary lab.yaml files and arbitrary requests to the page: each ends with a sentence, none with a traceback."""

import contextlib
import io
import json
import socket
from itertools import count
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from labctl.errors import LabError, SpecError
from labctl.lab.preview import preview_plan
from labctl.lab.request import LabRequest
from labctl.rendering.templates import presets, render_template
from labctl.runtime.access import render
from labctl.spec.loader import parse_spec
from labctl.spec.model import LabSpec
from labctl.state.store import LabStore
from labctl.version_lock import load_lock
from tests.integration.labs import make_labctl

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]

FILES, REQUESTS = 3000, 6000
MOST_MEMORY = 150 * 2**20  # bytes
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

# -- lab.yaml ------------------------------------------------------------------

SETTINGS = sorted(load_lock("4.4.0").settings["broker"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["auto", "local", "compose", "../../x", "/etc/passwd", "~", "$HOME", "${x}", "{{ 1 }}", "a\nb", "*", ""]
    ),
)
KEYS = st.one_of(
    st.sampled_from(
        [*LabSpec.model_fields, "config", "port", "external", "kind", "protocol", "users", "acls", "name", "records"]
    ),
    st.sampled_from(SETTINGS),
    st.text(max_size=10),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=25,
)
SECTIONS = st.fixed_dictionaries({}, optional=dict.fromkeys(LabSpec.model_fields, TREES))
CHARACTERS = st.text(st.sampled_from("abc:- \n\t[]{}&*!|>'\"%@`#,?<=0123456789.\\~\x00\x1b\u2028\ufeff"), max_size=60)
PRESETS = st.sampled_from([render_template(f"init/{name}.yaml") for name in presets()])


def as_yaml(tree):
    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(tree, text)
    return text.getvalue()


@st.composite
def changed_presets(draw):
    """A valid file in which a few characters were removed, and others put in."""
    text = draw(PRESETS)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(CHARACTERS) + text[place + draw(st.integers(0, 10)) :]
    return text


@settings(max_examples=FILES, deadline=None, suppress_health_check=SLOW, database=None)
@given(text=st.one_of(SECTIONS.map(as_yaml), TREES.map(as_yaml), changed_presets(), CHARACTERS), trusted=st.booleans())
def test_any_lab_yaml(tmp_path_factory, text, trusted):
    """It is refused with places, or planned and rendered into the lab's own folder: nothing else happens."""
    try:
        spec = parse_spec(text, trusted=trusted)
    except SpecError as refused:
        unplaced = [line for line in refused.problems if not line.startswith("lab.yaml:")]
    else:
        unplaced = []
        require_own_files(spec)
    assert unplaced == []


def require_own_files(spec):
    """Plan and render the lab: every file is in its folder."""
    request = LabRequest(spec, "", Path("/nowhere/.labctl") / spec.name)
    with contextlib.suppress(LabError):  # such as a port that is in use: what `up` would say
        for path in render(preview_plan(request, LabStore(STATE))):
            assert not Path(path).is_absolute()
            assert ".." not in Path(path).parts


STATE = Path("/nonexistent/state")  # nothing is written


# -- requests to the page --------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The port and the process of the page of a running lab, and its log."""
    labctl = make_labctl(tmp_path_factory.mktemp("fuzzed"))
    labctl.spec("listeners: {external: {port: auto}}\nui: {kind: page, port: auto}\nchecks: none\n")
    labctl.run("up", check=True)
    (folder,) = labctl.state.glob("labs/*/page")
    port = int(labctl.json("status")["endpoints"]["ui"].rpartition(":")[2])
    yield port, psutil.Process(json.loads((folder / "pid.json").read_text())["pid"]), folder / "page.log"
    labctl.run("down", check=True)


PATHS = st.one_of(
    st.sampled_from(
        [
            "/",
            "/topics",
            "/topics/orders",
            "/topics/orders/records",
            "/groups",
            "/report",
            "/assets/page.css",
            "/open",
            "/code",
        ]
    ),
    st.text(max_size=30).map(lambda text: f"/topics/{text}"),
    st.text(max_size=30),
    st.sampled_from(["/../../etc/passwd", "/assets/..%2f..%2fetc%2fpasswd", "//evil", "/%00", "/topics/%ff%fe", "*"]),
)
VALUES = st.one_of(
    st.text(max_size=20), st.integers().map(str), st.sampled_from(["newest", "oldest", "offset", "9" * 30])
)
QUERIES = st.dictionaries(
    st.sampled_from(["from", "offset", "partition", "count", "written", "key", "x"]), VALUES, max_size=4
)
NAMES = st.sampled_from(
    [
        "Host",
        "Origin",
        "Content-Type",
        "Content-Length",
        "Cookie",
        "Authorization",
        "Transfer-Encoding",
        "Expect",
        "Range",
    ]
)
HEADERS = st.lists(
    st.tuples(NAMES, st.one_of(VALUES, st.sampled_from(["localhost", "chunked", "100-continue", "null", "-1"]))),
    max_size=4,
)
METHODS = st.sampled_from(["GET", "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "X" * 30])
BODIES = st.one_of(
    st.binary(max_size=200), st.dictionaries(VALUES, VALUES, max_size=3).map(lambda form: str(form).encode())
)


@st.composite
def requests(draw):
    """The bytes of a request, most of them nearly valid."""
    if draw(st.integers(0, 20)) == 0:
        return draw(st.binary(max_size=300))
    query = "&".join(f"{key}={value}" for key, value in draw(QUERIES).items())
    body = draw(BODIES)
    lines = [
        f"{draw(METHODS)} {draw(PATHS)}{'?' if query else ''}{query} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
    ]
    lines += [f"{name}: {value}" for name, value in draw(HEADERS)]
    if draw(st.booleans()):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body


NUMBERS = count()


@settings(max_examples=REQUESTS, deadline=None, suppress_health_check=SLOW, database=None)
@given(request=requests())
def test_any_request(page, request):
    """The page responds with something else than 500, or closes the connection; it goes on, and does not grow."""
    port, process, log = page
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        response = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                response += chunk
    status = response.split(b" ", 2)[1:2]
    assert status != [b"500"], response
    if next(NUMBERS) % 500 == 0:
        assert process.memory_info().rss < MOST_MEMORY
        assert "Traceback" not in log.read_text()
