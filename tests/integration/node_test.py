#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`penstock node` as its users meet it. node_test.py PENSTOCK SLOW_NODE"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import daemon
from daemon import Daemon, curl, run

PENSTOCK = SLOW = None


def use(penstock, slow):
    global PENSTOCK, SLOW
    PENSTOCK, SLOW = penstock, slow


def node(*args, **options):
    return Daemon([PENSTOCK, "node"], *args, **options)


class Serving(unittest.TestCase):
    def test_hello(self):
        with node() as d:
            head, body = d.curl("-i", "/hello/World").split("\r\n\r\n")
            self.assertEqual(body, "Hello, World!\n")
            self.assertTrue(head.startswith("HTTP/1.1 200 OK\r\n"), head)
            self.assertIn("content-type: text/plain; charset=utf-8", head)
            self.assertIn("x-content-type-options: nosniff", head)
            self.assertEqual(d.stop(), 0)

    def test_keep_alive(self):
        with node() as d:
            out = curl("-w", "%{num_connects} ", d.url("/hello/a"), d.url("/hello/b"), d.url("/hello/c"))
            self.assertEqual(out, "Hello, a!\n1 Hello, b!\n0 Hello, c!\n0 ")

    def test_head_has_no_body(self):
        with node() as d:
            out = d.curl("-I", "/hello/World")
            self.assertIn("content-length: 14\r\n", out)
            self.assertTrue(out.endswith("\r\n\r\n"), out)

    def test_unknown_path_and_method(self):
        with node() as d:
            self.assertEqual(d.curl("-o", os.devnull, "-w", "%{http_code}", "/nothing"), "404")
            self.assertEqual(d.curl("-o", os.devnull, "-w", "%{http_code}", "-X", "DELETE", "/hello/x"), "405")

    def test_workers_share_the_port(self):
        with node("--workers", "2") as d:
            for _ in range(50):
                self.assertEqual(d.curl("/hello/x"), "Hello, x!\n")
            status = json.loads(d.curl("/status"))
            self.assertEqual(sum(w["requests"] for w in status["workers"]), 51)


class AdminPages(unittest.TestCase):
    def test_health(self):
        with node() as d:
            self.assertEqual(d.curl("-w", "%{http_code}", "/healthz"), "ok\n200")

    def test_status(self):
        with node("--workers", "2") as d:
            for _ in range(3):
                d.curl("/hello/x")
            out = d.curl("-i", "/status")
            self.assertIn("content-type: application/json", out)
            status = json.loads(out.split("\r\n\r\n")[1])
            self.assertEqual(set(status), {"version", "node_id", "uptime_s", "draining", "workers", "sessions"})
            self.assertIs(status["draining"], False)
            self.assertEqual(status["sessions"], [])
            self.assertEqual([w["index"] for w in status["workers"]], [0, 1])
            for worker in status["workers"]:
                self.assertEqual(set(worker), {"index", "cpu", "connections", "requests", "busy", "silent"})
                self.assertIs(worker["silent"], False)
                self.assertTrue(0 <= worker["busy"] <= 1)
            self.assertEqual(sum(w["requests"] for w in status["workers"]), 4)
            self.assertEqual(sum(w["connections"] for w in status["workers"]), 1)

    def test_metrics(self):
        with node() as d:
            d.curl("/hello/x")
            out = d.curl("-i", "/metrics")
            head, body = out.split("\r\n\r\n")
            self.assertIn("content-type: text/plain; version=0.0.4", head)
            samples = {}
            for line in body.splitlines():
                if line.startswith("#"):
                    self.assertRegex(line, r"^# (HELP|TYPE) penstock_[a-z_]+ .+$")
                else:
                    self.assertRegex(line, r'^penstock_[a-z_]+(\{[a-z_]+="[^"]*"(,le="[^"]*")?\})? -?[0-9.e+-]+$')
                    name, value = line.rsplit(" ", 1)
                    self.assertNotIn(name, samples)
                    samples[name] = float(value)
            requests = sum(v for k, v in samples.items() if k.startswith("penstock_http_requests_total"))
            self.assertEqual(requests, 2)
            self.assertEqual(samples["penstock_draining"], 0)

    def test_page(self):
        with node() as d:
            text = d.curl("-i", "/")
            self.assertIn("content-type: text/plain", text)
            self.assertIn("vary: accept", text)
            self.assertIn("pages: /healthz /metrics /status", text)
            nonces = set()
            for _ in range(2):
                head, page = d.curl("-i", "-H", "Accept: text/html,*/*;q=0.8", "/").split("\r\n\r\n", 1)
                self.assertIn("content-type: text/html", head)
                self.assertIn("default-src 'none'", head)
                nonce = head.split("script-src 'nonce-")[1].split("'")[0]
                self.assertIn(f'<script nonce="{nonce}">', page)
                self.assertNotIn("unsafe", head)
                nonces.add(nonce)
            self.assertEqual(len(nonces), 2)

    def test_own_listener(self):
        with node(settings='[admin]\nlisten = "127.0.0.1:0"\n') as d:
            admin = d._wait_for(r"node: admin pages on=(\S+)")
            self.assertNotEqual(admin, d.address)
            self.assertEqual(curl(f"http://{admin}/healthz"), "ok\n")
            self.assertEqual(d.curl("-o", os.devnull, "-w", "%{http_code}", "/healthz"), "404")


