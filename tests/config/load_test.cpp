// SPDX-License-Identifier: Apache-2.0
#include <penstock/config/load.hpp>

#include <fstream>

#include <config/chat_settings.hpp>
#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>

using namespace penstock;
using namespace std::string_literals;
using config::ChatSettings;

namespace {

struct Loading {
    ChatSettings chat;
    config::LogSettings log;
    std::vector<core::SettingsSection> sections{{config::chat_settings, chat}, {config::log_settings, log}};

    config::Loaded text(std::string_view text) { return config::load_text(text, "node.toml", sections); }
    bool is_untouched() const { return chat == ChatSettings() && log == config::LogSettings(); }
};

/// The messages of what is wrong with `text`, which then changes nothing.
std::string wrong(std::string_view text) {
    Loading loading;
    const auto loaded = loading.text(text);
    if (loaded) return "";
    CHECK(loading.is_untouched());
    return config::message(loaded.error());
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    while (times-- != 0) out += text;
    return out;
}

struct TextFile {
    explicit TextFile(std::string_view text) { std::ofstream(path) << text; }
    const penstock::test::TemporaryFolder folder{};
    const std::string path = folder.file("settings.toml");
};

}  // namespace

TEST_CASE("a file writes what it names, and leaves the rest") {
    Loading loading;
    const auto loaded = loading.text(
        "# a comment\n"
        "[chat]\n"
        "open = false\n"
        "history_lines = 1_000\n"
        "share = 1\n"
        "line_bytes_max = \"16KiB\"\n"
        "pause = \"2s\"\n"
        "title = 'x'\n"
        "rooms = [\"one\",\n  \"two\"]\n");
    REQUIRE(loaded.has_value());
    CHECK(loading.chat == ChatSettings{.open = false,
                                       .history_lines = 1000,
                                       .share = 1.0,
                                       .line_bytes_max = 16 * 1024,
                                       .pause = 2s,
                                       .title = "x",
                                       .rooms = {"one", "two"}});
    CHECK(loading.log == config::LogSettings());
    CHECK(loading.text("").has_value());
    CHECK(loading.text("[log]\nfile = \"\"\"\\\n  \xc3\xa4\"\"\"").has_value());
    CHECK(loading.log.file == "\xc3\xa4");
    CHECK(loading.text("[log]\n[chat]\nrooms = []\nshare = 0.25").has_value());
    CHECK(loading.chat.rooms.empty());
    CHECK(loading.text("[chat]\nrooms = \"one\"").has_value());
    CHECK(loading.chat.rooms == std::vector<std::string>{"one"});
    CHECK(loading.chat.pause == 2s);
}

