// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/route_tree.hpp>

#include <algorithm>

namespace penstock::http {
namespace {

constexpr Error refused(const char* text) { return Error::user(0, text); }

struct Segment {
    enum Kind : std::uint8_t { literal, parameter, remainder } kind = literal;
    std::string_view text;  // the literal, or the name
};

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
}

Result<Segment> read_literal(std::string_view text) {
    if (text == "." || text == "..") return fail(refused("pattern: a dot segment never matches"));
    for (const char c : text) {
        if (c == '{' || c == '}') return fail(refused("pattern: a parameter is a whole segment"));
        if (c == '%' || c == '?' || c == '#' || (c >= 0 && c < 0x20) || c == 0x7F)
            return fail(refused("pattern: write literals decoded, without query"));
    }
    return Segment{Segment::literal, text};
}

Result<Segment> read_segment(std::string_view text) {
    if (!text.starts_with('{') || !text.ends_with('}')) return read_literal(text);
    Segment out{Segment::parameter, text.substr(1, text.size() - 2)};
    if (out.text.ends_with("...")) out = {Segment::remainder, out.text.substr(0, out.text.size() - 3)};
    if (out.text.empty()) return fail(refused("pattern: a parameter without a name"));
    if (!is_name(out.text)) return fail(refused("pattern: a parameter's name is of letters, digits and _"));
    return out;
}

Result<std::vector<Segment>> read_pattern(std::string_view pattern) {
    if (!pattern.starts_with('/')) return fail(refused("pattern: does not begin with a slash"));
    std::vector<Segment> out;
    std::vector<std::string_view> names;
    for (std::size_t at = 0; at < pattern.size();) {
        const auto end = std::min(pattern.find('/', at + 1), pattern.size());
        const auto segment = read_segment(pattern.substr(at + 1, end - at - 1));
        if (!segment) return fail(segment);
        at = end;
        if (segment->kind == Segment::remainder && end != pattern.size())
            return fail(refused("pattern: a remainder stands last"));
        if (segment->kind != Segment::literal) {
            if (std::find(names.begin(), names.end(), segment->text) != names.end())
                return fail(refused("pattern: a parameter's name twice"));
            if (names.size() == RouteTree::parameters_max)
                return fail(refused("pattern: too many parameters"));
            names.push_back(segment->text);
        }
        out.push_back(*segment);
    }
    return out;
}

}  // namespace

struct RouteTree::Search {
    Method method;
    std::size_t count = 0;  // of parameters on the way here
    Match& match;
};

std::string_view RouteTree::Match::parameter(std::string_view name) const {
    for (std::size_t at = 0; at < count_; ++at)
        if (names_[at] == name) return values_[at];
    return {};
}

RouteTree::RouteTree() { new_node(); }

std::uint32_t RouteTree::new_node() {
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
}

const RouteTree::Literal* RouteTree::find(const Node& node, std::string_view text) {
    const auto at = std::lower_bound(node.literals.begin(), node.literals.end(), text,
                                     [](const Literal& one, std::string_view key) { return one.text < key; });
    return at != node.literals.end() && at->text == text ? &*at : nullptr;
}

std::uint32_t RouteTree::literal_child(std::uint32_t parent, std::string_view text) {
    if (const auto* known = find(nodes_[parent], text)) return known->node;
    const auto made = new_node();
    auto& literals = nodes_[parent].literals;
    const auto at =
        std::find_if(literals.begin(), literals.end(), [&](const Literal& one) { return one.text > text; });
    literals.insert(at, {std::string(text), made});
    return made;
}

Result<void> RouteTree::add(Method method, std::string_view pattern, Id id) {
    if (method == Method::other) return fail(refused("route: an unknown method"));
    const auto segments = read_pattern(pattern);
    if (!segments) return fail(segments);
    std::uint32_t node = 0;
    std::vector<std::string> names;
    for (const auto& segment : *segments) {
        if (segment.kind == Segment::literal) {
            node = literal_child(node, segment.text);
            continue;
        }
        names.emplace_back(segment.text);
        const auto child = segment.kind == Segment::parameter ? &Node::parameter : &Node::remainder;
        if (nodes_[node].*child == 0) {
            const auto made = new_node();
            nodes_[node].*child = made;
        }
        node = nodes_[node].*child;
    }
    auto& routes = nodes_[node].routes;
    if (std::any_of(routes.begin(), routes.end(), [&](const Route& one) { return one.method == method; }))
        return fail(refused("route: the method has this pattern already"));
    routes.push_back({method, id, std::move(names)});
    return {};
}

RouteTree::Match RouteTree::match(Method method, std::string_view path) const {
    Match out;
    if (!path.starts_with('/')) return out;
    Search search{.method = method, .match = out};
    if (walk(nodes_[0], path.substr(1), false, search))
        out.outcome_ = Outcome::found;
    else if (!out.allowed_.empty())
        out.outcome_ = Outcome::no_method;
    return out;
}

/// `rest` is the path behind the slash that leads to this node's children; `ended` says there is none.
bool RouteTree::walk(const Node& node, std::string_view rest, bool ended, Search& search) const {
    if (ended) return finish(node, search);
    const auto slash = rest.find('/');
    const bool last = slash == rest.npos;
    const auto segment = rest.substr(0, slash);
    const auto behind = last ? std::string_view() : rest.substr(slash + 1);
    if (const auto* literal = find(node, segment))
        if (walk(nodes_[literal->node], behind, last, search)) return true;
    if (node.parameter != 0 && !segment.empty()) {
        search.match.values_[search.count++] = segment;
        if (walk(nodes_[node.parameter], behind, last, search)) return true;
        --search.count;
    }
    if (node.remainder == 0) return false;
    search.match.values_[search.count++] = rest;
    if (finish(nodes_[node.remainder], search)) return true;
    --search.count;
    return false;
}

bool RouteTree::finish(const Node& node, Search& search) {
    const Route* found = nullptr;
    for (const auto& route : node.routes) {
        search.match.allowed_.add(route.method);
        if (route.method == Method::get) search.match.allowed_.add(Method::head);
        if (route.method == search.method ||
            (search.method == Method::head && route.method == Method::get && found == nullptr))
            found = &route;
    }
    if (found == nullptr) return false;
    search.match.id_ = found->id;
    search.match.names_ = found->names.data();
    search.match.count_ = search.count;
    return true;
}

}  // namespace penstock::http
