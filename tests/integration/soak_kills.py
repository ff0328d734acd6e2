#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills nodes and senders in the middle of transfers. soak_kills.py PENSTOCK MINUTES [SEED]

What lies in received/ afterwards must be whole: its name is its hash, and a sender that said so must be right."""
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from daemon import Daemon

SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]


def hash_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(folder, promised):
    """Every file is what its name says; what a sender saw confirmed is there."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    for name in names:
        got = hash_of(os.path.join(folder, name))
        if got != name:
            raise AssertionError(f"{folder}/{name} holds {got}")
    missing = promised - set(names)
    if missing:
        raise AssertionError(f"confirmed, but not there: {missing}")


def one_round(penstock, chance, folder, counts):
    """One node, some senders, one kill."""
    promised = set()
    with Daemon([penstock, "node"]) as node:
        received = os.path.join(node.folder, "state", "received")
        senders = []
        for i in range(chance.randint(1, 4)):
            path = os.path.join(folder, f"file{i}")
            with open(path, "wb") as file:
                file.write(chance.randbytes(1024) * chance.randint(1, 60_000))
            command = [penstock, "send", path, "--to", node.address, "--state", os.path.join(folder, f"client{i}")]
            senders.append((subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE), hash_of(path)))
        time.sleep(chance.uniform(0, 0.15))
        victims_are_senders = chance.random() < 0.5
        if victims_are_senders:
            for process, _ in senders:
                if chance.random() < 0.7:
                    process.send_signal(chance.choice(SIGNALS))
        else:
            node.signal(chance.choice(SIGNALS))
        for process, sha256 in senders:
            said = process.communicate(timeout=60)[1].decode()
            if process.returncode == 0:
                promised.add(sha256)
                counts["confirmed"] += 1
            elif process.returncode > 0:
                counts["refused"] += 1
                if process.returncode == 1 and "error: " not in said:
                    raise AssertionError(f"failed without a word: {said!r}")
            else:
                counts["killed"] += 1
        if victims_are_senders:
            if node.stop() != 0:
                raise AssertionError("the node did not stop in order:\n" + node.log())
        else:
            node.wait()
        check(received, promised)


def main(penstock, minutes, seed=None):
    seed = int(seed) if seed else random.SystemRandom().getrandbits(32)
    chance = random.Random(seed)
    end = time.monotonic() + 60 * float(minutes)
    counts = {"rounds": 0, "confirmed": 0, "refused": 0, "killed": 0}
    try:
        while time.monotonic() < end:
            folder = tempfile.mkdtemp(prefix="penstock-soak-")
            try:
                one_round(os.path.abspath(penstock), chance, folder, counts)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            counts["rounds"] += 1
    except BaseException:
        print(f"error: seed {seed}, round {counts['rounds']}", file=sys.stderr)
        raise
    print(f"soak kills: {counts['rounds']} rounds; {counts['confirmed']} transfers confirmed, {counts['refused']} failed, "
          f"{counts['killed']} senders killed; nothing partial (seed {seed})")


if __name__ == "__main__":
    main(*sys.argv[1:])
