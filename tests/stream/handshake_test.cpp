// SPDX-License-Identifier: Apache-2.0
// Both sides of /enc_init, against the vectors and against each other.
#include <penstock/stream/hello.hpp>

#include <doctest/doctest.h>
#include <stream/parties.hpp>
#include <support/fixed_random.hpp>

using namespace penstock;
using namespace penstock::stream;
using crypto::Code;
using crypto::Suite;
using test::code;
using test::Parties;
using test::Shaken;

namespace {

/// A KEM of fixed bytes, like the one of the vectors.
struct FixedKem final : Kem, KemPair {
    std::string public_bytes, ciphertext;
    crypto::Secret<32> secret;

    std::uint16_t kem() const override { return ml_kem_768; }
    Bytes public_key() const override { return public_bytes; }
    std::optional<crypto::Secret<32>> open(Bytes bytes) override {
        return bytes == Bytes(ciphertext) ? std::optional(secret) : std::nullopt;
    }
    std::optional<Sealed> seal(core::Random&, Bytes key) override {
        if (key != Bytes(public_bytes)) return std::nullopt;
        return Sealed{ciphertext, secret};
    }
};

/// The KEM that a set's payloads speak of; none in most.
std::optional<FixedKem> kem_of(const test::VectorSet& set) {
    const auto one = set.bytes("payload_1"), two = set.bytes("payload_2");
    const auto share = parse_payload_1(one)->kem, answer = parse_payload_2(two)->kem;
    if (!share) return std::nullopt;
    FixedKem out;
    out.public_bytes = share->bytes.text();
    out.ciphertext = answer->bytes.text();
    out.secret = set.secret("kem_secret");
    return out;
}

void check_keys(const RequestKey& key, const test::VectorSet& set) {
    CHECK(key.suite == set.suite());
    CHECK(key.client == set.secret("c_http"));
    CHECK(key.server == set.secret("s_http"));
    CHECK(key.exporter == set.secret("exporter"));
}

/// What a server makes of a ClientHello.
Code server_verdict(Parties& parties, const std::string& hello) {
    ServerHandshake server(parties.algorithms, parties.server());
    const auto read = server.read(hello);
    if (!read) return code(read);
    return code(server.answer(parties.random, parties.terms));
}

}  // namespace

TEST_CASE("vectors: client and server write the bytes of every set, and come to its keys") {
    for (const auto& set : test::vector_sets()) {
        CAPTURE(set.name());
        Parties parties(set);
        auto kem = kem_of(set);
        if (!set.secret("network_key").is_zero()) parties.network_keys = {set.secret("network_key")};
        parties.terms.key_id = set.array<16>("key_id");
        parties.terms.certificate_for_stream_ctl = !set.is_anonymous();

        auto client_setup = parties.client(set.suite());
        client_setup.kem = kem ? &*kem : nullptr;
        if (set.is_anonymous()) client_setup.certificate = nullptr;
        test::FixedRandom client_random(set.bytes("client_ephemeral"));
        ClientHandshake client(parties.algorithms, client_random, client_setup);
        CHECK(client.hello() == set.bytes("client_hello"));

        auto server_setup = parties.server();
        server_setup.kem = kem ? &*kem : nullptr;
        test::FixedRandom server_random(set.bytes("server_ephemeral"));
        ServerHandshake server(parties.algorithms, server_setup);
        REQUIRE(server.read(set.bytes("client_hello")));
        const auto answer = server.answer(server_random, parties.terms);
        REQUIRE(answer);
        CHECK(answer->body == set.bytes("server_hello"));

        const auto offer = client.read(set.bytes("server_hello"), parties.now, parties.issuers);
        REQUIRE(offer);
        CHECK(offer->terms.key_id == set.array<16>("key_id"));
        CHECK(offer->terms.idle == 300s);
        CHECK(offer->certificate.name() == "node-1.example");
        const auto third = client.message_3();
        REQUIRE(third);
        CHECK(third->text() == set.bytes("message_3"));
        CHECK(client.message_3()->text() == set.bytes("message_3"));
        check_keys(client.key(), set);

        const auto claim = answer->fresh.read(parties.algorithms, set.bytes("message_3"));
        REQUIRE(claim);
        check_keys(claim->key, set);
        CHECK(claim->static_key == parties.client_static.public_key());
        CHECK(claim->certificate.has_value() == !set.is_anonymous());
        CHECK(verify(*claim, parties.now, parties.issuers));
    }
}

