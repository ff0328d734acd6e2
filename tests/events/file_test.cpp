// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/detail/file_thread.hpp>
#include <penstock/events/file.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/task.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace penstock;
using namespace penstock::events;
using detail::FileRequest;

namespace {

std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void put(const std::string& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

/// Hidden ones too.
std::set<std::string> names_in(const std::string& folder) {
    std::set<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        out.insert(entry.path().filename().string());
    return out;
}
using Names = std::set<std::string>;

std::string pattern(std::size_t bytes, std::size_t seed = 1) {
    std::string out(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>('a' + (i * 31 + i / 251 + seed) % 26);
    return out;
}

/// Counts what is told; a coroutine waits for more of it.
struct Told final : FileHandler {
    void on_read(File& file, Slice piece) override {
        CHECK_FALSE(is_calling);
        ++reads;
        text += piece.text();
        has_end = piece.empty();
        if (!has_end && reads_on) file.read(reads_on);
        tell();
    }
    void on_written(File& file) override {
        CHECK_FALSE(is_calling);
        ++written;
        least_unwritten = std::min(least_unwritten, file.unwritten());
        tell();
    }
    void on_committed(File&) override {
        CHECK_FALSE(is_calling);
        CHECK_FALSE(is_over());
        ++committed;
        tell();
    }
    void on_failed(File&, Error e) override {
        CHECK_FALSE(is_calling);
        CHECK(failed == 0);
        ++failed;
        error = e;
        tell();
    }
    bool is_over() const { return committed + failed > 0; }
    void tell() {
        if (auto* answer = std::exchange(waiting, nullptr)) answer->give(0);
    }
    template <class F>
    Task<> until(F condition) {
        while (!condition()) {
            Answer<int> answer;
            waiting = &answer;
            co_await Awaitable<int>(answer);
        }
    }
    Task<> over() {
        return until([this] { return is_over(); });
    }

    int reads = 0, written = 0, committed = 0, failed = 0;
    std::size_t least_unwritten = SIZE_MAX, reads_on = 0;
    bool has_end = false, is_calling = false;
    std::string text;
    Error error;
    Answer<int>* waiting = nullptr;
};

/// No callback may come inside the calls of this scope.
struct Calling {
    explicit Calling(Told& t) : told(t) { told.is_calling = true; }
    ~Calling() { told.is_calling = false; }
    Told& told;
};

using Scenario = Task<> (*)(Worker&, std::string folder);
struct Box {
    Scenario run;
    static constexpr bool sendable = true;
};

void on_reactor(const std::string& folder, Scenario scenario) {
    Reactor reactor({.workers = 1});
    CHECK(reactor.run_task(
              [](Worker& worker, Box box, std::string in) -> Task<int> {
                  co_await box.run(worker, in);
                  co_return 0;
              },
              Box{scenario}, folder) == 0);
}

void in_simulation(const std::string& folder, Scenario scenario) {
    Simulation sim(1);
    sim.spawn([&](Worker& worker) -> Task<> { co_await scenario(worker, folder); });
    CHECK(sim.run());
}

/// With the thread of a reactor, and inline; answers what is left in the folder.
Names everywhere(Scenario scenario) {
    test::TemporaryFolder real, simulated;
    on_reactor(real.path(), scenario);
    in_simulation(simulated.path(), scenario);
    const auto names = names_in(real.path());
    CHECK(names == names_in(simulated.path()));
    for (const auto& name : names)
        if (std::filesystem::is_regular_file(real.file(name)))
            CHECK(content(real.file(name)) == content(simulated.file(name)));
    return names;
}

Slice text_slice(std::string_view text) { return Slice::copy(Bytes(text)); }

}  // namespace

TEST_CASE("a file that is written gets its name with its last byte, and not before") {
    const auto names = everywhere([](Worker& worker, std::string folder) -> Task<> {
        Told told;
        File file(worker, told);
        const auto whole = pattern(3'000'000);
        {
            const Calling calling(told);
            file.create(folder + "/upload");
            for (std::size_t at = 0; at < whole.size(); at += 100'000)
                file.write(text_slice(std::string_view(whole).substr(at, 100'000)));
            CHECK(file.unwritten() == whole.size());
        }
        co_await told.until([&] { return file.unwritten() == 0 || told.is_over(); });
        CHECK(told.written >= 3);  // no request takes it all
        CHECK(names_in(folder).empty());
        {
            const Calling calling(told);
            file.commit();
        }
        co_await told.over();
        CHECK(told.error.message() == "no error");
        CHECK(told.committed == 1);
        CHECK(content(folder + "/upload") == whole);
        struct stat seen{};
        CHECK(::stat((folder + "/upload").c_str(), &seen) == 0);
        CHECK((seen.st_mode & 07777) == 0600);
        CHECK(seen.st_nlink == 1);
    });
    CHECK(names == Names{"upload"});
}

TEST_CASE("create, write and commit in one go, without waiting, under another name and mode") {
    const auto before = ::umask(022);
    const auto names = everywhere([](Worker& worker, std::string folder) -> Task<> {
        Told told, empty_told;
        File file(worker, told), empty(worker, empty_told);
        file.create(folder + "/draft", 0666);
        file.write(text_slice("hello"));
        file.write({});
        file.commit(folder + "/final");
        empty.create(folder + "/empty");
        empty.commit();
        co_await told.over();
        co_await empty_told.over();
        CHECK(told.committed + empty_told.committed == 2);
        CHECK(content(folder + "/final") == "hello");
        struct stat seen{};
        CHECK(::stat((folder + "/final").c_str(), &seen) == 0);
        CHECK((seen.st_mode & 07777) == 0644);
    });
    ::umask(before);
    CHECK(names == Names{"empty", "final"});
}

TEST_CASE("a thousand small writes, shared, alone and large, keep their order") {
    const auto names = everywhere([](Worker& worker, std::string folder) -> Task<> {
        Told told;
        File file(worker, told);
        file.create(folder + "/log");
        std::string whole;
        std::vector<Slice> held;  // a slice that others hold too is copied: the caller's stays as it is
        for (std::size_t i = 0; i < 1000; ++i) {
            const auto size = i % 97 == 0 ? 4095 + i / 97 : i % 13 == 0 ? 17'000 : i % 59;
            const auto text = pattern(size, i);
            whole += text;
            auto slice = text_slice(text);
            if (i % 3 == 0) held.push_back(slice.share());
            file.write(std::move(slice));
            if (i % 100 == 50) co_await told.until([&] { return file.unwritten() < 50'000; });
        }
        file.commit();
        co_await told.over();
        CHECK(told.committed == 1);
        CHECK(content(folder + "/log") == whole);
    });
    CHECK(names == Names{"log"});
}

TEST_CASE("small writes fill the block that gathers them exactly, or leave it for the next") {
    everywhere([](Worker& worker, std::string folder) -> Task<> {
        static_assert(core::slab_bytes == 4 * 4096 && core::slab_bytes + 1 == 5 * 3277);
        for (const std::size_t size : {std::size_t(4096), std::size_t(3277)}) {
            Told told;
            File file(worker, told);
            file.create(folder + "/blocks");
            std::string whole;
            for (std::size_t i = 0; i < 40; ++i) {  // all while the first request is away
                const auto text = pattern(size, i);
                whole += text;
                file.write(text_slice(text));
            }
            file.commit_over();
            co_await told.over();
            CHECK(content(folder + "/blocks") == whole);
        }
    });
}

TEST_CASE("unwritten() is what a writer paces itself by") {
    everywhere([](Worker& worker, std::string folder) -> Task<> {
        constexpr std::size_t most = 256 * 1024, pieces = 300;
        Told told;
        File file(worker, told);
        file.create(folder + "/paced");
        std::size_t highest = 0;
        for (std::size_t i = 0; i < pieces; ++i) {
            file.write(text_slice(pattern(16 * 1024, i)));
            highest = std::max(highest, file.unwritten());
            co_await told.until([&] { return file.unwritten() < most || told.is_over(); });
        }
        file.commit();
        co_await told.over();
        CHECK(highest <= most + 16 * 1024);
        CHECK(told.least_unwritten < most);
        CHECK(file.unwritten() == 0);
        CHECK(content(folder + "/paced").size() == pieces * 16 * 1024);
    });
}

TEST_CASE("a writer that does not look at unwritten() fails at its limit, not one byte before") {
    const auto names = everywhere([](Worker& worker, std::string folder) -> Task<> {
        static const auto million = pattern(1024 * 1024);
        for (const bool beyond : {false, true}) {
            Told told;
            File file(worker, told);
            file.create(folder + (beyond ? "/beyond" : "/within"));
            for (std::size_t bytes = 0; bytes < File::unwritten_bytes_max; bytes += million.size())
                file.write(Slice::constant(Bytes(million)));
            if (beyond) file.write(text_slice("1"));
            file.write(text_slice("2"));  // while exactly as much waits: still taken
            file.commit();
            co_await told.over();
            CHECK(told.committed == (beyond ? 0 : 1));
            if (beyond) CHECK(told.error == Error::os(ENOBUFS));
            if (beyond) CHECK(file.unwritten() == 0);
        }
        CHECK(std::filesystem::file_size(folder + "/within") == File::unwritten_bytes_max + 1);
        std::filesystem::resize_file(folder + "/within", 0);
    });
    CHECK(names == Names{"within"});
}

TEST_CASE("commit refuses a name that exists, commit_over replaces it in one step") {
    const auto names = everywhere([](Worker& worker, std::string folder) -> Task<> {
        put(folder + "/taken", "old");
        CHECK(::symlink("nowhere", (folder + "/dangling").c_str()) == 0);
        for (const auto* name : {"/taken", "/dangling"}) {
            Told told;
            File file(worker, told);
            file.create(folder + name);
            file.write(text_slice("new"));
            file.commit();
            co_await told.over();
            CHECK(told.error == Error::os(EEXIST));
            CHECK(told.error.message() == "link: File exists");
        }
        CHECK(content(folder + "/taken") == "old");
        std::ifstream reader(folder + "/taken");  // who reads goes on with the old one
        Told told;
        File file(worker, told);
        file.create(folder + "/taken");
        file.write(text_slice("new"));
        file.commit_over();
        co_await told.over();
        CHECK(told.committed == 1);
        CHECK(content(folder + "/taken") == "new");
        std::string old;
        reader >> old;
        CHECK(old == "old");
        std::filesystem::remove(folder + "/dangling");
    });
    CHECK(names == Names{"taken"});
}

TEST_CASE("what cannot be created or named fails once, says what was tried, and leaves nothing") {
    const auto names = everywhere([](Worker& worker, std::string folder) -> Task<> {
        std::filesystem::create_directory(folder + "/folder");
        using namespace std::string_literals;
        struct Row {
            std::string create, commit;
            int code;
            std::string doing;
        };
        const Row rows[] = {
            {folder + "/missing/file", "", ENOENT, "create"},
            {folder + "/file/", "", EINVAL, "create"},
            {folder + "/..", "", EINVAL, "create"},
            {folder + "/.", "", EINVAL, "create"},
            {"", "", EINVAL, "create"},
            {folder + "/a\0b"s, "", EINVAL, "create"},
            {folder + "/ok", folder + "/missing/file", ENOENT, "rename"},
            {folder + "/ok", folder + "/a\0b"s, EINVAL, "rename"},
            {folder + "/ok", folder + "/", EINVAL, "rename"},
            {folder + "/ok", folder + "/folder", EISDIR, "rename"},
            {folder + "/ok", folder + "/" + std::string(256, 'n'), ENAMETOOLONG, "rename"},
            {folder + "/ok", "/proc/here", 0, ""},  // another file system: the code depends on it
        };
        for (const auto& row : rows) {
            CAPTURE(row.create);
            CAPTURE(row.commit);
            Told told;
            File file(worker, told);
            {
                const Calling calling(told);
                file.create(row.create);
                file.write(text_slice(pattern(10'000)));
                if (row.commit.empty())
                    file.commit();
                else
                    file.commit_over(row.commit);
            }
            co_await told.over();
            CHECK(told.failed == 1);
            if (row.code != 0) CHECK(told.error == Error::os(row.code));
            CHECK(told.error.message().starts_with(row.doing));
            CHECK(names_in(folder) == Names{"folder"});
            file.write(text_slice("more"));  // nothing comes any more
            file.commit();
            file.read(1);
            file.open(folder + "/x");
            CHECK(file.unwritten() == 0);
            co_await worker.sleep(1ms);
            CHECK(told.failed == 1);
        }
    });
    CHECK(names == Names{"folder"});
}

TEST_CASE("a call that does not fit fails the file, and an earlier commit stands") {
    const auto names = everywhere([](Worker& worker, std::string folder) -> Task<> {
        put(folder + "/there", "x");
        const auto here = folder + "/here";
        void (*const misuses[])(File&, const std::string&) = {
            [](File& f, const std::string&) { f.write(text_slice("x")); },
            [](File& f, const std::string&) { f.read(1); },
            [](File& f, const std::string&) { f.commit(); },
            [](File& f, const std::string& p) { f.create(p), f.create(p); },
            [](File& f, const std::string& p) { f.create(p), f.open(p); },
            [](File& f, const std::string& p) { f.create(p), f.read(1); },
            [](File& f, const std::string& p) { f.open(p + "/../there"), f.write(text_slice("x")); },
        };
        for (const auto misuse : misuses) {
            Told told;
            File file(worker, told);
            {
                const Calling calling(told);
                misuse(file, here);
            }
            co_await told.over();
            CHECK(told.failed == 1);
            CHECK(names_in(folder) == Names{"there"});
        }
        Told told;
        File file(worker, told);
        file.create(here);
        file.commit();
        co_await told.over();
        CHECK(told.committed == 1);
        file.write(text_slice("too late"));
        co_await told.until([&] { return told.failed == 1; });
        CHECK(told.error == Error::os(EBADF));
        CHECK(content(here).empty());
    });
    CHECK(names == Names{"here", "there"});
}

TEST_CASE("a folder that may not be written to") {
    if (::geteuid() == 0) {
        MESSAGE("SKIPPED: root may write everywhere");
        return;
    }
    everywhere([](Worker& worker, std::string folder) -> Task<> {
        std::filesystem::create_directory(folder + "/locked");
        ::chmod((folder + "/locked").c_str(), 0500);
        put(folder + "/secret", "x");
        ::chmod((folder + "/secret").c_str(), 0);
        Told told, read_told;
        File file(worker, told), secret(worker, read_told);
        file.create(folder + "/locked/file");
        secret.open(folder + "/secret");
        co_await told.over();
        co_await read_told.over();
        CHECK(told.error.message() == "create: Permission denied");
        CHECK(read_told.error.message() == "open: Permission denied");
        ::chmod((folder + "/secret").c_str(), 0600);
    });
}

TEST_CASE("a file is read to its end, in pieces of the size that was asked for") {
    everywhere([](Worker& worker, std::string folder) -> Task<> {
        const auto whole = pattern(700'000);
        put(folder + "/there", whole);
        for (const std::size_t bytes : {std::size_t(0), std::size_t(1000), SIZE_MAX}) {
            if (bytes == 0) std::filesystem::resize_file(folder + "/there", 3);
            Told told;
            File file(worker, told);
            {
                const Calling calling(told);
                told.reads_on = std::max<std::size_t>(bytes, 1);
                file.open(folder + "/there");
                file.read(bytes);
            }
            co_await told.until([&] { return told.has_end || told.is_over(); });
            CHECK(told.error.message() == "no error");
            const auto size = std::clamp<std::size_t>(bytes, 1, File::read_bytes_max);
            const auto expected = bytes == 0 ? whole.substr(0, 3) : whole;
            CHECK(told.text == expected);
            CHECK(std::size_t(told.reads) == (expected.size() + size - 1) / size + 1);
            if (bytes == 0) put(folder + "/there", whole);
        }
        Told told;  // several at once
        File file(worker, told);
        file.open(folder + "/there");
        for (int i = 0; i < 10; ++i) file.read(100'000);
        co_await told.until([&] { return told.reads == 10 || told.is_over(); });
        CHECK(told.text == whole);
    });
}

TEST_CASE("only regular files are opened, and a FIFO without a writer keeps nobody waiting") {
    everywhere([](Worker& worker, std::string folder) -> Task<> {
        CHECK(::mkfifo((folder + "/fifo").c_str(), 0600) == 0);
        put(folder + "/a", "x");
        using namespace std::string_literals;
        const std::pair<std::string, int> rows[] = {
            {folder + "/missing", ENOENT},  {folder, EISDIR}, {folder + "/fifo", EINVAL},
            {"/dev/zero", EINVAL},          {"", ENOENT},     {folder + "/a/b", ENOTDIR},
            {folder + "/a\0/../b"s, EINVAL}};
        for (const auto& [path, code] : rows) {
            CAPTURE(path);
            Told told;
            File file(worker, told);
            file.open(path);
            file.read(10);
            co_await told.over();
            CHECK(told.error == Error::os(code));
            CHECK(told.error.message().starts_with("open"));
            CHECK(told.reads == 0);
        }
        std::filesystem::remove(folder + "/fifo");
    });
}

TEST_CASE("a file that may not grow any further fails by 'write', and is gone") {
    test::TemporaryFolder folder;
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit tight{64 * 1024, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);  // SIGXFSZ is not ignored: the thread blocks it
    on_reactor(folder.path(), [](Worker& worker, std::string in) -> Task<> {
        for (const std::size_t size : {std::size_t(64 * 1024), std::size_t(64 * 1024 + 1)}) {
            Told told;
            File file(worker, told);
            file.create(in + "/" + std::to_string(size));
            file.write(text_slice(pattern(size)));
            file.commit();
            co_await told.over();
            CHECK(told.failed == (size > 64 * 1024 ? 1 : 0));
            if (told.failed > 0) CHECK(told.error.message() == "write: File too large");
        }
    });
    ::setrlimit(RLIMIT_FSIZE, &before);
    CHECK(names_in(folder.path()) == Names{"65536"});
}

TEST_CASE("a file that dies without commit leaves nothing, whatever is in flight") {
    const auto names = everywhere([](Worker& worker, std::string folder) -> Task<> {
        for (int i = 0; i < 60; ++i) {
            const int pieces = i % 7;
            Told told;
            auto file = std::make_unique<File>(worker, told);
            if (i % 10 != 0) file->create(folder + "/file" + std::to_string(i));
            for (int n = 0; n < pieces; ++n) file->write(text_slice(pattern(50'000)));
            if (i % 3 == 0 && pieces > 0)
                co_await told.until([&] { return told.written > 0 || told.is_over(); });
            file.reset();
            const auto written = told.written, failed = told.failed;
            co_await worker.sleep(1ms);
            CHECK(told.written == written);
            CHECK(told.failed == failed);
        }
    });
    CHECK(names.empty());
}

TEST_CASE("a file that dies after commit is there as a whole or not at all") {
    test::TemporaryFolder folder;
    const auto whole = pattern(300'000);
    put(folder.file("whole"), whole);
    on_reactor(folder.path(), [](Worker& worker, std::string in) -> Task<> {
        const auto text = content(in + "/whole");
        for (int i = 0; i < 40; ++i) {
            Told told;
            File file(worker, told);
            file.create(in + "/" + std::to_string(i));
            for (int n = 0; n < 3; ++n)
                file.write(text_slice(std::string_view(text).substr(n * 100'000, 100'000)));
            if (i % 2 == 0) co_await told.until([&] { return file.unwritten() == 0; });
            file.commit();
            if (i % 4 == 3) co_await worker.sleep(1ms);
        }
    });
    for (const auto& name : names_in(folder.path())) CHECK(content(folder.file(name)) == whole);
}

namespace {

/// Ends its own File in the callback that was chosen.
struct Dying final : FileHandler {
    enum class In { read, written, committed, failed };
    Dying(Worker& worker, In in) : file(std::make_unique<File>(worker, *this)), chosen(in) {}
    void on_read(File&, Slice) override { end(In::read); }
    void on_written(File&) override { end(In::written); }
    void on_committed(File&) override { end(In::committed); }
    void on_failed(File&, Error) override { end(In::failed); }
    void end(In in) {
        CHECK(file != nullptr);
        if (in != chosen) return;
        file.reset();
        if (auto* answer = std::exchange(waiting, nullptr)) answer->give(0);
    }
    std::unique_ptr<File> file;
    In chosen;
    Answer<int>* waiting = nullptr;
};

struct Throwing final : FileHandler {
    void on_written(File&) override { throw std::runtime_error("on purpose"); }
    void on_failed(File&, Error e) override {
        error = e;
        if (auto* answer = std::exchange(waiting, nullptr)) answer->give(0);
        throw std::runtime_error("on purpose, too");
    }
    Error error;
    Answer<int>* waiting = nullptr;
};

}  // namespace

TEST_CASE("a file may die inside each of its callbacks") {
    const auto names = everywhere([](Worker& worker, std::string folder) -> Task<> {
        put(folder + "/there", "text");
        using In = Dying::In;
        for (const auto in : {In::read, In::written, In::committed, In::failed}) {
            Dying dying(worker, in);
            Answer<int> answer;
            dying.waiting = &answer;
            auto& file = *dying.file;
            if (in == In::read) {
                file.open(folder + "/there");
                file.read(2);
                file.read(2);
            } else {
                file.create(in == In::failed ? folder + "/missing/x" : folder + "/new");
                file.write(text_slice(pattern(20'000)));
                if (in != In::written) file.commit();
            }
            co_await Awaitable<int>(answer);
            CHECK(dying.file == nullptr);
            co_await worker.sleep(1ms);
        }
    });
    CHECK(names == Names{"new", "there"});
}

TEST_CASE("a handler that throws fails its file") {
    const auto names = everywhere([](Worker& worker, std::string folder) -> Task<> {
        Throwing throwing;
        File file(worker, throwing);
        Answer<int> answer;
        throwing.waiting = &answer;
        file.create(folder + "/file");
        file.write(text_slice("x"));
        co_await Awaitable<int>(answer);
        CHECK(throwing.error == Error::os(EFAULT));
    });
    CHECK(names.empty());
}

namespace {

/// One per worker: keeps many files busy until the worker ends.
struct Busy final : FileHandler {
    explicit Busy(Worker& worker) : home(worker) {}
    void begin(const std::string& folder) {
        for (int i = 0; i < 8; ++i) {
            files.push_back(std::make_unique<File>(home, *this));
            files.back()->create(folder + "/" + std::to_string(home.index()) + "-" + std::to_string(i));
            on_written(*files.back());
        }
    }
    void on_written(File& file) override {
        while (file.unwritten() < 300'000) file.write(Slice::copy(Bytes(text)));
    }
    void on_failed(File&, Error error) override { FAIL_CHECK(error.message()); }
    Worker& home;
    std::string text = pattern(10'000);
    std::vector<std::unique_ptr<File>> files;
};

}  // namespace

TEST_CASE("a reactor stops with writes in flight: nothing dangles, nothing is left, and it starts again") {
    test::TemporaryFolder folder;
    Reactor reactor({.workers = 2});
    const auto open_before = names_in("/proc/self/fd");
    for (int i = 0; i < 15; ++i) {
        REQUIRE(reactor.start([](Worker& worker, std::string in) { worker.local<Busy>().begin(in); },
                              folder.path()));
        if (i % 3 != 0) ::usleep(static_cast<useconds_t>(i * 1000));  // any moment will do
        reactor.stop(0ns);
        CHECK(names_in(folder.path()).empty());
        CHECK(names_in("/proc/self/fd") == open_before);
    }
}

TEST_CASE("a simulation ends with a callback undelivered") {
    test::TemporaryFolder folder;
    {
        Simulation sim(1);
        auto& worker = sim.add_host();
        const core::Home::Entered entered(&worker);
        worker.make_local<Busy>(worker).begin(folder.path());
    }
    CHECK(names_in(folder.path()).empty());
}

TEST_CASE("where a file needs a hidden name, the promises are the same") {
    test::TemporaryFolder folder;
    const auto made = [&](FileRequest::Commit how, const std::string& name, std::string_view text) {
        auto out = std::make_unique<FileRequest>();
        out->begin = FileRequest::Begin::create;
        out->may_be_nameless = false;
        out->path = folder.file(name);
        out->pieces.push_back(Buffer::copy(text));
        out->execute();
        CHECK_FALSE(out->error);
        const auto seen = names_in(folder.path());
        CHECK(std::ranges::count_if(seen, [](const auto& n) { return n.starts_with(".penstock-"); }) == 1);
        out->begin = FileRequest::Begin::nothing;
        out->pieces.clear();
        out->commit = how;
        return out;
    };
    using Commit = FileRequest::Commit;
    made(Commit::no, "file", "dies");
    CHECK(names_in(folder.path()).empty());
    {
        auto first = made(Commit::fresh, "file", "first");
        first->execute();
        CHECK_FALSE(first->error);
    }
    CHECK(content(folder.file("file")) == "first");
    {
        auto second = made(Commit::fresh, "file", "second");
        second->execute();
        CHECK(second->error.message() == "rename: File exists");
        CHECK(names_in(folder.path()) == Names{"file"});  // not only when it dies
    }
    {
        auto over = made(Commit::over, "file", "over");
        put(folder.file(".penstock-0000000000000001"), "somebody's");  // a hidden name that is taken
        auto next = std::make_unique<FileRequest>();
        next->begin = FileRequest::Begin::create;
        next->salt = 1;
        next->path = folder.file("next");
        next->commit = Commit::over;
        next->execute();
        CHECK_FALSE(next->error);
        over->execute();
        CHECK_FALSE(over->error);
        CHECK(content(folder.file(".penstock-0000000000000001")) == "somebody's");
    }
    CHECK(content(folder.file("file")) == "over");
    CHECK(names_in(folder.path()) == Names{".penstock-0000000000000001", "file", "next"});
}
