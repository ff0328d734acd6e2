// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/identity.hpp>
#include <penstock/core/sendable.hpp>

#include <cerrno>
#include <string>

#include <doctest/doctest.h>
#include <support/hex.hpp>
#include <support/key_folder.hpp>
#include <sys/stat.h>

using namespace penstock;
using crypto::Identity;
using test::KeyFolder;

static_assert(core::Sendable<Identity> && !std::is_copy_constructible_v<Identity>);

namespace {

const std::string node_line = "node 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n";
const std::string static_line = "static a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4\n";
const std::string good = "penstock key 1\n# a comment\n" + node_line + static_line;

}  // namespace

TEST_CASE("an identity is the same after it was saved and loaded") {
    const KeyFolder folder;
    const auto path = folder.path("node.key");
    core::SeededRandom random(1);
    const auto made = Identity::make(random);
    REQUIRE(made.save(path));
    struct stat facts{};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 07777) == 0600);
    const auto loaded = Identity::load(path);
    REQUIRE(loaded);
    CHECK(loaded->id() == made.id());
    CHECK(loaded->static_key().secret() == made.static_key().secret());
    CHECK(loaded->node_key().seed() == made.node_key().seed());
    CHECK(Identity::make(random).id() != made.id());
}

TEST_CASE("a key file is text that a person can read") {
    const auto identity = Identity::parse(good);
    REQUIRE(identity);
    CHECK(test::to_hex(Bytes(identity->node_key().verify_key())) ==
          "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    CHECK(identity->id() == crypto::node_id(identity->node_key().verify_key()));
    CHECK(test::to_hex(identity->static_key().secret()) == static_line.substr(7, 64));
    CHECK(Identity::parse("penstock key 1\n\n" + static_line + "\n#\n" + node_line));
    CHECK(Identity::parse(good.substr(0, good.size() - 1)));
}

TEST_CASE("what is no key file is refused") {
    const std::string zeros(64, '0'), header = "penstock key 1\n";
    for (const auto& text : {std::string(),
                             header,
                             "penstock key 2\n" + node_line + static_line,
                             "Penstock key 1\n" + node_line + static_line,
                             " " + good,
                             "\n" + good,
                             "# first\n" + good,
                             header + node_line,
                             header + static_line,
                             good + node_line,
                             good + static_line,
                             good + "other 1\n",
                             good + "x",
                             header + "node  " + node_line.substr(5) + static_line,
                             header + " " + node_line + static_line,
                             header + "node\n" + static_line,
                             header + "node " + zeros + "\n" + static_line,
                             header + node_line + "static " + zeros + "\n",
                             header + node_line.substr(0, 68) + "\n" + static_line,
                             header + node_line.substr(0, 69) + "0\n" + static_line,
                             header + node_line.substr(0, 68) + "g\n" + static_line,
                             header + node_line.substr(0, 68) + " \n" + static_line,
                             header + node_line.substr(0, 69) + "\r\n" + static_line,
                             header + node_line.substr(0, 69) + '\0' + static_line,
                             "penstock key 1\r\n" + node_line + static_line}) {
        CAPTURE(text);
        CHECK_FALSE(Identity::parse(text));
    }
}

TEST_CASE("a key file that was cut is refused, wherever") {
    for (std::size_t i = 0; i + 1 < good.size(); ++i) {
        CAPTURE(i);
        CHECK_FALSE(Identity::parse(good.substr(0, i)));
    }
}

TEST_CASE("a key file that others may touch is refused, and the error says what to do") {
    const KeyFolder folder;
    for (const ::mode_t mode : {0644, 0640, 0620, 0610, 0604, 0602, 0601, 0666, 0777}) {
        CAPTURE(mode);
        const auto loaded = Identity::load(folder.file("open.key", good, mode));
        REQUIRE_FALSE(loaded);
        CHECK(loaded.error().message().find("chmod 600 FILE") != std::string::npos);
    }
    CHECK(Identity::load(folder.file("closed.key", good, 0600)));
    CHECK(Identity::load(folder.file("fixed.key", good, 0400)));
}

TEST_CASE("what is no plain file of at most 4,096 bytes is refused") {
    const KeyFolder folder;
    const auto padded = [](std::size_t size) {
        return good + "#" + std::string(size - good.size() - 1, 'x');
    };
    CHECK(Identity::load(folder.file("most.key", padded(4096), 0600)));
    CHECK_FALSE(Identity::load(folder.file("more.key", padded(4097), 0600)));
    CHECK_FALSE(Identity::load(folder.file("empty.key", "", 0600)));
    CHECK_FALSE(Identity::load(folder.path(".")));
    const auto pipe = folder.path("pipe.key");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const auto piped = Identity::load(pipe);  // it does not wait for a writer
    REQUIRE_FALSE(piped);
    CHECK(piped.error().message() == "the key file is not a plain file");
    const auto missing = Identity::load(folder.path("missing.key"));
    REQUIRE_FALSE(missing);
    CHECK(missing.error() == Error::os(ENOENT));
}

TEST_CASE("saving never overwrites") {
    const KeyFolder folder;
    const auto path = folder.file("node.key", "something else", 0600);
    core::SeededRandom random(1);
    const auto saved = Identity::make(random).save(path);
    REQUIRE_FALSE(saved);
    CHECK(saved.error() == Error::os(EEXIST));
    CHECK(folder.read("node.key") == "something else");
    CHECK_FALSE(Identity::make(random).save(folder.path("no/such/folder.key")));
}

TEST_CASE("load_or_make makes once, and does not replace what it cannot read") {
    const KeyFolder folder;
    const auto path = folder.path("client.key");
    const auto made = Identity::load_or_make(path), loaded = Identity::load_or_make(path);
    REQUIRE(made);
    REQUIRE(loaded);
    CHECK(made->id() == loaded->id());
    CHECK_FALSE(Identity::load_or_make(folder.file("bad.key", "bad", 0600)));
    CHECK(folder.read("bad.key") == "bad");
    const auto refused = Identity::load_or_make(folder.file("open.key", good, 0644));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("chmod 600 FILE") != std::string::npos);
}

TEST_CASE("an identity certifies itself") {
    core::SeededRandom random(1);
    const auto identity = Identity::make(random);
    const core::WallTime now(1'800'000'000s);
    const auto certificate = identity.certificate("me", now, now + 24h, crypto::Usage::client);
    REQUIRE(certificate);
    CHECK(certificate->node() == identity.id());
    CHECK(certificate->is_self_signed());
    CHECK(crypto::verify(*certificate, {crypto::Usage::client, now, identity.static_key().public_key()}, {}));
    CHECK(identity.certificate("authority", now, now + 24h, crypto::Usage::issuer));
    CHECK_FALSE(identity.certificate(std::string(256, 'n'), now, now, crypto::Usage::client));
}
