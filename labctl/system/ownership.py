"""Who else can change a file: its owner and mode, and those of the folders above it, as ssh examines its own files."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

from labctl.errors import SpecError

REMEDY = (
    "labctl accepts a file that only you can change, as ssh does: chown and chmod it, or copy it to a folder of yours; "
    "--trust accepts it as it is"
)
# file systems of other systems, which show the same mode for every file: Windows drives in WSL, USB sticks, shares
WITHOUT_MODES = {"9p", "cifs", "drvfs", "exfat", "fuseblk", "msdos", "ntfs", "ntfs3", "smb3", "vboxsf", "vfat"}


def require_own(path: Path) -> None:
    """Raise SpecError where somebody else than this user and root can change the file at `path`, or replace it."""
    who = other_writer(path)
    if who:
        raise SpecError([f"{path}: {who}"], REMEDY)


def other_writer(path: Path) -> str:
    """Return who else than this user and root can change the file at `path`, or replace it; "" where nobody can.

    A file that does not exist can't be changed.
    """
    if not path.exists():
        return ""
    places = dict.fromkeys(_chain(Path(os.path.abspath(path))) + _chain(path.resolve()))  # noqa: PTH100 - keeps links
    return next(filter(None, map(_other_writer, places)), "")


def _chain(path: Path) -> list[Path]:
    return [path, *path.parents]


def _other_writer(path: Path) -> str:
    found = path.lstat()
    if found.st_uid not in _own_ids():
        return f"{path} belongs to {_user_name(found.st_uid)}, and you are {_user_name(os.geteuid())}"
    if stat.S_ISLNK(found.st_mode):
        return ""
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX  # what is in it can't be replaced by others
    if sticky or not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or _keeps_no_modes(found.st_dev):
        return ""
    if found.st_mode & stat.S_IWOTH:
        return f"everybody can write to {path}"
    return "" if _is_private_group(found.st_gid) else f"the group {_group_name(found.st_gid)} can write to {path}"


def _own_ids() -> Iterable[int]:
    """This user and root; with sudo the user who called it too."""
    own = {0, os.geteuid()}
    if os.geteuid() == 0:
        with contextlib.suppress(KeyError, ValueError):
            own.add(int(os.environ["SUDO_UID"]))
    return own


def _is_private_group(group: int) -> bool:
    """Whether only this user and root are in it: Debian and others give each user a group of the same name."""
    if group == 0:
        return True
    with contextlib.suppress(KeyError):
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
        return found.gr_gid == user.pw_gid and found.gr_name == user.pw_name and set(found.gr_mem) <= {user.pw_name}
    return False


def _keeps_no_modes(device: int) -> bool:
    """Whether the file system on `device` has no modes of its own (proc_pid_mountinfo(5))."""
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