TEST_CASE("every changed byte, and every cut, of every handshake message is refused") {
    for (const auto suite : {Suite::aes_gcm, Suite::chacha_poly}) {
        Parties parties;
        const Shaken good(parties, suite);
        for (std::size_t at = client_hello_head_bytes; at < good.hello.size(); ++at)
            CHECK(server_verdict(parties, test::flipped(good.hello, at)) == Code::network_key);
        for (std::size_t cut = 0; cut < good.hello.size(); ++cut) {
            const auto expected = cut < client_hello_head_bytes        ? Code::protocol
                                  : cut < client_hello_head_bytes + 48 ? Code::handshake
                                                                       : Code::network_key;
            CHECK(server_verdict(parties, good.hello.substr(0, cut)) == expected);
        }
        CHECK(server_verdict(parties, good.hello + "x") == Code::network_key);

        const auto client_verdict = [&](const auto& change) {
            ClientHandshake client(parties.algorithms, parties.random, parties.client(suite));
            ServerHandshake server(parties.algorithms, parties.server());
            REQUIRE(server.read(client.hello()));
            auto body = server.answer(parties.random, parties.terms)->body;
            change(body);
            return code(client.read(body, parties.now, parties.issuers));
        };
        CHECK(client_verdict([](std::string&) {}) == Code::no_error);
        for (std::size_t at = 0; at < good.server_hello.size(); ++at) {
            const auto head = at < server_hello_head_bytes;
            CHECK(client_verdict([at](std::string& body) { body = test::flipped(body, at); }) ==
                  (head ? Code::protocol : Code::handshake));
            CHECK(client_verdict([at](std::string& body) { body.resize(at); }) ==
                  (head ? Code::protocol : Code::handshake));
        }
        CHECK(client_verdict([](std::string& body) { body += 'x'; }) == Code::handshake);

        for (std::size_t at = 0; at < good.message_3.size(); ++at) {
            const auto changed = test::flipped(good.message_3, at), cut = good.message_3.substr(0, at);
            CHECK(code(good.fresh->read(parties.algorithms, changed)) == Code::handshake);
            CHECK(code(good.fresh->read(parties.algorithms, cut)) == Code::handshake);
        }
        CHECK(code(good.fresh->read(parties.algorithms, good.message_3 + "x")) == Code::handshake);
        CHECK(code(good.fresh->read(parties.algorithms, std::string(message_3_bytes_max + 1, 'x'))) ==
              Code::handshake);
        CHECK(good.fresh->read(parties.algorithms, good.message_3));
    }
}

TEST_CASE("a network key is asked for before anything else, and two are accepted while it is changed") {
    Parties parties;
    crypto::Secret<32> old_key, new_key, other;
    old_key.data()[0] = 1;
    new_key.data()[0] = 2;
    other.data()[0] = 3;
    const auto hello_with = [&](const crypto::Secret<32>* key) {
        auto setup = parties.client();
        setup.network_key = key;
        return ClientHandshake(parties.algorithms, parties.random, setup).hello();
    };
    parties.network_keys = {old_key, new_key};
    CHECK(server_verdict(parties, hello_with(&old_key)) == Code::no_error);
    CHECK(server_verdict(parties, hello_with(&new_key)) == Code::no_error);
    CHECK(server_verdict(parties, hello_with(&other)) == Code::network_key);
    CHECK(server_verdict(parties, hello_with(nullptr)) == Code::network_key);
    parties.network_keys = {};
    CHECK(server_verdict(parties, hello_with(&old_key)) == Code::network_key);

    // A key of small order would be found by a DH: it isn't looked at without the network key.
    parties.network_keys = {old_key};
    auto small_order = hello_with(&other);
    std::fill_n(small_order.begin() + client_hello_head_bytes, 32, '\0');
    CHECK(server_verdict(parties, small_order) == Code::network_key);

    // Whichever was used goes on to the keys.
    parties.network_keys = {new_key};
    const Shaken shaken(parties);
    const auto claim = shaken.fresh->read(parties.algorithms, shaken.message_3);
    REQUIRE(claim);
    CHECK(claim->key.client == shaken.client.key().client);
}

