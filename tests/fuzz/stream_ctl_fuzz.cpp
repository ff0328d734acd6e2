// SPDX-License-Identifier: Apache-2.0
// Bodies of stream_ctl in both directions. What is accepted is written the same, up to extensions that were
// skipped.
#include <penstock/stream/stream_ctl.hpp>

#include <cstdlib>

using namespace penstock;
using namespace penstock::stream;

namespace {

/// `again` has an empty list of extensions at its end.
void compare(Bytes input, const std::string& again) {
    const auto body = again.size() - 2;
    if (input.size() < again.size() || input.first(body) != Bytes(again).first(body)) std::abort();
    if (input.size() == again.size() && input != Bytes(again)) std::abort();
}

void check_request(const ControlRequest& request, Bytes input) {
    std::string again;
    std::visit([&again](const auto& each) { append(again, each); }, request);
    if (!std::holds_alternative<OpenRequest>(request)) {
        if (input != Bytes(again)) std::abort();
        return;
    }
    const auto& open = std::get<OpenRequest>(request);
    compare(input, again);
    // A node grants what is asked for, by its own limits: the client finds nothing to object to.
    OpenReply reply = grant(open, {});
    for (const auto& letter : open.letters) reply.letters.push_back(grant(letter, {.letter = letter.letter}));
    if (!check(reply, open)) std::abort();
    std::string answer;
    append(answer, reply);
    if (!parse_open_reply(answer)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input(std::span<const std::uint8_t>(data, size));
    if (const auto request = parse_control_request(input)) check_request(*request, input);
    if (const auto reply = parse_open_reply(input)) {
        std::string again;
        append(again, *reply);
        compare(input, again);
    }
    if (const auto status = parse_status(input)) {
        std::string again;
        append_status(again, *status);
        if (input != Bytes(again)) std::abort();
    }
    return 0;
}
