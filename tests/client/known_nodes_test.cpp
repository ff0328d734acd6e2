// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/known_nodes.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <support/key_folder.hpp>
#include <support/stream_site.hpp>

using namespace penstock;
using namespace penstock::client;
using namespace penstock::test;

namespace {

const NodeId one = identity(1).id(), two = identity(2).id();

}  // namespace

TEST_CASE("what is added is found, in a file that only its owner may read, made when it is needed") {
    const KeyFolder folder;
    const auto path = folder.path("known_nodes");
    KnownNodes known(path);
    CHECK_FALSE(known.find("10.0.0.1:80")->has_value());
    REQUIRE(known.add("10.0.0.1:80", one));
    REQUIRE(known.add("10.0.0.1:8079", two));
    CHECK(**known.find("10.0.0.1:80") == one);
    CHECK(**known.find("10.0.0.1:8079") == two);
    CHECK_FALSE(known.find("10.0.0.1:8")->has_value());
    CHECK_FALSE(known.find("10.0.0.1:80 ")->has_value());
    CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::mask) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("a person's comments, empty lines and a missing last line end stay as they are") {
    const KeyFolder folder;
    const auto path = folder.file("known_nodes", "# ours\n\n10.0.0.1:80 " + one.text(), 0600);
    KnownNodes known(path);
    CHECK(**known.find("10.0.0.1:80") == one);
    REQUIRE(known.add("10.0.0.2:80", two));
    CHECK(folder.read("known_nodes") ==
          "# ours\n\n10.0.0.1:80 " + one.text() + "\n10.0.0.2:80 " + two.text() + "\n");
}

TEST_CASE("a file that cannot be read or understood is never one in which nobody is known") {
    const KeyFolder folder;
    const auto line = "10.0.0.1:80 " + one.text() + "\n";
    const auto refused = [&](const std::string& path) {
        CAPTURE(path);
        CHECK_FALSE(KnownNodes(path).find("10.0.0.9:80"));
        CHECK_FALSE(KnownNodes(path).find("10.0.0.1:80"));
        CHECK_FALSE(KnownNodes(path).add("10.0.0.9:80", two));
    };
    const auto whole = [&](const char* name, const std::string& text) {
        refused(folder.file(name, text, 0600));
    };
    whole("no_id", line + "10.0.0.2:80\n");
    whole("short_id", line + "10.0.0.2:80 abc\n");
    whole("two_spaces", line + "10.0.0.2:80  " + two.text() + "\n");
    whole("more", line + "10.0.0.2:80 " + two.text() + " more\n");
    whole("carriage_return", "10.0.0.1:80 " + one.text() + "\r\n");
    whole("long_line", line + std::string(100'000, 'x') + "\n");
    whole("large", std::string(5 * 1024 * 1024, '\n'));
    whole("torn", line + "10.0.0.2:80 " + two.text().substr(0, 30));

    std::filesystem::create_directory(folder.path("folder"));
    refused(folder.path("folder"));
    REQUIRE(::mkfifo(folder.path("pipe").c_str(), 0600) == 0);
    refused(folder.path("pipe"));
    refused("/dev/null");
    refused(folder.file("for_all", line, 0666));
}

TEST_CASE("one address has one node: the same line twice is none too many, another one is") {
    const KeyFolder folder;
    const auto line = "10.0.0.1:80 " + one.text() + "\n";
    KnownNodes twice(folder.file("twice", line + line, 0600));
    CHECK(**twice.find("10.0.0.1:80") == one);
    KnownNodes both(folder.file("both", line + "10.0.0.1:80 " + two.text() + "\n", 0600));
    CHECK_FALSE(both.find("10.0.0.1:80"));
    // Another process was first, between find and add.
    KnownNodes late(folder.file("late", line, 0600));
    CHECK_FALSE(late.add("10.0.0.1:80", two));
    CHECK_FALSE(late.find("10.0.0.1:80"));
}

TEST_CASE("an address that would be another line, or none, is not written") {
    const KeyFolder folder;
    KnownNodes known(folder.path("known_nodes"));
    for (const std::string address :
         {"", "#10.0.0.1:80", "10.0.0.1:80 x", "10.0.0.1:80\n10.0.0.2:80", "10.0.0.1:80\t", "\x7f"})
        CHECK_FALSE(known.add(address, one));
    CHECK_FALSE(std::filesystem::exists(folder.path("known_nodes")));
}

TEST_CASE("a link stays a link, and who writes at the same time loses nothing") {
    const KeyFolder folder;
    std::filesystem::create_symlink(folder.path("elsewhere"), folder.path("known_nodes"));
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 25; ++i)
                std::ignore =
                    KnownNodes(folder.path("known_nodes"))
                        .add("10.0." + std::to_string(thread) + "." + std::to_string(i) + ":80", one);
        });
    for (auto& thread : threads) thread.join();
    CHECK(std::filesystem::is_symlink(folder.path("known_nodes")));
    for (int thread = 0; thread < 4; ++thread)
        for (int i = 0; i < 25; ++i) {
            const auto found = KnownNodes(folder.path("elsewhere"))
                                   .find("10.0." + std::to_string(thread) + "." + std::to_string(i) + ":80");
            REQUIRE(found);
            CHECK(found->has_value());
        }
}
