// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/address.hpp>
#include <penstock/core/version.hpp>

#include <cstdio>

int main() {
    const auto address = penstock::Address::parse("[::1]:8079");
    if (!address) return penstock::complain(address.error());
    std::printf("penstock %s at %s\n", penstock::core::version(), address->text().c_str());
    return 0;
}