TEST_CASE("a client's key of small order is refused at the DH") {
    Parties parties;
    std::string head;
    append_client_hello_head(head, Suite::aes_gcm);
    // Message 1 with an ephemeral key of zeros and good tags, made by hand.
    crypto::SymmetricState state(parties.algorithms, "Noise_XXpsk0+psk3_25519_AESGCM_SHA256", Suite::aes_gcm);
    state.mix_hash(parties.algorithms, head);
    state.mix_key_and_hash(parties.algorithms, crypto::Secret<32>());
    const std::string zeros(32, '\0');
    state.mix_hash(parties.algorithms, zeros);
    state.mix_key(parties.algorithms, zeros);
    std::string sealed(2 + 16, '\0');
    state.encrypt_and_hash(parties.algorithms, std::string(2, '\0'), test::writable(sealed));
    CHECK(server_verdict(parties, head + zeros + sealed) == Code::handshake);
}

TEST_CASE("the client judges the server's certificate") {
    const auto verdict = [](Parties& parties, core::WallTime now = test::at_second(test::valid_from)) {
        ClientHandshake client(parties.algorithms, parties.random, parties.client());
        ServerHandshake server(parties.algorithms, parties.server());
        REQUIRE(server.read(client.hello()));
        const auto answer = server.answer(parties.random, parties.terms);
        REQUIRE(answer);
        return code(client.read(answer->body, now, parties.issuers));
    };
    Parties parties;
    CHECK(verdict(parties) == Code::no_error);
    CHECK(verdict(parties, test::at_second(test::valid_to)) == Code::no_error);
    CHECK(verdict(parties, test::at_second(test::valid_to + 1)) == Code::cert_expired);
    CHECK(verdict(parties, test::at_second(test::valid_from - 1)) == Code::cert_expired);
    Parties stranger;
    stranger.issuers.clear();
    CHECK(verdict(stranger) == Code::cert_untrusted);
    Parties wrong_use;
    wrong_use.server_certificate = wrong_use.certificate(
        "node", crypto::Usage::client, wrong_use.server_static.public_key(), wrong_use.server_node);
    CHECK(verdict(wrong_use) == Code::cert_untrusted);
    Parties wrong_key;
    wrong_key.server_certificate = wrong_key.certificate(
        "node", crypto::Usage::server, wrong_key.client_static.public_key(), wrong_key.server_node);
    CHECK(verdict(wrong_key) == Code::identity_mismatch);
}

TEST_CASE("a ServerHello with a bad payload inside good encryption") {
    Parties parties;
    const auto verdict = [&](const std::string& payload) {
        ClientHandshake client(parties.algorithms, parties.random, parties.client());
        const auto hello = client.hello();
        const std::array psks{crypto::Secret<32>(), crypto::Secret<32>()};
        crypto::HandshakeState server(parties.algorithms, crypto::xx_psk0_psk3, Suite::aes_gcm,
                                      crypto::HandshakeState::Role::responder,
                                      {Bytes(hello).first(10), psks, &parties.server_static, {}});
        std::string out(4096, '\0');
        REQUIRE(server.read(parties.algorithms, Bytes(hello).from(10), test::writable(out)));
        const auto size = server.write(parties.algorithms, parties.random, payload, test::writable(out));
        REQUIRE(size);
        std::string body;
        append_server_hello_head(body);
        return code(client.read(body + out.substr(0, *size), parties.now, parties.issuers));
    };
    const auto good = parties.set.bytes("payload_2");
    CHECK(verdict(good) == Code::no_error);
    CHECK(verdict(good + "x") == Code::protocol);
    CHECK(verdict("") == Code::protocol);
    auto rollback = good;
    rollback[2] = 2;  // the server has version 2 alone, so somebody answered in its place
    CHECK(verdict(rollback) == Code::version);
    Payload2 no_certificate;
    std::string payload;
    append_payload_2(payload, no_certificate);
    CHECK(verdict(payload) == Code::cert_untrusted);
    const std::string ciphertext(kem_ciphertext_bytes, 'k');
    no_certificate.kem = KemShare{ml_kem_768, ciphertext};
    payload.clear();
    append_payload_2(payload, no_certificate);
    CHECK(verdict(payload) == Code::protocol);  // a KEM that was not offered
    auto changed = good;
    changed[good.size() - 10] = static_cast<char>(changed[good.size() - 10] ^ 1);
    CHECK(verdict(changed) == Code::signature);
}

