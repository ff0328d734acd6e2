// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/detail/put.hpp>
#include <penstock/stream/encrypted_response.hpp>

namespace penstock::stream {
namespace {

constexpr std::uint8_t version = 1, kind = 0x11;
constexpr std::uint16_t streaming = 4;
constexpr std::uint16_t status_min = 200, status_max = 599;

std::unexpected<Error> protocol(const char* text) {
    return fail(crypto::error(crypto::Code::protocol, text));
}

}  // namespace

Result<ResponsePrefix> parse_response_prefix(Bytes bytes) {
    if (bytes.size() < response_prefix_bytes)
        return protocol("an encrypted response that ends in its prefix");
    crypto::Reader reader(bytes.first(response_prefix_bytes));
    if (reader.u8() != version || reader.u8() != kind) return protocol("not an encrypted response");
    const auto flags = reader.u16();
    if ((flags & ~unsigned{streaming}) != 0) return protocol("unknown flags of an encrypted response");
    ResponsePrefix out;
    out.n = reader.u64();
    out.salt = reader.array<salt_bytes>();
    out.is_streaming = flags != 0;
    return out;
}

std::size_t write_response_prefix(const ResponsePrefix& prefix, std::span<std::byte> out) {
    PENSTOCK_ASSERT(out.size() >= response_prefix_bytes);
    auto* at = detail::put(out.data(), version, 1);
    at = detail::put(at, kind, 1);
    at = detail::put(at, prefix.is_streaming ? streaming : 0, 2);
    at = detail::put(at, prefix.n, 8);
    detail::put(at, Bytes(prefix.salt));
    return response_prefix_bytes;
}

Result<InnerResponse> parse_inner_response(Bytes plain, bool is_streaming) {
    crypto::Reader reader(plain);
    const auto status = reader.u16();
    if (!reader.ok() || status < status_min || status > status_max) return protocol("no status inside");
    const auto fields = InnerFields::parse(reader);
    if (!fields) return fail(fields);
    const auto body_bytes = reader.u64();
    if (!reader.ok()) return protocol("the head inside ends early");
    if ((body_bytes == body_until_final) != is_streaming)
        return protocol("body length and streaming flag disagree");
    const auto announced = is_streaming ? std::nullopt : std::optional(body_bytes);
    return InnerResponse{status, *fields, announced, plain.size() - reader.rest().size()};
}

Result<void> append_inner_response(std::string& out, std::uint16_t status, std::span<const InnerField> fields,
                                   std::optional<std::uint64_t> body_bytes) {
    if (status < status_min || status > status_max) return protocol("a status that may not stand inside");
    const auto begin = out.size();
    crypto::Writer(out).u16(status);
    return append_inner_rest(out, begin, fields, body_bytes);
}

void append_response(Ciphers& ciphers, const MessageKey& key, const ResponsePrefix& prefix, Bytes inner,
                     std::string& out) {
    const auto prefix_at = out.size();
    out.resize(prefix_at + response_prefix_bytes);
    write_response_prefix(prefix, std::as_writable_bytes(std::span(out)).subspan(prefix_at));
    append_sealed(ciphers, key, inner, out, prefix_at);
}

Result<std::span<std::byte>> open_response(crypto::Algorithms& algorithms, Ciphers& ciphers,
                                           const RequestKey& key, std::uint64_t n, const Salt& salt,
                                           std::span<std::byte> body) {
    const auto prefix = parse_response_prefix(Bytes(body));
    if (!prefix) return fail(prefix);
    if (prefix->n != n) return protocol("the response of another request");
    const auto own = response_message_key(algorithms, key, n, salt, prefix->salt);
    return open_all(ciphers, own, response_prefix_bytes, body);
}

}  // namespace penstock::stream
