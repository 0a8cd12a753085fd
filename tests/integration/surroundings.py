"""Bad surroundings of a command, as shell lines; LABCTL stands for the command."""

EXIT_CODES = {0, 1, 2, 3, 4, 127, 141}
_LATIN = "$'caf\\xe9'"
_ODD = "$'new\\nline \u0434\u043e\u043c'"
SURROUNDINGS = {
    "the current folder was removed": "mkdir gone; cd gone; rmdir ../gone; LABCTL",
    "stdout is closed": "LABCTL >&-",
    "stdout is full": "LABCTL >/dev/full",
    "stderr is closed": "LABCTL 2>&-",
    "stderr is full": "LABCTL 2>/dev/full",
    "stdin is closed": "LABCTL <&-",
    "all are closed": "LABCTL <&- >&- 2>&-",
    "nobody reads stdout": "set -o pipefail; LABCTL | true",
    "nobody reads stderr": "set -o pipefail; LABCTL 2>&1 >/dev/null | true",
    "lab.yaml is a pipe": "mkdir made-pipe; cd made-pipe; mkfifo lab.yaml; LABCTL",
    "lab.yaml is a device": "mkdir made-device; cd made-device; ln -s /dev/zero lab.yaml; LABCTL",
    "lab.yaml is a folder": "mkdir made-folder; cd made-folder; mkdir lab.yaml; LABCTL",
    "the state folder is a file": "touch file; XDG_STATE_HOME=$PWD/file LABCTL",
    "the state folder is in /proc": "XDG_STATE_HOME=/proc/labctl LABCTL",
    "there is no locale": "env -u LANG LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 LABCTL",
    "the output is not UTF-8": "PYTHONIOENCODING=latin-1 LABCTL",
    "the locale is not installed": "env LC_ALL=xx_XX.UTF-8 PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 LABCTL",
    "there is no home": "env -u HOME -u XDG_STATE_HOME XDG_STATE_HOME=$PWD/state LABCTL",
    "few open files": "ulimit -n 24; LABCTL",
    "no file can grow": "trap '' XFSZ; ulimit -f 0; LABCTL",
    "there is no temporary folder": "TMPDIR=/nonexistent LABCTL",
    "nothing is on PATH": "PATH=/nonexistent LABCTL",
    "the umask forbids everything": "umask 777; LABCTL",
    "the terminal is unknown and narrow": "TERM=nothing COLUMNS=1 LINES=0 LABCTL",
    "the folder's name is not UTF-8": f"mkdir {_LATIN}; cd {_LATIN}; LABCTL",
    "the state folder's name is not UTF-8": f"XDG_STATE_HOME=$PWD/{_LATIN} LABCTL",
    "a new line and letters in the folder": f"mkdir {_ODD}; cd {_ODD}; LABCTL",
}


def fault_of(exit_code: int, output: str) -> str:
    """Return what is wrong with how a command ended, "" for nothing."""
    if exit_code not in EXIT_CODES:
        return f"exit code {exit_code}"
    return next((word for word in ("Traceback", "a defect in labctl") if word in output), "")
