// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/record.hpp>

#include <doctest/doctest.h>
#include <stream/parties.hpp>

using namespace penstock;
using namespace penstock::stream;
using crypto::Code;
using crypto::Suite;
using test::code;
using test::writable;

namespace {

constexpr core::TimePoint start{};

/// Both ends of one direction.
struct Link {
    explicit Link(Suite suite = Suite::aes_gcm, RecordLimits limits = {},
                  std::size_t bytes_max = record_bytes_max)
        : sealer(algorithms, suite, {}, start, limits), opener(algorithms, suite, {}, bytes_max, limits) {}

    crypto::Algorithms algorithms;
    RecordSealer sealer;
    RecordOpener opener;
    core::TimePoint now = start;

    std::string seal(const std::string& plain) {
        std::string out(plain.size() + record_overhead_bytes, '\0');
        const Bytes piece(plain);
        CHECK(sealer.seal(now, std::span(&piece, 1), writable(out)) == out.size());
        return out;
    }
    Result<std::string> open(std::string record) {
        const auto plain = opener.open(now, writable(record));
        if (!plain) return fail(plain);
        return std::string(Bytes(*plain).text());
    }
    bool passes(const std::string& plain = "frames") {
        const auto back = open(seal(plain));
        return back && *back == plain;
    }
};

}  // namespace

TEST_CASE("vectors: records of both directions, over a key update") {
    crypto::Algorithms algorithms;
    for (const auto& set : test::vector_sets()) {
        CAPTURE(set.name());
        const auto key = set.secret("attach_1_client_key");
        const auto records = set.list("tcp_records_c2s");
        RecordSealer sealer(algorithms, set.suite(), key, start);
        RecordOpener opener(algorithms, set.suite(), key);
        for (std::size_t i = 0; i < records.size(); ++i) {
            if (i == 2) CHECK(sealer.update_key(start));
            auto record = records[i];
            const auto plain = opener.open(start, writable(record));
            REQUIRE(plain);
            std::string again(records[i].size(), '\0');
            std::copy(plain->begin(), plain->end(), writable(again).begin() + record_head_bytes);
            CHECK(sealer.seal(start, plain->size(), writable(again)) == again.size());
            CHECK(test::to_hex(again) == test::to_hex(records[i]));
        }
        CHECK(opener.key_updates() == 1);
        CHECK(opener.records() == 3);
        CHECK(crypto::next_key(algorithms, set.suite(), key) == set.secret("attach_1_client_key_epoch_1"));
        RecordOpener other(algorithms, set.suite(), set.secret("attach_1_server_key"));
        auto answer = set.bytes("tcp_record_s2c");
        CHECK(other.open(start, writable(answer)));
    }
}

TEST_CASE("vectors: after 256 updates the epoch is 0 again") {
    crypto::Algorithms algorithms;
    for (const auto& set : test::vector_sets()) {
        const auto expected = set.bytes("tcp_record_c2s_after_256_updates");
        auto key = set.secret("attach_1_client_key");
        for (int i = 0; i < 256; ++i) key = crypto::next_key(algorithms, set.suite(), key);
        // The same key at its start differs in nothing but the count: three records before.
        RecordSealer sealer(algorithms, set.suite(), key, start);
        RecordOpener opener(algorithms, set.suite(), key);
        std::string filler(21, '\0');
        for (int i = 0; i < 3; ++i) {
            sealer.seal(start, 1, writable(filler));
            REQUIRE(opener.open(start, writable(filler)));
        }
        auto record = expected;
        const auto plain = opener.open(start, writable(record));
        REQUIRE(plain);
        std::string again(expected.size(), '\0');
        std::copy(plain->begin(), plain->end(), writable(again).begin() + record_head_bytes);
        sealer.seal(start, plain->size(), writable(again));
        CHECK(test::to_hex(again) == test::to_hex(expected));
    }
}

TEST_CASE("records pass over 600 key updates, in place and from pieces") {
    for (const auto suite : {Suite::aes_gcm, Suite::chacha_poly}) {
        Link link(suite);
        for (int i = 0; i < 600; ++i) {
            REQUIRE(link.passes("record " + std::to_string(i)));
            link.now += 1min;
            REQUIRE(link.sealer.update_key(link.now));
        }
        CHECK(link.opener.key_updates() == 599);  // the last one waits for a record
        CHECK(link.opener.records() == 600);
    }
}