class Stopping(unittest.TestCase):
    def test_a_slow_request_ends(self):
        with Daemon(SLOW) as d:
            slow = subprocess.Popen(["curl", "-sS", "-i", d.url("/slow")], stdout=subprocess.PIPE)
            d.wait_for("slow began")
            idle = d.connect()
            idle.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(idle.recv(4096).endswith(b"\r\n\r\n"))
            d.signal()
            self.assertEqual(idle.recv(1), b"")  # an idle connection ends at once
            out, _ = slow.communicate(timeout=daemon.PATIENCE_S)
            self.assertTrue(out.endswith(b"slow\n"), out)
            self.assertIn(b"connection: close", out.lower())
            self.assertEqual(d.wait(), 0)
            self.assertIn("drained connections=2 cut=0", d.log())

    def test_nobody_comes_in_and_health_says_so(self):
        with Daemon(SLOW) as d:
            begun = d.connect()
            begun.sendall(b"GET /healthz HTTP/1.1\r\n")  # a request that has begun is waited for
            time.sleep(0.2)
            d.signal()
            d.wait_for("node: draining")
            time.sleep(0.2)
            with self.assertRaises(ConnectionError):
                d.connect()
            begun.sendall(b"Host: x\r\n\r\n")
            self.assertTrue(begun.recv(4096).startswith(b"HTTP/1.1 503"))
            self.assertEqual(d.wait(), 0)

    def test_ctrl_c_drains_too(self):
        with node() as d:
            d.signal(signal.SIGINT)
            self.assertEqual(d.wait(), 0)
            self.assertIn("drained", d.log())

    def test_the_deadline_cuts(self):
        with node(settings='[node]\ndrain_time_max = "300ms"\n') as d:
            begun = d.connect()
            begun.sendall(b"GET /hello/x HT")
            time.sleep(0.2)
            self.assertEqual(d.stop(), 0)
            self.assertIn("drained connections=0 cut=1", d.log())

    def test_a_second_signal_cuts(self):
        with node() as d:
            begun = d.connect()
            begun.sendall(b"GET /hello/x HT")
            time.sleep(0.2)
            d.signal()
            d.wait_for("node: draining")
            began = time.monotonic()
            d.signal()
            self.assertEqual(d.wait(), 0)
            self.assertLess(time.monotonic() - began, 8)  # the head's deadline is 10 s, the drain's 30 s
            self.assertIn("drained connections=0 cut=1", d.log())


