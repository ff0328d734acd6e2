// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/stream/end_counters.hpp>
#include <penstock/stream/session.hpp>

#include <algorithm>
#include <bit>
#include <utility>

namespace penstock::stream {
namespace {

using crypto::Code;

constexpr std::uint32_t counter_of(ChannelId id) { return id.instance() & ~instance_by_server; }

std::chrono::nanoseconds with_jitter(std::chrono::nanoseconds time, core::Random& random) {
    return std::chrono::nanoseconds(
        static_cast<std::int64_t>(static_cast<double>(time.count()) * (0.9 + 0.2 * random.unit())));
}

}  // namespace

Code code_of(const Error& error) {
    if (error.domain() == core::Domain::stream) return static_cast<Code>(error.code());
    if (error.domain() == core::Domain::user) return static_cast<Code>(0x8000 | (error.code() & 0x7FFF));
    return Code::internal;
}

Error error_of(Code code) {
    const auto value = static_cast<int>(code);
    return value >= 0x8000 ? Error::user(value & 0x7FFF, "an error of the peer's application")
                           : crypto::error(code);
}

Session::Session(Worker& worker, SessionTerms terms, std::shared_ptr<Channels> channels, Ended on_ended)
    : worker_(worker),
      terms_(std::move(terms)),
      table_(std::move(channels)),
      on_ended_(std::move(on_ended)),
      send_(terms_.connection_window_bytes),
      receive_(terms_.connection_window_bytes),
      record_max_(terms_.record_bytes_max - record_overhead_bytes) {
    for (const auto& granted : terms_.letters) {
        auto* table = table_->find(granted.letter);
        if (!granted.is_granted() || table == nullptr) continue;
        auto made = std::make_unique<Letter>();
        made->table = table;
        made->options = table->options;
        made->options.window_bytes = granted.window_bytes;
        made->options.message_bytes_max =
            std::min<std::size_t>(granted.message_bytes_max, granted.window_bytes / 2);
        made->options.instances_max = granted.instances_max;
        letters_[static_cast<std::size_t>(granted.letter - letter_min)] = std::move(made);
    }
}

Session::~Session() {
    if (is_finished_) return;
    on_ended_ = nullptr;
    abort(crypto::error(Code::shutdown));
    finish();
}

// Channels.

Session::Letter* Session::letter(char value) const {
    return is_letter(static_cast<unsigned char>(value))
               ? letters_[static_cast<std::size_t>(value - letter_min)].get()
               : nullptr;
}

Channel* Session::find(ChannelId id) {
    if (last_found_ != nullptr && last_found_->id() == id) return last_found_;
    const auto found = channels_.find(id.value());
    return found == channels_.end() ? nullptr : last_found_ = found->second.get();
}

Channel* Session::find(char letter_value, std::uint32_t instance) const {
    const auto found = channels_.find(ChannelId(letter_value, instance).value());
    return found == channels_.end() || found->second->is_over_ ? nullptr : found->second.get();
}

bool Session::is_own(ChannelId id) const { return id.is_by_server() == (terms_.role == Role::server); }

/// Of a letter that there is: whether the channel has been opened at some time.
bool Session::was_there(ChannelId id) const {
    const auto& of = *letter(id.letter());
    return id.instance() == 0 || counter_of(id) <= (is_own(id) ? of.highest_own : of.highest_peer);
}

Channel& Session::add(ChannelId id, Letter& of) {
    auto& out = *(channels_[id.value()] = std::make_unique<Channel>(*this, id, of.options));
    ++stats_.channels_opened;
    if (id.instance() != 0) ++(is_own(id) ? of.count_own : of.count_peer);
    return out;
}

Result<Channel*> Session::open(char value, Bytes params) {
    if (is_ended_ || is_closing_ || carrier_ == nullptr)
        return fail(crypto::error(Code::session_lost, "the session has ended, or is not attached"));
    auto* of = letter(value);
    if (of == nullptr) return fail(crypto::error(Code::channel_denied));
    if (params.size() > of->options.message_bytes_max) return fail(crypto::error(Code::message_too_big));
    if (of->count_own + 1 >= of->options.instances_max || channels_.size() >= channels_max ||
        of->highest_own == instance_by_server - 1)
        return fail(crypto::error(Code::channel_limit));
    const auto instance = ++of->highest_own | (terms_.role == Role::server ? instance_by_server : 0);
    auto& channel = add(ChannelId(value, instance), *of);
    channel.open_with(params);
    channel.opened(params);
    if (channel.is_over_) return fail(channel.error_);
    return &channel;
}

/// Nobody speaks of it any more. Its memory lives until the end of the turn.
void Session::forget(Channel& channel) {
    const auto id = channel.id();
    control_.erase(channel);
    sending_.erase(channel);
    pulling_.erase(channel);
    reading_.erase(channel);
    resting_.erase(channel);
    over_.erase(channel);
    if (last_found_ == &channel) last_found_ = nullptr;
    auto* known = letter(id.letter());
    PENSTOCK_ASSERT(known != nullptr);  // it has a channel
    if (id.instance() != 0) --(is_own(id) ? known->count_own : known->count_peer);
    const auto found = channels_.find(id.value());
    worker_.bury(std::move(found->second));
    channels_.erase(found);
}

/// Room to put a message together. Long ones share one block as long as no handler keeps it.
Slice Session::assembly(std::size_t bytes) {
    if (bytes <= core::slab_bytes) {
        auto* slab = core::SlabPool::take(bytes);
        return {*slab, slab->bytes(), bytes};
    }
    if (!spare_.is_alone() || spare_.slab_size() < bytes) {
        auto* slab = core::SlabPool::take(std::bit_ceil(bytes));
        spare_ = Slice(*slab, slab->bytes(), slab->capacity);
    }
    return spare_.share(0, bytes);
}

// Beginning.

void Session::attach(Carrier& carrier) {
    PENSTOCK_ASSERT(carrier_ == nullptr && !is_ended_ && received_at_ == core::TimePoint());
    carrier_ = &carrier;
    received_at_ = worker_.now();
    ping_after_ = with_jitter(std::min(terms_.ping, dead_time / 2), worker_.random());
    worker_.arm(tick_, ping_after_);
    wake();
    for (const auto& granted : terms_.letters) {
        auto* of = letter(granted.letter);
        if (of == nullptr || is_ended_) continue;
        add(ChannelId(granted.letter, 0), *of).opened({});
    }
}

// Time.

/// Silence: asked after a while, and death at the end of it.
void Session::tick() {
    const auto silent = worker_.now() - received_at_;
    if (silent >= dead_time) return violated(crypto::error(Code::timeout, "the peer is silent"));
    spare_ = {};
    if (silent < ping_after_) return worker_.arm_at(tick_, received_at_ + ping_after_);
    owes_ping_ = true;
    wake();
    worker_.arm_at(tick_, std::min<core::TimePoint>(worker_.now() + ping_after_, received_at_ + dead_time));
}

void Session::window_due() {
    control_due_ = !control_.empty();
    if (control_due_) wake();
}

void Session::rest(Channel& channel) {
    resting_.push(channel);
    if (!rest_alarm_.is_armed()) worker_.arm(rest_alarm_, events::TimerWheel::tick);
}

void Session::rested() {
    while (auto* channel = resting_.pop()) reading_.push(*channel);
    wake();
}

// The end.

void Session::close(Code code, std::string_view text) {
    if (is_ended_ || std::exchange(is_closing_, true)) return;
    close_code_ = code;
    close_text_ = text;
    wake();
    if (carrier_ == nullptr) end(Error(), Error());
}

bool Session::is_acknowledged() const {
    if (is_ended_) return was_acknowledged_;
    return std::ranges::all_of(channels_, [](const auto& one) { return one.second->is_acknowledged(); });
}

void Session::on_acknowledged(std::move_only_function<void()> call) {
    on_acknowledged_ = std::move(call);
    if (on_acknowledged_ && !is_ended_) wake();
}

void Session::abort(Error error) {
    if (is_ended_) return;
    if (carrier_ != nullptr) std::exchange(carrier_, nullptr)->abort(error);
    end(error, error);
}

void Session::lost(Error error) {
    if (is_ended_) return;
    carrier_ = nullptr;
    const auto why = crypto::error(Code::session_lost, error ? "session lost: the connection broke off"
                                                             : "session lost: it ended without a CLOSE");
    end(why, why);
}

/// The peer did what it must not: its connection ends without an answer.
void Session::violated(Error error) {
    if (is_ended_) return;
    worker_.local<EndCounters>().of(code_of(error)).add();
    if (carrier_ != nullptr) std::exchange(carrier_, nullptr)->abort(error);
    end(error, crypto::error(Code::session_lost, crypto::is(error, Code::decrypt)
                                                     ? "session lost: what came was changed on its way"
                                                     : "session lost: the peer broke the protocol"));
}

void Session::end(Error cause, Error channels) {
    if (is_ended_) return;
    was_acknowledged_ = is_acknowledged();
    is_ended_ = true;
    cause_ = cause;
    channels_error_ = channels;
    tick_.cancel();
    window_alarm_.cancel();
    rest_alarm_.cancel();
    if (inside_ > 0) return wake();
    finish();
}

/// Outside of all callbacks: the channels hear it, then the owner, who may bury this.
void Session::finish() {
    if (std::exchange(is_finished_, true)) return;
    cancel();
    for (auto& [id, channel] : channels_) {
        if (!channel->is_over_) channel->error_ = channels_error_;
        channel->tell_closed();
    }
    for (auto& [id, channel] : channels_) worker_.bury(std::move(channel));
    channels_.clear();
    last_found_ = nullptr;
    spare_ = {};
    if (auto ended = std::move(on_ended_)) ended(cause_);
}

}  // namespace penstock::stream