TEST_CASE("every changed byte, cut, drop, repeat and swap of records is refused") {
    for (const auto& set : test::vector_sets()) {
        crypto::Algorithms algorithms;
        const auto record = set.list("tcp_records_c2s")[0], second = set.list("tcp_records_c2s")[1];
        const auto verdict = [&](std::string bytes) {
            RecordOpener opener(algorithms, set.suite(), set.secret("attach_1_client_key"));
            const auto size = opener.record_bytes(bytes);
            if (!size) return code(size);
            if (*size != bytes.size()) return Code::handshake;  // not all there, or too much: never opened
            return code(opener.open(start, writable(bytes)));
        };
        CHECK(verdict(record) == Code::no_error);
        for (std::size_t at = 0; at < record.size(); ++at)
            for (unsigned bit = 0; bit < 8; ++bit) {
                const auto expected = at == 0   ? Code::protocol
                                      : at == 1 ? (bit == 0 ? Code::decrypt : Code::protocol)
                                      : at < 4  ? verdict(test::flipped(record, at, bit))
                                                : Code::decrypt;
                CHECK(expected != Code::no_error);
                CHECK(verdict(test::flipped(record, at, bit)) == expected);
            }
        for (std::size_t cut = 0; cut < record.size(); ++cut)
            CHECK(verdict(record.substr(0, cut)) == Code::handshake);
        CHECK(verdict(second) == Code::decrypt);
        RecordOpener opener(algorithms, set.suite(), set.secret("attach_1_client_key"));
        auto copy = record, repeated = record;
        REQUIRE(opener.open(start, writable(copy)));
        CHECK(code(opener.open(start, writable(repeated))) == Code::decrypt);
    }
}

TEST_CASE("headers: magic, epoch and length") {
    Link link(Suite::aes_gcm, {}, 2048);
    const auto verdict = [&](std::initializer_list<int> bytes) {
        std::string head;
        for (const int byte : bytes) head += static_cast<char>(byte);
        return code(link.opener.record_bytes(head));
    };
    CHECK(*link.opener.record_bytes("") == 4);
    CHECK(*link.opener.record_bytes("\xE1") == 4);
    CHECK(verdict({0xE0}) == Code::protocol);
    CHECK(verdict({0xE1, 0}) == Code::no_error);
    CHECK(verdict({0xE1, 1}) == Code::no_error);
    CHECK(verdict({0xE1, 2}) == Code::protocol);
    CHECK(verdict({0xE1, 255}) == Code::protocol);
    CHECK(verdict({0xE1, 0, 0, 16}) == Code::protocol);
    CHECK(verdict({0xE1, 0, 0, 17}) == Code::no_error);
    CHECK(verdict({0xE1, 0, 0x07, 0xFC}) == Code::no_error);
    CHECK(verdict({0xE1, 0, 0x07, 0xFD}) == Code::protocol);
    Link full;
    CHECK(full.opener.record_bytes(std::string("\xE1\0\x3F\xFC", 4)));
    CHECK(code(full.opener.record_bytes(std::string("\xE1\0\x3F\xFD", 4))) == Code::protocol);
    CHECK(full.passes(std::string(record_plain_bytes_max, 'x')));
    CHECK(full.passes("x"));
}

TEST_CASE("a record of the next epoch that doesn't open leaves the key as it was") {
    Link link;
    auto forged = link.seal("one");
    forged[1] = 1;
    CHECK(code(link.open(forged)) == Code::decrypt);
    Link fresh;
    REQUIRE(fresh.passes());
    auto next = fresh.seal("two");
    auto bad = next;
    bad[1] = 1;
    CHECK(code(fresh.open(bad)) == Code::decrypt);
    CHECK(fresh.opener.key_updates() == 0);
    CHECK(fresh.open(next));
}

