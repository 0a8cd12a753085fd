"""What a test needs to cause a known fault: labctl, and cleanup afterwards."""

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from labctl.spec.model import default_spec
from tests.integration.docker_command import docker
from tests.integration.labs import compose_lab
from tests.integration.polling import wait_for

CGROUPS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))  # version 1, and 2
AUTO = "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\n"


class Kit:
    """Helpers to cause a fault: labctl in its own folder, and a stack of cleanups."""

    def __init__(self, labctl, tmp_path, stack, derived=None, engine=None):
        self.labctl, self.tmp_path, self.stack, self.derived, self._engine = labctl, tmp_path, stack, derived, engine

    def own_engine(self):
        """Return the separate engine of the tests, which labctl uses from here on."""
        engine = self._engine()
        self.labctl.env["DOCKER_HOST"], self.labctl.around = engine.host, engine.around
        self.stack.callback(lambda: self.labctl.run("down", "--all", check=True))
        return engine

    def up(self, *arguments, text=AUTO, env=None, around=()):
        """Run an `up` that fails and return its JSON document."""
        self.labctl.spec(text)
        done = self.labctl.run("up", "--json", *arguments, env=env, around=around)
        assert done.returncode in {1, 3, 4}, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stderr.splitlines()[-1].startswith("  logs and details: "), done.stderr
        return json.loads(done.stdout)

    def stopped(self, text=AUTO):
        """Start a lab, stop it, and return the data folder of its first node."""
        self.labctl.spec(text)
        self.labctl.run("up", check=True)
        self.labctl.run("stop", check=True)
        return next(self.labctl.state.glob("labs/*/nodes/broker*/data"))

    def while_starting(self, act, *arguments, text=AUTO):
        """Call `act(pid)` as soon as the first node of an `up` runs, and return the JSON document."""
        self.labctl.spec(text)
        up = self.labctl.start("up", "--json", *arguments)
        pids = wait_for(lambda: list(self.labctl.state.glob("labs/*/nodes/broker*/pid.json")))
        act(json.loads(pids[0].read_text())["pid"])
        return self.document(up, 3, 4)

    def start(self, text, until):
        """Start an `up` and return it once it has printed the line `until`."""
        self.labctl.spec(text)
        up = self.labctl.start("up", "--json")
        assert any(until in line for line in up.stderr), until
        return up

    def document(self, up, *codes):
        """Wait until `up` ends with one of the exit codes, and return its JSON document."""
        out, err = up.communicate(timeout=100)
        assert up.returncode in codes, err
        return json.loads(out)

    def while_container_starts(self, name, *command, expect=(4,)):
        """Run a docker command on the container of an `up` as soon as it runs, and return the JSON document."""
        self.labctl.spec(compose_lab(name))
        arguments = ("--timeout", "5") if "pause" in command else ()
        up = self.labctl.start("up", "--json", *arguments)
        wait_for(lambda: docker("ps", "--quiet", "--filter", f"name={name}-broker", "--filter", "status=running"))
        docker(*command, f"{name}-broker")
        return self.document(up, *expect)

    def small_disk(self, mebibytes):
        """Return a folder on its own small disk."""
        folder = self.tmp_path / "small"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("this user may not mount a small disk")
        self.stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
        return folder

    @staticmethod
    def fill(path):
        """Write until the disk is full."""
        with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))

    def serve(self, respond):
        """Start an HTTP server and return its port. `respond(path)` returns status, headers and body."""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, headers, body = respond(self.path)
                self.send_response(status)
                for key, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command != "HEAD":
                    with contextlib.suppress(OSError):
                        self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815 - the name that http.server requires

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.stack.callback(server.server_close)
        self.stack.callback(server.shutdown)
        return server.server_port

    def take_port(self, address, port=0):
        """Listen on the address until the test ends, and return the port."""
        other = self.stack.enter_context(socket.socket())
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((address, port))
        other.listen()
        return other.getsockname()[1]

    def few_processes(self, most):
        """Return a command that runs another one in a cgroup which may have so many processes and threads."""
        hierarchy = next((path for path in CGROUPS if (path / "cgroup.procs").exists()), None)
        if os.getuid() != 0 or hierarchy is None:
            pytest.skip("only root can limit the processes of a cgroup")
        group = hierarchy / f"labctl-test-{os.getpid()}"
        group.mkdir()
        self.stack.callback(group.rmdir)
        self.stack.callback(lambda: self.labctl.run("down", "--all", check=True))
        (group / "pids.max").write_text(str(most))
        return ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh"]

    def own_cache(self, *, filled):
        """Return an environment with its own cache: empty, or a copy of the real one."""
        cache = self.tmp_path / "cache"
        if filled:
            source = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labctl"
            shutil.copytree(source, cache / "labctl", copy_function=shutil.copy2)
        home = self.tmp_path / "home"
        home.mkdir()
        return {"XDG_CACHE_HOME": str(cache), "HOME": str(home)}


def flip_a_byte(env):
    """Flip one bit of a cached jar, keep its times, and return its name."""
    jar = next(Path(env["XDG_CACHE_HOME"]).glob(f"labctl/kafka/*/jars/kafka_2.13-{default_spec().kafka.version}.jar"))
    status = jar.stat()
    data = bytearray(jar.read_bytes())
    data[len(data) // 2] ^= 1
    jar.write_bytes(data)
    os.utime(jar, ns=(status.st_atime_ns, status.st_mtime_ns))
    return jar.name
