// SPDX-License-Identifier: Apache-2.0
#include "file_transfer.hpp"

#include <penstock/core/crypto/wire.hpp>

namespace penstock::tool {
namespace {

constexpr Error malformed = Error::user(static_cast<int>(FileCode::unexpected), "malformed packet");

}  // namespace

const char* text_of(FileCode code) {
    switch (code) {
        case FileCode::ok: return "received";
        case FileCode::no_space: return "the node has no space left for it";
        case FileCode::storage: return "the node could not store it: its log says why";
        case FileCode::wrong_size: return "the node got another number of bytes than was announced";
        case FileCode::wrong_hash: return "the node got other bytes than were sent";
        case FileCode::too_big: return "it is larger than the node takes";
        case FileCode::unexpected: return "the node did not expect this packet";
    }
    return "refused for a reason that this version does not know";
}

std::string begin_body(std::uint64_t size) {
    std::string out;
    crypto::Writer(out).u64(size);
    return out;
}

std::string end_body(const crypto::Hash& sha256) {
    std::string out;
    crypto::Writer(out).bytes(Bytes(sha256));
    return out;
}

std::string result_body(const FileResult& result) {
    std::string out;
    crypto::Writer(out)
        .u16(static_cast<std::uint16_t>(result.code))
        .u64(result.bytes)
        .bytes(Bytes(result.sha256));
    return out;
}

Result<std::uint64_t> parse_begin(Bytes body) {
    crypto::Reader reader(body);
    const auto size = reader.u64();
    if (!reader.done()) return fail(malformed);
    return size;
}

Result<crypto::Hash> parse_end(Bytes body) {
    crypto::Reader reader(body);
    const auto sha256 = reader.array<32>();
    if (!reader.done()) return fail(malformed);
    return sha256;
}

Result<FileResult> parse_result(Bytes body) {
    crypto::Reader reader(body);
    FileResult out;
    out.code = static_cast<FileCode>(reader.u16());
    out.bytes = reader.u64();
    out.sha256 = reader.array<32>();
    if (!reader.done()) return fail(malformed);
    return out;
}

std::string hex(const crypto::Hash& sha256) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const auto byte : sha256) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

}  // namespace penstock::tool
