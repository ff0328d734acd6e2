// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <bench/traffic.hpp>

// What is measured, as data. A new case, peer or aim is a line in cases.cpp.

namespace penstock::bench {

enum class Role : std::uint8_t {
    floor,  ///< the bare loop: what the kernel or the memory costs
    ours,
    peer,
};

/// A program under test: an executable beside the driver. A server takes a port of 127.0.0.1 as its only
/// argument, is ready when it accepts, and ends on SIGTERM. What is not built is left out, with a note.
struct Contestant {
    std::string_view name;
    std::string_view binary;
    Role role = Role::peer;
    bool instructions = false;  ///< counted by callgrind too; needs a server of one process
};

/// A server is kept busy: its CPU time for one reply, in us.
struct CpuPerReply {
    Traffic traffic;
};

/// A server holds idle connections that were asked once each: its private memory for one, in B.
struct MemoryPerConnection {
    Traffic traffic;
};

/// A program times itself. It is run with `arguments` and with how many milliseconds it should take, begins
/// on the server's core, and prints a line "FIGURE NANOSECONDS" for each figure: their sum, in ns.
struct OwnTime {
    std::vector<std::string> arguments;
    std::vector<std::string> figures;
    bool crosses_cores = false;  ///< it uses the load's core as well
};

using Measure = std::variant<CpuPerReply, OwnTime, MemoryPerConnection>;

/// Ours may cost at most `max` times what `against` costs in the same round (1 reads "ahead of"); against
/// nobody, at most `max` itself.
struct Aim {
    std::string_view against;
    double max;
    std::string_view words = {};  ///< where the bare number would not say what is meant
};

struct Case {
    std::string_view group;  ///< what `tools/bench` is asked for
    std::string_view name;
    std::string_view unit;  ///< what is counted: a reply, a post, a connection
    Measure measure;
    std::vector<Contestant> contestants;  ///< the floor first, where there is one
    std::vector<Aim> aims;

    std::string title() const { return std::string(group) + "/" + std::string(name); }
    /// us, ns or B.
    const char* measured_in() const;
    /// What the values are, in words: "time in ns a post".
    std::string measured() const;
    /// Samples of it count only while the cores are near.
    bool crosses_cores() const;
    /// Null for a program that times itself.
    const Traffic* traffic() const;
};

std::span<const Case> cases();

}  // namespace penstock::bench
