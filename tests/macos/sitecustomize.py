"""The facts of macOS on Linux, as far as labctl could notice: for a Python with this folder on PYTHONPATH.

There are no loopback addresses but 127.0.0.1, no /proc, and only root is shown the connections of all processes. psutil
keeps what it has on Linux: it is another library on macOS.
"""

import builtins
import errno
import io
import ipaddress
import os
import platform
import socket
import sys
import sysconfig
import urllib.request  # noqa: F401

import psutil  # it, urllib and others choose their modules by sys.platform, when they are imported

sysconfig.get_config_vars()  # reads a module whose name has the platform
sys.platform = "darwin"
platform.system = lambda: "Darwin"


def _hides_proc(function):
    def without_proc(path, *arguments, **options):
        hidden = isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith("/proc/")
        callers = (sys._getframe(1), sys._getframe(1).f_back)  # psutil, or os.path for it
        if hidden and not any(frame and "psutil" in frame.f_code.co_filename for frame in callers):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return function(path, *arguments, **options)

    return without_proc


builtins.open = io.open = _hides_proc(io.open)
for _name in ("listdir", "open", "readlink", "scandir", "stat"):
    setattr(os, _name, _hides_proc(getattr(os, _name)))


class _Socket(socket.socket):
    def bind(self, address):
        host = address[0] if self.family == socket.AF_INET else ""
        if host.startswith("127.") and host != "127.0.0.1" and ipaddress.ip_address(host).is_loopback:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        return super().bind(address)


socket.socket = _Socket


def _for_root(kind="inet"):
    raise psutil.AccessDenied


psutil.net_connections = _for_root
