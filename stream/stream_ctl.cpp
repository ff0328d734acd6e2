// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/extensions.hpp>
#include <penstock/core/crypto/wire.hpp>
#include <penstock/stream/channel_id.hpp>
#include <penstock/stream/stream_ctl.hpp>

#include <algorithm>
#include <bitset>
#include <limits>

namespace penstock::stream {
namespace {

using crypto::Code;
using crypto::Reader;
using crypto::Writer;

constexpr std::uint8_t version = 1;
enum Operation : std::uint8_t { open = 1, ask = 2, close = 3 };
enum Flag : std::uint16_t { tcp = 1, udp = 2, websocket = 4, all_flags = 7 };

std::unexpected<Error> protocol(const char* text) { return fail(crypto::error(Code::protocol, text)); }

std::uint16_t flags(bool has_tcp, bool has_udp, bool has_websocket) {
    return static_cast<std::uint16_t>((has_tcp ? tcp : 0) | (has_udp ? udp : 0) |
                                      (has_websocket ? websocket : 0));
}

template <class Time>
std::uint32_t number(Time time) {
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(time.count(), 0, std::numeric_limits<std::uint32_t>::max()));
}

bool is_record_size(std::uint32_t bytes) {
    return bytes >= record_bytes_max_lowest && bytes <= record_bytes_max;
}

bool is_valid(const LetterRequest& letter) {
    return is_letter(static_cast<unsigned char>(letter.letter)) && letter.mode <= Mode::sequenced &&
           letter.instances_max >= 1 && letter.priority >= class_min && letter.priority <= class_max &&
           letter.weight >= 1 && letter.weight <= weight_max;
}

/// Finds a letter that comes twice.
class Letters {
public:
    bool add(char letter) {
        const auto at = static_cast<unsigned char>(letter);
        const bool is_new = !seen_.test(at);
        seen_.set(at);
        return is_new;
    }

private:
    std::bitset<256> seen_;
};

/// The list that ends both messages; nothing in it is known yet.
bool skip_extensions(Reader& reader) {
    const auto list = reader.v16();
    return reader.done() && crypto::Extensions::parse(list, {});
}

LetterRequest read_letter_request(Reader& reader) {
    LetterRequest out;
    out.letter = static_cast<char>(reader.u8());
    out.mode = static_cast<Mode>(reader.u8());
    out.instances_max = reader.u16();
    out.window_bytes = reader.u32();
    out.message_bytes_max = reader.u32();
    out.priority = reader.u8();
    out.weight = reader.u8();
    out.params = reader.v16();
    return out;
}

Result<ControlRequest> parse_open(Reader& reader) {
    OpenRequest out;
    const auto wants = reader.u16();
    out.wants_tcp = (wants & tcp) != 0;
    out.wants_udp = (wants & udp) != 0;
    out.wants_websocket = (wants & websocket) != 0;
    out.nonce = reader.array<32>();
    const std::size_t count = reader.u8();
    if (!reader.ok() || wants > all_flags || count > letters_max) return protocol("malformed stream_ctl");
    Letters letters;
    out.letters.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto letter = read_letter_request(reader);
        if (!reader.ok() || !is_valid(letter) || !letters.add(letter.letter))
            return protocol("malformed letter in stream_ctl");
        out.letters.push_back(letter);
    }
    out.connection_window_bytes = reader.u32();
    out.record_bytes_max = reader.u32();
    out.ping = std::chrono::milliseconds(reader.u32());
    out.resume = std::chrono::milliseconds(reader.u32());
    if (!skip_extensions(reader) || !is_record_size(out.record_bytes_max))
        return protocol("malformed stream_ctl");
    return out;
}

bool read_letters(Reader& reader, std::vector<LetterReply>& out) {
    const std::size_t count = reader.u8();
    if (count > letters_max) return false;
    Letters letters;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        auto& letter = out.emplace_back();
        letter.letter = static_cast<char>(reader.u8());
        letter.result = static_cast<Code>(reader.u16());
        letter.instances_max = reader.u16();
        letter.window_bytes = reader.u32();
        letter.message_bytes_max = reader.u32();
        if (!reader.ok() || !is_letter(static_cast<unsigned char>(letter.letter)) ||
            !letters.add(letter.letter))
            return false;
    }
    return true;
}

bool read_endpoints(Reader& reader, std::vector<Endpoint>& out) {
    const std::size_t count = reader.u8();
    for (std::size_t i = 0; i < count; ++i)
        if (!read_endpoint(reader, out.emplace_back())) return false;
    return true;
}

Writer begin(std::string& out, Operation operation) {
    Writer writer(out);
    writer.u8(version).u8(operation);
    return writer;
}

}  // namespace

Result<ControlRequest> parse_control_request(Bytes body) {
    Reader reader(body);
    if (reader.u8() != version) return protocol("stream_ctl of another version");
    const auto operation = reader.u8();
    if (operation == open) return parse_open(reader);
    const auto session = reader.array<id_bytes>();
    if (!reader.done()) return protocol("malformed stream_ctl");
    if (operation == ask) return AskRequest{session};
    if (operation == close) return CloseRequest{session};
    return protocol("unknown operation in stream_ctl");
}

void append(std::string& out, const OpenRequest& request) {
    PENSTOCK_ASSERT(request.letters.size() <= letters_max && is_record_size(request.record_bytes_max));
    auto writer = begin(out, open);
    writer.u16(flags(request.wants_tcp, request.wants_udp, request.wants_websocket))
        .bytes(Bytes(request.nonce))
        .u8(static_cast<std::uint8_t>(request.letters.size()));
    for (const auto& letter : request.letters) {
        PENSTOCK_ASSERT(is_valid(letter));
        writer.u8(static_cast<std::uint8_t>(letter.letter))
            .u8(static_cast<std::uint8_t>(letter.mode))
            .u16(letter.instances_max)
            .u32(letter.window_bytes)
            .u32(letter.message_bytes_max)
            .u8(letter.priority)
            .u8(letter.weight)
            .v16(letter.params);
    }
    writer.u32(request.connection_window_bytes)
        .u32(request.record_bytes_max)
        .u32(number(request.ping))
        .u32(number(request.resume))
        .v16({});
}

