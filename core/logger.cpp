// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/log_line.hpp>
#include <penstock/core/logger.hpp>
#include <penstock/core/value_text.hpp>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

namespace penstock::core {
namespace {

constexpr std::chrono::milliseconds pause{50};
const SystemClock system_clock;

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warn: return spdlog::level::warn;
        default: return spdlog::level::err;
    }
}

/// Where formatted lines go.
class Sink {
public:
    Result<void> open(const LogSettings& settings) {
        // spdlog's own open makes folders, retries and loses errno; and logs are not for everyone.
        const int file = ::open(settings.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        if (file < 0) return fail(Error::os(errno, "open the log file"));
        ::close(file);
        try {
            if (settings.file_bytes_max == 0)
                use(std::make_unique<spdlog::sinks::basic_file_sink_st>(settings.file));
            else
                use(std::make_unique<spdlog::sinks::rotating_file_sink_st>(
                    settings.file, settings.file_bytes_max, settings.old_files_max));
        } catch (const std::exception&) {
            return fail(Error::os(EIO, "open the log file"));
        }
        return {};
    }
    void use_stderr() { use(std::make_unique<spdlog::sinks::stderr_sink_st>()); }

    bool write(LogLevel level, WallTime time, std::string_view line) noexcept try {
        const auto text = spdlog::string_view_t(line.data(), line.size());
        sink_->log(spdlog::details::log_msg(time, {}, {}, spdlog_level(level), text));
        return true;
    } catch (...) {  // the disk is full, say
        return false;
    }
    bool flush() noexcept try {
        sink_->flush();
        return true;
    } catch (...) {
        return false;
    }

private:
    void use(std::unique_ptr<spdlog::sinks::sink> sink) {
        sink_ = std::move(sink);
        sink_->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %v",
                                                                         spdlog::pattern_time_type::utc));
    }
    std::unique_ptr<spdlog::sinks::sink> sink_;
};

struct Opened {
    std::unique_ptr<Log> log;
    bool closed = false;
    // The log thread's:
    std::uint64_t unflushed = 0, unwritten = 0;  // lines that the sink holds, and that it has refused
    std::uint64_t reporting = 0, reported = 0;   // losses that were told, and whose telling is out
    WallTime last{};                             // of the last line that was read
};

}  // namespace

struct Logger::State final : LogGate {
    explicit State(LogSettings s) : LogGate(s.level), settings(std::move(s)) {}

    void wake() noexcept override { wanted.notify_one(); }
    void run();
    Opened* find_closed(const std::string& name);
    void drain(Opened& opened);
    void tell_lost(Opened& opened);
    static void settle(Opened& opened, bool out);

    const LogSettings settings;
    Sink sink;  // the thread's, once it runs
    std::string line, record;

    std::mutex mutex;
    std::condition_variable wanted, done;
    std::vector<std::unique_ptr<Opened>> all;
    std::uint64_t flushes_wanted = 0, flushes_done = 0;
    bool stopping = false;
    std::thread thread;

    Result<void> start_thread();
    Opened& add(std::string name, const Clock& clock);
};

Logger::Logger(LogSettings settings) : state_(std::make_unique<State>(std::move(settings))) {}

Logger::~Logger() {
    if (!state_->thread.joinable()) return;
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    state_->wanted.notify_one();
    state_->thread.join();
}

Result<void> Logger::start() {
    const std::lock_guard lock(state_->mutex);
    if (state_->thread.joinable()) return {};
    if (state_->settings.file.empty())
        state_->sink.use_stderr();
    else if (auto opened = state_->sink.open(state_->settings); !opened)
        return opened;
    return state_->start_thread();
}

