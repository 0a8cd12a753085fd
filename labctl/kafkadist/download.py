"""Kafka's jars from a Maven repository: in parallel, resumed after a cut, checked, placed by one rename."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.errors import HostError, unwritable
from labctl.kafkadist.digest import altered, sha256
from labctl.kafkadist.locks import Jar, Lock
from labctl.parallel import run_all
from labctl.waiting import NotReady, few_times

if TYPE_CHECKING:
    from requests import Session

WORKERS = 8
CONNECT_SECONDS = 10
STALLED_SECONDS = 60  # without a byte
ATTEMPTS = 4  # for one jar
MIRROR = "LABCTL_MAVEN_URL"

# every jar gets this modification time, so that a jar that was downloaded again fits the AOT caches made with the first
JAR_TIME = 1_577_836_800  # 2020-01-01

Progress = Callable[[int, int], None]  # bytes done, bytes in all


class _Stopped(Exception):
    pass


def damaged(lock: Lock, folder: Path, noted: Path | None = None) -> list[Jar]:
    """The jars of `lock` that are missing from `folder` or have another content than the lock says (see `altered`)."""
    wrong = altered({folder / jar.file_name: jar.sha256 for jar in lock.jars}, noted)
    return [jar for jar in lock.jars if folder / jar.file_name in wrong]


def fetch(jars: Iterable[Jar], folder: Path, *, progress: Progress) -> None:
    """Bring `jars` into `folder`, from ~/.m2 where it has them. Raises HostError."""
    wanted = list(jars)
    total = sum(jar.bytes for jar in wanted)
    done = 0
    lock = threading.Lock()
    stop = threading.Event()

    def count(fresh: int) -> None:
        nonlocal done
        if stop.is_set():
            raise _Stopped
        with lock:
            done += fresh
            progress(done, total)

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error, "mend it, or name another cache in XDG_CACHE_HOME") from None
    base = repository_url()
    with _session() as session:
        try:
            run_all([partial(_fetch_one, session, base, jar, folder, count) for jar in wanted], WORKERS)
        finally:
            stop.set()


def repository_url() -> str:
    """Maven Central as jgo knows it, or the mirror named in LABCTL_MAVEN_URL."""
    mirror = os.environ.get(MIRROR)
    if mirror:
        return mirror.rstrip("/")
    from jgo.constants import MAVEN_CENTRAL_URL

    return str(MAVEN_CENTRAL_URL).rstrip("/")


def _session() -> Session:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=WORKERS)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _fetch_one(session: Session, base: str, jar: Jar, folder: Path, count: Callable[[int], None]) -> None:
    target = folder / jar.file_name
    if sha256(target) == jar.sha256:
        count(jar.bytes)
        return
    part = target.with_suffix(".part")
    own = Path.home() / ".m2" / "repository" / jar.repository_path
    try:
        if sha256(own) == jar.sha256:
            shutil.copyfile(own, part)
            count(jar.bytes)
        else:
            _download(session, f"{base}/{jar.repository_path}", jar, part, count)
        os.utime(part, (JAR_TIME, JAR_TIME))
        part.replace(target)
    except OSError as error:
        raise unwritable(part, error, "free some space, or set XDG_CACHE_HOME") from None


def _download(session: Session, url: str, jar: Jar, part: Path, count: Callable[[int], None]) -> None:
    import requests

    counted = 0

    def attempt() -> None:
        nonlocal counted
        have = part.stat().st_size if part.exists() else 0
        if have >= jar.bytes:
            have = 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            with session.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, STALLED_SECONDS)) as answer:
                _refuse_status(answer.status_code, answer.reason, jar)
                resumed = answer.status_code == 206
                with part.open("ab" if resumed else "wb") as file:
                    if resumed and not counted:
                        count(have)
                        counted = have
                    for chunk in answer.iter_content(1 << 16):
                        file.write(chunk)
                        count(len(chunk))
                        counted += len(chunk)
        except requests.RequestException as error:
            raise NotReady(_reason(error)) from error

    try:
        few_times(attempt, attempts=ATTEMPTS)
    except NotReady as last:
        raise HostError(
            f"{jar.file_name} can't be downloaded: {last}",
            f"check the network; behind a proxy set HTTPS_PROXY, for a mirror {MIRROR}; KAFKA_HOME needs no download",
            "no-download",
        ) from None
    found = sha256(part) or ""
    if found != jar.sha256:
        part.unlink()
        raise HostError(
            f"{jar.file_name} came with another content: sha256 {found[:16]}…, the lock says {jar.sha256[:16]}…",
            f"try again; if it stays, the repository (or {MIRROR}) hands out something else than Kafka's jar",
            "wrong-download",
        )


def _refuse_status(code: int, reason: str, jar: Jar) -> None:
    if code in {429, 502, 503, 504}:
        raise NotReady(f"{code} {reason}")
    if code not in {200, 206}:
        raise HostError(
            f"{jar.file_name} can't be downloaded: {code} {reason} for {jar.coordinates}",
            f"name a Maven repository that has it in {MIRROR}, or an unpacked Kafka in KAFKA_HOME",
            "no-download",
        )


def _reason(error: Exception) -> str:
    text = str(error)
    for known, words in (
        ("NameResolutionError", "the host's name can't be resolved"),
        ("Connection refused", "connection refused"),
        ("Read timed out", f"no byte for {STALLED_SECONDS} s"),
        ("ConnectTimeoutError", f"no connection after {CONNECT_SECONDS} s"),
        ("Network is unreachable", "the network is unreachable"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate can't be verified"),
    ):
        if known in text:
            return words
    return text.split("(Caused by", maxsplit=1)[0].strip()