TEST_CASE("what is wrong is told with its place, its value and its limit") {
    struct Row {
        std::string_view text;
        std::string expected;
    };
    for (const auto& [text, expected] : std::initializer_list<Row>{
             // ranges, at their edges and beyond
             {"[chat]\npause = \"20s\"", "2:9: chat.pause = \"20s\" is above 10s"},
             {"[chat]\npause = \"10001ms\"", "2:9: chat.pause = \"10001ms\" is above 10s"},
             {"[chat]\npause = \"10s\"\nhistory_lines = 1\nshare = 0.25", ""},
             {"[chat]\npause = \"9ms\"", "2:9: chat.pause = \"9ms\" is below 10ms"},
             {"[chat]\nhistory_lines = 0", "2:17: chat.history_lines = 0 is below 1"},
             {"[chat]\nhistory_lines = -1", "2:17: chat.history_lines = -1 is below 1"},
             {"[chat]\nhistory_lines = 10_001", "2:17: chat.history_lines = 10001 is above 10000"},
             {"[chat]\nhistory_lines = 4294967296", "2:17: chat.history_lines = 4294967296 is above 10000"},
             {"[chat]\nhistory_lines = 9223372036854775807",
              "2:17: chat.history_lines = 9223372036854775807 is above 10000"},
             {"[chat]\nshare = 1.5", "2:9: chat.share = 1.5 is above 1"},
             {"[chat]\nshare = 0", "2:9: chat.share = 0 is below 0.25"},
             {"[chat]\nshare = inf", "2:9: chat.share = inf is above 1"},
             {"[chat]\nshare = nan", "2:9: chat.share = nan is not a number"},
             {"[chat]\nline_bytes_max = \"64KiB\"", ""},
             {"[chat]\nline_bytes_max = \"65537B\"", "2:18: chat.line_bytes_max = \"65537B\" is above 64KiB"},
             {"[chat]\nline_bytes_max = \"15B\"", "2:18: chat.line_bytes_max = \"15B\" is below 16B"},
             {"[chat]\ntitle = \"\"", "2:9: chat.title = \"\" is shorter than 1 byte"},
             {"[chat]\ntitle = \"1234567890123456\"", ""},
             {"[chat]\ntitle = \"12345678901234567\"",
              "2:9: chat.title = \"12345678901234567\" is longer than 16 bytes"},
             {"[chat]\ntitle = \"a\\u0000b\"", "2:9: chat.title = \"a\\x00b\" has a control character"},
             {"[chat]\nrooms = [\"a\\nb\"]", "2:9: chat.rooms = [...] has a control character"},
             // types
             {"[chat]\nopen = 1", "2:8: chat.open = 1 is not true or false"},
             {"[chat]\nopen = \"true\"", "2:8: chat.open = \"true\" is not true or false"},
             {"[chat]\nhistory_lines = 1.0", "2:17: chat.history_lines = 1 is not a whole number"},
             {"[chat]\nhistory_lines = \"5\"", "2:17: chat.history_lines = \"5\" is not a whole number"},
             {"[chat]\nhistory_lines = true", "2:17: chat.history_lines = true is not a whole number"},
             {"[chat]\nshare = \"1\"", "2:9: chat.share = \"1\" is not a number"},
             {"[chat]\npause = 100",
              "2:9: chat.pause = 100 is not a duration: write \"10s\" (ms, s, min, h, d)"},
             {"[chat]\npause = \"100\"",
              "2:9: chat.pause = \"100\" is not a duration: write \"10s\" (ms, s, min, h, d)"},
             {"[chat]\npause = \"1KiB\"",
              "2:9: chat.pause = \"1KiB\" is not a duration: write \"10s\" (ms, s, min, h, d)"},
             {"[chat]\npause = 10:00:00",
              "2:9: chat.pause = a date or time is not a duration: write \"10s\" (ms, s, min, h, d)"},
             {"[chat]\nline_bytes_max = 4096",
              "2:18: chat.line_bytes_max = 4096 is not a size: write \"64KiB\" (B, KiB, MiB, GiB, TiB)"},
             {"[chat]\nline_bytes_max = \"4kb\"",
              "2:18: chat.line_bytes_max = \"4kb\" is not a size: write \"64KiB\" (B, KiB, MiB, GiB, TiB)"},
             {"[chat]\ntitle = 5", "2:9: chat.title = 5 is not a text: write it in quotes"},
             {"[chat]\ntitle = {}", "2:9: chat.title = {...} is not a text: write it in quotes"},
             {"[chat]\nrooms = 1", "2:9: chat.rooms = 1 is not a list of texts: write [\"one\", \"two\"]"},
             {"[chat]\nrooms = [\"a\", 1]",
              "2:9: chat.rooms = [...] is not a list of texts: write [\"one\", \"two\"]"},
             {"[chat]\nrooms = [[\"a\"]]",
              "2:9: chat.rooms = [...] is not a list of texts: write [\"one\", \"two\"]"},
             {"[chat.pause]\nx = 1",
              "1:1: chat.pause = {...} is not a duration: write \"10s\" (ms, s, min, h, d)"},
             // names
             {"[chatt]", "1:2: unknown section [chatt]; is [chat] meant?"},
             {"[other]\nx = 1", "1:2: unknown section [other]"},
             {"[[other]]", "1:3: unknown section [other]"},
             {"pause = 1", "1:1: pause stands before the first section"},
             {"chat = 1", "1:1: chat is a section: write [chat] once"},
             {"[[chat]]", "1:3: chat is a section: write [chat] once"},
             {"[chat]\npauze = \"1s\"", "2:1: unknown key chat.pauze; is pause meant?"},
             {"[chat]\nlevel = \"info\"", "2:1: unknown key chat.level"},
             {"[chat]\n\"\" = 1", "2:1: unknown key chat."},
             {"[chat]\n\"a\\nb\" = 1", "2:1: unknown key chat.a\\nb"},
         }) {
        CAPTURE(text);
        const auto told = wrong(text);
        CHECK(told == (expected.empty() ? "" : "node.toml:" + expected + "\n"));
    }
}

