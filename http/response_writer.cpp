// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/date.hpp>
#include <penstock/http/response_writer.hpp>
#include <penstock/http/status.hpp>

#include <charconv>
#include <cstring>
#include <string>

namespace penstock::http {
namespace {

/// The Date field of this worker's responses.
struct DateText {
    core::TimePoint until{};
    std::array<char, date_bytes> text{};

    std::string_view at(Worker& worker) {
        if (worker.now() >= until) {
            const auto wall = worker.wall();
            text = date_text(wall);
            const auto whole = std::chrono::floor<std::chrono::seconds>(wall);
            until = worker.now() + (std::chrono::seconds(1) -
                                    std::chrono::duration_cast<std::chrono::nanoseconds>(wall - whole));
        }
        return {text.data(), text.size()};
    }
};

/// Writes into room that is known to be large enough.
class Writer {
public:
    explicit Writer(char* at) : at_(at) {}
    void put(std::string_view text) {
        std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
    }
    void put(std::uint64_t number) { at_ = std::to_chars(at_, at_ + 20, number).ptr; }
    const char* at() const { return at_; }

private:
    char* at_;
};

}  // namespace

void write_head(Chain& out, Worker& worker, const ResponseHead& head, const ResponseFraming& framing) {
    constexpr std::size_t rest_bytes_max = 256;  // all but the fields
    auto& filler = worker.outgoing();
    const auto room = filler.room(head.fields().size() + rest_bytes_max);
    auto* begin = reinterpret_cast<char*>(room.data());
    Writer to(begin);
    if (head.status() == 200) {
        to.put("HTTP/1.1 200 OK\r\ndate: ");
    } else {
        to.put("HTTP/1.1 ");
        to.put(static_cast<std::uint64_t>(head.status()));
        to.put(" ");
        to.put(reason(head.status()));
        to.put("\r\ndate: ");
    }
    to.put(worker.local<DateText>().at(worker));
    to.put("\r\n");
    to.put(head.fields());
    if (framing.body_bytes) {
        to.put("content-length: ");
        to.put(*framing.body_bytes);
        to.put("\r\n");
    }
    if (framing.is_chunked) to.put("transfer-encoding: chunked\r\n");
    if (framing.closes) to.put("connection: close\r\n");
    if (framing.keeps_1_0) to.put("connection: keep-alive\r\n");
    to.put("\r\n");
    out.append(filler.fill(static_cast<std::size_t>(to.at() - begin)));
}

void write_refusal(Chain& out, Worker& worker, int status) {
    const auto body = std::to_string(status) + " " + std::string(reason(status)) + "\n";
    ResponseHead head;
    head.status(status);
    head.add("content-type", "text/plain; charset=utf-8");
    ResponseFraming framing;
    framing.body_bytes = body.size();
    framing.closes = true;
    write_head(out, worker, head, framing);
    out.append(Bytes(body));
}

}  // namespace penstock::http
