// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/wire.hpp>
#include <penstock/stream/hello.hpp>

namespace penstock::stream {
namespace {

using crypto::Code;
using crypto::Reader;
using crypto::Writer;

constexpr std::string_view magic = "PST1";
enum class Kind : std::uint8_t { client_hello = 1, server_hello = 2, error = 0x7F };

Writer begin(std::string& out, Kind kind) {
    Writer writer(out);
    writer.bytes(magic).u8(static_cast<std::uint8_t>(kind));
    return writer;
}

/// Takes magic and kind from the front.
bool is_a(Reader& reader, Kind kind) {
    return reader.take(magic.size()) == Bytes(magic) && reader.u8() == static_cast<std::uint8_t>(kind);
}

std::unexpected<Error> refused(const char* text) { return fail(crypto::error(Code::protocol, text)); }

}  // namespace

void append_client_hello_head(std::string& out, crypto::Suite suite) {
    begin(out, Kind::client_hello).u16(protocol_version).u8(static_cast<std::uint8_t>(suite)).v16({});
}

Result<ClientHello> parse_client_hello(Bytes body) {
    if (body.size() > client_hello_bytes_max) return refused("ClientHello too long");
    Reader reader(body);
    if (!is_a(reader, Kind::client_hello)) return refused("not a ClientHello");
    const auto version = reader.u16();
    if (!reader.ok()) return refused("ClientHello too short");
    if (version != protocol_version) return fail(crypto::error(Code::version));
    const auto suite = reader.u8();
    const auto reserved = reader.v16();
    if (!reader.ok() || !reserved.empty()) return refused("malformed ClientHello");
    if (suite != 1 && suite != 2) return fail(crypto::error(Code::no_suite));
    return ClientHello{static_cast<crypto::Suite>(suite), body.first(client_hello_head_bytes), reader.rest()};
}

void append_server_hello_head(std::string& out) { begin(out, Kind::server_hello).v16({}); }

Result<ServerHello> parse_server_hello(Bytes body) {
    if (body.size() > server_hello_bytes_max) return refused("ServerHello too long");
    Reader reader(body);
    if (!is_a(reader, Kind::server_hello)) return refused("this is no node: its answer is not a ServerHello");
    const auto reserved = reader.v16();
    if (!reader.ok() || !reserved.empty()) return refused("malformed ServerHello");
    return ServerHello{reader.rest()};
}

void append_error_body(std::string& out, ErrorBody error) {
    begin(out, Kind::error).u16(static_cast<std::uint16_t>(error.code)).v8(error.text.substr(0, 255));
}

Result<ErrorBody> parse_error_body(Bytes body) {
    Reader reader(body);
    if (!is_a(reader, Kind::error)) return refused("not an Error body");
    const auto code = static_cast<Code>(reader.u16());
    const auto text = reader.v8();
    if (!reader.done()) return refused("malformed Error body");
    return ErrorBody{code, text.text()};
}

std::string_view versions_text() {
    static_assert(protocol_version == 1);
    return "1";
}

int http_status(Code code) {
    switch (code) {
        case Code::rate_limited: return 429;
        case Code::overload:
        case Code::shutdown: return 503;
        case Code::no_session: return 404;
        case Code::attach_stale: return 409;
        case Code::wrong_node: return 421;
        case Code::internal: return 500;
        default: return 400;
    }
}

}  // namespace penstock::stream
