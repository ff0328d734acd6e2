#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Another implementation talks to `penstock`: Noise from Debian's python3-dissononce, certificates and records from
python3-cryptography, the layouts written anew from docs/protocol.md. noise_peer_test.py PENSTOCK"""
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time
import unittest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dissononce.cipher.aesgcm import AESGCMCipher
from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.exceptions.decrypt import DecryptFailedException
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.NN import NNHandshakePattern
from dissononce.processing.handshakepatterns.interactive.XX import XXHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from dissononce.processing.modifiers.psk import PSKPatternModifier

import daemon
from daemon import Daemon, run

PENSTOCK = None
AES, CHACHA = SUITES = 1, 2
NOISE_CIPHERS = {AES: AESGCMCipher, CHACHA: ChaChaPolyCipher}
AEADS = {AES: AESGCM, CHACHA: ChaCha20Poly1305}
CLIENT, SERVER = 1, 2
CODES = {1: "PROTOCOL", 3: "VERSION", 4: "NO_SUITE", 5: "NETWORK_KEY", 0xA: "CERT_UNTRUSTED", 0xB: "CERT_EXPIRED",
         0xC: "IDENTITY_MISMATCH", 0xD: "HANDSHAKE", 0xE: "SIGNATURE", 0x101: "KEY_UNKNOWN", 0x102: "REPLAY",
         0x103: "DECRYPT", 0x104: "AUTH_REQUIRED", 0x105: "AUTH_REFUSED"}
HELLO_TYPE, REQUEST_TYPE, RESPONSE_TYPE = (f"application/penstock-{name}" for name in ["hs", "req", "res"])
TO_THE_END = 2**64 - 1


def use(penstock):
    global PENSTOCK
    PENSTOCK = os.path.abspath(penstock)


# Layouts (0.3)

def u8(n):
    return struct.pack(">B", n)


def u16(n):
    return struct.pack(">H", n)


def u32(n):
    return struct.pack(">I", n)


def u64(n):
    return struct.pack(">Q", n)


def v8(data):
    return u8(len(data)) + data


def v16(data):
    return u16(len(data)) + data


def long(data):
    return u32(len(data)) + data


class Reader:
    def __init__(self, data):
        self.data, self.at = bytes(data), 0

    def take(self, size):
        if size > len(self.data) - self.at:
            raise ValueError("too short")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def v8(self):
        return self.take(self.number(1))

    def v16(self):
        return self.take(self.number(2))

    def rest(self):
        return self.take(len(self.data) - self.at)

    def end(self):
        if self.at != len(self.data):
            raise ValueError("bytes left over")


def flipped(data, at):
    out = bytearray(data)
    out[at] ^= 1
    return bytes(out)


def xl(secret, label, context=b"", size=32):
    info = u16(size) + v8(b"pst1 " + label.encode()) + v8(context)
    return HKDFExpand(SHA256(), size, info).derive(secret)


# Identities and certificates (1.3)

def raw(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def id_of(node_key):
    return hashlib.sha256(b"pst1 node" + node_key).digest()


def text_of(node_id):
    return base64.b32encode(node_id).decode().lower().rstrip("=")


def signed(purpose, data):
    return b"\x20" * 64 + purpose + b"\x00" + data


class Identity:
    def __init__(self):
        self.static = X25519DH().generate_keypair()
        self.key = Ed25519PrivateKey.generate()
        self.id = id_of(raw(self.key))

    def text(self):
        return text_of(self.id)

    def certificate(self, usage, name=b"python", static=None, begin=-3600, end=3600):
        now = int(time.time())
        out = (b"PSC1" + u8(1) + u8(usage) + u16(0) + u64(now + begin) + u64(now + end) +
               (static or self.static).public.data + raw(self.key) + self.id + v8(name) + v16(b""))
        out += self.key.sign(signed(b"PST1 node", out))
        return out + self.key.sign(signed(b"PST1 certificate", out))


def check_certificate(data, static, usage):
    """The node id of one that is self-signed."""
    reader = Reader(data)
    assert reader.take(6) == b"PSC1" + u8(1) + u8(usage)
    assert reader.number(2) == 0
    begin, end = reader.number(8), reader.number(8)
    assert begin <= time.time() <= end
    assert reader.take(32) == static, "the static key is another than the handshake's"
    key, issuer = reader.take(32), reader.take(32)
    assert issuer == id_of(key)
    reader.v8()
    reader.v16()
    public, at = Ed25519PublicKey.from_public_bytes(key), reader.at
    public.verify(reader.take(64), signed(b"PST1 node", data[:at]))
    public.verify(reader.take(64), signed(b"PST1 certificate", data[:at + 64]))
    reader.end()
    return issuer


# Noise (1.1, 2.3)

def noise(suite, pattern, places, initiator, prologue, psks, static=None):
    for place in places:
        pattern = PSKPatternModifier(place).modify(pattern)
    out = HandshakeState(SymmetricState(CipherState(NOISE_CIPHERS[suite]()), SHA256Hash()), X25519DH())
    out.initialize(pattern, initiator, prologue, s=static, psks=psks)
    return out


def write(state, payload):
    out = bytearray()
    state.write_message(payload, out)
    return bytes(out)


def both_keys(split):
    return tuple(each._key for each in split)  # there is no other way to ask


class RequestKeys:
    """1.4"""

    def __init__(self, suite, split, hashed):
        first, second = both_keys(split)
        self.suite = suite
        self.to_node = xl(first, "c http", hashed)
        self.to_client = xl(second, "s http", hashed)
        self.sessions = xl(hmac.new(first, second, hashlib.sha256).digest(), "exp", hashed)


# Encrypted requests (1.7)

class Message:
    """The records of one request or response."""

    def __init__(self, suite, secret, label, context):
        message = xl(secret, label, context)
        self.aead = AEADS[suite](xl(message, "key"))
        self.iv = int.from_bytes(xl(message, "iv", b"", 12), "big")

    def nonce(self, number, is_final):
        return (self.iv ^ (is_final << 64 | number)).to_bytes(12, "big")

    def seal(self, prefix, parts):
        out = prefix
        for i, part in enumerate(parts):
            size = u16(len(part) + 16)
            out += size + self.aead.encrypt(self.nonce(i, i + 1 == len(parts)), part,
                                            prefix + size if i == 0 else size)
        return out

    def open(self, prefix, records):
        reader, out, i = Reader(records), b"", 0
        while reader.at < len(records):
            size = reader.take(2)
            sealed = reader.take(int.from_bytes(size, "big"))
            out += self.aead.decrypt(self.nonce(i, reader.at == len(records)), sealed,
                                     prefix + size if i == 0 else size)
            i += 1
        return out


def inner_request(path, method=1, body=b"", query=b"", fields=()):
    listed = b"".join(v16(name) + v16(value) for name, value in fields)
    return u8(method) + v16(path) + v16(query) + u16(len(fields)) + listed + u64(len(body)) + body


class InnerResponse:
    def __init__(self, plain):
        reader = Reader(plain)
        self.status = reader.number(2)
        self.fields = [(reader.v16(), reader.v16()) for _ in range(reader.number(2))]
        size = reader.number(8)
        self.body = reader.rest()
        assert size in (TO_THE_END, len(self.body))


def error_in(body):
    """The name of a refusal's code, and its text."""
    reader = Reader(body)
    assert reader.take(5) == b"PST1\x7f"
    code, text = reader.number(2), reader.v8().decode()
    reader.end()
    return CODES.get(code, hex(code)), text


