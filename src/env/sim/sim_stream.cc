#include "env/sim/sim_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::env {

SimulatedConnection::SimulatedConnection(SimulatedCore& core, std::shared_ptr<SimulatedStream> stream, std::size_t side)
    : core_(core),
      network_(core.scheduler().network()),
      stream_(std::move(stream)),
      side_(side),
      readable_(core),
      writable_(core) {
  self().connection = this;
}

SimulatedConnection::~SimulatedConnection() {
  WEIR_ASSERT_NOTE(!reading_ && !writing_, "a connection must not go while a call on it is in flight");
  if (stream_ == nullptr) return;
  close();
  self().connection = nullptr;
}

std::shared_ptr<SimulatedStream> SimulatedConnection::release() noexcept {
  WEIR_ASSERT_NOTE(!reading_ && !writing_ && side_ == server_side, "adopted, and without a call in flight");
  self().connection = nullptr;
  return std::move(stream_);
}

void SimulatedConnection::wake() noexcept {
  readable_.notify_all();
  writable_.notify_all();
}

Result<std::size_t> SimulatedConnection::take(MutableBytes out) {
  // Any length is allowed; short reads find the readers that count on whole ones.
  Pipe& pipe = self().incoming;
  SeededRandom& random = core_.scheduler().random();
  std::size_t length = std::min(out.size(), pipe.arrived.size());
  if (random.chance(0.25)) length = random.between(1, length);
  std::memcpy(out.data(), pipe.arrived.data(), length);
  pipe.arrived.erase(0, length);
  network_.notify(stream_, 1 - side_);  // there is room again
  return length;
}

void SimulatedConnection::give_way(bool on) noexcept {
  gives_way_ = on;
  readable_.notify_all();  // a read under way begins anew
}

void SimulatedConnection::interrupt_read() noexcept {
  if (!reading_) return;
  interrupted_ = true;
  readable_.notify_all();
}

Task<void> SimulatedConnection::wait_for_turn() {
  const MonotonicTime turn = turn_after(core_.now());
  while (!self().closed && core_.now() < turn) static_cast<void>(co_await readable_.wait_until(turn));
}

Task<Result<std::size_t>> SimulatedConnection::read_some(MutableBytes out, MonotonicTime deadline) {
  core_.check_current();
  WEIR_ASSERT_NOTE(!reading_ && !out.empty(), "one read at a time, of at least one byte");
  reading_ = true;
  interrupted_ = false;
  Result<std::size_t> result = 0U;
  for (;;) {
    const SimulatedStream::Side& side = self();
    const bool rests = gives_way_ && core_.now() < rest_until_;
    if (side.closed) {
      result = fail(ErrorCode::closed, "connection with " + to_string(peer()) + " is closed");
    } else if (rests && !interrupted_ && core_.now() < deadline) {
      static_cast<void>(co_await readable_.wait_until(std::min(deadline, rest_until_)));
      continue;
    } else if (!rests && !side.incoming.arrived.empty()) {
      result = take(out);
    } else if (side.reset) {
      result = fail(ErrorCode::closed, "connection reset by " + to_string(peer()));
    } else if (rests || (!side.incoming.finished && (interrupted_ || core_.now() >= deadline))) {
      result = fail(ErrorCode::timeout, "nothing came from " + to_string(peer()) + " in time");
    } else if (!side.incoming.finished) {
      const MonotonicTime quiet = core_.now() + turns_quiet_max;
      static_cast<void>(co_await readable_.wait_until(gives_way_ ? std::min(deadline, quiet) : deadline));
      if (core_.now() >= quiet) gives_way_ = false;
      if (gives_way_ && !self().incoming.arrived.empty()) co_await wait_for_turn();
      continue;
    }
    break;
  }
  reading_ = false;
  co_return result;
}

