// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/random.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/limits.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace penstock::stream {

/// The id of a request key or of a session: random, not secret, never a right by itself. Its first two bytes
/// name the worker that owns what it stands for (docs/protocol.md, 1.6), so no table is shared.
using RoutedId = std::array<std::uint8_t, id_bytes>;

/// For tables by id: it is random already. The bytes that name the owner are left out.
struct RoutedIdHash {
    std::size_t operator()(const RoutedId& id) const {
        std::size_t out;
        std::memcpy(&out, id.data() + 4, sizeof out);
        return out;
    }
};

/// Requires owner < workers <= 65,536. Draws until the owner is right: `workers` times on average.
RoutedId make_routed_id(core::Random& random, unsigned owner, unsigned workers);
unsigned owner_of(const RoutedId& id, unsigned workers);

/// The 22 characters of base64url behind "/stream/".
std::string id_text(const RoutedId& id);
/// Code::no_session: what isn't an id is nobody's.
Result<RoutedId> parse_id(std::string_view text);

}  // namespace penstock::stream
