// SPDX-License-Identifier: Apache-2.0
// Files that are written, committed, given up and read in between: what has a name is whole, and nothing else
// is left.
#include <penstock/events/file.hpp>
#include <penstock/events/worker.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <support/temporary_folder.hpp>

#include "scenario.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

struct Outcome {
    bool is_committed = false;
    std::optional<Error> error;
};

/// Writes a pattern in pieces, then commits it or gives it up.
struct Writer final : FileHandler {
    Writer(Worker& worker, std::string path, std::uint64_t stream, std::size_t l, Outcome& o)
        : pattern(stream), length(l), outcome(o), file(std::make_unique<File>(worker, *this)) {
        file->create(std::move(path));
        go_on();
    }
    void go_on() {
        auto& random = file->worker().random();
        while (written < length && file->unwritten() < 50'000) {
            const auto count = std::min<std::size_t>(1 + random.below(random.below(2) == 0 ? 100 : 30'000),
                                                     length - written);
            file->write(Slice::copy(Bytes(pattern.text(written, count))));
            written += count;
            if (random.below(200) == 0) return give_up();
        }
        if (written == length && !std::exchange(commits, true)) file->commit();
        if (random.below(50) == 0) give_up();
    }
    void give_up() { file.reset(); }
    void on_written(File&) override { go_on(); }
    void on_committed(File&) override {
        outcome.is_committed = true;
        file.reset();
    }
    void on_failed(File&, Error error) override { outcome.error = error; }

    const test::Pattern pattern;
    const std::size_t length;
    std::size_t written = 0;
    bool commits = false;
    Outcome& outcome;
    std::unique_ptr<File> file;
};

/// Reads it back in pieces.
struct Reader final : FileHandler {
    Reader(Worker& worker, const std::string& path, std::uint64_t stream)
        : pattern(stream), file(worker, *this) {
        file.open(path);
        file.read(1 + worker.random().below(20'000));
    }
    void on_read(File&, Slice piece) override {
        if (piece.empty()) {
            has_ended = true;
            return;
        }
        is_right = is_right && pattern.is_at(got, piece.text());
        got += piece.size();
        file.read(1 + file.worker().random().below(20'000));
    }
    void on_failed(File&, Error e) override { error = e; }
    const test::Pattern pattern;
    std::uint64_t got = 0;
    bool is_right = true, has_ended = false;
    std::optional<Error> error;
    File file;
};

}  // namespace

TEST_CASE("a file that has its name is whole, and one that was given up is gone") {
    for (const auto seed : seeds(200)) {
        CAPTURE(seed);
        const test::TemporaryFolder folder;
        Simulation sim(seed);
        auto& worker = sim.add_host();
        constexpr std::size_t files = 4;
        std::vector<Outcome> outcomes(files);
        std::vector<std::size_t> lengths(files);
        std::vector<std::unique_ptr<Writer>> writers(files);
        const auto name = [](std::size_t i) { return "file" + std::to_string(i); };
        worker.later([&] {
            for (std::size_t i = 0; i < files; ++i) {
                lengths[i] = worker.random().below(200'000);
                writers[i] =
                    std::make_unique<Writer>(worker, folder.file(name(i)), i, lengths[i], outcomes[i]);
            }
        });
        sim.run_for(1s);
        std::size_t named = 0;
        for (std::size_t i = 0; i < files; ++i) {
            CHECK_FALSE(outcomes[i].error);
            const bool is_there = std::filesystem::exists(folder.file(name(i)));
            if (outcomes[i].is_committed) CHECK(is_there);
            if (!is_there) continue;
            ++named;
            std::unique_ptr<Reader> reader;
            worker.later([&] { reader = std::make_unique<Reader>(worker, folder.file(name(i)), i); });
            sim.run_for(1s);
            CHECK_FALSE(reader->error);
            CHECK(reader->has_ended);
            CHECK(reader->is_right);
            CHECK(reader->got == lengths[i]);
            worker.later([&] { reader.reset(); });
            sim.run_for(1s);
        }
        worker.later([&] { writers.clear(); });
        sim.run_for(1s);
        const std::filesystem::directory_iterator begin(folder.path());
        CHECK(static_cast<std::size_t>(std::distance(begin, {})) == named);
    }
}
