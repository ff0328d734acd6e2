// SPDX-License-Identifier: Apache-2.0
#include <penstock/config/load.hpp>
#include <penstock/node/detail/settings.hpp>

#include <fstream>

#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>

using namespace penstock;
using namespace penstock::node;

namespace {

/// What loading this file says; empty: nothing is wrong.
std::string load(AllSettings& settings, const std::string& text, Options options = {},
                 const std::vector<core::SettingsSection>& more = {}) {
    const test::TemporaryFolder folder;
    options.config = folder.file("node.toml");
    std::ofstream(*options.config) << text;
    const auto loaded = settings.load(options, more);
    if (loaded) return {};
    auto out = loaded.error();
    for (auto at = out.find(folder.path() + '/'); at != std::string::npos; at = out.find(folder.path() + '/'))
        out.erase(at, folder.path().size() + 1);
    return out;
}

std::string load(const std::string& text, const Options& options = {}) {
    AllSettings settings;
    return load(settings, text, options);
}

struct Own {
    std::uint32_t number = 7;
};
constexpr auto own_settings =
    core::table<Own>("own", {{"number", &Own::number, {0, 9}, core::at_start, "a number"}});
constexpr auto clashing_settings =
    core::table<Own>("node", {{"number", &Own::number, {0, 9}, core::at_start, "a number"}});

}  // namespace

TEST_CASE("the text of all settings at their defaults changes nothing") {
    CHECK(load(default_settings_text()).empty());
}

TEST_CASE("defaults of the tables are those of the module") {
    const auto server = HttpSettings().server();
    const http::ServerSettings plain;
    CHECK(server.head_time_max == plain.head_time_max);
    CHECK(server.idle_time_max == plain.idle_time_max);
    CHECK(server.limits.fields_bytes_max == plain.limits.fields_bytes_max);
    CHECK(server.limits.request_line_bytes_max == plain.limits.request_line_bytes_max);
    CHECK(server.limits.trailers_max == plain.limits.trailers_max);
}

TEST_CASE("what is wrong in the file is told with its place") {
    CHECK(load("[node]\nlisten = 8079\n") ==
          "node.toml:2:10: node.listen = 8079 is not a text: write it in quotes");
    CHECK(load("[node]\nlisten_to = \"127.0.0.1:1\"\n")
              .starts_with("node.toml:2:1: unknown key node.listen_to"));
    CHECK(load("[nodes]\n").starts_with("node.toml:1:2: unknown section [nodes]; is [node] meant?"));
    CHECK(load("[node]\nworkers = 4097\n") == "node.toml:2:11: node.workers = 4097 is above 4096");
    CHECK(load("[node]\nworkers = 4096\n").empty());
    CHECK(load("[node]\ndrain_time_max = \"61min\"\n").find("is above 1h") != std::string::npos);
    CHECK(load("[http]\nhead_time_max = 10\n").find("is not a duration") != std::string::npos);
}

TEST_CASE("what no table can say of a text is checked too") {
    CHECK(load("[node]\nlisten = \"localhost:80\"\n") ==
          "node.toml:2:10: node.listen = \"localhost:80\" is not an address: write 127.0.0.1:80 or [::1]:80");
    CHECK(load("[admin]\nlisten = \"here\"\n").ends_with("or \"none\""));
    CHECK(load("[stream]\n\nclients = [\"any\", \"me\"]\n").starts_with("node.toml:3:11: stream.clients = "));
    CHECK(load("[stream]\nenc_path = \"enc\"\n").starts_with("node.toml:2:12: stream.enc_path = \"enc\""));
    CHECK(load("[log]\nlevel = \"loud\"\n").ends_with("write debug, info, warn, error or off"));
    CHECK(load("[events]\nbackend = \"kqueue\"\n").ends_with("write auto, epoll, io_uring or poll"));
    Options options;
    options.listen = "8079";
    CHECK(load("", options) == "--listen \"8079\" is not an address: write 127.0.0.1:80 or [::1]:80");
}

TEST_CASE("a file that is not there is told") {
    AllSettings settings;
    Options options;
    options.config = "/nowhere/node.toml";
    const auto loaded = settings.load(options, {});
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().find("/nowhere/node.toml") != std::string::npos);
    CHECK(loaded.error().find("No such file") != std::string::npos);
}

TEST_CASE("the command line wins over the file, the file over the defaults") {
    AllSettings settings;
    Options options;
    options.listen = "127.0.0.1:2";
    CHECK(load(settings, "[node]\nlisten = \"127.0.0.1:1\"\nworkers = 3\nstate = \"/a\"\n", options).empty());
    CHECK(settings.listen == Address("127.0.0.1:2"));
    CHECK(settings.node.workers == 3);
    options.workers = 0;
    options.state = "/b";
    CHECK(load(settings, "[node]\nworkers = 3\nstate = \"/a\"\n", options).empty());
    CHECK(settings.node.workers == 0);
    CHECK(settings.node.state == "/b");
}

TEST_CASE("admin pages: beside the routes on loopback, else where they are put, or nowhere") {
    struct Case {
        const char *listen, *admin;
        bool beside, own;
    };
    for (const auto& c :
         {Case{"127.0.0.1:80", "", true, false}, Case{"[::1]:80", "", true, false},
          Case{"0.0.0.0:80", "", false, false}, Case{"192.0.2.1:80", "", false, false},
          Case{"127.0.0.1:80", "none", false, false}, Case{"127.0.0.1:80", "127.0.0.1:81", false, true},
          Case{"0.0.0.0:80", "127.0.0.1:81", false, true}, Case{"127.0.0.1:0", "127.0.0.1:0", false, true},
          Case{"0.0.0.0:80", "0.0.0.0:80", true, false}}) {
        CAPTURE(c.listen);
        CAPTURE(c.admin);
        AllSettings settings;
        const auto text =
            std::string("[node]\nlisten = \"") + c.listen + "\"\n[admin]\nlisten = \"" + c.admin + "\"\n";
        CHECK(load(settings, text).empty());
        CHECK(settings.admin_beside_routes == c.beside);
        CHECK(settings.admin_listen.has_value() == c.own);
    }
}

TEST_CASE("a program's own table is a section, one with a name of ours is refused") {
    Own own;
    AllSettings settings;
    CHECK(load(settings, "[own]\nnumber = 9\n", {}, {{own_settings, own}}).empty());
    CHECK(own.number == 9);
    CHECK(load(settings, "", {}, {{clashing_settings, own}}) ==
          "two settings tables are called [node]: rename the program's own");
}
