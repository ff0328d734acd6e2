#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of `penstock` as their users meet them. commands_test.py PENSTOCK"""
import hashlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import daemon
from daemon import Daemon, run

PENSTOCK = None
MIB = 1024 * 1024


def use(penstock):
    global PENSTOCK
    PENSTOCK = os.path.abspath(penstock)


def node(*args, before=None, **options):
    """`before`: a shell command that runs first, in the folder where the node's will be `state`."""
    command = [PENSTOCK, "node"]
    if before is not None:
        command = ["sh", "-c", before + ' && exec "$@"', "sh", *command]
    return Daemon(command, *args, **options)


def id_of(d):
    return re.search(r"listening on=\S+ node=([a-z2-7]{52}) ", d.log()).group(1)


def state_of(d):
    return os.path.join(d.folder, "state")


def received(d):
    return os.listdir(os.path.join(state_of(d), "received"))


def sessions(d):
    return json.loads(d.curl("/status"))["sessions"]


def wait_until(true, what):
    end = time.monotonic() + daemon.PATIENCE_S
    while time.monotonic() < end:
        if out := true():
            return out
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Commands(unittest.TestCase):
    """Each test has a folder with the state of its client, and its files."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name="file", size=1000):
        with open(self.path(name), "wb") as file:
            file.write(os.urandom(size))
        return self.path(name)

    def endless(self):
        """A file that takes long to send, and no room."""
        with open(self.path("endless"), "wb") as file:
            file.truncate(8 * 1024 * MIB)
        return self.path("endless")

    def penstock(self, *args, state="client", **options):
        """A command of a client: exit code, standard output, standard error."""
        return run(PENSTOCK, *args, "--state", self.path(state), **options)

    def works(self, *args, **options):
        """Standard output."""
        code, out, err = self.penstock(*args, **options)
        self.assertEqual(code, 0, err)
        self.assertNotIn("error", err)
        return out

    def fails(self, *args, code=1, seconds=5, **options):
        """Its one line about what is wrong, without "error: "."""
        began = time.monotonic()
        got, out, err = self.penstock(*args, **options)
        took = time.monotonic() - began
        self.assertEqual(got, code, err)
        self.assertLess(took, seconds * (5 if os.environ.get("PENSTOCK_SLOW") else 1))
        self.assertNotIn("verified", out)
        return self.error_in(err)

    def error_in(self, err):
        self.assertEqual(err.count("error: "), 1, err)
        last = err.splitlines()[-1]
        self.assertTrue(last.startswith("error: "), err)
        return last.removeprefix("error: ")

    def start(self, *args):
        """A command that goes on until it ends, or the test does."""
        process = subprocess.Popen([PENSTOCK, *args], bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def start_client(self, *args):
        return self.start(*args, "--state", self.path("client"))

    def read_until(self, process, start):
        """What it prints until a line that begins like this."""
        out = []
        for line in process.stdout:
            out.append(line.decode())
            if out[-1].startswith(start):
                break
        return "".join(out)

    def end(self, process):
        """Exit code, standard output, standard error."""
        out, err = process.communicate(timeout=daemon.PATIENCE_S)
        return process.returncode, out.decode(), err.decode()

    def start_to_send(self, d):
        """Sends what takes long; answers when it has begun."""
        process = self.start_client("send", self.endless(), "--to", d.address)
        self.read_until(process, "stream_streaming")
        wait_until(lambda: sessions(d), "a session")
        return process


class Help(Commands):
    def test_every_command_explains_itself(self):
        code, out, err = run(PENSTOCK, "--help")
        self.assertEqual((code, err), (0, ""))
        for command in ["demo", "node", "send", "get", "key", "echo"]:
            self.assertRegex(out, rf"\n  {command} +[A-Z]")
        for command in [["demo"], ["node"], ["send"], ["get"], ["key"], ["key", "new"], ["key", "show"], ["echo"]]:
            with self.subTest(command):
                code, out, err = run(PENSTOCK, *command, "--help")
                self.assertEqual((code, err), (0, ""))
                self.assertIn("Usage: penstock " + " ".join(command), out)
                self.assertIn("Example: penstock " + command[0], out)

    def test_version(self):
        code, out, _ = run(PENSTOCK, "--version")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"^penstock \d+\.\d+\.\d+\n$")

    def test_what_is_wrong_on_the_command_line(self):
        file = self.file()
        for command, named in [([], ""), (["bogus"], "bogus"), (["key"], ""), (["demo", "--bogus"], "--bogus"),
                               (["send", file], "--to"), (["send", "--to", "127.0.0.1:1"], "FILE"),
                               (["send", file, "--to"], "--to"), (["get"], "URL"), (["get", "ftp://x"], "ftp://x"),
                               (["get", "http://127.0.0.1:1", "--timeout", "0"], "--timeout"),
                               (["key", "new", "--bogus"], "--bogus"), (["node", "--workers", "many"], "--workers")]:
            with self.subTest(command):
                code, out, err = run(PENSTOCK, *command)
                self.assertEqual((code, out), (2, ""), err)
                self.assertIn(named, err)


class Demo(Commands):
    def see(self, out):
        self.assertRegex(out, r"a node listens on 127\.0\.0\.1:\d+, and is\n  [a-z2-7]{52}\n")
        for stage in ["enc_init", "stream_ctl", "stream_session", "stream_connected", "stream_streaming"]:
            self.assertRegex(out, rf"\n{stage} +\d+ ms\n")
        self.assertRegex(out, r"\nsent 67108864 bytes in .*\nsha256 [0-9a-f]{64}, verified by the node\n")
        self.assertTrue(out.endswith("GET /hello/World\nHello, World!\n"), out)

    def test_once(self):
        environment = dict(os.environ, TMPDIR=self.folder)
        code, out, err = run(PENSTOCK, "demo", "--once", env=environment)
        self.assertEqual(code, 0, err)
        self.see(out)
        self.assertEqual(os.listdir(self.folder), [])  # it keeps nothing

    def test_once_with_its_port_taken(self):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind(("127.0.0.1", 8079))
                taken.listen()
                is_taken = True
            except OSError:
                is_taken = False  # but by somebody else, who may go meanwhile
            code, out, err = run(PENSTOCK, "demo", "--once")
        self.assertEqual(code, 0, err)
        self.see(out)
        self.assertFalse(is_taken and "127.0.0.1:8079," in out, out)

    def test_it_stays_until_ctrl_c(self):
        demo = self.start("demo")
        address = re.search(r"a node listens on (\S+),", self.read_until(demo, "Ctrl-C stops it.")).group(1)
        self.assertEqual(daemon.curl(f"http://{address}/hello/you"), "Hello, you!\n")
        self.works("send", self.file(), "--to", address)
        demo.send_signal(signal.SIGINT)
        code, _, err = self.end(demo)
        self.assertEqual(code, 0, err)
        self.assertNotIn("error", err)

    def test_ctrl_c_before_it_is_through(self):
        demo = self.start("demo")
        self.read_until(demo, "stream_streaming")
        demo.send_signal(signal.SIGINT)
        code, out, err = self.end(demo)
        if "Ctrl-C stops it" in out:
            self.skipTest("NOT RUN: the demo was through before the signal came")
        self.assertEqual(code, 130, err)
        self.assertNotIn("the node shuts down", err)  # that is not what the user wants to know


class Send(Commands):
    def arrives(self, d, path):
        out = self.works("send", path, "--to", d.address)
        digest = sha256(path)
        self.assertIn(f"sent {os.path.getsize(path)} bytes in ", out)
        self.assertTrue(out.endswith(f"\nsha256 {digest}, verified by the node\n"), out)
        there = os.path.join(state_of(d), "received", digest)
        self.assertEqual(sha256(there), digest)
        self.assertEqual(mode(there), 0o600)
        return digest

    def test_files_of_all_sizes(self):
        with node() as d:
            digests = {self.arrives(d, self.file(size=size)) for size in [0, 1, 65536, 65537, 5 * MIB + 321]}
            self.assertEqual(set(received(d)), digests)
            self.assertEqual(mode(os.path.join(state_of(d), "received")), 0o700)
            self.assertEqual(d.stop(), 0)

    def test_twice(self):
        with node() as d:
            path = self.file(size=MIB)
            digests = [self.arrives(d, path) for _ in range(2)]
            self.assertEqual(received(d), digests[:1])

    def test_the_same_file_twice_at_a_time(self):
        with node() as d:
            path = self.file(size=8 * MIB)
            self.works("send", self.file("other"), "--to", d.address)  # makes client.key
            running = [self.start_client("send", path, "--to", d.address) for _ in range(4)]
            for process in running:
                code, _, err = self.end(process)
                self.assertEqual(code, 0, err)
            self.assertIn(sha256(path), received(d))
            self.assertEqual(len(received(d)), 2)

    def test_the_name_of_a_file_says_nothing_to_the_node(self):
        with node() as d:
            self.arrives(d, self.file("a name; with\nall \"sorts\" of & things"))

    def test_the_session_is_listed_meanwhile(self):
        with node() as d:
            key = self.works("key", "new", "--client").split()[0]
            sender = self.start_to_send(d)
            listed = sessions(d)
            self.assertEqual(len(listed), 1)
            self.assertEqual(listed[0]["node"], key)
            self.assertIs(listed[0]["attached"], True)
            self.assertRegex(listed[0]["peer"], r"^127\.0\.0\.1:\d+$")
            self.assertIn(key, d.curl("-H", "Accept: text/plain", "/status"))
            sender.kill()
            wait_until(lambda: not sessions(d), "the end of the session")

    def test_a_file_that_is_none(self):
        with node() as d:
            self.assertEqual(self.fails("send", self.path("none"), "--to", d.address),
                             f"{self.path('none')}: No such file or directory")
            self.assertEqual(self.fails("send", self.folder, "--to", d.address), f"{self.folder}: not a regular file")
            self.assertEqual(received(d), [])

    def test_a_file_that_shrinks(self):
        with node() as d:
            sender = self.start_to_send(d)
            os.truncate(self.path("endless"), 0)
            code, _, err = self.end(sender)
            self.assertEqual(code, 1, err)
            self.assertIn("the file shrank while it was sent", self.error_in(err))
            wait_until(lambda: not sessions(d), "the end of the session")
            self.assertEqual(received(d), [])

    def test_a_file_that_is_too_big(self):
        with node(settings='[files]\nbytes_max = "1MiB"\n') as d:
            self.arrives(d, self.file(size=MIB))
            self.assertIn("larger than the node takes",
                          self.fails("send", self.file(size=MIB + 1), "--to", d.address))
            self.assertEqual(len(received(d)), 1)


class Interrupted(Commands):
    def test_the_node_is_stopped(self):
        with node() as d:
            sender = self.start_to_send(d)
            began = time.monotonic()
            d.signal(signal.SIGTERM)
            code, out, err = self.end(sender)
            self.assertLess(time.monotonic() - began, 10)
            self.assertEqual(code, 1, err)
            self.assertNotIn("verified", out)
            self.assertRegex(err, r"(?m)^[0-9.]+ ([KMG]i)?B of 8\.0 GiB were sent; the node keeps nothing of them$")
            self.assertIn("the node shuts down: try again when it is back", self.error_in(err))
            self.assertEqual(d.wait(), 0)
            self.assertEqual(received(d), [])

    def test_the_node_is_killed(self):
        with node() as d:
            sender = self.start_to_send(d)
            began = time.monotonic()
            d.signal(signal.SIGKILL)
            code, out, err = self.end(sender)
            self.assertLess(time.monotonic() - began, 10)
            self.assertEqual(code, 1, err)
            self.assertNotIn("verified", out)
            self.assertIn("lost", self.error_in(err))
            d.wait()
            self.assertEqual(received(d), [])

    def test_the_sender_is_stopped(self):
        for number in [signal.SIGINT, signal.SIGTERM]:
            with self.subTest(number), node() as d:
                sender = self.start_to_send(d)
                sender.send_signal(number)
                code, out, err = self.end(sender)
                wait_until(lambda: not sessions(d), "the end of the session")
                self.assertEqual(received(d), [])
                self.assertEqual(d.stop(), 0)
                self.assertEqual(code, 130, err)
                self.assertNotIn("verified", out)
                self.assertNotIn("the node shuts down", err)  # it does not

    def test_the_sender_is_killed(self):
        with node() as d:
            sender = self.start_to_send(d)
            sender.kill()
            wait_until(lambda: not sessions(d), "the end of the session")
            self.assertEqual(received(d), [])
            self.works("send", self.file(), "--to", d.address)

    def test_while_nobody_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"127.0.0.1:{silent.getsockname()[1]}"
            for command in [["send", self.file(), "--to", address], ["get", "--enc", f"http://{address}/"]]:
                process = self.start_client(*command)
                held, _ = silent.accept()
                with held:
                    self.assertNotEqual(held.recv(1), b"")
                    process.send_signal(signal.SIGINT)
                    code, _, err = self.end(process)
                    self.assertEqual(code, 130, err)


class NoNode(Commands):
    """What is at that address is not a node, or nothing is."""

    def test_a_closed_port(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{closed.getsockname()[1]}"
            for command in [["send", self.file(), "--to", address], ["get", "--enc", f"http://{address}/"]]:
                got = self.fails(*command)
                self.assertTrue(got.startswith(f"{address}: enc_init: "), got)
                self.assertIn("Connection refused; ", got)
                self.assertIn("penstock node", got)

    def test_an_address_that_is_none(self):
        for to in ["nonsense", "127.0.0.1:99999", "127.0.0.1:"]:
            with self.subTest(to):
                code, out, err = self.penstock("send", self.file(), "--to", to)
                self.assertEqual((code, out), (2, ""), err)
                self.assertIn(f"--to: {to} is not ADDR:PORT", err)

    def test_another_http_server(self):
        class NoPost(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

        class Page(NoPost):
            def do_POST(self):
                body = b"<p>Thank you.</p>"
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        for handler in [Page, NoPost]:
            with self.subTest(handler), http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
                thread = threading.Thread(target=server.serve_forever)
                thread.start()
                try:
                    address = f"127.0.0.1:{server.server_port}"
                    for command in [["send", self.file(), "--to", address], ["get", "--enc", f"http://{address}/"]]:
                        self.assertIn("enc_init: this is no node", self.fails(*command))
                finally:
                    server.shutdown()
                    thread.join()

    def test_a_server_that_talks_nonsense(self):
        for talk in [b"SSH-2.0-OpenSSH_9.2p1\r\n", b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nPST1"]:
            with self.subTest(talk), socket.create_server(("127.0.0.1", 0)) as server:
                address = f"127.0.0.1:{server.getsockname()[1]}"
                sender = self.start_client("send", self.file(), "--to", address)
                held, _ = server.accept()
                with held:
                    held.recv(4096)
                    held.sendall(talk)
                code, _, err = self.end(sender)
                self.assertEqual(code, 1, err)
                self.assertTrue(self.error_in(err).startswith(f"{address}: enc_init: "), err)

    def test_a_server_that_never_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"127.0.0.1:{silent.getsockname()[1]}"
            got = self.fails("get", "--enc", "--timeout", "0.3", f"http://{address}/", seconds=3)
            self.assertEqual(got, f"{address}: enc_init: the response was not complete in time")
            got = self.fails("send", self.file(), "--to", address, seconds=15)
            self.assertEqual(got, f"{address}: enc_init: the response was not complete in time")


class WhoAnswers(Commands):
    def test_the_first_contact_is_told_and_kept(self):
        with node() as d:
            code, _, err = self.penstock("send", self.file(), "--to", d.address)
            self.assertEqual(code, 0)
            self.assertEqual(err, f"first contact with {d.address}: it is node\n  {id_of(d)}\n"
                             f"written to {self.path('client')}/known_nodes\n")
            with open(self.path("client/known_nodes"), encoding="utf-8") as known:
                self.assertEqual(known.read(), f"{d.address} {id_of(d)}\n")
            self.assertEqual(mode(self.path("client/known_nodes")), 0o600)
            self.assertEqual(mode(self.path("client/client.key")), 0o600)
            self.assertEqual(mode(self.path("client")), 0o700)
            code, _, err = self.penstock("send", self.file(), "--to", d.address, "--strict")
            self.assertEqual((code, err), (0, ""))

    def test_another_node_than_before(self):
        with node() as d:
            self.works("send", self.file(), "--to", d.address)
            self.assertEqual(d.stop(), 0)
            first = id_of(d)
            os.remove(os.path.join(state_of(d), "node.key"))
            # The same folder, the same port, another key.
            with node(before=f"mv '{state_of(d)}' state", listen=d.address) as other:
                self.assertNotEqual(id_of(other), first)
                for command in [["send", self.file("second"), "--to", other.address],
                                ["get", "--enc", other.url("/hello/World")]]:
                    got = self.fails(*command)
                    self.assertIn("another node answers at this address than before", got)
                    self.assertIn("remove its line from known_nodes", got)
                self.assertNotIn(sha256(self.path("second")), received(other))
                self.assertEqual(sessions(other), [])
                self.works("send", self.file(), "--to", other.address, "--node-id", id_of(other))

    def test_the_node_id_of_another(self):
        with node() as d:
            other = self.works("key", "new", state="other").split()[0]
            for command in [["send", self.file(), "--to", d.address], ["get", "--enc", d.url("/hello/World")]]:
                self.assertIn("another node answers", self.fails(*command, "--node-id", other))
                self.works(*command, "--node-id", id_of(d))
            self.assertFalse(os.path.exists(self.path("client/known_nodes")))

    def test_a_node_id_that_is_none(self):
        code, out, err = self.penstock("send", self.file(), "--to", "127.0.0.1:1", "--node-id", "xyz")
        self.assertEqual((code, out), (2, ""), err)
        self.assertIn("--node-id: xyz is no node id", err)

    def test_strict(self):
        with node() as d:
            for command in [["send", self.file(), "--to", d.address], ["get", "--enc", d.url("/hello/World")]]:
                got = self.fails(*command, "--strict")
                self.assertIn("unknown node", got)
                self.assertIn("--node-id", got)
            self.assertFalse(os.path.exists(self.path("client/known_nodes")))
            self.assertEqual(received(d), [])
            self.works("send", self.file(), "--to", d.address, "--strict", "--node-id", id_of(d))

    def test_known_nodes_that_others_may_write(self):
        with node() as d:
            self.works("send", self.file(), "--to", d.address)
            os.chmod(self.path("client/known_nodes"), 0o666)
            self.assertIn("may be written by everybody", self.fails("send", self.file(), "--to", d.address))


class WhoAsks(Commands):
    def test_nobody_may(self):
        with node(settings='[stream]\nclients = ["none"]\n') as d:
            got = self.fails("send", self.file(), "--to", d.address)
            self.assertIn("stream_ctl: authentication refused", got)
            self.assertIn("[stream] clients", got)
            self.assertIn("penstock key show", got)
            self.assertEqual(received(d), [])
            self.assertEqual(sessions(d), [])
            self.assertEqual(self.works("get", "--enc", d.url("/hello/World")), "Hello, World!\n")

    def test_who_is_listed_may(self):
        key = self.works("key", "new", "--client").split()[0]
        with node(settings=f'[stream]\nclients = ["{key}"]\n') as d:
            self.works("send", self.file(), "--to", d.address)
            self.assertIn("authentication refused",
                          self.fails("send", self.file(), "--to", d.address, state="stranger"))

    def test_a_client_key_that_is_open(self):
        self.works("key", "new", "--client")
        os.chmod(self.path("client/client.key"), 0o644)
        got = self.fails("send", self.file(), "--to", "127.0.0.1:1")
        self.assertIn(self.path("client/client.key"), got)
        self.assertIn("chmod 600", got)


class NetworkKeys(Commands):
    def network_key(self, name):
        path = self.path(name)
        code, out, err = run(PENSTOCK, "key", "new", "--network", path)
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, rf"^network key {re.escape(path)} \(fingerprint [0-9a-f]{{16}}\)\n$")
        self.assertEqual(mode(path), 0o600)
        with open(path, encoding="utf-8") as file:
            for word in file.read().split():
                self.assertFalse(len(word) >= 40 and word in out)
        return path

    def closed(self, path):
        return node(settings=f'[stream]\nnetwork_key_file = "{path}"\n')

    def test_who_has_it_comes_in(self):
        path = self.network_key("network.key")
        with self.closed(path) as d:
            for command in [["send", self.file(), "--to", d.address], ["get", "--enc", d.url("/hello/World")]]:
                self.works(*command, "--network-key", path)

    def test_who_has_another_or_none_does_not(self):
        right, other = self.network_key("network.key"), self.network_key("other.key")
        with self.closed(right) as d:
            for options in [[], ["--network-key", other]]:
                for command in [["send", self.file(), "--to", d.address], ["get", "--enc", d.url("/hello/World")]]:
                    with self.subTest(command + options):
                        got = self.fails(*command, *options)
                        self.assertTrue(got.startswith(f"{d.address}: enc_init: network key"), got)
                        self.assertIn("--network-key", got)
            self.assertEqual(received(d), [])

    def test_a_node_without_one(self):
        with node() as d:
            got = self.fails("send", self.file(), "--to", d.address, "--network-key", self.network_key("network.key"))
            self.assertTrue(got.startswith(f"{d.address}: enc_init: network key"), got)

    def test_while_it_is_changed(self):
        new, old = self.network_key("new.key"), self.network_key("old.key")
        with node(settings=f'[stream]\nnetwork_key_file = "{new}"\nnetwork_key_file_old = "{old}"\n') as d:
            for path in [new, old]:
                self.works("send", self.file(), "--to", d.address, "--network-key", path)

    def test_is_not_overwritten_and_can_be_shown(self):
        path = self.network_key("network.key")
        before = sha256(path)
        code, _, err = run(PENSTOCK, "key", "new", "--network", path)
        self.assertEqual((code, err), (1, f"error: {path}: there is a key already, and it is not overwritten\n"))
        self.assertEqual(sha256(path), before)
        shown = [run(PENSTOCK, "key", "show", "--network", path)[:2] for _ in range(2)]
        self.assertEqual(shown[0][0], 0)
        self.assertEqual(shown[0], shown[1])

    def test_one_that_cannot_be_used(self):
        path = self.network_key("network.key")
        os.chmod(path, 0o644)
        for file, why in [(path, "chmod 600"), (self.path("none"), "No such file"), (self.file(), "")]:
            with self.subTest(file):
                got = self.fails("send", self.file("notes"), "--to", "127.0.0.1:1", "--network-key", file)
                self.assertTrue(got.startswith(f"--network-key {file}: "), got)
                self.assertIn(why, got)


class Keys(Commands):
    def test_new(self):
        out = self.works("key", "new")
        path = self.path("client/node.key")
        key, where = out.split()
        self.assertEqual(where, path)
        self.assertRegex(key, r"^[a-z2-7]{52}$")
        self.assertEqual(mode(path), 0o600)
        before = sha256(path)
        self.assertEqual(self.fails("key", "new"), f"{path}: there is a key already, and it is not overwritten")
        self.assertEqual(sha256(path), before)
        self.assertEqual(self.works("key", "show"), out)

    def test_the_node_has_it(self):
        with node(before=f"'{PENSTOCK}' key new --state state >new") as d:
            with open(os.path.join(d.folder, "new"), encoding="utf-8") as new:
                self.assertEqual(new.read(), f"{id_of(d)} state/node.key\n")
            self.assertEqual(json.loads(d.curl("/status"))["node_id"], id_of(d))

    def test_the_node_makes_it_and_keeps_it(self):
        with node() as d:
            path = os.path.join(state_of(d), "node.key")
            self.assertEqual(mode(path), 0o600)
            self.assertEqual(run(PENSTOCK, "key", "show", "--state", state_of(d)), (0, f"{id_of(d)} {path}\n", ""))
            self.assertEqual(d.stop(), 0)
            with node(before=f"cp -a '{state_of(d)}' state") as again:
                self.assertEqual(id_of(again), id_of(d))

    def test_show_lists_both(self):
        node_line, client_line = self.works("key", "new"), self.works("key", "new", "--client")
        self.assertEqual(self.works("key", "show"), node_line + client_line)
        self.assertNotEqual(node_line.split()[0], client_line.split()[0])

    def test_there_is_none_to_show(self):
        self.assertIn("penstock key new", self.fails("key", "show"))

    def test_a_key_that_is_open_or_broken(self):
        self.works("key", "new")
        path = self.path("client/node.key")
        with open(path, encoding="utf-8") as file:
            whole = file.read()
        for bits, text, why in [(0o644, whole, "chmod 600"), (0o640, whole, "chmod 600"), (0o600, whole[:-20], ""),
                                (0o600, "", ""), (0o600, "nonsense\n", "")]:
            with self.subTest((bits, text)):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                os.chmod(path, bits)
                for command in [["node", "--listen", "127.0.0.1:0"], ["key", "show"]]:
                    got = self.fails(*command)
                    self.assertIn(path, got)
                    self.assertIn(why, got)
                with open(path, encoding="utf-8") as file:
                    self.assertEqual(file.read(), text)  # it is not "mended" by another one


class Get(Commands):
    def test_a_body_and_its_status(self):
        with node() as d:
            self.works("get", "--enc", d.url("/hello/World"))
            code, out, err = self.penstock("get", "--enc", d.url("/hello/World"))
            self.assertEqual((code, out, err), (0, "Hello, World!\n", "200 OK\n"))
            self.assertEqual(json.loads(self.works("get", "--enc", d.url("/status")))["node_id"], id_of(d))

    def test_nothing_there(self):
        with node() as d:
            self.works("get", "--enc", d.url("/hello/World"))
            code, _, err = self.penstock("get", "--enc", d.url("/nothing"))
            self.assertEqual((code, err), (1, "404 Not Found\n"))

    def test_an_output_that_is_full(self):
        with node() as d, open("/dev/full", "wb") as full:
            got = subprocess.run([PENSTOCK, "get", "--enc", d.url("/hello/World"), "--state", self.path("client")],
                                 stdout=full, stderr=subprocess.PIPE, check=False, timeout=daemon.PATIENCE_S)
            self.assertEqual(got.returncode, 1)
            self.assertIn("No space left on device", self.error_in(got.stderr.decode()))


class Settings(Commands):
    """What else `penstock node` refuses is in node_test.py; here are the sections of its own."""

    def refused(self, text):
        with open(self.path("node.toml"), "w", encoding="utf-8") as file:
            file.write(text)
        return self.fails("node", "--config", "node.toml", "--listen", "127.0.0.1:0", cwd=self.folder)

    def test_what_is_wrong_is_located(self):
        self.assertEqual(self.refused('[files]\nbytes_max = "1 mile"\n')[:len("node.toml:2:13: files.bytes_max")],
                         "node.toml:2:13: files.bytes_max")
        self.assertIn("node.toml:2:1: unknown key files.byte_max", self.refused('[files]\nbyte_max = "1MiB"\n'))
        self.assertIn("node.toml:1:", self.refused("[file]\n"))

    def test_clients_that_are_none(self):
        self.assertIn('node.toml:2:11: stream.clients = "me"', self.refused('[stream]\nclients = ["me"]\n'))
        self.assertIn("stands alone", self.refused('[stream]\nclients = ["any", "none"]\n'))

    def test_a_network_key_that_is_not_there(self):
        got = self.refused('[stream]\nnetwork_key_file = "none.key"\n')
        self.assertIn('node.toml:2:20: stream.network_key_file = "none.key": ', got)
        self.assertIn("penstock key new --network", got)

    def test_no_settings(self):
        got = self.fails("node", "--config", self.path("none.toml"), "--listen", "127.0.0.1:0")
        self.assertIn(self.path("none.toml"), got)

    def test_a_port_in_use(self):
        with node() as d:
            self.assertIn(f"cannot listen on {d.address}: ", self.fails("node", "--listen", d.address))
            self.works("send", self.file(), "--to", d.address)

    def test_a_listen_that_is_none(self):
        code, out, err = run(PENSTOCK, "node", "--listen", "nonsense")
        self.assertEqual((code, out), (2, ""), err)
        self.assertIn("--listen: nonsense is not an address", err)


class Proxy:
    """Passes everything on, and changes one bit of one record of a stream: byte `at` of record number `number`,
    of the client's or the node's."""

    def __init__(self, to, of=None, number=0, at=0):
        self.to, self.of, self.number, self.at = to, of, number, at
        self.has_changed = False
        self.sockets = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            far = socket.create_connection(tuple(self.to.split(":")))
            self.sockets += [near, far]
            is_stream = threading.Event()
            for source, sink, of in [(near, far, "client"), (far, near, "node")]:
                threading.Thread(target=self._pass, args=(source, sink, of, is_stream), daemon=True).start()

    def _pass(self, source, sink, of, is_stream):
        try:
            head = b""
            while got := source.recv(65536):
                if of == "node":
                    head += got
                    start = head.find(b"HTTP/1.1 101 ")
                    if start >= 0 and (end := head.find(b"\r\n\r\n", start)) >= 0:
                        is_stream.set()
                        records = head[end + 4:]
                        sink.sendall(got[:len(got) - len(records)])
                        self._pass_records(source, sink, of, records)
                        break
                elif is_stream.is_set():  # a client sends no record before it has the 101
                    self._pass_records(source, sink, of, got)
                    break
                sink.sendall(got)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _pass_records(self, source, sink, of, waiting):
        count, waiting = 0, bytearray(waiting)
        while True:
            while len(waiting) >= 4 and len(waiting) >= (size := 4 + int.from_bytes(waiting[2:4], "big")):
                record = waiting[:size]
                del waiting[:size]
                if of == self.of and count == self.number:
                    record[self.at] ^= 1
                    self.has_changed = True
                sink.sendall(record)
                count += 1
            if not (got := source.recv(65536)):
                return
            waiting += got

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()
        for each in self.sockets:
            each.close()


class Tampering(Commands):
    def test_nothing_is_changed(self):
        with node() as d, Proxy(d.address) as proxy:
            path = self.file(size=4 * MIB)
            self.works("send", path, "--to", proxy.address)
            self.assertEqual(received(d), [sha256(path)])

    def test_one_bit_of_a_record(self):
        path = self.file(size=16 * MIB)
        with node() as d:
            # First byte, epoch, length, ciphertext, tag; of what the file is in, and of what acknowledges it.
            # A window is 1 MiB, so that the file is far from its end then.
            for of, number in [("client", 0), ("client", 100), ("node", 0), ("node", 4)]:
                for at in [0, 1, 3, 4, -1]:
                    with self.subTest(of=of, number=number, at=at), Proxy(d.address, of, number, at) as proxy:
                        got = self.fails("send", path, "--to", proxy.address)
                        self.assertTrue(proxy.has_changed)
                        self.assertTrue(got.startswith(f"{proxy.address}: stream_"), got)
            wait_until(lambda: not sessions(d), "the end of the sessions")
            self.assertEqual(received(d), [])
            self.works("send", path, "--to", d.address)
            self.assertEqual(received(d), [sha256(path)])

    def test_the_result_does_not_come(self):
        seen = 0
        for number in [1, 2]:  # the node's SETTINGS are its record 0; credit and result follow
            with node() as d, Proxy(d.address, "node", number, -1) as proxy:
                path = self.file()
                code, _, err = self.penstock("send", path, "--to", proxy.address)
                wait_until(lambda: not sessions(d), "the end of the session")
                if code != 0 and received(d) == [sha256(path)]:
                    seen += 1
                    self.error_in(err)
                    self.assertNotIn("keeps nothing", err)  # nobody on this side knows
        self.assertGreater(seen, 0)


class NoRoom(Commands):
    """What only root can arrange."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("NOT RUN: needs root")

    def test_a_state_folder_of_another_user(self):
        os.chmod(self.folder, 0o755)
        shutil.copy(PENSTOCK, self.path("penstock"))
        os.chmod(self.path("penstock"), 0o755)
        os.mkdir(self.path("closed"), 0o700)
        os.chmod(self.file("notes"), 0o644)
        os.chmod(self.file("secret"), 0o600)
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", self.path("penstock")]
        for command in [["send", self.path("notes"), "--to", "127.0.0.1:1"], ["get", "--enc", "http://127.0.0.1:1/"],
                        ["key", "new"], ["node", "--listen", "127.0.0.1:0"]]:
            for state in [self.path("new"), self.path("closed")]:
                with self.subTest(command, state=state):
                    code, _, err = run(*as_nobody, *command, "--state", state)
                    self.assertEqual(code, 1, err)
                    self.assertIn(f"state folder {state}: Permission denied; choose one", self.error_in(err))
        code, _, err = run(*as_nobody, "key", "show", "--state", self.path("closed"))
        self.assertEqual((code, err), (1, f"error: {self.path('closed')}/node.key: Permission denied\n"))
        code, _, err = run(*as_nobody, "send", self.path("secret"), "--to", "127.0.0.1:1")
        self.assertEqual((code, err), (1, f"error: {self.path('secret')}: Permission denied\n"))

    def test_a_disk_that_is_full(self):
        mount = "mkdir -p -m 700 state/received && mount -t tmpfs -o size=1m,mode=0700 none state/received"
        probe = run("unshare", "-m", "sh", "-c", mount, cwd=self.folder)
        if probe[0] != 0:
            self.skipTest(f"NOT RUN: no mount namespace here: {probe[2]}")
        command = ["unshare", "-m", "sh", "-c", mount + ' && exec "$@"', "sh", PENSTOCK, "node"]
        with Daemon(command) as d:
            for size in [2 * MIB, 64 * MIB]:
                got = self.fails("send", self.file(size=size), "--to", d.address)
                self.assertIn("the node has no space left for it", got)
            self.assertIn("No space left on device", d.log())
            small = self.file("small")
            out = self.works("send", small, "--to", d.address)
            self.assertIn(f"sha256 {sha256(small)}, verified by the node", out)
            inside = run("nsenter", "-m", f"--target={d.process.pid}", "ls", "-A", f"{state_of(d)}/received")
            self.assertEqual(inside, (0, sha256(small) + "\n", ""))
            self.assertEqual(d.stop(), 0)


if __name__ == "__main__":
    daemon.main(sys.modules["__main__"])
