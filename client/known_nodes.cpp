// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/known_nodes.hpp>

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace penstock::client {
namespace {

constexpr std::size_t file_bytes_max = 4 * 1024 * 1024;

std::unexpected<Error> wrong(const char* text) { return fail(Error(core::Domain::settings, 1, text)); }
std::unexpected<Error> failed(const char* doing) { return fail(Error::os(errno, doing)); }

class File {
public:
    explicit File(int number) : number_(number) {}
    ~File() {
        if (number_ >= 0) ::close(number_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int number() const { return number_; }
    bool is_open() const { return number_ >= 0; }

private:
    int number_;
};

/// What others can write says nothing, and a pipe would keep us waiting. Answers the size.
Result<std::size_t> check(const File& file) {
    struct stat about{};
    if (::fstat(file.number(), &about) != 0) return failed("look at known_nodes");
    if (!S_ISREG(about.st_mode)) return wrong("known_nodes is not a file");
    if ((about.st_mode & S_IWOTH) != 0) return wrong("known_nodes may be written by everybody: chmod o-w it");
    return static_cast<std::size_t>(about.st_size);
}

/// Anything else would make another line, or none.
bool is_address(std::string_view text) {
    return !text.empty() && text.front() != '#' &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

Result<std::string> KnownNodes::read() const {
    const File file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.is_open()) {
        if (errno == ENOENT) return std::string();
        return failed("open known_nodes");
    }
    if (const auto size = check(file); !size) return fail(size);
    std::string out;
    std::array<char, 4096> room;
    for (;;) {
        const auto got = ::read(file.number(), room.data(), room.size());
        if (got < 0) return failed("read known_nodes");
        if (got == 0) return out;
        out.append(room.data(), static_cast<std::size_t>(got));
        if (out.size() > file_bytes_max) return fail(Error::os(EFBIG, "read known_nodes"));
    }
}

Result<std::optional<NodeId>> KnownNodes::find(std::string_view address) const {
    const auto text = read();
    if (!text) return fail(text);
    std::optional<NodeId> out;
    std::string_view rest = *text;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        if (line.empty() || line.front() == '#') continue;
        const auto space = line.find(' ');
        const auto id =
            NodeId::parse(space == std::string_view::npos ? std::string_view() : line.substr(space + 1));
        if (!id) return wrong("known_nodes has a line that is not \"host:port node-id\"");
        if (line.substr(0, space) != address) continue;
        if (out && *out != *id) return wrong("known_nodes has two nodes for one address: remove a line");
        out = *id;
    }
    return out;
}

Result<void> KnownNodes::add(std::string_view address, const NodeId& id) {
    if (!is_address(address)) return wrong("an address that cannot stand in known_nodes");
    if (const auto before = find(address); !before) return fail(before);
    {
        const File file(
            ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, S_IRUSR | S_IWUSR));
        if (!file.is_open()) return failed("open known_nodes");
        const auto size = check(file);
        if (!size) return fail(size);
        char last = '\n';
        if (*size > 0 && ::pread(file.number(), &last, 1, static_cast<::off_t>(*size - 1)) != 1)
            return failed("read known_nodes");
        std::string line = last == '\n' ? "" : "\n";
        line.append(address).append(" ").append(id.text()).append("\n");
        const auto written = ::write(file.number(), line.data(), line.size());
        if (written < 0 || ::fsync(file.number()) != 0) return failed("write known_nodes");
        if (static_cast<std::size_t>(written) != line.size())
            return fail(Error::os(ENOSPC, "write known_nodes"));
    }
    const auto now = find(address);
    if (!now) return fail(now);
    if (!*now || **now != id) return wrong("known_nodes does not keep what is written to it");
    return {};
}

}  // namespace penstock::client
