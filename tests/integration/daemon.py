# SPDX-License-Identifier: Apache-2.0
"""Starts programs under test, and talks to them by curl. Used by the *_test.py beside it."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

PATIENCE_S = 20 * (5 if os.environ.get("PENSTOCK_SLOW") else 1)


class Daemon:
    """A Node program on a port that the system chooses, in a folder of its own. Others: say what they are not given,
    and the line that tells their address."""

    def __init__(self, program, *args, settings=None, listen="127.0.0.1:0", state=True,
                 listening=r"node: listening on=(\S+)"):
        self.sockets = []
        self.folder = tempfile.mkdtemp(prefix="penstock-test-")
        command = [program] if isinstance(program, str) else list(program)
        if settings is not None:
            path = os.path.join(self.folder, "node.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(settings)
            command += ["--config", path]
        if listen:
            command += ["--listen", listen]
        if state:
            command += ["--state", os.path.join(self.folder, "state")]
        command += args
        self.log_path = os.path.join(self.folder, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stderr=log, stdout=log)
        try:
            self.address = self._wait_for(listening)
        except AssertionError:
            self.__exit__()
            raise

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _wait_for(self, pattern):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if found := re.search(pattern, self.log()):
                return found.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"{pattern!r} did not come:\n{self.log()}")

    def wait_for(self, text):
        self._wait_for(f"({re.escape(text)})")

    def url(self, path):
        return f"http://{self.address}{path}"

    def curl(self, *args):
        """The last argument is the path."""
        return curl(*args[:-1], self.url(args[-1]))

    def connect(self):
        """A socket that is closed at the end."""
        out = socket.create_connection(tuple(self.address.split(":")), timeout=PATIENCE_S)
        self.sockets.append(out)
        return out

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(PATIENCE_S)

    def stop(self):
        self.signal()
        return self.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.sockets:
            each.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def curl(*args):
    """What curl prints; its failure fails the test."""
    done = subprocess.run(["curl", "-sS", "--max-time", str(PATIENCE_S), *args], capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"curl {args}: {done.returncode} {done.stderr.decode()}")
    return done.stdout.decode()


def run(*command, **options):
    """Exit code, standard output, standard error."""
    done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S, **options)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def main(module):
    """`x_test.py [the arguments that `module.use` takes]`."""
    import sys
    module.use(*sys.argv[1:])
    unittest.main(argv=sys.argv[:1], module=module, verbosity=2)
