// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/hash.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/channel_options.hpp>

#include <cstdint>
#include <string>

// Letter F: one file after the other, from whoever opened the session to the node. Numbers are big endian.
//
//     sender            receiver
//     begin  size            ->          once for each file
//     data   1 to 64 KiB     ->          as often as needed
//     end    sha256          ->
//                     <- result  code, bytes, sha256     when the file has its name, or as soon as it failed
//
// After a result that is not `ok`, what still comes of that file is dropped.

namespace penstock::tool {

inline constexpr char file_letter = 'F';

enum FilePacket : std::uint8_t { file_begin = 0x10, file_data = 0x11, file_end = 0x12, file_result = 0x13 };

inline constexpr std::size_t file_data_bytes_max = 64 * 1024;
/// For both sides: a window that keeps a fast connection busy.
inline constexpr stream::ChannelOptions file_options{.window_bytes = 1024 * 1024,
                                                     .message_bytes_max = file_data_bytes_max};

enum class FileCode : std::uint16_t {
    ok,
    no_space,    ///< the receiver's disk or quota is full
    storage,     ///< its disk failed otherwise
    wrong_size,  ///< more or less came than was announced
    wrong_hash,  ///< what came is not what was sent
    too_big,     ///< above the receiver's limit
    unexpected,  ///< a packet out of order, or malformed
};
/// For people: "the node has no space left for it".
const char* text_of(FileCode code);

struct FileResult {
    FileCode code = FileCode::ok;
    std::uint64_t bytes = 0;  ///< that came
    crypto::Hash sha256{};    ///< of these; zeros when it failed
};

std::string begin_body(std::uint64_t size);
std::string end_body(const crypto::Hash& sha256);
std::string result_body(const FileResult& result);
/// Strict: bytes that are missing or left over are an error.
Result<std::uint64_t> parse_begin(Bytes body);
Result<crypto::Hash> parse_end(Bytes body);
Result<FileResult> parse_result(Bytes body);

/// 64 hexadecimal digits.
std::string hex(const crypto::Hash& sha256);

}  // namespace penstock::tool
