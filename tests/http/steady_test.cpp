// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/chunked.hpp>
#include <penstock/http/path.hpp>
#include <penstock/http/request_parser.hpp>
#include <penstock/http/response_parser.hpp>
#include <penstock/http/route_tree.hpp>

#include <cstdlib>
#include <new>

#include <doctest/doctest.h>

namespace {

std::size_t allocations = 0;

void* counted(std::size_t size) {
    ++allocations;
    if (void* const out = std::malloc(size)) return out;
    std::abort();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }

using namespace penstock::http;

TEST_CASE("nothing is allocated from the second request on") {
    Limits limits;
    RequestParser requests(limits);
    ResponseParser responses(limits);
    ChunkedReader chunks(limits);
    RequestHead head;
    ReplyHead reply;
    RouteTree routes;
    std::string room;
    REQUIRE(routes.add(Method::post, "/files/{name}/{rest...}", 1));
    bool right = true;
    std::size_t before = 0;
    for (int round = 0; round < 3; ++round) {
        if (round == 1) before = allocations;
        right &= requests
                     .parse(
                         "POST /files/a%20name%2Fthat/is?long=enough&to=allocate HTTP/1.1\r\nHost: a\r\n"
                         "Accept: */*\r\nUser-Agent: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                         head)
                     .value_or(0) != 0;
        const auto path = normalize_path(head.path(), room);
        right &= path && routes.match(Method::post, *path).parameter("rest") == "is";
        right &= query_value(head.query(), "to") == "allocate";
        chunks.reset();
        right &= chunks.next("5\r\nhello").has_value() &&
                 chunks.next("\r\n0\r\nX-A-Trailer-Name: y\r\n\r\n").has_value();
        right &= chunks.is_complete();
        right &=
            responses.parse("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: x\r\n\r\n", Method::get, reply)
                .value_or(0) != 0;
    }
    const auto after = allocations;
    CHECK(right);
    CHECK(before != 0);
    CHECK(after == before);
}
