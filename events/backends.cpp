// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/epoll.hpp>
#include <penstock/events/backend/poll.hpp>
#include <penstock/events/backends.hpp>

#include <array>
#include <cstdlib>

namespace penstock::events {
namespace {

struct Known {
    std::string_view name;
    std::unique_ptr<Backend> (*make)();
};

template <class B>
std::unique_ptr<Backend> make() {
    return std::make_unique<B>();
}

constexpr std::array known{
    Known{"epoll", &make<EpollBackend>},
    Known{"poll", &make<PollBackend>},
};

std::string_view chosen() {
    const char* const set = std::getenv("PENSTOCK_BACKEND");
    return set != nullptr ? set : "epoll";
}

}  // namespace

bool is_backend_name(std::string_view name) {
    if (name == "auto") return true;
    for (const auto& backend : known)
        if (backend.name == name) return true;
    return false;
}

Result<std::unique_ptr<Backend>> make_backend(std::string_view name) {
    if (name == "auto") name = chosen();
    for (const auto& backend : known) {
        if (backend.name != name) continue;
        auto out = backend.make();
        if (auto started = out->start(); !started) return fail(started);
        return out;
    }
    return fail(Error(core::Domain::settings, 1, "no such backend: write auto, epoll or poll"));
}

}  // namespace penstock::events
