"""timeout(1) for systems without it: `python command_timeout.py SECONDS COMMAND …`; exit code 124 after a timeout."""

import os
import signal
import subprocess
import sys


def main() -> int:
    """Run the command in a process group of its own, kill the group when the time is over, and return the exit code."""
    process = subprocess.Popen(sys.argv[2:], start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(process.pid, signal.SIGTERM))
    try:
        return process.wait(float(sys.argv[1]))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return 124


if __name__ == "__main__":
    sys.exit(main())