TEST_CASE("an epoch can't be left out, and an old one is over") {
    Link link;
    auto ahead = link.seal("x");
    ahead[1] = 2;
    CHECK(code(link.open(ahead)) == Code::protocol);

    // Asked twice, or long before the next record: that is one epoch further, and not two.
    Link idle(Suite::aes_gcm, {.records_per_key_max = 1000, .key_age_max = 10min});
    REQUIRE(idle.passes());
    REQUIRE(idle.sealer.update_key(idle.now));
    REQUIRE(idle.sealer.update_key(idle.now));
    idle.now += 20min;
    REQUIRE(idle.sealer.update_key(idle.now));
    CHECK(idle.passes());
    CHECK(idle.opener.key_updates() == 1);
    CHECK_FALSE(idle.sealer.update_key(idle.now));  // the peer saw the last one just now

    Link over;
    REQUIRE(over.passes());
    REQUIRE(over.sealer.update_key(over.now));
    REQUIRE(over.passes());
    auto late = over.seal("x");
    late[1] = 0;
    CHECK(code(over.open(late)) == Code::protocol);
}

TEST_CASE("key updates come by count and by time, and not in a flood") {
    Link by_count(Suite::aes_gcm, {.records_per_key_max = 3, .key_age_max = 1h});
    for (int i = 0; i < 3; ++i) CHECK(by_count.passes());
    CHECK(by_count.opener.key_updates() == 0);
    CHECK(by_count.passes());
    CHECK(by_count.sealer.key_updates() == 1);
    CHECK(by_count.opener.key_updates() == 1);

    Link by_time(Suite::aes_gcm, {.records_per_key_max = 1000, .key_age_max = 10s});
    by_time.now += 10s - 1ns;
    CHECK(by_time.passes());
    CHECK(by_time.sealer.key_updates() == 0);
    by_time.now += 1ns;
    CHECK(by_time.passes());
    CHECK(by_time.opener.key_updates() == 1);

    // A sealer that asks too soon is told so; what is told by a peer that does it anyway is a flood.
    Link asked;
    CHECK(asked.sealer.update_key(asked.now));
    CHECK(asked.passes());
    CHECK_FALSE(asked.sealer.update_key(asked.now));
    asked.now += 1min - 1ns;
    CHECK_FALSE(asked.sealer.update_key(asked.now));
    for (int i = 1; i < 1024; ++i) CHECK(asked.passes());
    CHECK(asked.sealer.update_key(asked.now));
    CHECK(asked.passes());
}

TEST_CASE("flood: both within a second and within 1,024 records of the last update") {
    const auto second_update = [](int records, core::TimePoint::duration later) {
        // Made by hand: a RecordSealer would not.
        Link link(Suite::aes_gcm, {.records_per_key_max = 10'000, .key_age_max = 1h});
        auto key = crypto::Secret<32>();
        const auto seal_under = [&](std::uint64_t n, int epoch) {
            crypto::Aead aead(link.algorithms, Suite::aes_gcm, key);
            std::string record(21, '\0');
            record[0] = '\xE1';
            record[1] = static_cast<char>(epoch);
            record[3] = 17;
            aead.seal(crypto::counter_nonce(Suite::aes_gcm, n), Bytes(record).first(4), "x",
                      writable(record).subspan(4));
            return record;
        };
        std::uint64_t n = 0;
        key = crypto::next_key(link.algorithms, Suite::aes_gcm, key);
        for (int i = 0; i < records; ++i) CHECK(link.open(seal_under(n++, 1)));
        key = crypto::next_key(link.algorithms, Suite::aes_gcm, key);
        link.now += later;
        return code(link.open(seal_under(n, 2)));
    };
    CHECK(second_update(1, 0s) == Code::key_update_flood);
    CHECK(second_update(1, 1s - 1ns) == Code::key_update_flood);
    CHECK(second_update(1, 1s) == Code::no_error);
    CHECK(second_update(1023, 0s) == Code::key_update_flood);
    CHECK(second_update(1024, 0s) == Code::no_error);
}

TEST_CASE("a peer that wears out its key is cut off") {
    crypto::Algorithms algorithms;
    RecordSealer sealer(algorithms, Suite::aes_gcm, {}, start);
    RecordOpener opener(algorithms, Suite::aes_gcm, {}, record_bytes_max, {.records_per_key_max = 2});
    std::string record(21, '\0');
    for (int i = 0; i < 2; ++i) {
        std::fill(record.begin(), record.end(), '\0');
        sealer.seal(start, 1, writable(record));
        CHECK(opener.open(start, writable(record)));
    }
    sealer.seal(start, 1, writable(record));
    CHECK(code(opener.open(start, writable(record))) == Code::aead_limit);
}