class Client:
    """The client's side of a request key at `penstock node`."""

    def __init__(self, d, suite, network_key=None, identity=None, certificate=None):
        self.host, self.port = d.address.split(":")
        self.header = b"PST1" + u8(1) + u16(1) + u8(suite) + v16(b"")
        self.suite, self.identity = suite, identity
        static = identity.static if identity else X25519DH().generate_keypair()
        if identity and certificate is None:
            certificate = identity.certificate(CLIENT)
        self.payload_3 = (u8(1) + v16(certificate) if identity else u8(0) + v16(b"")) + v16(b"")
        self.noise = noise(suite, XXHandshakePattern(), (0, 3), True, self.header,
                           (network_key or bytes(32), bytes(32)), static)
        self.hello = self.header + write(self.noise, v16(b""))
        self.n = 0

    def post(self, path, body, content_type):
        connection = http.client.HTTPConnection(self.host, int(self.port), timeout=daemon.PATIENCE_S)
        try:
            connection.request("POST", path, body, {"content-type": content_type})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def say_hello(self):
        return self.post("/enc_init", self.hello, HELLO_TYPE)

    def shake_hands(self):
        """Answers the node's id."""
        response, body = self.say_hello()
        assert response.status == 200, body
        assert response.getheader("content-type") == HELLO_TYPE
        assert response.getheader("cache-control") == "no-store"
        reader = Reader(body)
        assert reader.take(7) == b"PST1" + u8(2) + v16(b"")
        payload = bytearray()
        self.noise.read_message(reader.rest(), payload)
        reader = Reader(payload)
        assert reader.v8() == u16(1)
        self.key_id = reader.take(16)
        assert 0 < reader.number(4) <= 300 and 0 < reader.number(4) <= 3600 and reader.number(2) == 256
        self.policy = reader.number(1)
        assert reader.number(1) == 1
        node = check_certificate(reader.v16(), self.noise.rs.data, SERVER)
        assert reader.v16() == b""
        reader.end()
        out = bytearray()
        split = self.noise.write_message(self.payload_3, out)
        self.message_3 = bytes(out)
        self.keys = RequestKeys(self.suite, split, self.noise.symmetricstate.get_handshake_hash())
        return text_of(node)

    def sealed(self, parts, message_3=None, flags=0, n=None):
        """The body of a request, and what its response belongs to."""
        context = u64(self.n if n is None else n) + os.urandom(16)
        self.n += n is None
        flags |= 2 if message_3 else 0
        prefix = u8(1) + u8(0x10) + u16(flags) + self.key_id + context + v16(b"")
        if message_3:
            prefix += v16(message_3)
        return Message(self.suite, self.keys.to_node, "req", context).seal(prefix, parts), context

    def send(self, sealed):
        body, context = sealed
        response, body = self.post("/enc", body, REQUEST_TYPE)
        if response.status != 200:
            assert response.getheader("content-type") == HELLO_TYPE
            return response.status, error_in(body)[0]
        assert response.getheader("content-type") == RESPONSE_TYPE
        assert response.getheader("cache-control") == "no-store"
        reader = Reader(body)
        prefix = reader.take(28)
        assert prefix[:2] == u8(1) + u8(0x11) and prefix[4:12] == context[:8]
        secret = Message(self.suite, self.keys.to_client, "res", context + prefix[12:])
        self.answer = secret.open(prefix, reader.rest())
        inner = InnerResponse(self.answer)
        assert (int.from_bytes(prefix[2:4], "big") & 4 != 0) == (self.answer[-len(inner.body) - 8:][:8] == b"\xff" * 8)
        return inner

    def get(self, path, message_3=None):
        """Status and body; of a refusal within, the code's name."""
        inner = self.send(self.sealed([inner_request(path)], message_3))
        if isinstance(inner, tuple):
            return inner
        return inner.status, error_in(inner.body)[0] if inner.status == 403 else inner.body


