// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/certificate.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/crypto/wire.hpp>

#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <support/vectors.hpp>

using namespace penstock;
using namespace penstock::crypto;

namespace {

core::WallTime at(std::int64_t seconds) { return core::WallTime(std::chrono::seconds(seconds)); }

constexpr std::int64_t begin = 1'700'000'000, end = 2'000'000'000;  // of what the vectors are valid

/// The parties of the vectors, and certificates made by hand.
struct Makers {
    const test::VectorSet& set = test::vector_sets().front();
    SigningKey node{set.secret("server_node")}, client{set.secret("client_node")},
        issuer{set.secret("issuer")};
    X25519Pair static_key{set.secret("server_static")};
    NodeId issuer_id = node_id(issuer.verify_key());
    std::vector<Certificate> issuers{issuer_certificate(Usage::issuer)};

    Certificate::Fields fields() const {
        return {"node-1.example", at(begin), at(end), Usage::server, static_key.public_key(), issuer_id};
    }
    Certificate issuer_certificate(Usage usage, std::int64_t from = begin, std::int64_t to = end) const {
        const X25519Public key = usage == Usage::issuer ? X25519Public{} : static_key.public_key();
        return make({"authority", at(from), at(to), usage, key, issuer_id}, issuer);
    }
    Certificate make(const Certificate::Fields& with, const SigningKey& by) const {
        const auto request = Certificate::request(with, by);
        REQUIRE(request);
        auto out = Certificate::issue(*request, issuer);
        REQUIRE(out);
        return *out;
    }
    CertificateUse use(std::int64_t now = begin) const {
        return {Usage::server, at(now), static_key.public_key()};
    }
    /// no_error if it is believed.
    Code verdict(const Certificate& certificate, const CertificateUse& as) const {
        const auto result = verify(certificate, as, issuers);
        return result ? Code::no_error : static_cast<Code>(result.error().code());
    }
    Code verdict(Bytes encoded) const {
        const auto certificate = Certificate::parse(encoded);
        if (!certificate) return static_cast<Code>(certificate.error().code());
        return verdict(*certificate, use());
    }
};

/// A certificate's parts, to put wrong ones together; the signatures are good.
struct Parts {
    std::string magic = "PSC1";
    std::uint8_t version = 1, usage = 2;
    std::uint16_t flags = 0;
    std::uint64_t not_before = begin, not_after = end;
    std::string name = "n", extensions{};
    std::string behind{};
    bool has_static = true;

    std::string encode(const Makers& makers) const {
        std::string out;
        Writer writer(out);
        const auto key = has_static ? makers.static_key.public_key() : X25519Public{};
        writer.bytes(magic).u8(version).u8(usage).u16(flags).u64(not_before).u64(not_after).bytes(Bytes(key));
        writer.bytes(Bytes(makers.node.verify_key())).bytes(Bytes(makers.issuer_id.bytes()));
        writer.v8(name).v16(extensions);
        const std::string spaces(64, ' ');
        using namespace std::string_literals;
        const auto node_signature = makers.node.sign(spaces + "PST1 node\0"s + out);
        writer.bytes(Bytes(node_signature));
        const auto signature = makers.issuer.sign(spaces + "PST1 certificate\0"s + out);
        writer.bytes(Bytes(signature)).bytes(behind);
        return out;
    }
};

}  // namespace

TEST_CASE("vectors: certificates are made and read as they stand there") {
    for (const auto& set : test::vector_sets()) {
        const Makers makers{set};
        const auto made = makers.make(makers.fields(), makers.node);
        CHECK(test::to_hex(made.encoded()) == test::to_hex(set.bytes("server_cert")));
        const auto read = Certificate::parse(set.bytes("client_cert"));
        REQUIRE(read);
        CHECK(read->name() == "client-7");
        CHECK(read->usage() == Usage::client);
        CHECK(read->not_before() == at(begin));
        CHECK(read->not_after() == at(end));
        CHECK(read->node_key() == makers.client.verify_key());
        CHECK(read->node() == node_id(makers.client.verify_key()));
        CHECK(read->issuer() == makers.issuer_id);
        CHECK_FALSE(read->is_self_signed());
        const auto client_static = X25519Pair(set.secret("client_static")).public_key();
        CHECK(makers.verdict(*read, {Usage::client, at(begin), client_static}) == Code::no_error);
        CHECK(made.hash() != read->hash());
    }
}

