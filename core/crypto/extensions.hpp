// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>

namespace penstock::crypto {

/// The list that ends certificates and payloads (docs/protocol.md, 0.3): `{u16 type, v16 value}...`, types
/// ascending and unique. A view: owns nothing.
class Extensions {
public:
    /// From this type on, whoever does not know an extension must refuse what carries it.
    static constexpr std::uint16_t critical_from = 0x8000;

    /// None if the list is malformed or has a critical extension that is not in `known`.
    static std::optional<Extensions> parse(Bytes list, std::initializer_list<std::uint16_t> known);

    std::optional<Bytes> find(std::uint16_t type) const;

private:
    explicit Extensions(Bytes list) : list_(list) {}
    Bytes list_;
};

}  // namespace penstock::crypto
