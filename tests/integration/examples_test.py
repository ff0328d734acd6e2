#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of docs/examples as their comments say. examples_test.py FOLDER_OF_PROGRAMS"""
import contextlib
import http.server
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
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
                answer = json.loads(out.split("\r\n\r\n")[1])
                self.assertGreater(answer["id"], 0)
                self.assertEqual("indexed" in answer, path == "/publish")
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

    def test_notes_tells_the_index(self):
        told = []

        class Index(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                told.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        try:
            server = http.server.HTTPServer(("127.0.0.1", 9000), Index)
        except OSError:
            self.skipTest("NOT RUN: somebody has port 9000, which this example names")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with example("notes") as d:
                answer = json.loads(d.curl("--data-binary", "a note", "/publish"))
                self.assertIs(answer["indexed"], True)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        self.assertEqual(told, [("/index", b"a note")])

    def test_chat(self):
        """Who comes later hears what was said before."""
        with example("chat") as d:
            first = self.send(d)
            for stage in ["enc_init", "stream_ctl", "stream_session", "stream_connected"]:
                self.assertIn(f"{stage}: done", first)
            self.assertIn("stream_streaming: complete", first)
            self.assertIn("status 404", first)  # a chat has no /hello
            self.assertNotIn("hello\n", first)
            self.assertIn("hello\n", self.send(d))
            self.assertEqual(d.stop(), 0)

    def send(self, node):
        done = subprocess.run([os.path.join(FOLDER, "example_send"), node.address], cwd=node.folder, timeout=daemon.PATIENCE_S,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def test_echo(self):
        with self.raw("echo", 7000) as talk:
            for line in [b"hello\n", b"move\n", b"again\n"]:
                talk.sendall(line)
                self.assertEqual(self.receive(talk, len(line)), line)

    def test_completion_echo(self):
        with self.raw("completion_echo", 7007) as talk:
            text = bytes(range(256)) * 1024
            sender = threading.Thread(target=lambda: (talk.sendall(text), talk.shutdown(socket.SHUT_WR)))
            sender.start()
            self.assertEqual(self.receive(talk, len(text)), text)
            sender.join()
            self.assertEqual(talk.recv(1), b"")

    def test_frames(self):
        with self.raw("frames", 7443) as talk:
            frames = b"".join(struct.pack(">I", len(text)) + text for text in [b"", b"one", b"x" * 65536])
            for at in range(0, len(frames), 1000):  # a frame may come in parts
                talk.sendall(frames[at:at + 1000])
            self.assertEqual(self.receive(talk, len(frames)), frames)
            talk.sendall(struct.pack(">I", 65537))
            self.assertEqual(talk.recv(1), b"")

    def receive(self, talk, count):
        got = b""
        while len(got) < count:
            got += talk.recv(count - len(got)) or self.fail("the end")
        return got

    @contextlib.contextmanager
    def raw(self, name, port):
        """A connection to an example that has its port in its source."""
        try:
            with socket.socket() as free:
                free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                free.bind(("127.0.0.1", port))
        except OSError:
            self.skipTest(f"NOT RUN: somebody has port {port}, which this example names")
        process = subprocess.Popen([os.path.join(FOLDER, "example_" + name)], stderr=subprocess.DEVNULL)
        try:
            with self.connect(port) as talk:
                yield talk
            process.terminate()
            self.assertEqual(process.wait(daemon.PATIENCE_S), 0)
        finally:
            process.kill()
            process.wait()

    def connect(self, port):
        for _ in range(200):
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=daemon.PATIENCE_S)
            except ConnectionError:
                time.sleep(0.05)
        return self.fail(f"nobody listens on {port}")


if __name__ == "__main__":
    daemon.main(sys.modules["__main__"])
