// SPDX-License-Identifier: Apache-2.0
#include "get_encrypted.hpp"

#include <penstock/client/client.hpp>

#include "uplink.hpp"

namespace penstock::tool {

Task<int> get_encrypted(Worker& worker, client::Settings settings, std::string target) {
    client::Client client(worker, settings);
    const StageReport report(client, settings, false);
    if (const auto up = co_await client.reach(client::Stage::enc_init); !up)
        co_return report.failed(up.error());
    auto request = http::Request::get(target);
    const auto response = co_await client.request(std::move(request));
    if (!response) co_return report.failed(response.error(), "encrypted request");
    co_return print(*response);
}

}  // namespace penstock::tool
