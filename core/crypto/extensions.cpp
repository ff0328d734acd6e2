// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/extensions.hpp>
#include <penstock/core/crypto/wire.hpp>

namespace penstock::crypto {

std::optional<Extensions> Extensions::parse(Bytes list, std::initializer_list<std::uint16_t> known) {
    Reader reader(list);
    int last = -1;
    while (!reader.rest().empty()) {
        const int type = reader.u16();
        reader.v16();
        if (!reader.ok() || type <= last) return std::nullopt;
        if (type >= critical_from && std::ranges::find(known, type) == known.end()) return std::nullopt;
        last = type;
    }
    return reader.ok() ? std::optional(Extensions(list)) : std::nullopt;
}

std::optional<Bytes> Extensions::find(std::uint16_t type) const {
    Reader reader(list_);
    while (!reader.rest().empty()) {
        const auto at = reader.u16();
        const auto value = reader.v16();
        if (at == type) return value;
    }
    return std::nullopt;
}

}  // namespace penstock::crypto