TEST_CASE("every changed byte and every cut of a certificate is refused") {
    const Makers makers;
    const auto good = makers.set.bytes("server_cert");
    REQUIRE(makers.verdict(good) == Code::no_error);
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (unsigned bit = 0; bit < 8; ++bit)
            CHECK(makers.verdict(test::flipped(good, i, bit)) != Code::no_error);
        CHECK(makers.verdict(good.substr(0, i)) == Code::protocol);
    }
    CHECK(makers.verdict(good + "x") == Code::protocol);
    // What the cheap part does not look at is found by the signatures.
    for (const std::size_t i : {55u + 32, 121u, 134u, 137u, 200u, 201u, 264u})
        CHECK(makers.verdict(test::flipped(good, i)) == Code::signature);
}

TEST_CASE("malformed certificates are refused though both have signed them") {
    const Makers makers;
    std::vector<std::pair<Code, Parts>> rows;
    const auto row = [&](Code code, auto change) {
        Parts parts;
        change(parts);
        rows.emplace_back(code, parts);
    };
    row(Code::no_error, [](Parts&) {});
    row(Code::protocol, [](Parts& p) { p.magic = "PSC2"; });
    row(Code::protocol, [](Parts& p) { p.version = 0; });
    row(Code::protocol, [](Parts& p) { p.version = 2; });
    row(Code::protocol, [](Parts& p) { p.usage = 2 | 8; });
    row(Code::protocol, [](Parts& p) { p.usage = 2 | 128; });
    row(Code::protocol, [](Parts& p) { p.flags = 1; });
    row(Code::protocol, [](Parts& p) { p.behind = std::string(1, '\0'); });
    row(Code::protocol, [](Parts& p) { p.has_static = false; });
    row(Code::protocol, [](Parts& p) { p.usage = 4; });  // an issuer with a static key
    row(Code::no_error, [](Parts& p) { p.usage = 2 | 4; });
    row(Code::cert_untrusted, [](Parts& p) { p.usage = 0; });
    row(Code::no_error, [](Parts& p) { p.name = ""; });
    row(Code::no_error, [](Parts& p) { p.name = std::string(255, 'n'); });
    row(Code::no_error, [](Parts& p) { p.extensions = test::from_hex("0001 0001 61 0002 0000"); });
    row(Code::protocol, [](Parts& p) { p.extensions = test::from_hex("0002 0000 0001 0000"); });
    row(Code::protocol, [](Parts& p) { p.extensions = test::from_hex("0001 0000 0001 0000"); });
    row(Code::protocol, [](Parts& p) { p.extensions = test::from_hex("8000 0000"); });
    row(Code::protocol, [](Parts& p) { p.extensions = test::from_hex("0001 0001"); });
    row(Code::protocol, [](Parts& p) { p.extensions = test::from_hex("00"); });
    row(Code::cert_expired, [](Parts& p) { p.not_before = ~0ull; });
    row(Code::no_error, [](Parts& p) { p.not_after = ~0ull; });
    row(Code::no_error, [](Parts& p) { p.not_after = 1ull << 63; });
    row(Code::cert_expired, [](Parts& p) { p.not_after = 0; });
    for (std::size_t i = 0; i < rows.size(); ++i) {
        CAPTURE(i);
        CHECK(makers.verdict(rows[i].second.encode(makers)) == rows[i].first);
    }
}

TEST_CASE("a certificate has up to 2,048 bytes") {
    const Makers makers;
    const auto sized = [&](std::size_t size) {
        Parts parts;
        const auto rest = size - parts.encode(makers).size();
        Writer(parts.extensions).u16(1).v16(std::string(rest - 4, 'x'));
        return parts.encode(makers);
    };
    CHECK(sized(2048).size() == 2048);
    CHECK(makers.verdict(sized(2048)) == Code::no_error);
    CHECK(makers.verdict(sized(2049)) == Code::protocol);
}

