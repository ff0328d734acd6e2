// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>
#include <penstock/http/method.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::http {

/// Finds what serves a method and a path. It stores numbers; what they stand for is the router's.
///
/// Patterns are of whole segments:
///
///     /hello/{name}       {name} is one segment that isn't empty
///     /files/{rest...}    the remainder, last only; it may be empty and hold slashes ("/files/" matches)
///     /a and /a/          are two paths
///
/// At each segment a literal wins over {name}, that over {rest...}; where the winner's branch leads nowhere,
/// or doesn't serve the method, the next is tried. HEAD falls back to GET.
///
/// Thread: its worker's while it is built, then any. Cost of a match: a binary search a segment, and at most
/// one visit of each node of the tree; no allocation.
class RouteTree {
public:
    using Id = std::uint32_t;
    static constexpr std::size_t parameters_max = 8;  ///< of a pattern

    enum class Outcome : std::uint8_t { found, no_path, no_method };

    /// Views the path that was matched and the tree.
    class Match {
    public:
        Outcome outcome() const { return outcome_; }
        Id id() const { return id_; }  ///< if found
        /// What the path serves: for the Allow field, if the method was not found.
        MethodSet allowed() const { return allowed_; }

        /// As the path has it (see percent_decode); empty when there is no such name.
        std::string_view parameter(std::string_view name) const;
        std::size_t parameter_count() const { return count_; }
        std::string_view parameter(std::size_t at) const { return values_[at]; }
        std::string_view parameter_name(std::size_t at) const { return names_[at]; }

    private:
        friend class RouteTree;
        std::array<std::string_view, parameters_max> values_;
        const std::string* names_ = nullptr;
        std::size_t count_ = 0;
        Id id_ = 0;
        MethodSet allowed_;
        Outcome outcome_ = Outcome::no_path;
    };

    RouteTree();

    /// Literals are written decoded ("/größe", "/a b"), a parameter's name is of letters, digits and _.
    /// Errors of Domain::user, and the tree stays as it was: a pattern that is malformed, or one that the
    /// method has already (names of parameters don't make a difference).
    Result<void> add(Method method, std::string_view pattern, Id id);

    /// `path` is normalized (see normalize_path).
    Match match(Method method, std::string_view path) const;

private:
    struct Route {
        Method method;
        Id id;
        std::vector<std::string> names;
    };
    struct Literal {
        std::string text;
        std::uint32_t node;
    };
    struct Node {
        std::vector<Literal> literals;  // in order
        std::uint32_t parameter = 0;    // 0: none, since the root is nobody's child
        std::uint32_t remainder = 0;
        std::vector<Route> routes;
    };
    struct Search;

    std::uint32_t new_node();
    std::uint32_t literal_child(std::uint32_t parent, std::string_view text);
    static const Literal* find(const Node& node, std::string_view text);
    bool walk(const Node& node, std::string_view rest, bool ended, Search& search) const;
    static bool finish(const Node& node, Search& search);

    std::vector<Node> nodes_;
};

}  // namespace penstock::http
