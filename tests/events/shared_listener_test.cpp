// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/shared_listener.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <support/loopback_client.hpp>
#include <support/temporary_folder.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hand_worker.hpp"
#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

using SharedOne = std::shared_ptr<const SharedListener>;

/// Greets with its worker's name, ends when the other side does.
struct Greets final : SocketHandler {
    void on_read(TcpSocket&, Slice) override {}
};

MakeHandler greet_as(std::string name) {
    return [name](TcpSocket& socket) {
        std::ignore = socket.write(Bytes(name));
        socket.finish();
        return std::make_unique<Greets>();
    };
}

/// A blocking stream socket of a path; '@' stands for a name without a file. Gives up after 20 s.
class UnixClient {
public:
    explicit UnixClient(const std::string& path) : number_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const timeval patience{20, 0};
        ::setsockopt(number_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        std::memcpy(to.sun_path, path.data(), std::min(path.size(), sizeof to.sun_path - 1));
        if (path[0] == '@') to.sun_path[0] = 0;
        const auto size = offsetof(sockaddr_un, sun_path) + path.size() + (path[0] == '@' ? 0 : 1);
        if (::connect(number_, reinterpret_cast<sockaddr*>(&to), static_cast<socklen_t>(size)) != 0)
            error_ = errno;
    }
    ~UnixClient() { ::close(number_); }
    UnixClient(const UnixClient&) = delete;
    UnixClient& operator=(const UnixClient&) = delete;

    int error() const { return error_; }
    std::string receive_all() {
        std::string out;
        std::array<char, 4096> piece;
        for (ssize_t got; (got = ::recv(number_, piece.data(), piece.size(), 0)) > 0;)
            out.append(piece.data(), static_cast<std::size_t>(got));
        return out;
    }
    /// Without waiting.
    std::string receive_now() {
        std::array<char, 4096> piece;
        const auto got = ::recv(number_, piece.data(), piece.size(), MSG_DONTWAIT);
        return {piece.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
    }

private:
    int number_;
    int error_ = 0;
};

/// A listening TCP socket of 127.0.0.1, as a service manager makes one: blocking, without any options.
Descriptor passed_in(std::uint16_t& port, int backlog = 1024) {
    Descriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), Descriptor::Kind::other);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* name = reinterpret_cast<sockaddr*>(&at);
    REQUIRE(::bind(out.number(), name, size) == 0);
    REQUIRE(::listen(out.number(), backlog) == 0);
    REQUIRE(::getsockname(out.number(), name, &size) == 0);
    port = ntohs(at.sin_port);
    return out;
}

template <class T>
Error error_of(const Result<T>& result) {
    return result ? Error() : result.error();
}
bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }
bool is_socket(const std::string& path) { return std::filesystem::is_socket(path); }
bool is_there(const std::string& path) {
    return std::filesystem::exists(std::filesystem::symlink_status(path));
}

}  // namespace

TEST_CASE("a unix path is bound, served, and removed when the listener dies") {
    const test::TemporaryFolder folder;
    const auto path = folder.file("socket");
    test::HandWorker worker;
    {
        auto shared = SharedListener::at_path(path);
        REQUIRE(shared);
        CHECK(is_socket(path));
        auto listener = worker->open_listener(**shared, greet_as("hello"));
        REQUIRE(listener);
        CHECK((*listener)->address().empty());
        UnixClient client(path);
        CHECK(client.error() == 0);
        REQUIRE(worker.turn_until([&] { return worker->sockets() == 1; }));
        CHECK(client.receive_all() == "hello");
    }
    CHECK_FALSE(is_there(path));
    CHECK(UnixClient(path).error() == ENOENT);
}

