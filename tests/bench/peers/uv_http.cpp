// SPDX-License-Identifier: Apache-2.0
// libuv with the minimal parser: keep-alive, pipelining (one write for all replies to one read), 404.
#include <bench/peers/http_head.hpp>
#include <bench/peers/uv_server.hpp>

namespace {

using namespace penstock::bench;

constexpr std::string_view hello =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
constexpr std::string_view not_found = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view bad_request =
    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

class HttpConnection {
public:
    void receive(std::string_view bytes, std::string& out) {
        if (partial_.empty()) {
            partial_.append(bytes.substr(answer(bytes, out)));
            return;
        }
        partial_.append(bytes);
        partial_.erase(0, answer(partial_, out));
    }

    bool ended = false;

private:
    /// Answers every whole request; returns how many bytes they took.
    std::size_t answer(std::string_view in, std::string& out) {
        std::size_t taken = 0;
        while (!ended && taken < in.size()) {
            Head head;
            const auto parsed = parse_head(in.substr(taken), head);
            if (parsed == Parsed::partial) break;
            if (parsed == Parsed::bad) {
                out += bad_request;
                ended = true;
                break;
            }
            if (in.size() - taken - head.head_bytes < head.body_bytes) break;
            taken += head.head_bytes + head.body_bytes;
            out += head.method == "GET" && head.target == "/" ? hello : not_found;
            ended = !head.keep_alive;
        }
        return taken;
    }

    std::string partial_;
};

}  // namespace

int main(int argc, char** argv) { UvServer<HttpConnection>::run(port_argument(argc, argv)); }
