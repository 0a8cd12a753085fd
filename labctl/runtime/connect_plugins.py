"""The plugins of Kafka Connect: from a Maven repository or this machine into the lab's own folder."""

from __future__ import annotations

import hashlib
import shutil
from functools import partial
from pathlib import Path

from labctl.errors import HostError
from labctl.plan.model import LabPlan
from labctl.runtime.base import Progress
from labctl.runtime.jvm.cache import cache_root
from labctl.runtime.jvm.download import find_archive
from labctl.runtime.jvm.unpacked import ensure_unpacked
from labctl.spec.formats import MAVEN
from labctl.system.files import file_errors

KINDS = (("plugin", "tar.gz"), ("plugin", "zip"), ("", "tar.gz"), ("", "zip"), ("", "jar"))  # (classifier, extension)
REMEDY = "free some space or fix the folder, or name another state folder in XDG_STATE_HOME"
DIGITS = 8  # of a checksum, in the name of a plugin's folder


def place_plugins(plan: LabPlan, progress: Progress) -> None:
    """Put the plugins of the lab's Kafka Connect, which does not run, into its folder, each in a folder of its own.

    A plugin of this machine is copied again where it has changed; one that is not there any more is kept. Raises
    HostError where a plugin does not exist, can't be downloaded, or a file can't be written.
    """
    service = plan.service("connect")
    if service is None:
        return
    target = Path(plan.state) / service.name / "plugins"
    with file_errors(target, REMEDY):
        target.mkdir(parents=True, exist_ok=True)
        wanted = [_place(plugin, target, progress) for plugin in service.plugins]
        for old in target.iterdir():
            if old.name not in wanted:
                _remove(old)


def _place(plugin: str, target: Path, progress: Progress) -> str:
    """Put a plugin into the folder `target`, unless it is there, and return the name of its own folder."""
    stem = f"{_short(plugin)}-{_digest(plugin)}"
    if plugin.startswith(MAVEN):
        if not (target / stem).exists():
            coordinates = plugin.removeprefix(MAVEN)
            source = ensure_unpacked(
                partial(find_archive, coordinates, KINDS), cache_root() / f"plugin-{stem}", progress
            )
            _copy(source, target / stem)
        return stem
    source, placed = Path(plugin), sorted(path.name for path in target.glob(f"{stem}-*"))
    if not source.exists() and placed:
        return placed[-1]
    jars = [source] if source.is_file() else sorted(source.rglob("*.jar")) if source.is_dir() else []
    if not jars:
        raise HostError(
            f"services.connect.plugins: {plugin} is not there, or has no jar",
            "name a folder with the jars of a plugin, or a jar; or maven:GROUP:ARTIFACT:VERSION",
        )
    stats = [(str(jar), jar.stat().st_size, jar.stat().st_mtime_ns) for jar in jars]
    name = f"{stem}-{_digest(str(stats))}"
    if not (target / name).exists():
        _copy(source, target / name)
    return name


def _short(plugin: str) -> str:
    """What a person recognizes a plugin by."""
    return plugin.removeprefix(MAVEN).replace(":", "-") if plugin.startswith(MAVEN) else Path(plugin).stem


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def _copy(source: Path, target: Path) -> None:
    """Copy a folder or a jar into the folder `target`, in one rename. Everybody may read it: a container's user too."""
    unfinished = target.with_name(f".{target.name}")
    _remove(unfinished)
    try:
        if source.is_dir():
            shutil.copytree(source, unfinished, ignore_dangling_symlinks=True)
        else:
            unfinished.mkdir()
            shutil.copy2(source, unfinished)
    except shutil.Error as error:  # it has a list in place of an errno
        raise HostError(f"the plugin {source} can't be copied: {error.args[0][0][-1]}", "fix the file") from None
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    unfinished.replace(target)


def _remove(path: Path) -> None:
    """Remove a folder or a file, which need not exist."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
