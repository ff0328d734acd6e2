// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/client/settings.hpp>
#include <penstock/events/task.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/http/message.hpp>

#include <string>

namespace penstock::tool {

/// The body to stdout, the status to stderr. Answers the exit code: 0 for 2xx.
int print(const http::Response& response);

/// One encrypted GET of a target ("/path?query"), printed likewise.
Task<int> get_encrypted(Worker& worker, client::Settings settings, std::string target);

}  // namespace penstock::tool
