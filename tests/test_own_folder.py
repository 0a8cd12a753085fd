"""Files below the working folder: no link leads labctl elsewhere, and no folder of somebody else is used."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from labctl import report
from labctl.cli.main import cli
from labctl.diagnostics.bundle import Artifacts, remove_bundle, write_bundle
from labctl.errors import HostError
from labctl.lab.removal import _remove_rendered_files
from labctl.rendering.template_cache import TemplateCache
from labctl.runtime.jvm.cache import cache_root
from labctl.state.store import LabStore
from labctl.system.files import write_file, write_files
from labctl.system.own_folder import own_folder
from tests.sample_run import RUN

OTHER_USER = 12345
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")


@pytest.fixture
def private_folder(tmp_path, monkeypatch):
    """A private folder of the user, with a file; the current folder is a repository beside it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "private").write_text("secret")
    (tmp_path / "repository").mkdir()
    monkeypatch.chdir(tmp_path / "repository")
    yield tmp_path / "home"
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["private"]
    assert (tmp_path / "home" / "private").read_text() == "secret"


# where a repository can have a link to a folder of the user, for files of the lab `homework`
FOLDERS = [".labctl", ".labctl/homework", ".labctl/homework/broker", ".labctl/homework/failure"]


def link(place: str, target: Path) -> None:
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    Path(place).symlink_to(target)


@pytest.mark.parametrize("place", FOLDERS[:3])
@pytest.mark.parametrize("base", ["relative", "absolute"])
def test_rendering_follows_no_link_to_a_folder(private_folder, place, base):
    """It is refused, and nothing is written where the link leads."""
    link(place, private_folder)
    folder = Path(".labctl/homework") if base == "relative" else Path.cwd() / ".labctl/homework"
    with pytest.raises(HostError, match="is a link"):
        write_files({"broker/server.properties": "x"}, folder, "hint")


def test_rendering_replaces_a_link_to_a_file(private_folder):
    """A link `docker-compose.yml` -> ~/.bashrc becomes the rendered file; ~/.bashrc stays."""
    link(".labctl/homework/docker-compose.yml", private_folder / "private")
    write_files({"docker-compose.yml": "x"}, Path(".labctl/homework"), "hint")
    written = Path(".labctl/homework/docker-compose.yml")
    assert (written.read_text(), written.is_symlink()) == ("x", False)


def test_a_hard_link_is_replaced_too(private_folder):
    """A new file takes its place, and the other name keeps the old content."""
    Path(".labctl/homework").mkdir(parents=True)
    os.link(private_folder / "private", ".labctl/homework/docker-compose.yml")
    write_files({"docker-compose.yml": "x"}, Path(".labctl/homework"), "hint")


@pytest.mark.parametrize("place", FOLDERS)
def test_reports_and_bundles_follow_no_link(private_folder, place):
    """Neither when they are written, nor when they are removed or read."""
    link(place, private_folder)
    folder = Path.cwd() / ".labctl/homework"
    files = {"broker/server.properties": "x"}
    if place != ".labctl/homework/broker":
        with pytest.raises(OSError, match="is a link"):
            write_bundle(folder, Artifacts((), {}), files, "doctor", str)
            report.write(RUN, folder)
    remove_bundle(folder)
    _remove_rendered_files(folder, ["broker/private", "private", "failure/private"])
    if place in {".labctl", ".labctl/homework"}:
        with pytest.raises(HostError, match="is a link"):
            report.read(folder)


@pytest.mark.parametrize("name", ["report.json", "report.html"])
def test_a_report_that_is_a_link_is_replaced_and_not_read(private_folder, name):
    """What a link names is not shown as a report."""
    link(f".labctl/homework/{name}", private_folder / "private")
    folder = Path.cwd() / ".labctl/homework"
    if name == "report.json":
        with pytest.raises(HostError, match="it is a link"):
            report.read(folder)
    report.write(RUN, folder)
    assert report.read(folder) == RUN


@pytest.mark.parametrize("arguments", [["render", "--runtime", "local", "-o", "out"], ["init", "out/lab.yaml"]])
def test_an_output_folder_that_is_a_link_is_refused(private_folder, arguments):
    """`-o out` where the repository has a link `out`."""
    link("out", private_folder)
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 3
    assert "is a link" in result.output


def test_an_output_file_that_is_a_link_is_replaced(private_folder):
    """`labctl init --force` where lab.yaml is a link to ~/.bashrc."""
    link("lab.yaml", private_folder / "private")
    assert CliRunner().invoke(cli, ["init"]).exit_code == 2
    assert CliRunner().invoke(cli, ["init", "--force"]).exit_code == 0
    assert "version: 1" in Path("lab.yaml").read_text()