TEST_CASE("a socket's file that is left of a process that is gone is replaced") {
    const test::TemporaryFolder folder;
    const auto path = folder.file("socket");
    {
        auto gone = SharedListener::at_path(path);
        REQUIRE(gone);
        std::filesystem::rename(path, path + ".kept");
    }
    std::filesystem::rename(path + ".kept", path);
    REQUIRE(is_socket(path));
    REQUIRE(UnixClient(path).error() == ECONNREFUSED);
    test::HandWorker worker;
    auto shared = SharedListener::at_path(path);
    REQUIRE(shared);
    REQUIRE(worker->open_listener(**shared, greet_as("anew")));
    UnixClient client(path);
    REQUIRE(worker.turn_until([&] { return worker->sockets() == 1; }));
    CHECK(client.receive_all() == "anew");
}

TEST_CASE("a path where somebody listens is in use, and goes on to be served") {
    const test::TemporaryFolder folder;
    const auto path = folder.file("socket");
    auto first = SharedListener::at_path(path);
    REQUIRE(first);
    CHECK(error_of(SharedListener::at_path(path)) == Error::os(EADDRINUSE));
    CHECK(is_socket(path));
    test::HandWorker worker;
    REQUIRE(worker->open_listener(**first, greet_as("still")));
    UnixClient client(path);
    CHECK(client.error() == 0);
    REQUIRE(worker.turn_until([&] { return worker->sockets() == 1; }));
    CHECK(client.receive_all() == "still");
}

TEST_CASE("what is no socket is not replaced") {
    const test::TemporaryFolder folder;
    const auto file = folder.file("settings"), link = folder.file("link"), nowhere = folder.file("nowhere");
    std::ofstream(file) << "precious";
    std::filesystem::create_symlink(file, link);
    std::filesystem::create_symlink(folder.file("nothing"), nowhere);
    for (const auto& path : {file, link, nowhere, folder.path()}) {
        CAPTURE(path);
        CHECK(error_of(SharedListener::at_path(path)) == Error::os(EADDRINUSE));
        CHECK(is_there(path));
    }
    std::string text;
    std::ifstream(file) >> text;
    CHECK(text == "precious");
}

TEST_CASE("a path that has become somebody else's meanwhile is not removed") {
    const test::TemporaryFolder folder;
    const auto path = folder.file("socket");
    SharedOne first = *SharedListener::at_path(path);
    std::filesystem::remove(path);
    auto second = SharedListener::at_path(path);
    REQUIRE(second);
    first.reset();
    CHECK(is_socket(path));
    CHECK(UnixClient(path).error() == 0);
    second->reset();
    CHECK_FALSE(is_there(path));
}

TEST_CASE("a path is a file's, or a name without a file, of 1 to 107 bytes") {
    const test::TemporaryFolder folder;
    const auto longest = folder.path() + "/" + std::string(107 - folder.path().size() - 1, 'x');
    CHECK(error_of(SharedListener::at_path(longest + "x")) == Error::os(ENAMETOOLONG));
    CHECK(error_of(SharedListener::at_path("")) == Error::os(EINVAL));
    CHECK(error_of(SharedListener::at_path(folder.file(std::string("a\0b", 3)))) == Error::os(EINVAL));
    CHECK(error_of(SharedListener::at_path(folder.file("none/socket"))) == Error::os(ENOENT));
    {
        auto shared = SharedListener::at_path(longest);
        REQUIRE(shared);
        CHECK(UnixClient(longest).error() == 0);
    }
    CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a name without a file is in use as long as somebody listens") {
    const auto name = "@penstock-test-" + std::to_string(::getpid());
    test::HandWorker worker;
    for (int round = 0; round < 2; ++round) {
        auto shared = SharedListener::at_path(name);
        REQUIRE(shared);
        CHECK(error_of(SharedListener::at_path(name)) == Error::os(EADDRINUSE));
        CHECK_FALSE(is_there(name));
        auto listener = worker->open_listener(**shared, greet_as("nameless"));
        REQUIRE(listener);
        {
            UnixClient client(name);
            CHECK(client.error() == 0);
            REQUIRE(worker.turn_until([&] { return worker->sockets() == 1; }));
            CHECK(client.receive_all() == "nameless");
        }
        const auto entered = worker.enter();
        (*listener)->abort();
        CHECK(worker.turn_until([&] { return worker->is_drained(); }));
    }
    CHECK(UnixClient(name).error() == ECONNREFUSED);
}