void append(std::string& out, const AskRequest& request) { begin(out, ask).bytes(Bytes(request.session)); }
void append(std::string& out, const CloseRequest& request) {
    begin(out, close).bytes(Bytes(request.session));
}

void append_status(std::string& out, Code status) {
    Writer(out).u8(version).u16(static_cast<std::uint16_t>(status));
}

void append(std::string& out, const OpenReply& reply) {
    PENSTOCK_ASSERT(reply.letters.size() <= letters_max && reply.endpoints.size() <= 255);
    append_status(out, Code::no_error);
    Writer writer(out);
    writer.u16(flags(reply.has_tcp, reply.has_udp, reply.has_websocket))
        .bytes(Bytes(reply.session))
        .bytes(Bytes(reply.nonce))
        .u8(static_cast<std::uint8_t>(reply.letters.size()));
    for (const auto& letter : reply.letters)
        writer.u8(static_cast<std::uint8_t>(letter.letter))
            .u16(static_cast<std::uint16_t>(letter.result))
            .u16(letter.instances_max)
            .u32(letter.window_bytes)
            .u32(letter.message_bytes_max);
    writer.u32(reply.connection_window_bytes)
        .u32(reply.record_bytes_max)
        .u32(number(reply.attach_ttl))
        .u32(number(reply.resume))
        .u32(number(reply.life))
        .u8(static_cast<std::uint8_t>(reply.endpoints.size()));
    for (const auto& endpoint : reply.endpoints) append_endpoint(out, endpoint);
    writer.v16({});
}

Result<Code> parse_status(Bytes body) {
    Reader reader(body);
    const auto got_version = reader.u8();
    const auto status = static_cast<Code>(reader.u16());
    if (!reader.done() || got_version != version) return protocol("malformed answer of stream_ctl");
    return status;
}

Result<OpenReply> parse_open_reply(Bytes body) {
    const auto malformed = protocol("malformed answer of stream_ctl");
    Reader reader(body);
    if (reader.u8() != version) return malformed;
    const auto status = static_cast<Code>(reader.u16());
    if (status != Code::no_error) return reader.done() ? fail(crypto::error(status)) : malformed;
    OpenReply out;
    const auto has = reader.u16();
    out.has_tcp = (has & tcp) != 0;
    out.has_udp = (has & udp) != 0;
    out.has_websocket = (has & websocket) != 0;
    out.session = reader.array<id_bytes>();
    out.nonce = reader.array<32>();
    if (!reader.ok() || has > all_flags || !read_letters(reader, out.letters)) return malformed;
    out.connection_window_bytes = reader.u32();
    out.record_bytes_max = reader.u32();
    out.attach_ttl = std::chrono::milliseconds(reader.u32());
    out.resume = std::chrono::milliseconds(reader.u32());
    out.life = std::chrono::seconds(reader.u32());
    if (!read_endpoints(reader, out.endpoints) || !skip_extensions(reader)) return malformed;
    if (!is_record_size(out.record_bytes_max)) return malformed;
    return out;
}

LetterReply grant(const LetterRequest& wanted, const LetterRequest& ours) {
    LetterReply out{wanted.letter};
    out.instances_max = std::min(wanted.instances_max, ours.instances_max);
    out.window_bytes = std::min({wanted.window_bytes, ours.window_bytes, channel_window_bytes_max});
    out.message_bytes_max =
        std::min({wanted.message_bytes_max, ours.message_bytes_max, out.window_bytes / 2});
    return out;
}

OpenReply grant(const OpenRequest& wanted, const OpenRequest& ours) {
    OpenReply out;
    out.has_tcp = wanted.wants_tcp && ours.wants_tcp;
    out.has_udp = wanted.wants_udp && ours.wants_udp;
    out.has_websocket = wanted.wants_websocket && ours.wants_websocket;
    out.connection_window_bytes =
        std::min({wanted.connection_window_bytes, ours.connection_window_bytes, session_bytes_max});
    out.record_bytes_max = std::min(wanted.record_bytes_max, ours.record_bytes_max);
    out.resume = std::min({wanted.resume, ours.resume, resume_time_max});
    return out;
}

Result<void> check(const OpenReply& reply, const OpenRequest& request) {
    const auto exceeds = [](const LetterReply& got, const LetterRequest& wanted) {
        return got.is_granted() &&
               (got.instances_max < 1 || got.instances_max > wanted.instances_max ||
                got.window_bytes > wanted.window_bytes || got.message_bytes_max > wanted.message_bytes_max);
    };
    if (!std::ranges::equal(reply.letters, request.letters, {}, &LetterReply::letter, &LetterRequest::letter))
        return protocol("other letters in the answer of stream_ctl");
    for (std::size_t i = 0; i < reply.letters.size(); ++i)
        if (exceeds(reply.letters[i], request.letters[i]))
            return protocol("a letter was granted more than was asked for");
    if (reply.connection_window_bytes > request.connection_window_bytes ||
        reply.record_bytes_max > request.record_bytes_max || reply.resume > request.resume ||
        reply.has_tcp > request.wants_tcp || reply.has_udp > request.wants_udp ||
        reply.has_websocket > request.wants_websocket)
        return protocol("a session was granted more than was asked for");
    return {};
}

}  // namespace penstock::stream
