// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/certificate.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/crypto/extensions.hpp>
#include <penstock/core/crypto/wire.hpp>

#include <algorithm>
#include <chrono>

#include <sodium.h>

namespace penstock::crypto {
namespace {

constexpr std::size_t signature_bytes = 64;
constexpr std::size_t name_at = 4 + 1 + 1 + 2 + 8 + 8 + 32 + 32 + 32;  // of its length
constexpr core::Error malformed = error(Code::protocol, "malformed certificate");

std::array<std::uint8_t, 32> hash_of(Bytes a, Bytes b = {}) {
    std::array<std::uint8_t, 32> out;
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    for (const auto part : {a, b})
        crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(part.data()), part.size());
    crypto_hash_sha256_final(&state, out.data());
    return out;
}

/// What is signed: 64 spaces and a purpose, so that no signature can serve as another one.
std::string to_sign(std::string_view purpose, Bytes body) {
    std::string out(64, ' ');
    out += purpose;
    out += '\0';
    return out += body.text();
}
constexpr std::string_view by_node = "PST1 node";
constexpr std::string_view by_issuer = "PST1 certificate";

core::WallTime from_wire(std::uint64_t seconds) {
    constexpr auto last = std::chrono::floor<std::chrono::seconds>(core::WallTime::max().time_since_epoch());
    return core::WallTime(std::chrono::seconds(std::min<std::uint64_t>(seconds, last.count())));
}

std::uint64_t to_wire(core::WallTime time) {
    return static_cast<std::uint64_t>(
        std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count());
}

Signature signature_at(Bytes encoded, std::size_t from_end) {
    return Reader(encoded.last(from_end)).array<signature_bytes>();
}

bool is_zero(const X25519Public& key) { return key == X25519Public{}; }

/// Zeros belong to what is an issuer and nothing else, and to nothing that shakes hands.
bool static_key_fits(const X25519Public& key, Usage usage) {
    if (usage == Usage::issuer) return is_zero(key);
    return has(usage, Usage::issuer) || !is_zero(key);
}

}  // namespace

NodeId node_id(const VerifyKey& node_key) { return NodeId(hash_of("pst1 node", Bytes(node_key))); }

Result<Certificate> Certificate::parse(Bytes encoded) {
    if (encoded.size() > bytes_max) return fail(malformed);
    Certificate out;
    Reader reader(encoded);
    if (reader.take(4) != "PSC1" || reader.u8() != 1) return fail(malformed);
    const auto usage = reader.u8();
    const auto flags = reader.u16();
    out.not_before_ = from_wire(reader.u64());
    out.not_after_ = from_wire(reader.u64());
    out.static_key_ = reader.array<32>();
    out.node_key_ = reader.array<32>();
    out.issuer_ = NodeId(reader.array<32>());
    reader.v8();
    const auto extensions = reader.v16();
    reader.take(2 * signature_bytes);
    if (!reader.done() || usage > 7 || flags != 0 || !Extensions::parse(extensions, {}))
        return fail(malformed);
    out.usage_ = static_cast<Usage>(usage);
    if (!static_key_fits(out.static_key_, out.usage_)) return fail(malformed);
    out.node_ = node_id(out.node_key_);
    out.encoded_ = encoded.text();
    return out;
}

Result<std::string> Certificate::request(const Fields& fields, const SigningKey& node) {
    if (fields.name.size() > name_bytes_max)
        return fail(Error(core::Domain::settings, 1, "a certificate's name has up to 255 bytes"));
    if (fields.not_before < core::WallTime{} || fields.not_after < fields.not_before)
        return fail(Error(core::Domain::settings, 1, "a certificate's dates are after 1970 and in order"));
    if (!static_key_fits(fields.static_key, fields.usage))
        return fail(Error(core::Domain::settings, 1, "an issuer's certificate has no static key, others do"));
    std::string out;
    Writer writer(out);
    writer.bytes("PSC1").u8(1).u8(static_cast<std::uint8_t>(fields.usage)).u16(0);
    writer.u64(to_wire(fields.not_before)).u64(to_wire(fields.not_after));
    writer.bytes(Bytes(fields.static_key))
        .bytes(Bytes(node.verify_key()))
        .bytes(Bytes(fields.issuer.bytes()));
    writer.v8(fields.name).v16({});
    writer.bytes(Bytes(node.sign(to_sign(by_node, out))));
    return out;
}

Result<Certificate> Certificate::issue(Bytes request, const SigningKey& issuer) {
    std::string whole(request.text());
    const auto signature = issuer.sign(to_sign(by_issuer, request));
    Writer(whole).bytes(Bytes(signature));
    auto out = parse(whole);
    if (!out) return out;
    if (out->issuer() != node_id(issuer.verify_key()))
        return fail(error(Code::cert_untrusted, "the request names another issuer"));
    if (const auto good = check_signatures(*out, issuer.verify_key()); !good) return fail(good);
    return out;
}

std::array<std::uint8_t, 32> Certificate::hash() const { return hash_of(encoded_); }

std::string_view Certificate::name() const { return Reader(encoded().from(name_at)).v8().text(); }

bool Certificate::is_valid_at(core::WallTime now) const {
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    return not_before_ <= second && second <= not_after_;
}

Result<VerifyKey> check(const Certificate& certificate, const CertificateUse& use,
                        std::span<const Certificate> issuers) {
    if (certificate.static_key() != use.static_key)
        return fail(error(Code::identity_mismatch, "the certificate is of another static key"));
    if (!has(certificate.usage(), use.usage))
        return fail(error(Code::cert_untrusted, "the certificate is not for this use"));
    if (!certificate.is_valid_at(use.now)) return fail(error(Code::cert_expired));
    if (certificate.is_self_signed()) return certificate.node_key();
    const auto issuer = std::ranges::find(issuers, certificate.issuer(), &Certificate::node);
    if (issuer == issuers.end() || !has(issuer->usage(), Usage::issuer))
        return fail(error(Code::cert_untrusted, "the certificate's issuer is not known"));
    if (!issuer->is_valid_at(use.now))
        return fail(error(Code::cert_expired, "the certificate of the issuer is expired"));
    return issuer->node_key();
}

Result<void> check_signatures(const Certificate& certificate, const VerifyKey& issuer_key) {
    const auto all = certificate.encoded();
    const auto node_part = all.first(all.size() - 2 * signature_bytes);
    const auto issuer_part = all.first(all.size() - signature_bytes);
    if (!verify(certificate.node_key(), to_sign(by_node, node_part), signature_at(all, 2 * signature_bytes)))
        return fail(error(Code::signature, "the node did not sign the certificate"));
    if (!verify(issuer_key, to_sign(by_issuer, issuer_part), signature_at(all, signature_bytes)))
        return fail(error(Code::signature, "the issuer did not sign the certificate"));
    return {};
}

Result<void> verify(const Certificate& certificate, const CertificateUse& use,
                    std::span<const Certificate> issuers) {
    const auto key = check(certificate, use, issuers);
    if (!key) return fail(key);
    return check_signatures(certificate, *key);
}

}  // namespace penstock::crypto