Task<Result<void>> SimulatedConnection::write_all(std::span<const BytesView> parts, MonotonicTime deadline) {
  core_.check_current();
  WEIR_ASSERT_NOTE(!writing_, "one write at a time");
  writing_ = true;
  Result<void> result;
  for (std::size_t i = 0; i < parts.size() && result; ++i) result = co_await write_part(parts[i], deadline);
  writing_ = false;
  co_return result;
}

Task<Result<void>> SimulatedConnection::write_part(BytesView part, MonotonicTime deadline) {
  while (!part.empty()) {
    if (self().closed) co_return fail(ErrorCode::closed, "connection with " + to_string(peer()) + " is closed");
    if (self().reset) co_return fail(ErrorCode::closed, "connection reset by " + to_string(peer()));
    const Pipe& pipe = other().incoming;
    const std::uint64_t buffered = pipe.bytes_on_the_way + pipe.arrived.size();
    if (buffered >= network_.options_.buffer_bytes_max) {
      if (core_.now() >= deadline)
        co_return fail(ErrorCode::timeout, to_string(peer()) + " did not take bytes in time");
      static_cast<void>(co_await writable_.wait_until(deadline));
      continue;
    }
    const std::uint64_t room = std::min(
        {network_.options_.buffer_bytes_max - buffered, network_.options_.chunk_bytes_max, std::uint64_t{part.size()}});
    SeededRandom& random = core_.scheduler().random();
    const std::size_t length = random.coin() ? room : random.between(1, room);
    network_.send(stream_, side_, std::string(as_text(part.first(length))), false);
    part = part.subspan(length);
  }
  co_return Result<void>{};
}

void SimulatedConnection::close() noexcept {
  SimulatedStream::Side& side = self();
  if (std::exchange(side.closed, true)) return;
  if (!side.reset) {
    if (side.incoming.arrived.empty()) {
      network_.send(stream_, side_, {}, true);
    } else {
      network_.schedule_reset(stream_, 1 - side_);
    }
  }
  wake();
}

SimulatedPending::~SimulatedPending() {
  if (stream_ != nullptr && !stream_->sides[server_side].closed) network_.schedule_reset(stream_, client_side);
}

SimulatedListener::SimulatedListener(SimulatedCore& core, Endpoint local, std::uint32_t backlog)
    : core_(core),
      network_(core.scheduler().network()),
      local_(std::move(local)),
      backlog_(std::max<std::uint32_t>(backlog, 1)),
      arrived_(core) {
  network_.listeners_.push_back(this);
}

SimulatedListener::~SimulatedListener() { close(); }

bool SimulatedListener::serves(const Endpoint& endpoint) const noexcept {
  const auto is_any = [](const Endpoint& address) { return address.address == "0.0.0.0" || address.address == "::"; };
  return !closed_ && local_.port == endpoint.port &&
         (local_.address == endpoint.address || is_any(local_) || is_any(endpoint));
}

void SimulatedListener::offer(std::shared_ptr<SimulatedStream> stream) {
  waiting_.push_back(std::make_unique<SimulatedPending>(network_, std::move(stream)));
  arrived_.notify_one();
}

Task<Result<std::unique_ptr<PendingConnection>>> SimulatedListener::accept() {
  core_.check_current();
  if (!closed_ && network_.accepts_to_fail_ != 0) {
    --network_.accepts_to_fail_;
    co_return fail(ErrorCode::limit_exceeded, "accept on " + to_string(local_) + ": out of descriptors (injected)");
  }
  while (!closed_ && waiting_.empty()) co_await arrived_.wait();
  if (closed_) co_return fail(ErrorCode::closed, "listener on " + to_string(local_) + " is closed");
  std::unique_ptr<PendingConnection> accepted = std::move(waiting_.front());
  waiting_.pop_front();
  co_return accepted;
}

void SimulatedListener::close() noexcept {
  if (std::exchange(closed_, true)) return;
  std::erase(network_.listeners_, this);
  waiting_.clear();
  arrived_.notify_all();
}

}  // namespace weir::env
