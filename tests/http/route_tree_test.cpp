// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/route_tree.hpp>

#include <doctest/doctest.h>

using namespace penstock;
using http::Method;
using http::RouteTree;
using Outcome = http::RouteTree::Outcome;

namespace {

struct Route {
    Method method;
    const char* pattern;
};

RouteTree tree(std::initializer_list<Route> routes) {  // ids from 1
    RouteTree out;
    RouteTree::Id id = 0;
    for (const auto& route : routes) REQUIRE(out.add(route.method, route.pattern, ++id));
    return out;
}

/// "3 name=World", "404" or "405 GET, HEAD".
std::string match(const RouteTree& tree, Method method, std::string_view path) {
    const auto found = tree.match(method, path);
    std::string out;
    switch (found.outcome()) {
        case Outcome::no_path: return "404";
        case Outcome::no_method:
            out = "405 ";
            http::append_methods(out, found.allowed());
            return out;
        case Outcome::found: break;
    }
    out = std::to_string(found.id());
    for (std::size_t at = 0; at < found.parameter_count(); ++at) {
        CHECK(found.parameter(found.parameter_name(at)) == found.parameter(at));
        out += " " + std::string(found.parameter_name(at)) + "=" + std::string(found.parameter(at));
    }
    return out;
}

std::string refusal(std::string_view pattern) {
    RouteTree out;
    const auto added = out.add(Method::get, pattern, 1);
    return added ? "" : added.error().message();
}

}  // namespace

TEST_CASE("paths and parameters") {
    const auto routes = tree({{Method::get, "/"},
                              {Method::get, "/hello/{name}"},
                              {Method::get, "/a/{x}/b/{y}"},
                              {Method::get, "/files/{rest...}"},
                              {Method::get, "/slash/"},
                              {Method::get,
                               "/gr\xc3\xb6\xc3\x9f"
                               "e"}});
    CHECK(match(routes, Method::get, "/") == "1");
    CHECK(match(routes, Method::get, "/hello/World") == "2 name=World");
    CHECK(match(routes, Method::get, "/hello/") == "404");
    CHECK(match(routes, Method::get, "/hello") == "404");
    CHECK(match(routes, Method::get, "/hello/a/b") == "404");
    CHECK(match(routes, Method::get, "/hello/a%2Fb") == "2 name=a%2Fb");
    CHECK(match(routes, Method::get, "/a/1/b/2") == "3 x=1 y=2");
    CHECK(match(routes, Method::get, "/a//b/2") == "404");
    CHECK(match(routes, Method::get, "/files/") == "4 rest=");
    CHECK(match(routes, Method::get, "/files/a") == "4 rest=a");
    CHECK(match(routes, Method::get, "/files/a//b/") == "4 rest=a//b/");
    CHECK(match(routes, Method::get, "/files") == "404");
    CHECK(match(routes, Method::get, "/slash/") == "5");
    CHECK(match(routes, Method::get, "/slash") == "404");
    CHECK(match(routes, Method::get, "/slash//") == "404");
    CHECK(match(routes, Method::get,
                "/gr\xc3\xb6\xc3\x9f"
                "e") == "6");
    for (const auto* path : {"", "*", "hello", "//", "/HELLO/x"})
        CHECK(match(routes, Method::get, path) == "404");
}

TEST_CASE("literals win over parameters, parameters over remainders, the next is tried") {
    const auto routes = tree({{Method::get, "/{rest...}"},
                              {Method::get, "/{a}"},
                              {Method::get, "/x"},
                              {Method::get, "/x/y/z"},
                              {Method::get, "/{a}/y"},
                              {Method::get, "/x/{b}/w"}});
    CHECK(match(routes, Method::get, "/x") == "3");
    CHECK(match(routes, Method::get, "/q") == "2 a=q");
    CHECK(match(routes, Method::get, "/") == "1 rest=");
    CHECK(match(routes, Method::get, "/x/y") == "5 a=x");
    CHECK(match(routes, Method::get, "/x/y/z") == "4");
    CHECK(match(routes, Method::get, "/x/y/w") == "6 b=y");
    CHECK(match(routes, Method::get, "/x/y/v") == "1 rest=x/y/v");
}

