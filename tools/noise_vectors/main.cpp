// SPDX-License-Identifier: Apache-2.0
// Checks penstock::crypto against a file of Noise test vectors in their common format: every vector whose
// protocol it has, in both roles. Exits with 0 if at least one was checked and none differs.
#include <penstock/core/result.hpp>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "vector.hpp"

namespace {

using nlohmann::json;
using penstock::Error;

constexpr Error bad_file = Error::user(1, "not a file of Noise vectors");

struct Counts {
    std::size_t checked = 0, different = 0;
    std::set<std::string> skipped;
};

/// None if it cannot be read; `errno` says why.
std::optional<std::string> read_file(const char* path) {
    const std::unique_ptr<std::FILE, decltype([](std::FILE* file) { std::fclose(file); })> file(
        std::fopen(path, "rb"));
    if (file == nullptr) return std::nullopt;
    std::string out;
    char part[4096];
    while (const auto count = std::fread(part, 1, sizeof part, file.get())) out.append(part, count);
    if (std::ferror(file.get()) != 0) return std::nullopt;
    return out;
}

/// Files name it one way or the other.
const std::string* name_of(const json& object) {
    for (const auto* key : {"protocol_name", "name"})
        if (const auto found = object.find(key); found != object.end())
            return found->get_ptr<const std::string*>();
    return nullptr;
}

Error run(const json& vectors, Counts& counts) {
    penstock::crypto::Algorithms algorithms;
    for (const auto& each : vectors) {
        const auto* name = each.is_object() ? name_of(each) : nullptr;
        if (name == nullptr) return bad_file;
        const auto protocol = noise_vectors::Protocol::parse(*name);
        if (!protocol) {
            counts.skipped.insert(*name);
            continue;
        }
        const auto vector = noise_vectors::Vector::parse(each, *protocol);
        if (!vector) {
            std::fprintf(stderr, "%s:\n", name->c_str());
            return vector.error();
        }
        ++counts.checked;
        if (const auto* different = noise_vectors::difference(algorithms, *protocol, *vector)) {
            ++counts.different;
            std::printf("%s differs: %s\n", name->c_str(), different);
        }
    }
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: noise_vectors FILE\n");
        return 1;
    }
    const auto text = read_file(argv[1]);
    if (!text) return penstock::complain(Error::os(errno, argv[1]));
    const auto whole = json::parse(*text, nullptr, false);
    const auto vectors = whole.is_object() ? whole.find("vectors") : whole.end();
    if (!whole.is_object() || vectors == whole.end() || !vectors->is_array())
        return penstock::complain(bad_file);
    Counts counts;
    if (const auto error = run(*vectors, counts)) return penstock::complain(error);
    std::printf("checked %zu of %zu vectors, %zu protocols skipped, %zu differ\n", counts.checked,
                vectors->size(), counts.skipped.size(), counts.different);
    return counts.checked > 0 && counts.different == 0 ? 0 : 1;
}
