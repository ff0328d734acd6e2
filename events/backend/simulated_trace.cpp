// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/simulated_trace.hpp>

#include <array>
#include <charconv>
#include <cstdio>

namespace penstock::events {
namespace {

std::uint64_t fnv(std::uint64_t hash, std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    return hash;
}

}  // namespace

std::size_t SimulatedTrace::begin(std::string_view who) {
    const auto from = text_.size();
    const auto time = (clock_.now() - VirtualClock::start).count();
    std::array<char, 40> stamp;
    std::snprintf(stamp.data(), stamp.size(), "%lld.%09lld ", static_cast<long long>(time / 1'000'000'000),
                  static_cast<long long>(time % 1'000'000'000));
    text_ += stamp.data();
    text_ += who;
    text_ += ':';
    return from;
}

void SimulatedTrace::end(std::size_t from) {
    text_ += '\n';
    hash_ = fnv(hash_, std::string_view(text_).substr(from));
}

void SimulatedTrace::add(std::string_view text) {
    text_ += ' ';
    text_ += text;
}

void SimulatedTrace::add(std::uint64_t number) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text_ += ' ';
    text_.append(digits.data(), end);
}

void SimulatedTrace::add(const Address& address) {
    text_ += ' ';
    text_ += address.empty() ? "-" : address.text();
}

void SimulatedTrace::add(const Content& content) {
    add(std::uint64_t(content.bytes.size()));
    std::array<char, 16> sum;
    std::snprintf(sum.data(), sum.size(), " #%08x",
                  static_cast<unsigned>(fnv(0xCBF29CE484222325, content.bytes.text()) >> 32));
    text_ += sum.data();
}

}  // namespace penstock::events
