"""Kafka's jars from a Maven repository: downloaded in parallel, resumed, verified, put in place by one rename."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.errors import HostError, unwritable
from labctl.runtime.jvm.checksums import checksum, mismatched
from labctl.system.parallel import run_all
from labctl.system.waiting import NotReady, retry
from labctl.version_lock import Jar

if TYPE_CHECKING:
    from requests import RequestException, Response, Session
    from urllib3.exceptions import HTTPError

WORKERS = 8
CONNECT_SECONDS = 10  # TCP repeats a lost SYN after 1, 3 and 7 s (RFC 6298)
STALL_SECONDS = 60  # without a byte
SLOWEST = 1000  # bytes a second, in the whole of one attempt
ATTEMPTS = 4  # for one jar
ABSENT = {404, 410}  # HTTP status of what a repository does not have
BUSY = {429, 502, 503, 504}  # HTTP status of a server that may respond later
LARGEST_ARCHIVE = 2**30  # bytes
ALGORITHMS = {"sha256": 64, "sha1": 40}  # of published checksums, and the length of each; each file has the second
CHECK_NETWORK = "check the network; behind a proxy set HTTPS_PROXY"
OTHER_REPOSITORY = "check the coordinates, GROUP:ARTIFACT:VERSION; LABCTL_MAVEN_URL names another repository"
MIRROR = "LABCTL_MAVEN_URL"
WRONG_DOWNLOAD = "wrong-download"

# every jar gets this modification time, so that a jar that was downloaded again fits the AOT caches made with the first
JAR_TIME = 1_577_836_800  # 2020-01-01

Progress = Callable[[int, int], None]  # bytes done, bytes in all


class _Stopped(Exception):
    pass


def corrupt_jars(jars: Sequence[Jar], folder: Path, checksum_cache: Path | None = None) -> list[Jar]:
    """Return those of `jars` that are missing from `folder` or have another sha256 (see `mismatched`)."""
    wrong = mismatched({folder / jar.file_name: jar.digest for jar in jars}, checksum_cache)
    return [jar for jar in jars if folder / jar.file_name in wrong]


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


def find_archive(coordinates: str, kinds: Iterable[tuple[str, str]]) -> Jar:
    """Return the first file of `coordinates` that the repository has, with its size and its published checksum.

    `kinds` are (classifier, extension). Raises HostError where it has none, or can't be reached.
    """
    base = repository_url()
    with _session() as session:
        for classifier, extension in kinds:
            file = Jar(coordinates, 0, "", classifier, extension)
            size = _size(session, f"{base}/{file.repository_path}")
            if size is None:
                continue
            if size > LARGEST_ARCHIVE:
                raise HostError(f"{file.file_name} has {size:,} bytes: too much for a plugin", OTHER_REPOSITORY)
            for algorithm, length in ALGORITHMS.items():
                digest = _text(session, f"{base}/{file.repository_path}.{algorithm}")[:length].lower()
                if re.fullmatch(f"[0-9a-f]{{{length}}}", digest):
                    return replace(file, bytes=size, digest=digest, algorithm=algorithm)
            raise HostError(f"the repository has no checksum of {file.file_name}", OTHER_REPOSITORY, "no-download")
    raise HostError(f"the repository has no plugin {coordinates}", OTHER_REPOSITORY, "no-download")


def _size(session: Session, url: str) -> int | None:
    """The size of a file of the repository in bytes, LARGEST_ARCHIVE where it does not say; None where it has none."""
    import requests

    def attempt() -> int | None:
        try:
            response = session.head(url, timeout=(CONNECT_SECONDS, STALL_SECONDS), allow_redirects=True)
        except requests.RequestException as error:
            raise NotReady(_reason(error)) from error
        _require_answer(response)
        length = response.headers.get("Content-Length", "")
        return None if not response.ok else int(length) if length.isdigit() else LARGEST_ARCHIVE

    try:
        return retry(attempt, attempts=ATTEMPTS)
    except NotReady as last:
        raise HostError(f"{url.rpartition('/')[2]} can't be found: {last}", CHECK_NETWORK, "no-download") from None


def _text(session: Session, url: str) -> str:
    """The text of a small file of the repository; "" where it has none."""
    import requests

    def attempt() -> str:
        try:
            response = session.get(url, timeout=(CONNECT_SECONDS, STALL_SECONDS))
        except requests.RequestException as error:
            raise NotReady(_reason(error)) from error
        _require_answer(response)
        return str(response.text.strip()) if response.ok else ""

    try:
        return retry(attempt, attempts=ATTEMPTS)
    except NotReady as last:
        raise HostError(f"{url.rpartition('/')[2]} can't be downloaded: {last}", CHECK_NETWORK, "no-download") from None


def _require_answer(response: Response) -> None:
    """Raise NotReady where a repository does not say whether it has a file: only 404 and 410 mean that it has not."""
    if not response.ok and response.status_code not in ABSENT:
        raise NotReady(f"{response.status_code} {response.reason}")


def _fetch_one(session: Session, base: str, jar: Jar, folder: Path, count: Callable[[int], None]) -> None:
    target = folder / jar.file_name
    if checksum(target, jar.algorithm) == jar.digest:
        count(jar.bytes)
        return
    part = target.with_suffix(".part")
    local = Path.home() / ".m2" / "repository" / jar.repository_path
    try:
        if checksum(local, jar.algorithm) == jar.digest:
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
            f"{CHECK_NETWORK}, for a mirror {MIRROR}{_without_download(jar)}",
            "no-download",
        ) from None
    except HostError as error:
        if error.fault == WRONG_DOWNLOAD:
            part.unlink()
        raise
    found = checksum(part, jar.algorithm) or ""
    if found != jar.digest:
        part.unlink()
        raise _wrong_content(jar, f"{jar.algorithm} {found[:16]}…, and should have {jar.digest[:16]}…")


def _bounded(response: Response, jar: Jar, size: int, deadline: float) -> Iterator[bytes]:
    """Yield the content of a response as it was sent, of `size` bytes at most, until `deadline` (time.monotonic).

    Raises HostError where more comes: a repository must not fill the disk. Raises NotReady where it is too slow.
    """
    for chunk in response.raw.stream(1 << 16, decode_content=False):
        size -= len(chunk)
        if size < 0:
            raise _wrong_content(jar, f"more than its {jar.bytes} bytes")
        if time.monotonic() > deadline:
            raise NotReady(f"slower than {SLOWEST} bytes a second")
        yield chunk


def _wrong_content(jar: Jar, why: str) -> HostError:
    return HostError(
        f"{jar.file_name} has wrong content: {why}",
        f"try again; if it happens again, the repository (or {MIRROR}) serves something else",
        WRONG_DOWNLOAD,
    )


def _require_success(code: int, reason: str, jar: Jar) -> None:
    if code in BUSY:
        raise NotReady(f"{code} {reason}")
    if code not in {200, 206}:
        raise HostError(
            f"{jar.file_name} can't be downloaded: {code} {reason} for {jar.coordinates}",
            f"name a Maven repository that has it in {MIRROR}{_without_download(jar)}",
            "no-download",
        )


def _without_download(jar: Jar) -> str:
    """What needs no download, in a remedy: Kafka's own jars alone."""
    return "" if jar.classifier else "; an unpacked Kafka in KAFKA_HOME needs no download"


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
