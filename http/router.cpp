// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/router.hpp>

namespace penstock::http {

Route Router::add(Method method, std::string_view pattern, RouteEntry entry) {
    if (auto added = tree_.add(method, pattern, static_cast<RouteTree::Id>(routes_.size())); !added) {
        if (problem_.empty()) problem_ = "route \"" + std::string(pattern) + "\": " + added.error().message();
        return Route(nullptr);
    }
    routes_.push_back(std::make_unique<RouteEntry>(std::move(entry)));
    return Route(routes_.back().get());
}

/// Null: it has answered.
const RouteEntry* Router::find(Exchange& exchange) const {
    const auto method = exchange.method();
    const auto form = exchange.head().form();
    exchange.match_ = {};
    if (form == TargetForm::origin || form == TargetForm::absolute)
        exchange.match_ = tree_.match(method, exchange.path());
    const auto& match = exchange.match_;
    if (match.outcome() == RouteTree::Outcome::found) {
        const auto* entry = routes_[match.id()].get();
        if (!entry->encrypted_only || exchange.is_encrypted()) return entry;
        exchange.fail(404);
        return nullptr;
    }
    if (otherwise_ != nullptr && match.outcome() == RouteTree::Outcome::no_path &&
        otherwise_methods_.has(method))
        return otherwise_.get();
    auto allowed = match.allowed();
    if (otherwise_ != nullptr) allowed.add(otherwise_methods_);
    if (method == Method::other) {
        exchange.fail(501);
    } else if (!allowed.empty() || method == Method::connect || method == Method::trace) {
        allowed.add(Method::options);
        std::string text;
        append_methods(text, allowed);
        exchange.response().set("allow", text);
        method == Method::options ? exchange.send(204, Chain()) : exchange.fail(405);
    } else if (form == TargetForm::asterisk) {
        exchange.send(204, Chain());
    } else {
        exchange.fail(404);
    }
    return nullptr;
}

}  // namespace penstock::http
