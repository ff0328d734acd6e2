// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/certificate.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/crypto/extensions.hpp>
#include <penstock/core/crypto/wire.hpp>
#include <penstock/stream/kem.hpp>
#include <penstock/stream/payload.hpp>

#include <limits>

namespace penstock::stream {
namespace {

using crypto::Reader;
using crypto::Writer;

constexpr std::uint16_t kem_extension = 2;
enum CertificateType : std::uint8_t { no_certificate = 0, node_certificate = 1 };
enum Policy : std::uint8_t { for_stream_ctl = 1, for_everything = 2, all_policies = 3 };

std::unexpected<Error> malformed() {
    return fail(crypto::error(crypto::Code::protocol, "malformed payload in the handshake"));
}

void append_extensions(std::string& out, const std::optional<KemShare>& kem) {
    std::string list;
    if (kem) {
        std::string value;
        Writer(value).u16(kem->kem).v16(kem->bytes);
        Writer(list).u16(kem_extension).v16(value);
    }
    Writer(out).v16(list);
}

/// `kem` stays empty where there is none; `kem_bytes` is what an ML-KEM-768 has here.
bool read_extensions(Reader& reader, std::size_t kem_bytes, std::optional<KemShare>& kem) {
    const auto list = crypto::Extensions::parse(reader.v16(), {});
    if (!reader.ok() || !list) return false;
    const auto value = list->find(kem_extension);
    if (!value) return true;
    Reader inner(*value);
    kem.emplace();
    kem->kem = inner.u16();
    kem->bytes = inner.v16();
    return inner.done() && (kem->kem != ml_kem_768 || kem->bytes.size() == kem_bytes);
}

void append_certificate(std::string& out, Bytes certificate) {
    Writer(out).u8(certificate.empty() ? no_certificate : node_certificate).v16(certificate);
}

bool read_certificate(Reader& reader, Bytes& certificate) {
    const auto type = reader.u8();
    certificate = reader.v16();
    if (!reader.ok() || certificate.size() > crypto::Certificate::bytes_max) return false;
    return certificate.empty() ? type == no_certificate : type == node_certificate;
}

std::uint32_t whole_seconds(std::chrono::seconds time) {
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(time.count(), 0, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

void append_payload_1(std::string& out, const Payload1& payload) { append_extensions(out, payload.kem); }

Result<Payload1> parse_payload_1(Bytes bytes) {
    Reader reader(bytes);
    Payload1 out;
    if (!read_extensions(reader, kem_public_bytes, out.kem) || !reader.done()) return malformed();
    return out;
}

void append_payload_2(std::string& out, const Payload2& payload) {
    const auto& terms = payload.terms;
    const unsigned policy = (terms.certificate_for_stream_ctl ? for_stream_ctl : 0) |
                            (terms.certificate_for_everything ? for_everything : 0);
    Writer(out)
        .u8(2)
        .u16(protocol_version)
        .bytes(Bytes(terms.key_id))
        .u32(whole_seconds(terms.idle))
        .u32(whole_seconds(terms.life))
        .u16(terms.replay_window)
        .u8(static_cast<std::uint8_t>(policy));
    append_certificate(out, payload.certificate);
    append_extensions(out, payload.kem);
}

Result<Payload2> parse_payload_2(Bytes bytes) {
    Reader reader(bytes);
    Payload2 out;
    out.versions = reader.v8();
    out.terms.key_id = reader.array<id_bytes>();
    out.terms.idle = std::chrono::seconds(reader.u32());
    out.terms.life = std::chrono::seconds(reader.u32());
    out.terms.replay_window = reader.u16();
    const auto policy = reader.u8();
    out.terms.certificate_for_stream_ctl = (policy & for_stream_ctl) != 0;
    out.terms.certificate_for_everything = (policy & for_everything) != 0;
    if (!read_certificate(reader, out.certificate)) return malformed();
    if (!read_extensions(reader, kem_ciphertext_bytes, out.kem) || !reader.done()) return malformed();
    if (out.versions.empty() || out.versions.size() % 2 != 0 || policy > all_policies) return malformed();
    return out;
}

void append_payload_3(std::string& out, const Payload3& payload) {
    append_certificate(out, payload.certificate);
    append_extensions(out, std::nullopt);
}

Result<Payload3> parse_payload_3(Bytes bytes) {
    Reader reader(bytes);
    Payload3 out;
    std::optional<KemShare> none;
    if (!read_certificate(reader, out.certificate)) return malformed();
    if (!read_extensions(reader, 0, none) || !reader.done() || none) return malformed();
    return out;
}

}  // namespace penstock::stream
