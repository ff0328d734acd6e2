// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/secret.hpp>
#include <penstock/core/result.hpp>

#include <cstddef>
#include <string>

// Files that hold private keys: plain files that nobody but their owner may read.

namespace penstock::crypto::detail {

inline constexpr std::size_t key_file_bytes_max = 4096;
using KeyFileText = Secret<key_file_bytes_max + 1>;

/// Reads a whole file into `room`; answers the part that was filled. Refused: what others may read, what is
/// no plain file, and what is longer than a key file is.
Result<Bytes> read_key_file(const std::string& path, KeyFileText& room);

/// Makes a file of mode 0600, written through to the disk with its directory entry. Refused if there is one
/// (EEXIST). What could not be written whole is removed.
Result<void> write_key_file(const std::string& path, Bytes text);

/// 64 hexadecimal digits, either case, in a time that does not depend on them. False for anything else and
/// for all zeros.
[[nodiscard]] bool from_hex(Bytes digits, Secret<32>& out);
/// With the digits' end at [64] = 0.
Secret<65> to_hex(const Secret<32>& key);

}  // namespace penstock::crypto::detail