def node(settings=None):
    return Daemon([PENSTOCK, "node"], settings=settings)


def name_of(d):
    return d._wait_for(r"listening on=\S+ node=([a-z2-7]{52}) ")


class WithNetworkKey(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.network_key = os.urandom(32)
        self.network_key_file = os.path.join(self.folder, "network.key")
        with open(self.network_key_file, "w", encoding="utf-8") as file:
            file.write(self.network_key.hex() + "\n")
        os.chmod(self.network_key_file, 0o600)


class AtANode(WithNetworkKey):
    """The client is ours."""

    def test_requests(self):
        for key in [None, self.network_key]:
            with node(key and f'[stream]\nnetwork_key_file = "{self.network_key_file}"\n') as d:
                for suite in SUITES:
                    for identity in [None, Identity()]:
                        with self.subTest(suite=suite, network_key=key is not None, identity=identity is not None):
                            client = Client(d, suite, key, identity)
                            self.assertEqual(len(client.hello), 60)
                            self.assertEqual(client.shake_hands(), name_of(d))
                            self.assertEqual(client.policy, 1)
                            self.assertEqual(len(client.message_3), 326 if identity else 69)
                            self.assertEqual(client.get(b"/hello/World", client.message_3), (200, b"Hello, World!\n"))
                            self.assertEqual(client.get(b"/hello/again", client.message_3), (200, b"Hello, again!\n"))
                            self.assertEqual(client.get(b"/hello/more"), (200, b"Hello, more!\n"))
                            self.assertEqual(client.get(b"/nothing")[0], 404)

    def test_a_message_in_pieces(self):
        with node() as d:
            for suite in SUITES:
                client = Client(d, suite)
                client.shake_hands()
                head = inner_request(b"/hello/World", method=2, body=b"")[:-8]
                got = client.send(client.sealed([head + u64(9), b"one", b"two", b"end"], client.message_3))
                self.assertEqual(got.status, 405)  # it was read: only the method is another
                got = client.send(client.sealed([head + u64(TO_THE_END), b"one", b"two"], flags=4))
                self.assertEqual(got.status, 405)

    def test_a_body_of_another_length(self):
        with node() as d:
            client = Client(d, AES)
            client.shake_hands()
            self.assertEqual(client.get(b"/hello/World", client.message_3)[0], 200)
            head = inner_request(b"/hello/World")[:-8]
            for parts in [[head + u64(3) + b"four"], [head + u64(5) + b"four"]]:
                inner = client.send(client.sealed(parts))  # seen in the first record: refused within
                self.assertEqual((inner.status, error_in(inner.body)[0]), (403, "PROTOCOL"))
            for parts in [[head + u64(3), b"four"], [head + u64(5), b"four"], [head + u64(3) + b"fo", b"ur"]]:
                response, body = client.post("/enc", client.sealed(parts)[0], REQUEST_TYPE)
                self.assertEqual(response.status, 400, body)
            self.assertEqual(client.get(b"/hello/World")[0], 200)

    def test_who_must_show_a_certificate(self):
        known = Identity()
        with node(f'[stream]\nclients = ["{known.text()}"]\ncertificate_for_everything = true\n') as d:
            for identity, answer in [(known, (200, b"Hello, World!\n")), (None, (403, "AUTH_REQUIRED")),
                                     (Identity(), (403, "AUTH_REFUSED"))]:
                client = Client(d, AES, identity=identity)
                client.shake_hands()
                self.assertEqual(client.policy, 3)
                self.assertEqual(client.get(b"/hello/World", client.message_3), answer)

    def test_message_3_that_was_changed(self):
        with node() as d:
            for suite in SUITES:
                for at in [0, 31, 32, 47, 48, 100, -17, -1]:
                    client = Client(d, suite, identity=Identity())
                    client.shake_hands()
                    with self.subTest(suite=suite, at=at):
                        changed = flipped(client.message_3, at)
                        self.assertEqual(client.get(b"/hello/World", changed), (400, "HANDSHAKE"))
                        self.assertEqual(client.get(b"/hello/World", client.message_3)[0], 200)  # it harmed nothing
                        self.assertEqual(client.get(b"/hello/World", changed), (400, "HANDSHAKE"))
            client = Client(d, AES)
            client.shake_hands()
            for _ in range(4):
                self.assertEqual(client.get(b"/x", flipped(client.message_3, 0)), (400, "HANDSHAKE"))
            self.assertEqual(client.get(b"/x", client.message_3), (400, "KEY_UNKNOWN"))

    def test_a_request_that_was_changed(self):
        with node() as d:
            client = Client(d, CHACHA, identity=Identity())
            client.shake_hands()
            body, context = client.sealed([inner_request(b"/hello/World")], client.message_3)
            self.assertEqual(client.send((flipped(body, -1), context)), (400, "DECRYPT"))
            self.assertEqual(client.send((body, context)).body, b"Hello, World!\n")
            self.assertEqual(client.send((body, context)), (400, "REPLAY"))
            body, context = client.sealed([inner_request(b"/hello/World")])
            for at, why in [(0, "PROTOCOL"), (1, "PROTOCOL"), (4, "KEY_UNKNOWN"), (28, "DECRYPT"), (48, "DECRYPT")]:
                self.assertEqual(client.send((flipped(body, at), context)), (400, why), at)
            self.assertEqual(client.send((body, context)).status, 200)

    def test_certificates_that_are_refused(self):
        me, other = Identity(), Identity()
        good = me.certificate(CLIENT)
        cases = [(me.certificate(CLIENT, static=other.static), "IDENTITY_MISMATCH"),
                 (me.certificate(SERVER), "CERT_UNTRUSTED"), (me.certificate(CLIENT, end=-60), "CERT_EXPIRED"),
                 (me.certificate(CLIENT, begin=600), "CERT_EXPIRED"), (flipped(good, -1), "SIGNATURE"),
                 (flipped(good, -100), "SIGNATURE"), (flipped(good, 0), "PROTOCOL"), (good[:-1], "PROTOCOL")]
        with node() as d:
            for number, (certificate, why) in enumerate(cases):
                with self.subTest(number=number, why=why):
                    client = Client(d, AES, identity=me, certificate=certificate)
                    client.shake_hands()
                    status, got = client.get(b"/hello/World", client.message_3)
                    self.assertEqual(got, why)
                    self.assertEqual(status, 400 if why == "PROTOCOL" else 403)

    def test_hellos_that_are_refused(self):
        with node(f'[stream]\nnetwork_key_file = "{self.network_key_file}"\n') as d:
            def right():
                return Client(d, AES, self.network_key)

            for what, client, why in [("another key", Client(d, AES, os.urandom(32)), "NETWORK_KEY"),
                                      ("no key", Client(d, AES), "NETWORK_KEY"), ("a tag", right(), "NETWORK_KEY"),
                                      ("a suite", right(), "NO_SUITE"), ("a version", right(), "VERSION"),
                                      ("a header", right(), "PROTOCOL"), ("its end", right(), "HANDSHAKE")]:
                with self.subTest(what):
                    hello = client.hello
                    client.hello = {"a tag": flipped(hello, -1), "a suite": hello[:7] + u8(3) + hello[8:],
                                    "a version": hello[:5] + u16(2) + hello[7:], "a header": flipped(hello, 0),
                                    "its end": hello[:30]}.get(what, hello)
                    response, body = client.say_hello()
                    self.assertEqual(response.status, 400)
                    code, text = error_in(body)
                    self.assertEqual(code, why)
                    if why == "VERSION":
                        self.assertEqual(text, "1")
            self.assertEqual(right().shake_hands(), name_of(d))


def url64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Stream:
    """A session with one letter, and its connection (2, 3)."""

    def __init__(self, client, letter):
        body = (u8(1) + u8(1) + u16(1) + os.urandom(32) + u8(1) + letter + u8(0) + u16(1) + u32(65536) + u32(32768) +
                u8(1) + u8(1) + v16(b"") + u32(65536) + u32(16384) + u32(20000) + u32(0) + v16(b""))
        asked = inner_request(b"/stream_ctl", method=2, body=body)
        response = client.send(client.sealed([asked], client.message_3))
        assert response.status == 200
        reader = Reader(response.body)
        assert reader.take(5) == u8(1) + u16(0) + u16(1)
        self.id = reader.take(16)
        reader.take(32)
        assert reader.take(4) == u8(1) + letter + u16(0)
        assert (reader.number(2), reader.number(4), reader.number(4)) == (1, 65536, 32768)
        assert (reader.number(4), reader.number(4)) == (65536, 16384)
        secret = xl(client.keys.sessions, "session", hashlib.sha256(long(asked) + long(client.answer)).digest())
        self.psk = xl(secret, "attach")
        self.client, self.letter = client, letter
        self.offset, self.waiting, self.socket = 0, b"", None

    def attach(self, number, change=None):
        """The status. `change` alters message 1."""
        state = noise(self.client.suite, NNHandshakePattern(), (0,), True,
                      b"Penstock/1 attach" + self.id + u32(number) + u8(1), (self.psk,))
        message = write(state, b"")
        self.socket = socket.create_connection((self.client.host, int(self.client.port)), daemon.PATIENCE_S)
        self.socket.sendall(f"GET /stream/{url64(self.id)} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                            f"Upgrade: penstock/1\r\nPenstock-Attach: 1.{number}."
                            f"{url64(change(message) if change else message)}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer and (got := self.socket.recv(4096)):
            answer += got
        head, self.waiting = answer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        status = int(first.split()[1])
        if status != 101:
            self.socket.close()
            return status
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        assert fields["upgrade"] == "penstock/1" and fields["connection"].lower() == "upgrade"
        version, theirs, message = fields["penstock-attach"].split(".")
        assert (version, theirs) == ("1", str(number))
        self.to_node, self.to_client = state.read_message(base64.urlsafe_b64decode(message), bytearray())
        return status

    def send(self, frames):
        header = u8(0xE1) + u8(0) + u16(len(frames) + 16)
        self.socket.sendall(header + self.to_node.encrypt_with_ad(header, frames))

    def control(self, kind, body):
        return u8(kind) + u8(0) + u16(len(body)) + body

    def message(self, data):
        """In one piece."""
        out = u8(0x1B) + u8(0x10) + u16(len(data)) + self.letter + bytes(3) + u64(self.offset) + data
        self.offset += 16 + len(data)
        return out

    def record(self):
        """Frames; nothing at the end of the connection."""
        size = 4
        while len(self.waiting) < size or len(self.waiting) < (size := 4 + int.from_bytes(self.waiting[2:4], "big")):
            got = self.socket.recv(65536)
            if not got:
                assert self.waiting == b""
                return b""
            self.waiting += got
        record, self.waiting = self.waiting[:size], self.waiting[size:]
        assert record[:2] == u8(0xE1) + u8(0)
        return self.to_client.decrypt_with_ad(record[:4], record[4:])

    def frames(self):
        """Kind, second byte and body of each until the connection ends. Of DATA the channel and the numbers are
        left out."""
        while plain := self.record():
            reader = Reader(plain)
            while reader.at < len(plain):
                kind, second, size = reader.number(1), reader.number(1), reader.number(2)
                if kind & 0xF0 in (0x10, 0x20):
                    assert reader.take(4) == self.letter + bytes(3)
                    reader.take((8 if kind & 8 else 0) + (4 if kind & 4 else 0))
                yield kind, second, reader.take(size)


class WithASession(unittest.TestCase):
    """The client is ours."""

    def test_an_echo(self):
        with node() as d:
            for suite in SUITES:
                with self.subTest(suite=suite):
                    client = Client(d, suite, identity=Identity())
                    client.shake_hands()
                    stream = Stream(client, b"E")
                    # Who has not the session's secret gets nowhere, and harms nothing.
                    for at in [0, 31, 32, -1]:
                        self.assertEqual(stream.attach(1, lambda message: flipped(message, at)), 404)
                    self.assertEqual(stream.attach(1), 101)
                    settings = u16(1) + v16(u32(20000)) + u16(2) + v16(u32(16384))
                    stream.send(stream.control(0x3D, settings) + stream.message(b"Is anybody there?"))
                    frames = stream.frames()
                    self.assertEqual(next(frames)[0], 0x3D)
                    echo = next(each for each in frames if each[0] & 0xF0 == 0x10)
                    self.assertEqual(echo, (0x1B, 0x10, b"Is anybody there?"))
                    listed = json.loads(d.curl("/status"))["sessions"]
                    self.assertEqual([each["node"] for each in listed], [client.identity.text()])
                    stream.send(stream.control(0x36, u16(0) + v8(b"")))
                    for _ in frames:
                        pass
                    stream.socket.close()
                    self.assertEqual(json.loads(d.curl("/status"))["sessions"], [])


class Node(http.server.ThreadingHTTPServer):
    """The node's side, as far as `penstock get --enc` needs it. `change` may alter what it does: see the tests."""
    daemon_threads = True

    def __init__(self, network_key=None, **change):
        super().__init__(("127.0.0.1", 0), Answering)
        self.network_key, self.change = network_key, change
        self.identity = change.get("identity") or Identity()
        self.states, self.requests, self.problems = {}, [], []
        self.client = None

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, request, client_address):
        self.problems.append(repr(sys.exc_info()[1]))

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def hello(self, body):
        """Status, body."""
        reader = Reader(body)
        header = reader.take(10)
        assert header[:7] == b"PST1" + u8(1) + u16(1) and header[8:] == v16(b"")
        suite = header[7]
        state = noise(suite, XXHandshakePattern(), (0, 3), False, header,
                      (self.network_key or bytes(32), bytes(32)), self.identity.static)
        payload = bytearray()
        try:
            state.read_message(reader.rest(), payload)
        except DecryptFailedException:
            return 400, b"PST1\x7f" + u16(5) + v8(b"")
        assert payload == v16(b"")
        key_id = os.urandom(16)
        certificate = self.change.get("certificate", self.identity.certificate(SERVER))
        out = write(state, v8(self.change.get("versions", u16(1))) + key_id + u32(300) + u32(3600) + u16(256) + u8(1) +
                    (u8(1) if certificate else u8(0)) + v16(certificate) + v16(b""))
        self.states[key_id] = (suite, state)
        out = b"PST1" + u8(2) + v16(b"") + out
        return 200, flipped(out, self.change["flip_hello"]) if "flip_hello" in self.change else out

    def request(self, body):
        """Body of the response."""
        reader = Reader(body)
        assert reader.take(2) == u8(1) + u8(0x10)
        flags = reader.number(2)
        suite, state = self.states.pop(reader.take(16))
        context = reader.take(24)
        assert context[:8] == u64(0)
        assert reader.v16() == b""
        assert flags == 2  # message 3, and nothing else
        payload = bytearray()
        split = state.read_message(reader.v16(), payload)
        keys = RequestKeys(suite, split, state.symmetricstate.get_handshake_hash())
        prefix = body[:reader.at]
        shown = Reader(payload)
        assert shown.number(1) == 1
        self.client = text_of(check_certificate(shown.v16(), state.rs.data, CLIENT))
        assert shown.v16() == b""
        shown.end()
        self.requests.append(Message(suite, keys.to_node, "req", context).open(prefix, reader.rest()))
        salt = os.urandom(16)
        parts = self.change.get("parts", [self.response(b"Hello, World!")])
        prefix = u8(1) + u8(0x11) + u16(4 if "streams" in self.change else 0) + context[:8] + salt
        seal = Message(suite, keys.to_client, "res", context + salt).seal
        out = seal(prefix, parts)
        if "cut" in self.change:
            out = out[:-len(parts[-1]) - 18]
        if "flip_response" in self.change:
            out = flipped(out, self.change["flip_response"])
        if "label" in self.change:
            out = Message(suite, keys.to_client, "req", context + salt).seal(prefix, parts)
        if "salt" in self.change:
            out = Message(suite, keys.to_client, "res", context[:8] + bytes(16) + salt).seal(prefix, parts)
        return out

    @staticmethod
    def response(body, size=None, status=200):
        return u16(status) + u16(1) + v16(b"content-type") + v16(b"text/plain") + u64(
            len(body) if size is None else size) + body


class Answering(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/enc_init" and self.headers["content-type"] == HELLO_TYPE:
            self.answer(HELLO_TYPE, *self.server.hello(body))
        elif self.path == "/enc" and self.headers["content-type"] == REQUEST_TYPE:
            self.answer(RESPONSE_TYPE, 200, self.server.request(body))
        else:
            self.send_error(404)

    def answer(self, content_type, status, body):
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class AsANode(WithNetworkKey):
    """The node is ours."""

    def get(self, server, *options, path="/hello/World", node_id=None):
        with server:
            return run(PENSTOCK, "get", "--enc", server.url(path), "--node-id", node_id or server.identity.text(),
                       "--state", os.path.join(self.folder, "client"), *options)

    def refused(self, server, *options, why="", is_after_hello=False, **more):
        code, out, err = self.get(server, *options, **more)
        self.assertEqual((code, out), (1, ""), err)
        self.assertEqual(server.problems, [])
        self.assertTrue(err.startswith("error: 127.0.0.1:"), err)
        self.assertIn(why, err)
        self.assertEqual(len(server.requests), 1 if is_after_hello else 0)  # it tells nothing to whom it mistrusts

    def test_a_request(self):
        for key, options in [(None, []), (self.network_key, ["--network-key", self.network_key_file])]:
            server = Node(key)
            code, out, err = self.get(server, *options, path="/hello/World?a=b")
            self.assertEqual(server.problems, [])
            self.assertEqual((code, out, err), (0, "Hello, World!", "200 OK\n"))
            reader = Reader(server.requests[0])
            self.assertEqual((reader.number(1), reader.v16(), reader.v16()), (1, b"/hello/World", b"a=b"))
            shown = run(PENSTOCK, "key", "show", "--state", os.path.join(self.folder, "client"))[1]
            self.assertEqual(shown.split()[0], server.client)

    def test_a_body_in_pieces(self):
        code, out, err = self.get(Node(parts=[Node.response(b"one ", TO_THE_END), b"two ", b"three"], streams=True))
        self.assertEqual((code, out, err), (0, "one two three", "200 OK\n"))

    def test_another_status(self):
        code, out, err = self.get(Node(parts=[Node.response(b"gone", status=410)]))
        self.assertEqual((code, out, err), (1, "gone", "410 Gone\n"))

    def test_another_node(self):
        self.refused(Node(), node_id=Identity().text(), why="another node answers")

    def test_another_network_key(self):
        self.refused(Node(self.network_key), why="network key")
        self.refused(Node(), "--network-key", self.network_key_file, why="network key")

    def test_certificates_that_are_refused(self):
        me, other = Identity(), Identity()
        good = me.certificate(SERVER)
        for number, (certificate, why) in enumerate([
                (flipped(good, -1), "did not sign"), (flipped(good, -100), "did not sign"),
                (me.certificate(SERVER, static=other.static), ""), (me.certificate(CLIENT), ""),
                (me.certificate(SERVER, end=-60), "expired"), (me.certificate(SERVER, begin=600), ""),
                (other.certificate(SERVER), ""), (other.certificate(SERVER, static=me.static), "another node"),
                (b"", ""), (good[:-1], ""), (flipped(good, 0), "")]):
            with self.subTest(number=number):
                self.refused(Node(identity=me, certificate=certificate), why=why)
        code, _, err = self.get(Node(identity=me, certificate=good))
        self.assertEqual(code, 0, err)

    def test_hellos_that_are_refused(self):
        self.refused(Node(versions=u16(2)), why="version")
        self.refused(Node(versions=u16(2) + u16(3)), why="version")
        for at in [0, 4, 7, 40, 100, -1]:
            with self.subTest(at=at):
                self.refused(Node(flip_hello=at))

    def test_responses_that_are_refused(self):
        pieces = [Node.response(b"one ", TO_THE_END), b"two ", b"three"]
        for change in [{"flip_response": at} for at in [0, 1, 4, 12, 28, 30, -1]] + [
                {"parts": pieces, "streams": True, "cut": True}, {"label": True}, {"salt": True}, {"parts": pieces},
                {"parts": [Node.response(b"four", 5)]}, {"parts": [Node.response(b"four", 3)]},
                {"parts": [Node.response(b"four")], "streams": True}]:
            with self.subTest(change):
                self.refused(Node(**change), is_after_hello=True)


if __name__ == "__main__":
    daemon.main(sys.modules["__main__"])
