// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What is measured, as data. A new case, peer or aim is a line in cases.cpp.

namespace penstock::bench {

/// How a reply's end is found: by its HTTP head, or because it is the request again.
enum class Protocol : std::uint8_t { http, echo };

enum class Role : std::uint8_t {
    floor,  ///< the bare loop: what the kernel costs
    ours,
    peer,
};

/// A server under test: an executable beside the driver that takes a port of 127.0.0.1 as its only argument,
/// is ready when it accepts, and ends on SIGTERM. What is not built is left out, with a note.
struct Contestant {
    std::string_view name;
    std::string_view binary;
    Role role = Role::peer;
    bool instructions = false;  ///< counted by callgrind too; needs a server of one process
};

/// Ours may cost at most `ratio_max` times what `against` costs in the same round. 1 reads "ahead of".
struct Aim {
    std::string_view against;
    double ratio_max;
};

struct Case {
    std::string_view group;  ///< what `tools/bench` is asked for
    std::string_view name;
    std::string_view unit;  ///< what one reply is called
    Protocol protocol;
    std::string request;
    std::string body;  ///< what the reply must carry
    int connections;
    int depth;  ///< requests sent at once on a connection, before their replies are awaited
    std::vector<Contestant> contestants;  ///< the floor first
    std::vector<Aim> aims;

    std::string title() const { return std::string(group) + "/" + std::string(name); }
};

std::span<const Case> cases();

}  // namespace penstock::bench