TEST_CASE("each worker accepts from a shared listener, whoever is busy") {
    const test::TemporaryFolder folder;
    const auto path = folder.file("socket");
    auto shared = SharedListener::at_path(path);
    REQUIRE(shared);
    std::array<test::HandWorker, 3> workers;
    for (std::size_t i = 0; i < workers.size(); ++i)
        REQUIRE(workers[i]->open_listener(**shared, greet_as("worker " + std::to_string(i))));
    for (int round = 0; round < 2; ++round)
        for (std::size_t i = 0; i < workers.size(); ++i) {
            const UnixClient one(path), two(path);
            const auto before = workers[i]->sockets();
            REQUIRE(workers[i].turn_until([&] { return workers[i]->sockets() == before + 2; }));
            for (auto& worker : workers) CHECK(worker.comes_to_rest());  // the others find nothing
        }
}

TEST_CASE("one worker's listener ends alone") {
    const test::TemporaryFolder folder;
    const auto path = folder.file("socket");
    auto shared = SharedListener::at_path(path);
    REQUIRE(shared);
    test::HandWorker ends, stays;
    auto listener = ends->open_listener(**shared, greet_as("ends"));
    REQUIRE(listener);
    REQUIRE(stays->open_listener(**shared, greet_as("stays")));
    {
        const auto entered = ends.enter();
        (*listener)->abort();
    }
    REQUIRE(ends.comes_to_rest());
    UnixClient client(path);
    CHECK(ends.comes_to_rest());
    REQUIRE(stays.turn_until([&] { return stays->sockets() == 1; }));
    CHECK(client.receive_all() == "stays");
    // Its number is free for others, and brings nothing of the old.
    REQUIRE(ends->open_listener(**shared, greet_as("again")));
    UnixClient other(path);
    REQUIRE(ends.turn_until([&] { return ends->sockets() == 1; }));
    CHECK(other.receive_all() == "again");
}

TEST_CASE("of a socket that was passed in: it listens, or is refused") {
    std::uint16_t port = 0;
    CHECK(error_of(SharedListener::of(Descriptor())) == Error::os(EBADF));
    Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC), Descriptor::Kind::other);
    CHECK(error_of(SharedListener::of(std::move(file))) == Error::os(ENOTSOCK));
    Descriptor deaf(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), Descriptor::Kind::other);
    CHECK(error_of(SharedListener::of(std::move(deaf))) == Error::os(EINVAL));
    auto listening = passed_in(port);
    const int number = listening.number();
    CHECK((::fcntl(number, F_GETFL) & O_NONBLOCK) == 0);
    {
        auto shared = SharedListener::of(std::move(listening));
        REQUIRE(shared);
        CHECK((::fcntl(number, F_GETFL) & O_NONBLOCK) != 0);
        int is_on = 0;
        socklen_t size = sizeof is_on;
        auto copy = (*shared)->duplicate();
        REQUIRE(copy);
        CHECK(copy->is_shared());
        CHECK(copy->kind() == Descriptor::Kind::listening);
        CHECK((::fcntl(copy->number(), F_GETFD) & FD_CLOEXEC) != 0);
        CHECK(::getsockopt(copy->number(), IPPROTO_TCP, TCP_NODELAY, &is_on, &size) == 0);
        CHECK(is_on != 0);  // as with our own: what is accepted inherits it
    }
    CHECK_FALSE(is_open(number));
}

