#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of docs/examples as their comments say. examples_test.py FOLDER_OF_PROGRAMS"""
import json
import os
import socket
import subprocess
import sys
import unittest

import daemon
from daemon import Daemon, curl

FOLDER = None


def use(folder):
    global FOLDER
    FOLDER = folder


def example(name, **options):
    return Daemon(os.path.join(FOLDER, "example_" + name), **options)


class Examples(unittest.TestCase):
    def test_hello(self):
        with example("hello") as d:
            self.assertEqual(d.curl("/hello/World"), "Hello, World!\n")
            self.assertEqual(d.stop(), 0)

    def test_notes(self):
        with example("notes") as d:
            for path in ["/notes", "/publish"]:
                out = d.curl("-i", "--data-binary", "a note", path)
                self.assertTrue(out.startswith("HTTP/1.1 201 Created\r\n"), out)
                self.assertGreater(json.loads(out.split("\r\n\r\n")[1])["id"], 0)
            with open(os.path.join(d.folder, "notes.jsonl"), encoding="utf-8") as file:
                self.assertEqual(file.read(), "a note\n" * 2)
            self.assertEqual(d.stop(), 0)

    def test_limits(self):
        with example("limits") as d:
            self.assertEqual(json.loads(d.curl("/limits")), {"history_lines": 100, "pause_ms": 100})
        with example("limits", settings='[chat]\nhistory_lines = 5\npause = "2s"\n') as d:
            self.assertEqual(json.loads(d.curl("/limits")), {"history_lines": 5, "pause_ms": 2000})
            self.assertEqual(d.stop(), 0)
        with self.assertRaisesRegex(AssertionError, r'node.toml:2:9: chat.pause = "20s" is above 10s'):
            example("limits", settings='[chat]\npause = "20s"\n')

    def test_streaming_upload(self):
        with self.streaming() as d:
            inbox = os.path.join(d.folder, "inbox")
            os.mkdir(inbox)
            sent = os.path.join(d.folder, "sent")
            with open(sent, "wb") as file:
                file.write(os.urandom(3 * 1024 * 1024 + 17))
            out = curl("-T", sent, "-w", "%{http_code}", d.url("/inbox"))
            self.assertEqual(out, "201")
            names = os.listdir(inbox)
            self.assertEqual(len(names), 1)
            with open(sent, "rb") as a, open(os.path.join(inbox, names[0]), "rb") as b:
                self.assertEqual(a.read(), b.read())
            # A client that leaves in the middle leaves nothing.
            with socket.create_connection(tuple(d.address.split(":"))) as half:
                half.sendall(b"PUT /inbox HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 10000)
            self.assertEqual(d.stop(), 0)
            self.assertEqual(os.listdir(inbox), names)

    def test_streaming_upload_without_a_folder(self):
        with self.streaming() as d:
            self.assertEqual(curl("-T", os.path.abspath(__file__), "-o", os.devnull, "-w", "%{http_code}", d.url("/inbox")),
                             "507")

    def test_streaming_download(self):
        with self.streaming() as d:
            numbers = subprocess.Popen(["curl", "-sS", d.url("/numbers")], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL)
            got = numbers.stdout.read(1_000_000).decode().split("\n")
            numbers.kill()
            numbers.communicate()
            self.assertEqual(got[:-1], [str(n) for n in range(len(got) - 1)])
            self.assertEqual(d.stop(), 0)

    def streaming(self):
        if not os.path.exists(os.path.join(FOLDER, "example_streaming")):
            self.skipTest("NOT RUN: example_streaming was not built")
        return example("streaming")

    def test_echo(self):
        try:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 7000))
        except OSError:
            self.skipTest("NOT RUN: somebody has port 7000, which this example names")
        process = subprocess.Popen([os.path.join(FOLDER, "example_echo")], stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                try:
                    talk = socket.create_connection(("127.0.0.1", 7000), timeout=daemon.PATIENCE_S)
                    break
                except ConnectionError:
                    import time
                    time.sleep(0.05)
            with talk:
                for line in [b"hello\n", b"move\n", b"again\n"]:
                    talk.sendall(line)
                    got = b""
                    while len(got) < len(line):
                        got += talk.recv(100) or self.fail("the end")
                    self.assertEqual(got, line)
            process.terminate()
            self.assertEqual(process.wait(daemon.PATIENCE_S), 0)
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    daemon.main(sys.modules["__main__"])
