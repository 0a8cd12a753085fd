"""Who else can change a file: its owner and mode, and those of the folders above it, as ssh examines its own files."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from functools import cache
from pathlib import Path

from labctl.errors import HostError, SpecError, unwritable

PRIVATE_MODE = 0o700
REMEDY = (
    "labctl accepts a file that only you can change, as ssh does: chown and chmod it, or copy it to a folder of yours; "
    "--trust accepts it as it is"
)
# file systems of other systems, which show the same mode for every file: Windows drives in WSL, USB sticks, shares
WITHOUT_MODES = {
    *("9p", "cifs", "drvfs", "exfat", "fakeowner", "fuse.grpcfuse", "fuse.prl_fsd", "fuse.vmhgfs-fuse", "fuseblk"),
    *("msdos", "ntfs", "ntfs3", "prl_fs", "smb3", "smbfs", "vboxsf", "vfat", "virtiofs"),
}
ALL_USERS = str(2**32 - 1)
UNMAPPED_USER = 65_534  # in a user namespace: the owner of all files whose owner it does not have (user_namespaces(7))


def require_own(path: Path) -> None:
    """Raise SpecError where somebody else than this user and root can change the file at `path`, or replace it."""
    who = other_writer(path)
    if who:
        raise SpecError([f"{path}: {who}"], REMEDY)


def other_writer(path: Path) -> str:
    """Return who else than this user and root can change the file at `path`, or replace it; "" where nobody can.

    A file that can't be examined can't be read either.
    """
    try:
        places = dict.fromkeys(_chain(Path(os.path.abspath(path))) + _chain(path.resolve(strict=True)))  # noqa: PTH100 - keeps links
        return next((who for place in places if (who := writer_of(place, place.lstat()))), "")
    except (OSError, RuntimeError):  # RuntimeError: links in a circle, before Python 3.13
        return ""


def make_private(folder: Path, what: str, hint: str) -> None:
    """Create a folder for this user alone, and those above it, where they don't exist; `what` it is for messages.

    Raises HostError with `hint` where it can't be created, belongs to somebody else, or others can write to it.
    """
    try:
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        for place in reversed(missing):
            place.mkdir(mode=PRIVATE_MODE, exist_ok=True)
        who = writer_of(folder, folder.stat()) or _other_owner(folder)
    except OSError as error:
        raise unwritable(f"{what} {folder}", error, hint) from None
    if who:
        raise HostError(f"{what} can't be used: {who}", hint)


def _chain(path: Path) -> list[Path]:
    return [path, *path.parents]


def _other_owner(folder: Path) -> str:
    """Who owns a folder above `folder` and could put another in its place; "" where nobody else does."""
    own = own_ids()
    for place in dict.fromkeys([*folder.absolute().parents, *folder.resolve().parents]):
        found = place.lstat()
        if found.st_uid not in own and not _keeps_no_modes(found.st_dev):
            return f"{place} belongs to {_user_name(found.st_uid)}, and you are {_user_name(os.geteuid())}"
    return ""


def writer_of(path: Path, found: os.stat_result) -> str:
    """Return who else can write to `path`, of which `found` is known; "" where only this user and root can."""
    who = ""
    if found.st_uid not in own_ids():
        who = f"{path} belongs to {_user_name(found.st_uid)}, and you are {_user_name(os.geteuid())}"
    elif stat.S_ISLNK(found.st_mode) or (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
        who = ""  # a link has no mode; in a sticky folder nobody can replace what others have
    elif found.st_mode & stat.S_IWOTH:
        who = f"everybody can write to {path}"
    elif found.st_mode & stat.S_IWGRP and not _is_private_group(found.st_gid):
        who = f"the group {_group_name(found.st_gid)} can write to {path}"
    return "" if who and _keeps_no_modes(found.st_dev) else who


def own_ids() -> set[int]:
    """Return the uids of this user and of root; with sudo that of the user who called it too."""
    own = {0, os.geteuid()}
    if os.geteuid() == 0:
        with contextlib.suppress(KeyError, ValueError):
            own.add(int(os.environ["SUDO_UID"]))
    return own | _unmapped_ids()


@cache
def _unmapped_ids() -> set[int]:
    """UNMAPPED_USER where this process is in a user namespace that does not have all users."""
    with contextlib.suppress(OSError):
        if Path("/proc/self/uid_map").read_text(encoding="ascii").split()[2:] != [ALL_USERS]:
            return {UNMAPPED_USER}
    return set()


def _is_private_group(group: int) -> bool:
    """Whether only this user is in it: Debian and others give each user a group of the same name."""
    if group == 0:
        return True
    for uid in own_ids():
        with contextlib.suppress(KeyError):
            user, found = pwd.getpwuid(uid), grp.getgrgid(group)
            if (user.pw_gid, user.pw_name) == (group, found.gr_name) and set(found.gr_mem) <= {user.pw_name}:
                return True
    return False


def _keeps_no_modes(device: int) -> bool:
    """Whether the file system on `device` has no owners and modes of its own (proc_pid_mountinfo(5))."""
    number = f"{os.major(device)}:{os.minor(device)}"
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            fields, _, about = line.partition(" - ")
            if fields.split()[2] == number:
                return about.split()[0] in WITHOUT_MODES
    return False


def _user_name(user: int) -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(user).pw_name
    return f"uid {user}"


def _group_name(group: int) -> str:
    with contextlib.suppress(KeyError):
        return grp.getgrgid(group).gr_name
    return f"gid {group}"
