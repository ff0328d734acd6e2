// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/detail/inner_path.hpp>
#include <penstock/stream/detail/put.hpp>
#include <penstock/stream/encrypted_request.hpp>

#include <array>

namespace penstock::stream {
namespace {

enum Flag : std::uint16_t { with_message_3 = 2, streaming = 4, close_key = 8, all_flags = 14 };
constexpr std::uint8_t version = 1, kind = 0x10;
constexpr std::size_t flags_at = 2, reserved_at = request_prefix_bytes_min - 2;

/// By their numbers on the wire; 0 is a name that is not here.
constexpr std::array<std::string_view, 8> methods{"",       "GET",  "POST",  "PUT",
                                                  "DELETE", "HEAD", "PATCH", "OPTIONS"};

std::unexpected<Error> protocol(const char* text) {
    return fail(crypto::error(crypto::Code::protocol, text));
}

std::uint8_t method_number(std::string_view method) {
    for (std::size_t i = 1; i < methods.size(); ++i)
        if (methods[i] == method) return static_cast<std::uint8_t>(i);
    return 0;
}

/// A method that is sent by its name: one that has no number, and is no matter of the connection.
bool is_named_method(std::string_view name) {
    return detail::is_token(name) && name.size() <= 255 && method_number(name) == 0 && name != "CONNECT" &&
           name != "TRACE";
}

}  // namespace

Result<std::size_t> request_prefix_bytes(Bytes bytes) {
    if (!bytes.empty() && std::to_integer<unsigned>(bytes[0]) != version)
        return protocol("an encrypted request of another version");
    if (bytes.size() > 1 && std::to_integer<unsigned>(bytes[1]) != kind)
        return protocol("not an encrypted request");
    if (bytes.size() < request_prefix_bytes_min) return request_prefix_bytes_min;
    const unsigned flags = detail::u16_at(bytes, flags_at);
    if ((flags & ~unsigned{all_flags}) != 0) return protocol("unknown flags of an encrypted request");
    if (detail::u16_at(bytes, reserved_at) != 0) return protocol("a reserved field that is not empty");
    if ((flags & with_message_3) == 0) return request_prefix_bytes_min;
    if (bytes.size() < request_prefix_bytes_min + 2) return request_prefix_bytes_min + 2;
    const std::size_t message = detail::u16_at(bytes, request_prefix_bytes_min);
    if (message == 0 || message > message_3_bytes_max) return protocol("message 3 of a wrong length");
    return request_prefix_bytes_min + 2 + message;
}

Result<RequestPrefix> parse_request_prefix(Bytes bytes) {
    const auto size = request_prefix_bytes(bytes);
    if (!size) return fail(size);
    if (*size > bytes.size()) return protocol("an encrypted request that ends in its prefix");
    crypto::Reader reader(bytes.first(*size).from(flags_at));
    const auto flags = reader.u16();
    RequestPrefix out;
    out.key_id = reader.array<id_bytes>();
    out.n = reader.u64();
    out.salt = reader.array<salt_bytes>();
    reader.v16();
    if ((flags & with_message_3) != 0) out.message_3 = reader.v16();
    out.is_streaming = (flags & streaming) != 0;
    out.closes_key = (flags & close_key) != 0;
    return out;
}

std::size_t write_request_prefix(const RequestPrefix& prefix, std::span<std::byte> out) {
    PENSTOCK_ASSERT(prefix.message_3.size() <= message_3_bytes_max && out.size() >= prefix.bytes());
    const unsigned flags = (prefix.message_3.empty() ? 0 : with_message_3) |
                           (prefix.is_streaming ? streaming : 0) | (prefix.closes_key ? close_key : 0);
    auto* at = detail::put(out.data(), version, 1);
    at = detail::put(at, kind, 1);
    at = detail::put(at, flags, 2);
    at = detail::put(at, Bytes(prefix.key_id));
    at = detail::put(at, prefix.n, 8);
    at = detail::put(at, Bytes(prefix.salt));
    at = detail::put(at, 0, 2);
    if (!prefix.message_3.empty()) detail::put(detail::put(at, prefix.message_3.size(), 2), prefix.message_3);
    return prefix.bytes();
}

Result<InnerRequest> parse_inner_request(Bytes plain, bool is_streaming) {
    crypto::Reader reader(plain);
    const std::size_t number = reader.u8();
    if (number >= methods.size()) return protocol("unknown method inside");
    const auto method = number == 0 ? reader.v8().text() : methods[number];
    if (number == 0 && !is_named_method(method)) return protocol("a method that may not stand inside");
    const auto path = reader.v16().text(), query = reader.v16().text();
    if (!reader.ok()) return protocol("the head inside ends early");
    if (!detail::is_inner_path(path)) return protocol("a path that may not stand inside");
    if (!detail::is_inner_query(query)) return protocol("malformed query inside");
    const auto fields = InnerFields::parse(reader);
    if (!fields) return fail(fields);
    const auto body_bytes = reader.u64();
    if (!reader.ok()) return protocol("the head inside ends early");
    if ((body_bytes == body_until_final) != is_streaming)
        return protocol("body length and streaming flag disagree");
    const auto announced = is_streaming ? std::nullopt : std::optional(body_bytes);
    return InnerRequest{method, path, query, *fields, announced, plain.size() - reader.rest().size()};
}

Result<void> append_inner_request(std::string& out, InnerRequestLine line, std::span<const InnerField> fields,
                                  std::optional<std::uint64_t> body_bytes) {
    const auto number = method_number(line.method);
    if (number == 0 && !is_named_method(line.method)) return protocol("a method that may not stand inside");
    if (line.path.size() > message_plain_bytes_max || !detail::is_inner_path(line.path))
        return protocol("a path that may not stand inside");
    if (line.query.size() > message_plain_bytes_max || !detail::is_inner_query(line.query))
        return protocol("malformed query inside");
    const auto begin = out.size();
    crypto::Writer writer(out);
    writer.u8(number);
    if (number == 0) writer.v8(line.method);
    writer.v16(line.path).v16(line.query);
    return append_inner_rest(out, begin, fields, body_bytes);
}

void append_request(Ciphers& ciphers, const MessageKey& key, const RequestPrefix& prefix, Bytes inner,
                    std::string& out) {
    const auto prefix_at = out.size();
    out.resize(prefix_at + prefix.bytes());
    write_request_prefix(prefix, std::as_writable_bytes(std::span(out)).subspan(prefix_at));
    append_sealed(ciphers, key, inner, out, prefix_at);
}

Result<std::span<std::byte>> open_request(Ciphers& ciphers, const MessageKey& key,
                                          std::span<std::byte> body) {
    const auto size = request_prefix_bytes(Bytes(body));
    if (!size) return fail(size);
    if (*size > body.size()) return protocol("an encrypted request that ends in its prefix");
    return open_all(ciphers, key, *size, body);
}

}  // namespace penstock::stream
