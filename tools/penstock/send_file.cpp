// SPDX-License-Identifier: Apache-2.0
#include "send_file.hpp"

#include <penstock/client/client.hpp>
#include <penstock/events/timer.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_sender.hpp"
#include "uplink.hpp"

namespace penstock::tool {
namespace {

/// "64.0 MiB".
std::string size_text(double bytes) {
    constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t at = 0;
    for (; bytes >= 1024 && at + 1 < units.size(); ++at) bytes /= 1024;
    std::array<char, 32> room;
    std::snprintf(room.data(), room.size(), at == 0 ? "%.0f %s" : "%.1f %s", bytes, units[at]);
    return room.data();
}

/// One line that is written over again and again. Nothing where no terminal is.
class Progress {
public:
    Progress(Worker& worker, const FileJob& job)
        : job_(job), begun_(worker.now()), timer_(worker, [this, &worker] { draw(worker.now()); }) {
        if (::isatty(STDOUT_FILENO) != 0) timer_.arm_every(std::chrono::milliseconds(100));
    }
    double seconds(core::TimePoint now) const {
        return std::max(1e-6, std::chrono::duration<double>(now - begun_).count());
    }
    void clear() const {
        if (::isatty(STDOUT_FILENO) != 0) std::fputs("\r\033[K", stdout);
    }

private:
    void draw(core::TimePoint now) const {
        constexpr std::size_t width = 30;
        const double share =
            job_.size == 0 ? 1 : static_cast<double>(job_.sent) / static_cast<double>(job_.size);
        const auto filled = static_cast<std::size_t>(share * width);
        const auto bar = std::string(filled, '=') + std::string(width - filled, ' ');
        std::printf("\r[%s] %3d %%  %s of %s  %s/s \033[K", bar.c_str(), static_cast<int>(share * 100),
                    size_text(static_cast<double>(job_.sent)).c_str(),
                    size_text(static_cast<double>(job_.size)).c_str(),
                    size_text(static_cast<double>(job_.sent) / seconds(now)).c_str());
        std::fflush(stdout);
    }

    const FileJob& job_;
    const core::TimePoint begun_;
    Timer timer_;
};

}  // namespace

std::expected<std::uint64_t, std::string> file_size(const std::string& path) {
    const auto refuse = [&](int why) { return std::unexpected(path + ": " + Error::os(why).message()); };
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0) return refuse(errno);
    if (!S_ISREG(found.st_mode)) return std::unexpected(path + ": not a regular file");
    if (::access(path.c_str(), R_OK) != 0) return refuse(errno);
    return static_cast<std::uint64_t>(found.st_size);
}

Task<int> send_file(Worker& worker, client::Settings settings, std::string path, std::uint64_t size) {
    FileJob job{.path = std::move(path), .size = size};
    Awaitable<Result<FileResult>> done(job.done);
    client::Client client(worker, settings);
    const StageReport report(client, settings, true);
    add_file_sender(client.channels(), job);
    if (const auto up = co_await client.reach(client::Stage::stream_streaming); !up)
        co_return report.failed(up.error());
    const Progress progress(worker, job);
    const auto result = co_await done;
    const auto seconds = progress.seconds(worker.now());
    progress.clear();
    if (!result) {
        std::fprintf(stderr, "%s of %s were sent; %s\n", size_text(static_cast<double>(job.sent)).c_str(),
                     size_text(static_cast<double>(size)).c_str(),
                     job.sent < size ? "the node keeps nothing of them"
                                     : "the node did not say whether it has the file");
        co_return report.failed(result.error());
    }
    std::printf("sent %llu bytes in %.2f s: %s/s\nsha256 %s, verified by the node\n",
                static_cast<unsigned long long>(size), seconds,
                size_text(static_cast<double>(size) / seconds).c_str(), hex(result->sha256).c_str());
    std::fflush(stdout);
    if (const auto closed = co_await client.close(); !closed)
        std::fprintf(stderr, "the session did not close in order: %s\n", closed.error().message().c_str());
    co_return 0;
}

}  // namespace penstock::tool
