// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/field.hpp>
#include <penstock/core/slice.hpp>
#include <penstock/http/method.hpp>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::http {

/// Fields as owned text, in order. Names compare in any case. What would break the framing is not taken: a
/// bad name is left out, control characters in a value become spaces.
class FieldList {
public:
    void set(std::string_view name, std::string_view value);  ///< replaces
    void add(std::string_view name, std::string_view value);
    std::string_view value(std::string_view name) const;  ///< the first, or empty
    void clear() { fields_.clear(); }
    auto begin() const { return fields_.begin(); }
    auto end() const { return fields_.end(); }
    std::size_t size() const { return fields_.size(); }

    static constexpr bool sendable = true;

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

/// A request that owns all of itself: what a simple handler gets, and what a client sends. Sendable.
class Request {
public:
    Request(Method method, std::string_view target);
    Request(Request&&) noexcept = default;
    Request& operator=(Request&&) noexcept = default;

    static Request get(std::string_view target) { return {Method::get, target}; }
    static Request post(std::string_view target, Bytes body, std::string_view type = "application/json");

    Method method() const { return method_; }
    std::string_view target() const { return target_; }
    std::string_view path() const;
    /// The decoded value of a query parameter; empty when there is none.
    std::string query(std::string_view name) const;
    std::string_view query_text() const;
    std::string_view param(std::string_view name) const;  ///< of the route's pattern
    std::string_view header(std::string_view name) const { return fields_.value(name); }
    Bytes body() const { return body_; }

    void header(std::string_view name, std::string_view value) { fields_.set(name, value); }
    void body(Buffer body) { body_ = std::move(body); }
    void param(std::string name, std::string value) {
        params_.emplace_back(std::move(name), std::move(value));
    }
    const FieldList& fields() const { return fields_; }
    FieldList& fields() { return fields_; }

    static constexpr bool sendable = true;

private:
    Method method_;
    std::string target_;
    FieldList fields_;
    std::vector<std::pair<std::string, std::string>> params_;
    Buffer body_;
};

/// A response that owns all of itself. Sendable.
class Response {
public:
    explicit Response(int status = 200) : status_(status) {}
    Response(Response&&) noexcept = default;
    Response& operator=(Response&&) noexcept = default;

    static Response text(int status, Bytes body);
    static Response json(int status, std::initializer_list<Field> fields);
    /// For errors: the status and its name; the error itself is not shown.
    static Response problem(int status, Error error = {});

    int status() const { return status_; }
    std::string_view header(std::string_view name) const { return fields_.value(name); }
    Bytes body() const { return body_; }
    Buffer take_body() { return std::move(body_); }
    /// What `problem` was given: for the log.
    Error error() const { return error_; }

    void header(std::string_view name, std::string_view value) { fields_.set(name, value); }
    void body(Buffer body) { body_ = std::move(body); }
    const FieldList& fields() const { return fields_; }
    FieldList& fields() { return fields_; }

    static constexpr bool sendable = true;

private:
    int status_;
    FieldList fields_;
    Buffer body_;
    Error error_;
};

}  // namespace penstock::http
