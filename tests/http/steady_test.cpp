// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/chunked.hpp>
#include <penstock/http/path.hpp>
#include <penstock/http/request_parser.hpp>
#include <penstock/http/response_parser.hpp>
#include <penstock/http/route_tree.hpp>

#include <doctest/doctest.h>
#include <support/allocations.hpp>

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
        if (round == 1) before = penstock::test::allocations_of_this_thread();
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
    const auto after = penstock::test::allocations_of_this_thread();
    CHECK(right);
    CHECK((before != 0) == penstock::test::allocations_are_counted);
    CHECK(after == before);
}
