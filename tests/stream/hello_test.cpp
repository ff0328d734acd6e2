// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/hello.hpp>

#include <doctest/doctest.h>
#include <stream/parties.hpp>

using namespace penstock;
using namespace penstock::stream;
using crypto::Code;
using test::code;

namespace {

struct Case {
    const char* what;
    std::string body;
    Code code;
};

const std::string magic = "PST1";
std::string bytes(std::initializer_list<int> values) {
    std::string out;
    for (const int value : values) out += static_cast<char>(value);
    return out;
}

}  // namespace

TEST_CASE("the hellos of the vectors are taken apart") {
    for (const auto& set : test::vector_sets()) {
        const auto client = set.bytes("client_hello"), server = set.bytes("server_hello");
        const auto hello = parse_client_hello(client);
        REQUIRE(hello);
        CHECK(hello->suite == set.suite());
        CHECK(hello->head.text() == client.substr(0, 10));
        CHECK(hello->message_1.text() == client.substr(10));
        std::string head;
        append_client_hello_head(head, set.suite());
        CHECK(head == client.substr(0, 10));
        const auto answer = parse_server_hello(server);
        REQUIRE(answer);
        CHECK(answer->message_2.text() == server.substr(7));
        head.clear();
        append_server_hello_head(head);
        CHECK(head == server.substr(0, 7));
    }
}

TEST_CASE("hostile ClientHellos are refused for the first thing that is wrong") {
    const Case cases[] = {
        {"empty", "", Code::protocol},
        {"another magic", "PST2" + bytes({1, 0, 1, 1, 0, 0}), Code::protocol},
        {"a ServerHello", magic + bytes({2, 0, 1, 1, 0, 0}), Code::protocol},
        {"version 0", magic + bytes({1, 0, 0, 1, 0, 0}), Code::version},
        {"version 2, whatever follows", magic + bytes({1, 0, 2}), Code::version},
        {"version 257", magic + bytes({1, 1, 1, 1, 0, 0}), Code::version},
        {"suite 0", magic + bytes({1, 0, 1, 0, 0, 0}), Code::no_suite},
        {"suite 3", magic + bytes({1, 0, 1, 3, 0, 0}), Code::no_suite},
        {"reserved not empty", magic + bytes({1, 0, 1, 1, 0, 1, 7}), Code::protocol},
        {"reserved longer than the body", magic + bytes({1, 0, 1, 1, 0, 1}), Code::protocol},
        {"too long", magic + bytes({1, 0, 1, 1, 0, 0}) + std::string(4087, 'x'), Code::protocol},
    };
    for (const auto& each : cases) {
        CAPTURE(each.what);
        CHECK(code(parse_client_hello(each.body)) == each.code);
    }
    const auto good = magic + bytes({1, 0, 1, 1, 0, 0});
    CHECK(parse_client_hello(good + std::string(4086, 'x')));
    for (std::size_t cut = 0; cut < good.size(); ++cut)
        CHECK(code(parse_client_hello(good.substr(0, cut))) == Code::protocol);
}

TEST_CASE("hostile ServerHellos") {
    const auto good = magic + bytes({2, 0, 0});
    CHECK(parse_server_hello(good + std::string(8185, 'x')));
    CHECK(code(parse_server_hello(good + std::string(8186, 'x'))) == Code::protocol);
    for (std::size_t cut = 0; cut < good.size(); ++cut)
        CHECK(code(parse_server_hello(good.substr(0, cut))) == Code::protocol);
    for (std::size_t at = 0; at < good.size(); ++at)
        CHECK(code(parse_server_hello(test::flipped(good, at))) == Code::protocol);
}

TEST_CASE("an Error body, and what isn't one") {
    std::string body;
    append_error_body(body, {Code::version, versions_text()});
    CHECK(body == magic + bytes({0x7F, 0, 3, 1}) + "1");
    const auto error = parse_error_body(body);
    REQUIRE(error);
    CHECK(error->code == Code::version);
    CHECK(error->text == "1");
    for (std::size_t cut = 0; cut < body.size(); ++cut)
        CHECK(code(parse_error_body(body.substr(0, cut))) == Code::protocol);
    CHECK(code(parse_error_body(body + "x")) == Code::protocol);
    CHECK(code(parse_error_body(test::flipped(body, 4))) == Code::protocol);

    std::string long_one;
    append_error_body(long_one, {Code::overload, std::string(300, 'x')});
    const auto cut = parse_error_body(long_one);
    REQUIRE(cut);
    CHECK(cut->text == std::string(255, 'x'));
}

TEST_CASE("each refusal in clear has its status") {
    CHECK(http_status(Code::rate_limited) == 429);
    CHECK(http_status(Code::overload) == 503);
    CHECK(http_status(Code::no_session) == 404);
    CHECK(http_status(Code::attach_stale) == 409);
    CHECK(http_status(Code::wrong_node) == 421);
    for (const auto each : {Code::handshake, Code::protocol, Code::version, Code::no_suite, Code::network_key,
                            Code::key_unknown, Code::replay, Code::decrypt})
        CHECK(http_status(each) == 400);
}
