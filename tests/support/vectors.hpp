// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/aead.hpp>
#include <penstock/core/crypto/secret.hpp>

#include <array>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <support/hex.hpp>

namespace penstock::test {

/// One set of the protocol's test vectors (tests/vectors.json): named byte strings. A name that is not there
/// ends the test program. Link penstock_test_vectors.
class VectorSet {
public:
    VectorSet(std::string name, nlohmann::json values) : name_(std::move(name)), values_(std::move(values)) {}

    const std::string& name() const { return name_; }
    crypto::Suite suite() const {
        return name_.starts_with("AESGCM") ? crypto::Suite::aes_gcm : crypto::Suite::chacha_poly;
    }
    bool is_anonymous() const { return name_.find("anonymous") != std::string::npos; }

    std::string bytes(const std::string& key) const { return from_hex(values_.at(key).get<std::string>()); }
    std::vector<std::string> list(const std::string& key) const {
        std::vector<std::string> out;
        for (const auto& each : values_.at(key)) out.push_back(from_hex(each.get<std::string>()));
        return out;
    }
    template <std::size_t N = 32>
    std::array<std::uint8_t, N> array(const std::string& key) const {
        const auto all = bytes(key);
        PENSTOCK_ASSERT(all.size() == N);
        return test::array<N>(all);
    }
    crypto::Secret<32> secret(const std::string& key) const { return crypto::Secret<32>(array(key)); }

private:
    std::string name_;
    nlohmann::json values_;
};

/// All sets: both suites, with network key, with KEM secret, with an anonymous client.
inline const std::vector<VectorSet>& vector_sets() {
    static const auto sets = [] {
        std::ifstream file(PENSTOCK_TEST_VECTORS);
        const auto whole = nlohmann::json::parse(file);
        std::vector<VectorSet> out;
        for (const auto& [name, values] : whole.items()) out.emplace_back(name, values);
        PENSTOCK_ASSERT(out.size() == 5);
        return out;
    }();
    return sets;
}

}  // namespace penstock::test