TEST_CASE("when descriptors have run out, a duplicate and a listener are refused") {
    const test::TemporaryFolder folder;
    auto shared = SharedListener::at_path(folder.file("socket"));
    REQUIRE(shared);
    test::HandWorker worker;
    {
        const test::NoMoreDescriptors none;
        CHECK(error_of((*shared)->duplicate()) == Error::os(EMFILE));
        CHECK(error_of(worker->open_listener(**shared, greet_as("never"))) == Error::os(EMFILE));
        CHECK(error_of(SharedListener::at_path(folder.file("other"))) == Error::os(EMFILE));
    }
    CHECK_FALSE(is_there(folder.file("other")));
    CHECK(worker->is_drained());
}

namespace {

struct Site {
    std::array<std::atomic<int>, 3> accepted{};
    std::atomic<int> served = 0;
};

/// Says back what it hears until the other side ends.
struct Echo final : SocketHandler {
    explicit Echo(std::atomic<int>& s) : served(s) {}
    void on_read(TcpSocket& socket, Slice piece) override { std::ignore = socket.write(std::move(piece)); }
    void on_closed(TcpSocket&, Error error) override {
        if (!error) ++served;
    }
    std::atomic<int>& served;
};

Result<void> serve(Worker& worker, const SharedOne& shared, test::Lent<Site> site) {
    auto listener = worker.open_listener(*shared, [site, index = worker.index()](TcpSocket&) {
        ++site->accepted[index];
        return std::make_unique<Echo>(site->served);
    });
    if (!listener) return fail(listener);
    return {};
}

}  // namespace

TEST_CASE("three workers serve all connections of a socket that was passed in, and stop") {
    std::uint16_t port = 0;
    auto listening = passed_in(port);
    const Descriptor ours(::fcntl(listening.number(), F_DUPFD_CLOEXEC, 0), Descriptor::Kind::other);
    Site site;
    constexpr int clients = 4, each = 100;
    {
        auto shared = SharedListener::of(std::move(listening));
        REQUIRE(shared);
        Reactor reactor({.workers = 3});
        REQUIRE(reactor.start(serve, *shared, test::lent(site)));
        shared->reset();  // the workers have their own
        std::vector<std::thread> threads;
        std::atomic<int> same = 0;
        for (int client = 0; client < clients; ++client)
            threads.emplace_back([&, client] {
                for (int i = 0; i < each; ++i) {
                    const auto text = std::to_string(client) + " says " + std::to_string(i);
                    test::LoopbackClient connection(port);
                    connection.send(text);
                    connection.finish();
                    if (connection.receive_all() == text) ++same;
                }
            });
        for (auto& thread : threads) thread.join();
        CHECK(same == clients * each);
        CHECK(reactor.stop(20s).cut == 0);
    }
    CHECK(site.served == clients * each);
    CHECK(site.accepted[0] + site.accepted[1] + site.accepted[2] == clients * each);
    const test::LoopbackClient waits(port);  // for the next process: whoever passed it in still listens
    CHECK(is_open(ours.number()));
}

TEST_CASE("a stop serves who waits in the queue of a shared listener, once") {
    const test::TemporaryFolder folder;
    const auto path = folder.file("socket");
    auto shared = SharedListener::at_path(path);
    REQUIRE(shared);
    std::vector<std::unique_ptr<UnixClient>> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(std::make_unique<UnixClient>(path));
    test::HandWorker one, other;
    REQUIRE(one->open_listener(**shared, greet_as("served")));
    REQUIRE(other->open_listener(**shared, greet_as("served")));
    for (auto* worker : {&one, &other}) (*worker)->drain();
    CHECK_FALSE(one->is_drained());
    std::size_t served = 0;
    for (auto& client : clients) {
        REQUIRE(one.turn_until([&] {
            other.turn();
            return client->receive_now() == "served";
        }));
        ++served;
    }
    CHECK(served == clients.size());
    clients.clear();
    CHECK(one.turn_until([&] { return one->is_drained(); }));
    CHECK(other.turn_until([&] { return other->is_drained(); }));
}