TEST_CASE("methods: Allow, and HEAD by GET") {
    const auto routes = tree({{Method::get, "/a"},
                              {Method::post, "/a"},
                              {Method::put, "/b"},
                              {Method::get, "/c"},
                              {Method::head, "/c"},
                              {Method::del, "/{x}"},
                              {Method::head, "/d/{y}"},
                              {Method::get, "/d/{z}"}});
    CHECK(match(routes, Method::get, "/a") == "1");
    CHECK(match(routes, Method::post, "/a") == "2");
    CHECK(match(routes, Method::head, "/a") == "1");
    CHECK(match(routes, Method::head, "/c") == "5");
    CHECK(match(routes, Method::get, "/c") == "4");
    CHECK(match(routes, Method::del, "/a") == "6 x=a");
    CHECK(match(routes, Method::put, "/a") == "405 GET, POST, DELETE, HEAD");
    CHECK(match(routes, Method::get, "/b") == "405 PUT, DELETE");
    CHECK(match(routes, Method::other, "/b") == "405 PUT, DELETE");
    CHECK(match(routes, Method::get, "/b/c") == "404");
    CHECK(match(routes, Method::head, "/d/1") == "7 y=1");
    CHECK(match(routes, Method::get, "/d/1") == "8 z=1");
}

TEST_CASE("patterns that can't be meant are refused") {
    CHECK(refusal("/ok/{a_1}/{B...}") == "");
    CHECK(refusal("/a b") == "");
    CHECK(refusal("") == "pattern: does not begin with a slash");
    CHECK(refusal("a") == "pattern: does not begin with a slash");
    CHECK(refusal("{a}") == "pattern: does not begin with a slash");
    CHECK(refusal("/{}") == "pattern: a parameter without a name");
    CHECK(refusal("/{...}") == "pattern: a parameter without a name");
    CHECK(refusal("/{a...}/b") == "pattern: a remainder stands last");
    CHECK(refusal("/{a...}/") == "pattern: a remainder stands last");
    CHECK(refusal("/{a}/{a}") == "pattern: a parameter's name twice");
    CHECK(refusal("/{a}/{a...}") == "pattern: a parameter's name twice");
    for (const auto* bad : {"/x{a}", "/{a}x", "/{", "/}", "/{a", "/a}", "/x{a}y"})
        CHECK(refusal(bad) == "pattern: a parameter is a whole segment");
    for (const auto* bad : {"/{a-b}", "/{a b}", "/{{a}}", "/{a}{b}", "/{a..}", "/{a....}"})
        CHECK(refusal(bad) == "pattern: a parameter's name is of letters, digits and _");
    for (const auto* bad : {"/a?b", "/a#b", "/a%20b", "/a\nb", "/\x7f"})
        CHECK(refusal(bad) == "pattern: write literals decoded, without query");
    CHECK(refusal("/a/../b") == "pattern: a dot segment never matches");
    CHECK(refusal("/a/.") == "pattern: a dot segment never matches");
    CHECK(refusal("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}") == "");
    CHECK(refusal("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}") == "pattern: too many parameters");
    RouteTree other;
    CHECK_FALSE(other.add(Method::other, "/", 1));
}

TEST_CASE("a pattern is taken once for each method") {
    auto routes = tree({{Method::get, "/a/{x}"}, {Method::get, "/b/{x...}"}, {Method::get, "/c"}});
    CHECK_FALSE(routes.add(Method::get, "/a/{y}", 9));
    CHECK_FALSE(routes.add(Method::get, "/b/{y...}", 9));
    CHECK_FALSE(routes.add(Method::get, "/c", 9));
    CHECK(routes.add(Method::post, "/a/{y}", 9));
    CHECK(routes.add(Method::get, "/a/{y...}", 10));
    CHECK(routes.add(Method::get, "/c/", 11));
    CHECK(match(routes, Method::get, "/a/1") == "1 x=1");
    CHECK(match(routes, Method::post, "/a/1") == "9 y=1");
    CHECK(match(routes, Method::get, "/a/1/2") == "10 y=1/2");
}

TEST_CASE("many literals, many branches") {
    RouteTree routes;
    for (RouteTree::Id id = 0; id < 500; ++id)
        REQUIRE(routes.add(Method::get, "/item" + std::to_string(id * 7919 % 500), id));
    for (RouteTree::Id id = 0; id < 500; ++id)
        CHECK(routes.match(Method::get, "/item" + std::to_string(id * 7919 % 500)).id() == id);
    CHECK(match(routes, Method::get, "/item500") == "404");

    // Each prefix has a literal and a parameter that lead nowhere: as many visits as nodes.
    RouteTree deep;
    REQUIRE(deep.add(Method::get, "/a/a/a/a/a/a/a/a/end", 1));
    REQUIRE(deep.add(Method::get, "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/end", 2));
    CHECK(match(deep, Method::get, "/a/a/a/a/a/a/a/a/no") == "404");
    CHECK(match(deep, Method::get, "/a/a/a/a/a/a/a/b/end") == "2 1=a 2=a 3=a 4=a 5=a 6=a 7=a 8=b");
}
