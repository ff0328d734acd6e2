// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/value.hpp>

namespace penstock::core {

/// One named value: `{"peer", address}`. An argument like Value: it views its name and its value.
struct Field {
    std::string_view name;  ///< empty: the field is left out
    Value value;

    static constexpr bool sendable = false;
};

}  // namespace penstock::core

namespace penstock {
using core::Field;
}
