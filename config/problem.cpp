// SPDX-License-Identifier: Apache-2.0
#include <penstock/config/problem.hpp>

namespace penstock::config {

std::string Problem::message() const {
    std::string out = file;
    if (line != 0) out += ':' + std::to_string(line) + ':' + std::to_string(column);
    return out += ": " + text;
}

std::string message(const Problems& problems) {
    std::string out;
    for (const auto& problem : problems) out += problem.message() + '\n';
    return out;
}

}  // namespace penstock::config