def test_a_device_or_a_pipe_receives_the_content(tmp_path):
    """-o /dev/null and -o /dev/stdout are no files to replace, also where they are links."""
    write_file(Path("/dev/null"), "x", "hint")
    assert not Path("/dev/null").is_file()
    reader, writer = os.pipe()
    (tmp_path / "stdout").symlink_to(f"/dev/fd/{writer}")
    write_file(tmp_path / "stdout", "content", "hint")
    assert os.read(reader, 100) == b"content"
    assert (tmp_path / "stdout").is_symlink()
    os.close(reader)
    os.close(writer)


def test_a_file_that_is_named_by_an_absolute_path(tmp_path):
    """Links in it are followed, as /tmp is one on macOS, and its folder may be anybody's."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_file(tmp_path / "link" / "report.xml", "x", "hint")
    assert (tmp_path / "real" / "report.xml").read_text() == "x"


def test_a_file_with_a_secret_is_never_readable_by_others(tmp_path, monkeypatch):
    """It has its mode before it has its content."""
    modes = []
    fchmod = os.fchmod

    def kept(descriptor, mode):
        modes.append(os.fstat(descriptor).st_mode & 0o777)
        fchmod(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", kept)
    with own_folder(tmp_path) as folder:
        folder.write("secret", "x", 0o600)
    assert modes == [0o600]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_an_error_names_the_whole_path(tmp_path):
    """Not the temporary name in its folder."""
    (tmp_path / "report.html").mkdir()
    with own_folder(tmp_path) as folder, pytest.raises(OSError, match="directory") as failed:
        folder.write("report.html", "x")
    assert failed.value.filename == str(tmp_path / "report.html")
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize("name", ["fifo", "folder"])
def test_only_files_are_read(tmp_path, name):
    """A pipe in place of a report must not block labctl."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with own_folder(tmp_path) as folder, pytest.raises(OSError, match=r"is not a file|directory"):
        folder.read(name, 10)


@pytest.mark.parametrize("place", [".labctl", ".labctl/homework", ".labctl/homework/broker"])
def test_a_folder_that_others_can_write_to_is_refused(private_folder, place):
    """Another user could put a file there, or a link, at any moment."""
    Path(place).mkdir(parents=True)
    Path(place).chmod(0o777)
    with pytest.raises(HostError, match="everybody can write to"):
        write_files({"broker/server.properties": "x"}, Path(".labctl/homework"), "hint")


@only_root
@pytest.mark.parametrize("place", [".labctl", ".labctl/homework", ".labctl/homework/broker"])
def test_a_folder_of_another_user_is_refused(private_folder, place):
    """It was there before labctl: made by another user in a folder that everybody can write to."""
    Path(place).mkdir(parents=True)
    os.chown(place, OTHER_USER, OTHER_USER)
    with pytest.raises(HostError, match=f"belongs to uid {OTHER_USER}"):
        write_files({"broker/server.properties": "x"}, Path(".labctl/homework"), "hint")


def test_nobody_else_can_write_to_what_is_created(private_folder):
    """Also with a umask of 000."""
    before = os.umask(0)
    try:
        write_files({"broker/server.properties": "x"}, Path(".labctl/homework"), "hint")
        report.write(RUN, Path(".labctl/homework"))
    finally:
        os.umask(before)
    assert not [path for path in Path(".labctl").rglob("*") if path.stat().st_mode & 0o022]


@pytest.mark.parametrize("variable", ["XDG_STATE_HOME", "XDG_CACHE_HOME"])
def test_state_and_cache_are_folders_of_this_user_alone(tmp_path, monkeypatch, variable):
    """They are created so, with a umask of 000 too; one that others can write to is refused."""
    monkeypatch.setenv(variable, str(tmp_path / "a" / "b"))
    used = {"XDG_STATE_HOME": lambda: LabStore().root, "XDG_CACHE_HOME": cache_root}[variable]
    before = os.umask(0)
    try:
        used()
    finally:
        os.umask(before)
    created = [path for path in (tmp_path / "a").rglob("*") if path.is_dir()]
    assert len(created) >= 3
    assert {path.stat().st_mode & 0o777 for path in created} == {0o700}
    (tmp_path / "a" / "b" / "labctl").chmod(0o777)
    with pytest.raises(HostError, match="folder can't be used: everybody can write to") as refused:
        used()
    assert "XDG_" in refused.value.hint


def test_compiled_templates_that_others_could_have_written_are_not_run(tmp_path, monkeypatch):
    """Jinja's cache is code of Python."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert TemplateCache.of_user()._usable
    (tmp_path / "labctl" / "templates").chmod(0o777)
    assert not TemplateCache.of_user()._usable