TEST_CASE("the server judges the client's certificate behind the tags, and an anonymous client has none") {
    Parties parties;
    const auto verdict = [&](const crypto::Certificate* certificate, const crypto::X25519Pair* key) {
        auto setup = parties.client();
        setup.certificate = certificate;
        setup.static_key = key;
        ClientHandshake client(parties.algorithms, parties.random, setup);
        ServerHandshake server(parties.algorithms, parties.server());
        REQUIRE(server.read(client.hello()));
        const auto answer = server.answer(parties.random, parties.terms);
        REQUIRE(client.read(answer->body, parties.now, parties.issuers));
        const auto claim = answer->fresh.read(parties.algorithms, *client.message_3());
        REQUIRE(claim);
        CHECK(claim->certificate.has_value() == (certificate != nullptr));
        CHECK(claim->message_hash == message_3_hash(parties.algorithms, *client.message_3()));
        return code(verify(*claim, parties.now, parties.issuers));
    };
    CHECK(verdict(&parties.client_certificate, &parties.client_static) == Code::no_error);
    CHECK(verdict(nullptr, nullptr) == Code::no_error);
    CHECK(verdict(&parties.client_certificate, &parties.server_static) == Code::identity_mismatch);
    const auto as_server = parties.certificate("x", crypto::Usage::server, parties.client_static.public_key(),
                                               parties.client_node);
    CHECK(verdict(&as_server, &parties.client_static) == Code::cert_untrusted);
}

TEST_CASE("the fourth failure erases a fresh key, which a forged message 3 leaves as it was") {
    Parties parties;
    Shaken shaken(parties);
    for (int i = 0; i < 3; ++i) {
        CHECK_FALSE(shaken.fresh->read(parties.algorithms, test::flipped(shaken.message_3, 60)));
        CHECK_FALSE(shaken.fresh->count_failure());
        CHECK(shaken.fresh->read(parties.algorithms, shaken.message_3));
    }
    CHECK(shaken.fresh->count_failure());
}

TEST_CASE("a KEM: a bad public key, a bad ciphertext, and a server without one") {
    const auto& set = test::vector_sets()[0];
    Parties parties(set);
    FixedKem kem, other;
    kem.public_bytes = std::string(kem_public_bytes, 'p');
    kem.ciphertext = std::string(kem_ciphertext_bytes, 'c');
    kem.secret.data()[0] = 1;
    other = kem;
    const auto shake = [&](Kem* server_kem, KemPair* client_kem) {
        auto client_setup = parties.client();
        client_setup.kem = client_kem;
        ClientHandshake client(parties.algorithms, parties.random, client_setup);
        auto server_setup = parties.server();
        server_setup.kem = server_kem;
        ServerHandshake server(parties.algorithms, server_setup);
        REQUIRE(server.read(client.hello()));
        const auto answer = server.answer(parties.random, parties.terms);
        if (!answer) return code(answer);
        const auto offer = client.read(answer->body, parties.now, parties.issuers);
        if (!offer) return code(offer);
        return code(answer->fresh.read(parties.algorithms, *client.message_3()));
    };
    CHECK(shake(&kem, &kem) == Code::no_error);
    CHECK(shake(nullptr, &kem) == Code::no_error);
    CHECK(shake(&kem, nullptr) == Code::no_error);
    other.secret.data()[0] = 2;
    CHECK(shake(&kem, &other) == Code::handshake);
    other = kem;
    other.public_bytes[5] = 'x';
    CHECK(shake(&kem, &other) == Code::protocol);
    other = kem;
    other.ciphertext[5] = 'x';
    CHECK(shake(&kem, &other) == Code::handshake);
}
