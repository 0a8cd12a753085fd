"""SELinux, as far as labctl could notice: for a Python with this folder on PYTHONPATH."""

import os

_stat = os.stat


def _with_selinux(path, *arguments, **options):
    selinux = isinstance(path, (str, os.PathLike)) and os.fspath(path) == "/sys/fs/selinux/enforce"
    return _stat("/dev/null" if selinux else path, *arguments, **options)


os.stat = _with_selinux