Result<void> Logger::State::start_thread() {
    sigset_t every, before;  // signals are for the threads that wait for them
    sigfillset(&every);
    ::pthread_sigmask(SIG_SETMASK, &every, &before);
    int refused = 0;
    try {
        thread = std::thread([this] { run(); });
        ::pthread_setname_np(thread.native_handle(), "log");
    } catch (const std::system_error& error) {
        refused = error.code().value();
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (refused != 0) return fail(Error::os(refused, "start the log thread"));
    return {};
}

Log& Logger::open(std::string name) { return open(std::move(name), system_clock); }

Log& Logger::open(std::string name, const Clock& clock) {
    const auto started = start();
    const std::lock_guard lock(state_->mutex);
    if (!started && !state_->thread.joinable()) {
        state_->sink.use_stderr();
        auto& own = *state_->add("logger", system_clock).log;
        own.error("lines go to standard error", {"file", state_->settings.file}, {"why", started.error()});
        std::ignore = state_->start_thread();  // without a thread all lines are lost
    }
    if (auto* again = state_->find_closed(name)) {
        again->closed = false;
        again->log->clock_ = &clock;
        return *again->log;
    }
    return *state_->add(std::move(name), clock).log;
}

Opened* Logger::State::find_closed(const std::string& name) {
    for (const auto& opened : all)
        if (opened->closed && opened->log->name() == name) return opened.get();
    return nullptr;
}

Opened& Logger::State::add(std::string name, const Clock& clock) {
    auto opened = std::make_unique<Opened>();
    opened->log.reset(new Log(std::move(name), clock, *this, settings.ring_bytes));
    return *all.emplace_back(std::move(opened));
}

void Logger::close(Log& log) {
    const std::lock_guard lock(state_->mutex);
    for (const auto& opened : state_->all)
        if (opened->log.get() == &log) opened->closed = true;
    log.clock_ = &system_clock;  // its own may go now; a straggler's line does no harm
}

void Logger::level(LogLevel level) { state_->LogGate::level.store(level, std::memory_order_relaxed); }
LogLevel Logger::level() const { return state_->LogGate::level.load(std::memory_order_relaxed); }

void Logger::flush() {
    std::unique_lock lock(state_->mutex);
    if (!state_->thread.joinable()) return;
    const auto mine = ++state_->flushes_wanted;
    state_->wanted.notify_one();
    state_->done.wait(lock, [&] { return state_->flushes_done >= mine; });
}

void Logger::State::run() {
    std::vector<Opened*> seen;
    for (bool last = false; !last;) {
        std::unique_lock lock(mutex);
        asleep = true;
        wanted.wait_for(lock, pause, [&] { return stopping || flushes_wanted > flushes_done || !asleep; });
        asleep = false;
        last = stopping;
        const auto flushes = flushes_wanted;
        for (auto i = seen.size(); i < all.size(); ++i) seen.push_back(all[i].get());
        lock.unlock();

        for (auto* opened : seen) drain(*opened);
        const bool out = sink.flush();
        for (auto* opened : seen) settle(*opened, out);

        lock.lock();
        flushes_done = flushes;
        lock.unlock();
        done.notify_all();
    }
}

void Logger::State::drain(Opened& opened) {
    const auto& log = *opened.log;
    const auto mark = log.ring_->mark();
    while (log.ring_->take(record, mark)) {
        line.clear();
        const auto head = append_log_line(line, record, log.name());
        opened.last = head.time;
        ++(sink.write(head.level, head.time, line) ? opened.unflushed : opened.unwritten);
    }
    tell_lost(opened);
}

void Logger::State::tell_lost(Opened& opened) {
    const auto lost = opened.log->lost() + opened.unwritten;
    if (lost == opened.reported) return;
    line.clear();
    append_log_prefix(line, LogLevel::warn, opened.log->name());
    append_number(line, lost - opened.reported);
    line += " log lines were lost";
    if (sink.write(LogLevel::warn, opened.last, line)) opened.reporting = lost;
}

/// After a flush. A sink that failed may still write what it holds: losses are told rather than missed.
void Logger::State::settle(Opened& opened, bool out) {
    if (out) {
        opened.reported = opened.reporting;
    } else {
        opened.reporting = opened.reported;
        opened.unwritten += opened.unflushed;
    }
    opened.unflushed = 0;
}

}  // namespace penstock::core
