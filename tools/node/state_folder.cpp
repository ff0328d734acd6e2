// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/result.hpp>
#include <penstock/node/state_folder.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace penstock::node {
namespace {

const char* variable(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
}

std::string home() {
    if (const char* set = variable("HOME")) return set;
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> room;
    ::getpwuid_r(::getuid(), &entry, room.data(), room.size(), &found);
    return found == nullptr || found->pw_dir == nullptr ? std::string() : found->pw_dir;
}

using Folder = std::expected<std::string, std::string>;

}  // namespace

Folder state_folder(const std::string& wanted) {
    if (!wanted.empty()) return wanted;
    if (const char* set = variable("STATE_DIRECTORY")) {
        const std::string all = set;
        return all.substr(0, all.find(':'));
    }
    const auto base = home();
    if (base.empty())
        return std::unexpected("there is no home folder for the state: give one by --state DIR");
    return base + "/.local/state/penstock";
}

namespace {

/// An errno, or 0. Folders that it makes are the owner's alone.
int make_folders(const std::string& path) {
    for (auto at = path.find('/', 1);; at = path.find('/', at + 1)) {
        const auto part = path.substr(0, at);
        if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
            const int failed = errno;
            struct stat there{};
            if (::stat(part.c_str(), &there) != 0) return failed;  // a read-only parent that is there is none
        }
        if (at == std::string::npos) return 0;
    }
}

}  // namespace

Folder open_state_folder(const std::string& wanted) {
    const auto path = state_folder(wanted);
    if (!path) return path;
    const auto refuse = [&](int failed) {
        return std::unexpected("state folder " + *path + ": " + Error::os(failed).message() +
                               "; choose one that this user may write by --state DIR or node.state");
    };
    if (const int failed = make_folders(*path); failed != 0) return refuse(failed);
    struct stat there{};
    if (::stat(path->c_str(), &there) != 0) return refuse(errno);
    if (!S_ISDIR(there.st_mode)) return refuse(ENOTDIR);
    if (::access(path->c_str(), R_OK | W_OK | X_OK) != 0) return refuse(errno);
    return path;
}

}  // namespace penstock::node
