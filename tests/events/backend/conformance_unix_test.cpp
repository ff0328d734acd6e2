// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <events/backend/worlds.hpp>
#include <support/temporary_folder.hpp>
#include <unistd.h>

using namespace penstock;
using namespace penstock::events;
using namespace penstock::test;

namespace {

Socket& listen_at(Rig& rig, const std::string& path) {
    auto opened = rig.backend(1).open_unix_listening(path, {});
    REQUIRE(opened);
    auto& out = rig.enter(1, std::move(*opened));
    out.arm_accept();
    return out;
}

int refusal(const auto& result) { return result ? 0 : result.error().code(); }

void echoes(Rig& rig, Socket& listening, const std::string& path) {
    auto opened = rig.backend(0).open_unix_stream(path);
    REQUIRE(opened);
    auto& client = rig.enter(0, std::move(*opened));
    const auto before = listening.accepted.size();
    REQUIRE(rig.until([&] { return listening.accepted.size() == before + 1; }));
    CHECK(listening.peers.back().empty());
    auto& server = rig.enter(1, std::move(listening.accepted.back()));
    server.then = [&] { server.write(Chain(Slice::copy(std::exchange(server.received, {})))); };
    server.arm_receive();
    client.arm_receive();
    client.write(bulk(500'000));
    REQUIRE(rig.until([&] { return client.received.size() == 500'000; }));
    CHECK((client.received == text(500'000)));
    client.finish();
    REQUIRE(rig.until([&] { return server.ends == 1; }));
    server.close();
    REQUIRE(rig.until([&] { return client.ends == 1; }));
}

}  // namespace

PROMISE("a unix socket listens at a path, connects, and is a stream like any other") {
    if (!rig.can(Capability::unix_sockets)) return;
    const TemporaryFolder folder;
    const auto path = folder.file("socket");
    auto& listening = listen_at(rig, path);
    echoes(rig, listening, path);
    echoes(rig, listening, path);
}

PROMISE("a unix socket listens at a name without a file") {
    if (!rig.can(Capability::unix_sockets)) return;
    const auto name = "@penstock-conformance-" + std::to_string(::getpid());
    auto& listening = listen_at(rig, name);
    CHECK(!std::filesystem::exists(name));
    echoes(rig, listening, name);
    CHECK(refusal(rig.backend(1).open_unix_listening(name, {})) == EADDRINUSE);
    CHECK(refusal(rig.backend(0).open_unix_stream(name + "x")) == ECONNREFUSED);
    listening.close();
    rig.rest();
    CHECK(refusal(rig.backend(0).open_unix_stream(name)) == ECONNREFUSED);
    CHECK(rig.backend(1).open_unix_listening(name, {}));
}

PROMISE("the file of a unix socket that nobody listens at is taken over, and that of a live one is not") {
    if (!rig.can(Capability::unix_sockets)) return;
    const TemporaryFolder folder;
    const auto path = folder.file("socket");
    auto& first = listen_at(rig, path);
    CHECK(refusal(rig.backend(1).open_unix_listening(path, {})) == EADDRINUSE);
    rig.rest();
    first.accepted.clear();  // it may have been asked whether it lives
    echoes(rig, first, path);
    first.close();
    rig.rest();
    CHECK(refusal(rig.backend(0).open_unix_stream(path)) == ECONNREFUSED);
    auto& second = listen_at(rig, path);
    echoes(rig, second, path);
}

PROMISE("a file that is no socket is in the way, and stays as it is") {
    if (!rig.can(Capability::system)) return;
    const TemporaryFolder folder;
    const auto path = folder.file("precious");
    std::ofstream(path) << "data";
    CHECK(refusal(rig.backend(1).open_unix_listening(path, {})) == EADDRINUSE);
    std::string kept;
    std::ifstream(path) >> kept;
    CHECK(kept == "data");
    const auto link = folder.file("link");
    std::filesystem::create_symlink(path, link);
    CHECK(refusal(rig.backend(1).open_unix_listening(link, {})) == EADDRINUSE);
    CHECK(std::filesystem::is_symlink(link));
}

PROMISE("where there is no file nobody listens") {
    if (!rig.can(Capability::unix_sockets)) return;
    const TemporaryFolder folder;
    CHECK(refusal(rig.backend(0).open_unix_stream(folder.file("nothing"))) == ENOENT);
}

PROMISE("a unix socket does not listen in a folder that is not there") {
    if (!rig.can(Capability::system)) return;
    const TemporaryFolder folder;
    CHECK(refusal(rig.backend(1).open_unix_listening(folder.file("nothing/socket"), {})) == ENOENT);
}

PROMISE("the path of a unix socket has 1 to 107 bytes") {
    if (!rig.can(Capability::unix_sockets)) return;
    const TemporaryFolder folder;
    auto path = folder.file("");
    path.append(107 - path.size(), 'x');
    auto& listening = listen_at(rig, path);
    echoes(rig, listening, path);
    for (const auto& wrong : {path + 'x', '@' + std::string(107, 'x'), std::string(200, 'x')}) {
        CHECK(refusal(rig.backend(1).open_unix_listening(wrong, {})) == ENAMETOOLONG);
        CHECK(refusal(rig.backend(0).open_unix_stream(wrong)) == ENAMETOOLONG);
    }
    const auto longest = '@' + std::string(106, static_cast<char>('a' + ::getpid() % 26));
    CHECK(rig.backend(1).open_unix_listening(longest, {}));
    for (const auto& wrong : {std::string(), std::string("a\0b", 3)}) {
        CHECK(refusal(rig.backend(1).open_unix_listening(wrong, {})) == EINVAL);
        CHECK(refusal(rig.backend(0).open_unix_stream(wrong)) == EINVAL);
    }
}

PROMISE("the end of a unix stream and a full one are those of any stream") {
    if (!rig.can(Capability::unix_sockets)) return;
    const TemporaryFolder folder;
    auto& listening = listen_at(rig, folder.file("socket"));
    auto opened = rig.backend(0).open_unix_stream(folder.file("socket"));
    REQUIRE(opened);
    auto& client = rig.enter(0, std::move(*opened));
    REQUIRE(rig.until([&] { return !listening.accepted.empty(); }));
    auto& server = rig.enter(1, std::move(listening.accepted[0]));
    const auto [taken, pending] = rig.fill(client);
    server.arm_receive(1000);
    rig.rest();
    CHECK(server.received.size() == 1000);
    if (!pending->is_done()) client.cancel(*pending);
    REQUIRE(rig.until([&] { return pending->is_done(); }));
    const auto sent = taken + pending->done.bytes;
    client.finish();
    server.arm_receive();
    REQUIRE(rig.until([&] { return server.ends == 1; }));
    CHECK((server.received == text(sent)));
}

PROMISE("what a unix listening socket has not accepted waits until it is armed") {
    if (!rig.can(Capability::unix_sockets)) return;
    const TemporaryFolder folder;
    auto& listening = listen_at(rig, folder.file("socket"));
    listening.arm_accept(false);
    std::vector<Socket*> clients;
    for (int i = 0; i < 40; ++i) {
        auto opened = rig.backend(0).open_unix_stream(folder.file("socket"));
        REQUIRE(opened);
        clients.push_back(&rig.enter(0, std::move(*opened)));
        clients.back()->write("x");
    }
    rig.rest();
    CHECK(listening.told() == 0);
    listening.arm_accept();
    CHECK(rig.until([&] { return listening.accepted.size() == 40; }));
}
