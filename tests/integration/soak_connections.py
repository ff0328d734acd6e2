#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What many connections do to one worker. soak_connections.py PENSTOCK [--sample] [BACKEND...]

For each backend (none named: the one that `auto` means): idle connections, short ones, and more than there are
descriptors. Ends at the first promise that is broken. The sample is small, and memory is not judged by it."""
import collections
import contextlib
import itertools
import os
import resource
import select
import socket
import struct
import sys
import threading
import time

from daemon import PATIENCE_S, Daemon

Size = collections.namedtuple("Size", "idle idle_s cycles cycles_first busy descriptors waiting busy_s")
FULL = Size(idle=15_000, idle_s=5, cycles=200_000, cycles_first=10_000,
            busy=32, busy_s=3, descriptors=1_000, waiting=3_000)
SAMPLE = Size(idle=500, idle_s=1, cycles=2_000, cycles_first=500,
              busy=8, busy_s=0.5, descriptors=100, waiting=200)

BATCH = 50  # so many ask before the first of them is answered
LEAVES_UNANSWERED = 10  # one of so many that come leaves, by a reset, before its answer
GIVES_UP = 5  # one of so many that wait for a descriptor leaves before it gets one
BUSY_BYTES = 1024
SERVER_PATIENCE_S = 60  # then `penstock echo` leaves idle ones

IDLE_BYTES_MAX = 400  # a connection at rest; the benchmark events/memory has the aim
IDLE_SHARE_MAX = 0.1  # of a CPU: what spins takes all of it
LEAK_BYTES_MAX = 512 * 1024  # what memory may move between the first short connections and the last
BUSY_SHARE_MIN = 0.05  # of their rate before, for who was there when descriptors ran out; noise does less


class Broken(AssertionError):
    pass


def fail_unless(true, what):
    if not true:
        raise Broken(what)


def wait_until(true, what):
    end = time.monotonic() + PATIENCE_S
    while not true():
        fail_unless(time.monotonic() < end, what())
        time.sleep(0.01)


class Server:
    """`penstock echo` with one worker, and what the system knows about it."""

    def __init__(self, penstock, descriptors=None):
        command = [penstock, "echo", "--workers", "1"]
        if descriptors is not None:
            command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
        self.daemon = Daemon(command, state=False,
                             listening=r"worker 0: listening address=(\S+)")
        self.pid = self.daemon.process.pid
        host, port = self.daemon.address.split(":")
        self.address = (host, int(port))
        if "no io_uring here" in self.daemon.log():
            self.daemon.__exit__()
            raise Broken("the system has no io_uring for us: nothing to show")

    def memory_bytes(self):
        time.sleep(0.1)  # it frees at the end of a turn
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            return 1024 * next(int(line.split()[1]) for line in file if line.startswith("Anonymous:"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_ms(self):
        out = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as file:
                out += int(file.read().split()[0])
        return out / 1e6

    def idle_cpu_ms(self, seconds, when):
        """What it takes while nothing happens; fails when that is more than next to nothing."""
        before = self.cpu_ms()
        time.sleep(seconds)
        out = self.cpu_ms() - before
        fail_unless(out < 1000 * seconds * IDLE_SHARE_MAX,
                    f"{when}, the server took {out:.0f} ms of CPU in {seconds} s")
        return out

    def wait_for_descriptors(self, count, when):
        wait_until(lambda: self.descriptors() == count,
                   lambda: f"{when}, the server holds {self.descriptors()} descriptors, not {count}")

    def stop(self, left=()):
        """Those who are left see the end, and go. Answers the seconds that it took."""
        begun = time.monotonic()
        self.daemon.signal()
        for guest in left:
            guest.sees_end()
            guest.close()
        code = self.daemon.wait()
        fail_unless(code == 0, f"the server ended with {code}")
        fail_unless(" error " not in self.daemon.log(), "the server wrote of an error")
        return time.monotonic() - begun

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.daemon.log()[-4000:], file=sys.stderr)
        self.daemon.__exit__()


class Guest:
    """One connection, which asks for a body back that nobody else asks for."""
    serial = itertools.count()
    sources = itertools.cycle(f"127.0.0.{i}" for i in range(1, 9))  # there are not ports enough for one
    reset_on_close = struct.pack("ii", 1, 0)
    bind_address_no_port = 24  # IP_BIND_ADDRESS_NO_PORT

    def __init__(self, server):
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_IP, self.bind_address_no_port, 1)
        self.socket.bind((next(self.sources), 0))
        self.socket.connect(server.address)

    def ask(self, body=None, fields=""):
        body = body or b"%016x" % next(self.serial)
        self.end = b"\r\n\r\n" + body
        self.got = b""
        head = f"POST / HTTP/1.1\r\nhost: soak\r\n{fields}content-length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)
        return self

    def take(self):
        """True: the answer is whole."""
        try:
            piece = self.socket.recv(65536)
        except (TimeoutError, ConnectionError) as error:
            raise Broken(f"{error!r} instead of an answer, after {self.got!r}") from error
        fail_unless(piece, f"closed instead of answered, after {self.got!r}")
        self.got += piece
        fail_unless(len(self.got) < 512 + len(self.end), f"a wrong answer: {self.got!r}")
        if not self.got.endswith(self.end):
            return False
        fail_unless(self.got.startswith(b"HTTP/1.1 200 "), f"a wrong answer: {self.got!r}")
        return True

    def answered(self):
        while not self.take():
            pass

    def sees_end(self):
        try:
            piece = self.socket.recv(1)
        except (TimeoutError, ConnectionError) as error:
            raise Broken(f"{error!r} instead of the end") from error
        fail_unless(piece == b"", "more than its answer")

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, self.reset_on_close)
        self.socket.close()


def readable(guests, timeout_s):
    """Those of the dictionary by descriptor that have something to say."""
    poll = select.poll()
    for number in guests:
        poll.register(number, select.POLLIN)
    return [guests[number] for number, _ in poll.poll(timeout_s * 1000)]


def by_descriptor(guests):
    return {guest.socket.fileno(): guest for guest in guests}


def in_batches(total):
    return (min(BATCH, total - done) for done in range(0, total, BATCH))


def ask_all(guests):
    """All at once."""
    for guest in guests:
        guest.ask()
    for guest in guests:
        guest.answered()


def idle_ones(penstock, size, judges_memory):
    """They are answered, rest without a cost, are answered again; half of them leave, the server leaves the others."""
    with Server(penstock) as server:
        first = Guest(server).ask()
        first.answered()
        descriptors, memory = server.descriptors(), server.memory_bytes()
        guests, begun = [], time.monotonic()
        for count in in_batches(size.idle):
            batch = [Guest(server) for _ in range(count)]
            ask_all(batch)
            guests += batch
        each = (server.memory_bytes() - memory) / size.idle
        fail_unless(each < IDLE_BYTES_MAX or not judges_memory, f"an idle connection takes {each:.0f} B")
        cpu_ms = server.idle_cpu_ms(size.idle_s, f"with {size.idle} idle connections")
        fail_unless(time.monotonic() - begun < SERVER_PATIENCE_S, "the machine is too busy for so many at once")
        fail_unless(not readable(by_descriptor(guests), 0), "an idle connection was told something")
        ask_all(guests)
        half = size.idle // 2
        for guest in guests[half:]:
            guest.reset()
        server.wait_for_descriptors(descriptors + half, "when half of them had left")
        stopped_s = server.stop([first, *guests[:half]])
    return (f"{size.idle:,} idle at {each:.0f} B each, idle CPU {cpu_ms:.1f} ms in {size.idle_s} s, "
            f"stopped with half of them in {stopped_s:.2f} s")


def short_ones(penstock, size, judges_memory):
    """They ask once and go: by a close of theirs, by one of the server's, by a reset; some before their answer."""
    def cycles(server, total):
        for count in in_batches(total):
            guests = [Guest(server) for _ in range(count)]
            for guest in guests[::LEAVES_UNANSWERED]:
                Guest(server).ask().reset()
            for i, guest in enumerate(guests):
                guest.ask(fields="connection: close\r\n" if i % 3 == 1 else "")
            for guest in guests:
                guest.answered()
            for i, guest in enumerate(guests):
                if i % 3 == 1:
                    guest.sees_end()
                if i % 3 == 2:
                    guest.reset()
                else:
                    guest.close()

    with Server(penstock) as server:
        descriptors, begun = server.descriptors(), time.monotonic()
        cycles(server, size.cycles_first)
        server.wait_for_descriptors(descriptors, f"after {size.cycles_first} short connections")
        memory = server.memory_bytes()
        cycles(server, size.cycles - size.cycles_first)
        taken_s = time.monotonic() - begun
        server.wait_for_descriptors(descriptors, f"after {size.cycles} short connections")
        grown = server.memory_bytes() - memory
        fail_unless(grown < LEAK_BYTES_MAX or not judges_memory,
                    f"{size.cycles} short connections left {grown} B behind")
        server.idle_cpu_ms(1, "when all short ones had left")
        server.stop()
    return f"{size.cycles:,} cycles in {taken_s:.1f} s, memory {grown / 1024:+.0f} kB"


