"""Kafka's jars from a Maven repository: downloaded in parallel, resumed, verified, put in place by one rename."""

from __future__ import annotations

import os
import shutil
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.errors import HostError, unwritable
from labctl.runtime.jvm.checksums import mismatched, sha256
from labctl.system.parallel import run_all
from labctl.system.waiting import NotReady, retry
from labctl.version_lock import Jar, VersionLock

if TYPE_CHECKING:
    from requests import RequestException, Response, Session
    from urllib3.exceptions import HTTPError

WORKERS = 8
CONNECT_SECONDS = 10  # TCP repeats a lost SYN after 1, 3 and 7 s (RFC 6298)
STALL_SECONDS = 60  # without a byte
SLOWEST = 1000  # bytes a second, in the whole of one attempt
ATTEMPTS = 4  # for one jar
MIRROR = "LABCTL_MAVEN_URL"
WRONG_DOWNLOAD = "wrong-download"

# every jar gets this modification time, so that a jar that was downloaded again fits the AOT caches made with the first
JAR_TIME = 1_577_836_800  # 2020-01-01

Progress = Callable[[int, int], None]  # bytes done, bytes in all


class _Stopped(Exception):
    pass


def corrupt_jars(lock: VersionLock, folder: Path, checksum_cache: Path | None = None) -> list[Jar]:
    """Return the jars of `lock` that are missing from `folder` or have another sha256 (see `mismatched`)."""
    wrong = mismatched({folder / jar.file_name: jar.sha256 for jar in lock.jars}, checksum_cache)
    return [jar for jar in lock.jars if folder / jar.file_name in wrong]


def fetch(jars: Iterable[Jar], folder: Path, *, progress: Progress) -> None:
    """Download `jars` into `folder`, or copy them from ~/.m2 where it has them. Raises HostError."""
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
        raise unwritable(folder, error, "fix it, or name another cache in XDG_CACHE_HOME") from None
    base = repository_url()
    with _session() as session:
        try:
            run_all([partial(_fetch_one, session, base, jar, folder, count) for jar in wanted], WORKERS)
        finally:
            stop.set()


def repository_url() -> str:
    """Return the URL of Maven Central, which jgo has, or of the mirror named in LABCTL_MAVEN_URL."""
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
    local = Path.home() / ".m2" / "repository" / jar.repository_path
    try:
        if sha256(local) == jar.sha256:
            shutil.copyfile(local, part)
            count(jar.bytes)
        else:
            _download(session, f"{base}/{jar.repository_path}", jar, part, count)
        os.utime(part, (JAR_TIME, JAR_TIME))
        part.replace(target)
    except OSError as error:
        raise unwritable(part, error, "free some space, or set XDG_CACHE_HOME") from None


def _download(session: Session, url: str, jar: Jar, part: Path, count: Callable[[int], None]) -> None:
    import requests
    from urllib3.exceptions import HTTPError

    counted = 0

    def attempt() -> None:
        nonlocal counted
        present = part.stat().st_size if part.exists() else 0
        if present >= jar.bytes:
            present = 0
        # packed content is not asked for: unpacked, it could be of any size
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={present}-"} if present else {})
        deadline = time.monotonic() + STALL_SECONDS + jar.bytes / SLOWEST
        try:
            with session.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, STALL_SECONDS)) as response:
                _require_success(response.status_code, response.reason, jar)
                resumed = response.status_code == 206
                with part.open("ab" if resumed else "wb") as file:
                    if resumed and not counted:
                        count(present)
                        counted = present
                    for chunk in _bounded(response, jar, jar.bytes - (present if resumed else 0), deadline):
                        file.write(chunk)
                        count(len(chunk))
                        counted += len(chunk)
        except (requests.RequestException, HTTPError) as error:
            raise NotReady(_reason(error)) from error

    try:
        retry(attempt, attempts=ATTEMPTS)
    except NotReady as last:
        raise HostError(
            f"{jar.file_name} can't be downloaded: {last}",
            f"check the network; behind a proxy set HTTPS_PROXY, for a mirror {MIRROR}; KAFKA_HOME needs no download",
            "no-download",
        ) from None
    except HostError as error:
        if error.fault == WRONG_DOWNLOAD:
            part.unlink()
        raise
    found = sha256(part) or ""
    if found != jar.sha256:
        part.unlink()
        raise _wrong_content(jar, f"sha256 {found[:16]}…, its version lock file has {jar.sha256[:16]}…")


def _bounded(response: Response, jar: Jar, size: int, deadline: float) -> Iterator[bytes]:
    """Yield the content of a response as it was sent, of `size` bytes at most, until `deadline` (time.monotonic).

    Raises HostError where more comes: a repository must not fill the disk. Raises NotReady where it is too slow.
    """
    for chunk in response.raw.stream(1 << 16, decode_content=False):
        size -= len(chunk)
        if size < 0:
            raise _wrong_content(jar, f"more than the {jar.bytes} bytes in its version lock file")
        if time.monotonic() > deadline:
            raise NotReady(f"slower than {SLOWEST} bytes a second")
        yield chunk


def _wrong_content(jar: Jar, why: str) -> HostError:
    return HostError(
        f"{jar.file_name} has wrong content: {why}",
        f"try again; if it happens again, the repository (or {MIRROR}) serves something else than Kafka's jar",
        WRONG_DOWNLOAD,
    )


def _require_success(code: int, reason: str, jar: Jar) -> None:
    if code in {429, 502, 503, 504}:
        raise NotReady(f"{code} {reason}")
    if code not in {200, 206}:
        raise HostError(
            f"{jar.file_name} can't be downloaded: {code} {reason} for {jar.coordinates}",
            f"name a Maven repository that has it in {MIRROR}, or an unpacked Kafka in KAFKA_HOME",
            "no-download",
        )


def _reason(error: RequestException | HTTPError) -> str:
    """Why a request failed, by the types of the exceptions behind it."""
    from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, ReadTimeoutError

    reasons: tuple[tuple[type[BaseException], str], ...] = (
        (NameResolutionError, "the host's name can't be resolved"),
        (ConnectionRefusedError, "connection refused"),
        (ssl.SSLCertVerificationError, "its certificate can't be verified"),
        (ReadTimeoutError, f"no byte for {STALL_SECONDS} s"),
        (ConnectTimeoutError, f"no connection after {CONNECT_SECONDS} s"),
    )
    causes = _causes(error)
    for kind, reason in reasons:
        if any(isinstance(cause, kind) for cause in causes):
            return reason
    system = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), "")
    return system or str(error)


def _causes(error: BaseException) -> list[BaseException]:
    """The exception and those behind it: requests and urllib3 wrap them as arguments, reasons, causes and contexts."""
    found = [error]
    for exception in found:
        behind = [*exception.args, getattr(exception, "reason", None), exception.__cause__, exception.__context__]
        found += [cause for cause in behind if isinstance(cause, BaseException) and cause not in found]
    return found