TEST_CASE("what is no TOML is refused with its place") {
    struct Row {
        std::string text;
        std::string place;
    };
    for (const auto& [text, place] : std::initializer_list<Row>{
             {"[chat]\npause = \"1s\"\npause = \"2s\"", "3:"},  // a key twice
             {"[chat]\n[log]\n[chat]", "3:"},                   // a section twice
             {"[chat]\nopen = true\n[log]\n[chat]\nopen = true", "4:"},
             {"[chat]\npause = ", "2:"},
             {"[chat]\npause = \"1s", "2:"},
             {"[chat]\npause \"1s\"", "2:"},
             {"[chat", "1:"},
             {"[chat]\nopen = tru", "2:"},
             {"[chat]\nhistory_lines = 99999999999999999999", "2:"},  // not in 64 bits
             {"[chat]\nhistory_lines = 007", "2:"},
             {"[chat]\nopen = true false", "2:"},
             {"[chat]\ntitle = \"\xff\"", "2:"},  // no UTF-8
             {"[chat]\ntitle = \"a\x01\"", "2:"},
             {"[chat]\ntitle = \"\0\""s, "2:"},
             {"[chat]\ntitle = \"\\ud800\"", "2:"},  // a surrogate
             {"[chat]\ngr\xc3\xb6\xc3\x9f"
              "e = 1",
              "2:3: "},                                    // undefined behaviour in toml++ 3.3, like
             {"[chat]\nhistory_lines = 5\xc3\xa4", "2:"},  // these two
             {"[chat]\nopen = 1+7\"x\xc9\xa7", "2:"},
             {"[\nchat]", "1:"},  // an assertion of toml++ 3.3
             {"[[\n", "1:"},
             {"[chat]\nrooms = [\n,]", "3:"},
             {"\0"s, "1:"},
             {"\xff\xfe[\0"s, "1:"},  // UTF-16
             {"x = " + repeated("[", 100'000), "1:"},
             {"x = " + repeated("{a=", 100'000), "1:"},
             {"[" + repeated("a.", 500'000) + "a]", "1:"},
             {repeated("a.", 500'000) + "a = 1", "1:"},
             {repeated("'a' . ", 100'000) + "a = 1", "1:"},
         }) {
        CAPTURE(text.substr(0, 40));
        const auto told = wrong(text);
        CHECK(told.starts_with("node.toml:" + place));
        CHECK(told.ends_with("\n"));
        CHECK(told.size() < 500);
        for (const char c : told.substr(0, told.size() - 1)) CHECK_FALSE((c >= 0 && c < 0x20));
    }
}

TEST_CASE("depth goes to its limits") {
    const auto deep = [](std::size_t depth) {
        return "[chat]\nrooms = " + repeated("[", depth) + repeated("]", depth);
    };
    CHECK(wrong(deep(config::nested_values_max)).find("is not a list of texts") != std::string::npos);
    CHECK(wrong(deep(config::nested_values_max + 1)).find("depth") != std::string::npos);
    const auto dotted = [](std::size_t parts) { return repeated("a.", parts - 1) + "a = 1"; };
    CHECK(wrong(dotted(config::key_parts_max)) == "node.toml:1:1: unknown section [a]\n");
    CHECK(wrong(dotted(config::key_parts_max + 1)) == "node.toml:1:16: more than 7 dots in a row\n");
}

TEST_CASE("all problems are told at once, in the order of the file, up to a limit") {
    CHECK(wrong("[log]\nlevel = 1\nfile = 2\n[chat]\nzoom = 1\nopen = 3") ==
          "node.toml:2:9: log.level = 1 is not a text: write it in quotes\n"
          "node.toml:3:8: log.file = 2 is not a text: write it in quotes\n"
          "node.toml:5:1: unknown key chat.zoom\n"
          "node.toml:6:8: chat.open = 3 is not true or false\n");
    std::string many = "[chat]\n";
    for (std::size_t i = 0; i < 2 * config::problems_max; ++i) many += "zoom" + std::to_string(i) + " = 1\n";
    Loading loading;
    const auto loaded = loading.text(many);
    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error().size() == config::problems_max);
}

TEST_CASE("one wrong value leaves every struct as it was") {
    Loading loading;
    CHECK_FALSE(loading.text("[chat]\nopen = false\nrooms = []\n[log]\nlevel = 5").has_value());
    CHECK(loading.is_untouched());
}

TEST_CASE("long values are cut where they are shown") {
    const auto told = wrong("[log]\nlevel = \"" + std::string(1000, 'x') + '"');
    CHECK(told == "node.toml:2:9: log.level = \"" + std::string(60, 'x') + "...\" is longer than 8 bytes\n");
}

TEST_CASE("a file is read up to its limit") {
    Loading loading;
    std::string text = "[chat]\nopen = false\n#";
    text.resize(config::file_bytes_max, 'x');
    const TextFile most(text), more(text + "x");
    CHECK(config::load_file(most.path, loading.sections).has_value());
    CHECK_FALSE(loading.chat.open);
    const auto loaded = config::load_file(more.path, loading.sections);
    REQUIRE_FALSE(loaded.has_value());
    CHECK(config::message(loaded.error()) == more.path + ": longer than 1 MiB: is it a settings file?\n");
    CHECK_FALSE(loading.text(text + "x").has_value());
    CHECK_FALSE(config::load_file("/dev/zero", loading.sections).has_value());
}

TEST_CASE("a file that can't be read is a problem without a line") {
    Loading loading;
    const auto missing = config::load_file("/nowhere/node.toml", loading.sections);
    REQUIRE_FALSE(missing.has_value());
    CHECK(config::message(missing.error()) ==
          "/nowhere/node.toml: can't be read: No such file or directory\n");
    const penstock::test::TemporaryFolder place;
    const auto folder = config::load_file(place.path(), loading.sections);
    REQUIRE_FALSE(folder.has_value());
    CHECK(config::message(folder.error()) == place.path() + ": can't be read: Is a directory\n");
}