class Busy:
    """Connections that ask and are answered all the time, by a thread."""

    def __init__(self, server, count):
        self.guests = [Guest(server) for _ in range(count)]
        self.noise = os.urandom(64 * 1024).replace(b"\r", b".")
        self.answers = 0
        self.error = None

    @contextlib.contextmanager
    def going(self):
        ended = threading.Event()
        thread = threading.Thread(target=self.go, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        if self.error is not None:
            raise self.error

    def go(self, ended):
        try:
            while not ended.is_set():
                for i, guest in enumerate(self.guests):
                    at = (self.answers + i * BUSY_BYTES) % (len(self.noise) - BUSY_BYTES)
                    guest.ask(self.noise[at:at + BUSY_BYTES])
                for guest in self.guests:
                    guest.answered()
                self.answers += len(self.guests)
        except (Broken, OSError) as error:
            self.error = Broken(f"a busy connection: {error}")

    def rate(self, seconds):
        """Answers a second. To be asked while they are going."""
        before, begun = self.answers, time.monotonic()
        time.sleep(seconds)
        return (self.answers - before) / (time.monotonic() - begun)


def take_answers(waiting, at_least):
    """Waits until so many of the dictionary are answered; who is answered is taken out of it."""
    out = []
    end = time.monotonic() + PATIENCE_S
    while len(out) < at_least:
        fail_unless(time.monotonic() < end, f"{at_least} could be accepted, {len(out)} were")
        for guest in readable(waiting, 0.1):
            if guest.take():
                out.append(waiting.pop(guest.socket.fileno()))
    return out


def no_descriptors(penstock, size, _):
    """Descriptors run out under load: the busy go on, those who wait cost nothing, and get in when others leave."""
    with Server(penstock, size.descriptors) as server:
        busy = Busy(server, size.busy)
        with busy.going():
            rate_before = busy.rate(size.busy_s)
            room = size.descriptors - server.descriptors()
            waiting = by_descriptor([Guest(server).ask() for _ in range(size.waiting)])
            inside = collections.deque(take_answers(waiting, room))
            rate = busy.rate(size.busy_s)
        fail_unless(rate > rate_before * BUSY_SHARE_MIN,
                    f"busy connections fell from {rate_before:.0f}/s to {rate:.0f}/s")
        server.wait_for_descriptors(size.descriptors, "at the limit")
        fail_unless(len(inside) == room and not readable(waiting, 0), "more were accepted than there was room for")
        cpu_ms = server.idle_cpu_ms(size.idle_s, f"at the limit, with {len(waiting)} that wait")
        for guest in list(waiting.values())[::GIVES_UP]:
            del waiting[guest.socket.fileno()]
            guest.reset()
        longest_s, leave = 0, 1
        with busy.going():
            while waiting:
                for _ in range(min(leave, len(inside))):
                    inside.popleft().close()
                begun = time.monotonic()
                inside += take_answers(waiting, min(leave, len(waiting)))
                longest_s = max(longest_s, time.monotonic() - begun)
                leave = min(2 * leave, room)
            ask_all(list(inside))
            for guest in inside:
                guest.close()
            server.wait_for_descriptors(size.descriptors - room, "when all but the busy ones had left")
            rate_after = busy.rate(size.busy_s)
        server.stop()
    return (f"at the limit of {size.descriptors:,} descriptors: {size.busy} busy ones at {rate:,.0f}/s (before "
            f"{rate_before:,.0f}, after {rate_after:,.0f}), idle CPU {cpu_ms:.1f} ms in {size.idle_s} s, all of "
            f"{size.waiting:,} answered, within {1000 * longest_s:.0f} ms of a place")


def needs_descriptors(program):
    """The sanitizer for undefined behaviour looks at types with the help of a pipe."""
    with open(program, "rb") as file:
        return b"__ubsan_" in file.read()


def main(penstock, *args):
    size = SAMPLE if "--sample" in args else FULL
    backends = [each for each in args if each != "--sample"]
    needed = max(size.idle, size.waiting) + 200
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < needed:
        sys.exit(f"error: {needed} descriptors a process are needed, {hard} are allowed: see ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    cases = [idle_ones, short_ones]
    if needs_descriptors(penstock):
        print("skipped: no_descriptors: the sanitizer needs descriptors itself")
    else:
        cases.append(no_descriptors)
    for backend in backends or [None]:
        if backend is not None:
            os.environ["PENSTOCK_BACKEND"] = backend
        name = backend or os.environ.get("PENSTOCK_BACKEND", "auto")
        figures = []
        for case in cases:
            try:
                figures.append(case(os.path.abspath(penstock), size, size is FULL))
            except Broken as broken:
                sys.exit(f"error: {name}: {case.__name__}: {broken}")
        print(f"soak connections: {name}: " + "; ".join(figures), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