TEST_CASE("dates include their first and their last second") {
    const Makers makers;
    const auto good = makers.make(makers.fields(), makers.node);
    CHECK(makers.verdict(good, makers.use(begin - 1)) == Code::cert_expired);
    CHECK(makers.verdict(good, makers.use(begin)) == Code::no_error);
    CHECK(makers.verdict(good, makers.use(end)) == Code::no_error);
    auto use = makers.use(end);
    use.now += 999ms;
    CHECK(makers.verdict(good, use) == Code::no_error);
    CHECK(makers.verdict(good, makers.use(end + 1)) == Code::cert_expired);
}

TEST_CASE("a certificate is for its usage and for its static key") {
    const Makers makers;
    const auto good = makers.make(makers.fields(), makers.node);
    auto use = makers.use();
    use.usage = Usage::client;
    CHECK(makers.verdict(good, use) == Code::cert_untrusted);
    use.usage = Usage::client | Usage::server;
    CHECK(makers.verdict(good, use) == Code::cert_untrusted);
    use = makers.use();
    use.static_key[31] ^= 1;
    CHECK(makers.verdict(good, use) == Code::identity_mismatch);
}

TEST_CASE("an issuer is known, may issue, and may do so today") {
    Makers makers;
    const auto good = makers.make(makers.fields(), makers.node);
    makers.issuers.clear();
    CHECK(makers.verdict(good, makers.use()) == Code::cert_untrusted);
    makers.issuers = {makers.issuer_certificate(Usage::server)};
    CHECK(makers.verdict(good, makers.use()) == Code::cert_untrusted);
    makers.issuers = {makers.issuer_certificate(Usage::issuer, begin + 1)};
    CHECK(makers.verdict(good, makers.use()) == Code::cert_expired);
    CHECK(makers.verdict(good, makers.use(begin + 1)) == Code::no_error);
    makers.issuers = {makers.issuer_certificate(Usage::issuer, begin, begin)};
    CHECK(makers.verdict(good, makers.use(begin + 1)) == Code::cert_expired);
    makers.issuers = {good, makers.issuer_certificate(Usage::issuer | Usage::server)};
    CHECK(makers.verdict(good, makers.use()) == Code::no_error);
}

TEST_CASE("a self-signed certificate needs no issuer and no right to issue") {
    Makers makers;
    auto fields = makers.fields();
    fields.issuer = node_id(makers.node.verify_key());
    const auto request = Certificate::request(fields, makers.node);
    REQUIRE(request);
    const auto own = Certificate::issue(*request, makers.node);
    REQUIRE(own);
    CHECK(own->is_self_signed());
    makers.issuers.clear();
    CHECK(makers.verdict(*own, makers.use()) == Code::no_error);
}

TEST_CASE("the cheap part says whose signature to check, the other part checks it") {
    const Makers makers;
    const auto good = makers.make(makers.fields(), makers.node);
    const auto key = check(good, makers.use(), makers.issuers);
    REQUIRE(key);
    CHECK(*key == makers.issuer.verify_key());
    CHECK(check_signatures(good, *key).has_value());
    CHECK_FALSE(check_signatures(good, makers.node.verify_key()));
}

TEST_CASE("an issuer signs only what names it and what the node has signed") {
    const Makers makers;
    const auto request = Certificate::request(makers.fields(), makers.node);
    REQUIRE(request);
    CHECK_FALSE(Certificate::issue(*request, makers.client));
    for (std::size_t i = 0; i < request->size(); ++i)
        CHECK_FALSE(Certificate::issue(test::flipped(*request, i), makers.issuer));
    CHECK_FALSE(Certificate::issue("", makers.issuer));
}

TEST_CASE("what no certificate can say is refused before it is made") {
    const Makers makers;
    const auto refused = [&](auto change) {
        auto fields = makers.fields();
        change(fields);
        return !Certificate::request(fields, makers.node);
    };
    CHECK_FALSE(refused([](auto&) {}));
    CHECK_FALSE(refused([](auto& f) { f.name = std::string(255, 'n'); }));
    CHECK(refused([](auto& f) { f.name = std::string(256, 'n'); }));
    CHECK(refused([](auto& f) { f.not_before = at(-1); }));
    CHECK(refused([](auto& f) { f.not_after = at(begin - 1); }));
    CHECK(refused([](auto& f) { f.static_key = {}; }));
    CHECK(refused([](auto& f) { f.usage = Usage::issuer; }));
}
