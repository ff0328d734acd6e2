// SPDX-License-Identifier: Apache-2.0
#include <penstock/node/state_folder.hpp>

#include <cstdlib>
#include <fstream>

#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>
#include <sys/stat.h>

using namespace penstock;
using node::open_state_folder;

namespace {

/// A variable of the environment for the time of a test; null: unset.
class Variable {
public:
    Variable(const char* name, const char* value) : name_(name) {
        if (const char* had = std::getenv(name)) before_ = had;
        value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
    }
    ~Variable() { before_.empty() ? ::unsetenv(name_) : ::setenv(name_, before_.c_str(), 1); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    const char* name_;
    std::string before_;
};

unsigned mode(const std::string& path) {
    struct stat there{};
    REQUIRE(::stat(path.c_str(), &there) == 0);
    return there.st_mode & 0777;
}

}  // namespace

TEST_CASE("the folder that is asked for is made with its parents, for the owner alone") {
    const test::TemporaryFolder folder;
    const auto path = folder.file("a/b");
    CHECK(open_state_folder(path).value() == path);
    CHECK(mode(path) == 0700);
    CHECK(mode(folder.file("a")) == 0700);
    CHECK(open_state_folder(path + '/').has_value());
}

TEST_CASE("else $STATE_DIRECTORY, the first of several, else below the home folder") {
    const test::TemporaryFolder folder;
    const Variable home("HOME", folder.path().c_str());
    {
        const Variable state("STATE_DIRECTORY", (folder.file("one") + ':' + folder.file("two")).c_str());
        CHECK(open_state_folder("").value() == folder.file("one"));
        CHECK(open_state_folder(folder.file("three")).value() == folder.file("three"));
    }
    const Variable none("STATE_DIRECTORY", nullptr);
    CHECK(open_state_folder("").value() == folder.file(".local/state/penstock"));
    CHECK(mode(folder.file(".local/state/penstock")) == 0700);
}

TEST_CASE("an existing folder keeps its mode, a file in its place is refused") {
    const test::TemporaryFolder folder;
    CHECK(::chmod(folder.path().c_str(), 0750) == 0);
    CHECK(open_state_folder(folder.path()).has_value());
    CHECK(mode(folder.path()) == 0750);
    std::ofstream(folder.file("file")) << "x";
    for (const char* path : {"file", "file/below"}) {
        CAPTURE(path);
        const auto opened = open_state_folder(folder.file(path));
        REQUIRE_FALSE(opened);
        CHECK(opened.error().starts_with("state folder " + folder.file(path) + ": Not a directory"));
        CHECK(opened.error().find("--state DIR") != std::string::npos);
    }
}
