// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/known_nodes.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <sys/stat.h>
#include <unistd.h>

namespace penstock::client {
namespace {

constexpr std::size_t file_bytes_max = 4 * 1024 * 1024;

struct Closes {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closes>;

}  // namespace

Result<std::string> KnownNodes::read() const {
    const File file(std::fopen(path_.c_str(), "re"));
    if (file == nullptr) {
        if (errno == ENOENT) return std::string();
        return fail(Error::os(errno, "open known_nodes"));
    }
    std::string out;
    std::array<char, 4096> room;
    while (const auto got = std::fread(room.data(), 1, room.size(), file.get())) {
        out.append(room.data(), got);
        if (out.size() > file_bytes_max) return fail(Error::os(EFBIG, "read known_nodes"));
    }
    return out;
}

Result<std::optional<NodeId>> KnownNodes::find(std::string_view address) const {
    const auto text = read();
    if (!text) return fail(text);
    std::string_view rest = *text;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        if (line.empty() || line.front() == '#') continue;
        const auto space = line.find(' ');
        const auto id =
            NodeId::parse(space == std::string_view::npos ? std::string_view() : line.substr(space + 1));
        if (!id)
            return fail(
                Error(core::Domain::settings, 1, "known_nodes has a line that is not \"host:port node-id\""));
        if (line.substr(0, space) == address) return std::optional(*id);
    }
    return std::optional<NodeId>();
}

Result<void> KnownNodes::add(std::string_view address, const NodeId& id) {
    auto text = read();
    if (!text) return fail(text);
    if (!text->empty() && text->back() != '\n') *text += '\n';
    text->append(address).append(" ").append(id.text()).append("\n");
    auto temporary = path_ + ".XXXXXX";
    const int number = ::mkstemp(temporary.data());
    if (number < 0) return fail(Error::os(errno, "write known_nodes"));
    const File file(::fdopen(number, "we"));
    const bool written = std::fwrite(text->data(), 1, text->size(), file.get()) == text->size() &&
                         std::fflush(file.get()) == 0 && ::fsync(number) == 0 &&
                         ::rename(temporary.c_str(), path_.c_str()) == 0;
    if (written) return {};
    const int why = errno;
    ::unlink(temporary.c_str());
    return fail(Error::os(why, "write known_nodes"));
}

}  // namespace penstock::client