class Refusing(unittest.TestCase):
    def refuse(self, *args, settings=None, code=1):
        with tempfile.TemporaryDirectory() as folder:
            command = [PENSTOCK, "node", "--state", folder + "/state", *args]
            if settings is not None:
                with open(folder + "/node.toml", "w", encoding="utf-8") as file:
                    file.write(settings)
                command += ["--config", folder + "/node.toml"]
            if "--listen" not in args:
                command += ["--listen", "127.0.0.1:0"]
            got, _, err = run(*command)
            self.assertEqual(got, code, err)
            return err.replace(folder + "/", "")

    def test_settings(self):
        for settings, message in [
                ("[node]\nworker = 2\n", "error: node.toml:2:1: unknown key node.worker; is workers meant?\n"),
                ("[node]\nworkers = \"2\"\n", "error: node.toml:2:11: node.workers = \"2\" is not a whole number\n"),
                ("[node]\ndrain_time_max = \"2h\"\n",
                 "error: node.toml:2:18: node.drain_time_max = \"2h\" is above 1h\n"),
                ("[admin]\nlisten = \"x\"\n", "error: node.toml:2:10: admin.listen = \"x\" is not an address: "
                 "write 127.0.0.1:80 or [::1]:80, or \"none\"\n"),
                ("[node\n", "error: node.toml:1:")]:
            with self.subTest(settings):
                got = self.refuse(settings=settings)
                self.assertEqual(got[:len(message)], message)

    def test_usage(self):
        self.assertIn("--bogus", self.refuse("--bogus", code=2))
        self.assertIn("--workers", self.refuse("--workers", "many", code=2))
        code, out, _ = run(PENSTOCK, "node", "--help")
        self.assertEqual(code, 0)
        for option in ["--config", "--listen", "--workers", "--state", "--version"]:
            self.assertIn(option, out)

    def test_a_listen_that_is_none(self):
        self.assertIn("--listen: 8079 is not an address: write 127.0.0.1:80 or [::1]:80\n",
                      self.refuse("--listen", "8079", code=2))

    def test_a_port_in_use_by_another_node(self):
        with node() as d:
            got = self.refuse("--listen", d.address)
            self.assertTrue(got.startswith(f"error: cannot listen on {d.address}: "), got)
            self.assertIn("Address already in use", got)
            self.assertIn("Choose another port by --listen", got)
            self.assertEqual(d.curl("/hello/x"), "Hello, x!\n")

    def test_a_port_in_use_by_a_stranger(self):
        for address in ["127.0.0.1", "::1"]:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family) as taken:
                try:
                    taken.bind((address, 0))
                except OSError:
                    print(f"skipped {address}: this machine has no such address", file=sys.stderr)
                    continue
                taken.listen()
                port = taken.getsockname()[1]
                listen = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
                self.assertIn("Address already in use", self.refuse("--listen", listen))

    def test_an_address_of_another_machine(self):
        self.assertIn("this machine has no such address", self.refuse("--listen", "192.0.2.1:8079"))

    def test_no_permission_for_the_state(self):
        if os.geteuid() != 0:
            self.skipTest("NOT RUN: needs root, to become another user by setpriv")
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            program = folder + "/penstock"
            with open(PENSTOCK, "rb") as source, open(program, "wb") as copy:
                copy.write(source.read())
            os.chmod(program, 0o755)
            as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program, "node",
                         "--listen", "127.0.0.1:0", "--state"]
            os.mkdir(folder + "/closed", 0o700)
            for state in [folder + "/new", folder + "/closed"]:
                code, _, err = run(*as_nobody, state)
                self.assertEqual(code, 1, err)
                self.assertEqual(err, f"error: state folder {state}: Permission denied; choose one that this user "
                                 "may write by --state DIR or node.state\n")


if __name__ == "__main__":
    daemon.main(sys.modules["__main__"])
