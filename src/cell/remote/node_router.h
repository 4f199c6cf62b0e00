// NodeRouter: brings the calls of one core to the nodes that own the lanes, and brings them there again, once, when the
// first attempt proves that nothing was done.
//
// Threading: its core.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "cell/remote/remote_cell_settings.h"
#include "cell/remote/rpc.h"
#include "directory/map/shard_map.h"
#include "env/core.h"
#include "env/event.h"
#include "env/task.h"
#include "net/rpc_connection.h"

namespace weir::cell {

class NodeRouter {
 public:
  // What is passed by reference outlives the router.
  NodeRouter(env::Core& core, const net::ConnectToPeer& connect, const RemoteCellSettings& settings,
             RemoteCellMetrics& metrics);
  NodeRouter(const NodeRouter&) = delete;
  NodeRouter& operator=(const NodeRouter&) = delete;
  ~NodeRouter();  // after stop()

  // Takes the owners from `map`, unless it is older than the last, and lets go of nodes that own nothing any more: of
  // what is in flight to them the outcome is unknown after a second, for one that hangs will not tell.
  void apply(directory::ShardMapPointer map);
  // Refuses calls from now on, breaks those under way, and waits for them.
  [[nodiscard]] env::Task<void> stop();

  // The epoch of the lane's owner as far as is known; 0 when nobody is known.
  [[nodiscard]] Epoch epoch_of(LaneId lane) const noexcept;

  // Sends a call to the lane's owner and returns the answer. `encode(const CallHeader&)` gives the body, `decode` takes
  // the answer, a std::string, apart: Result<Answer<T>>. A second attempt is made, before the same deadline, when the
  // first is answered with not_mine (to a newer owner, for which it waits owner_wait at most), or when the node has
  // certainly not seen it (to whoever owns the lane after that wait or before); if `is_repeatable`, also when the
  // connection broke. What cannot be delivered comes back as a refusal: `unavailable` when nothing was done, `failed`
  // when that is not known.
  template <class T, class Encode, class Decode>
  [[nodiscard]] env::Task<Answer<T>> call(LaneId lane, std::string_view path, Encode encode, Decode decode,
                                          bool is_repeatable, MonotonicTime deadline);

 private:
  // As a timer: owns nothing any more, and has been given time to answer what is in flight.
  struct Node final : env::Timer {
    explicit Node(env::Core& home) noexcept : core(home) {}
    ~Node() override { core.disarm(*this); }
    void on_expiry() override { connection->close(); }

    env::Core& core;
    std::unique_ptr<net::RpcConnection> connection;
    std::uint64_t in_flight = 0;
    bool is_owner = true;  // of a lane; when not, it goes with its last call
  };
  // Counts a call for as long as it is under way.
  class CallGuard {
   public:
    explicit CallGuard(NodeRouter& router) noexcept : router_(router) { ++router_.calls_; }
    CallGuard(const CallGuard&) = delete;
    CallGuard& operator=(const CallGuard&) = delete;
    ~CallGuard() {
      if (--router_.calls_ == 0) router_.idle_.notify_all();
    }

   private:
    NodeRouter& router_;
  };
  enum class Failure : std::uint8_t {
    not_processed,  // and may be processed elsewhere
    refused,        // not processed, and there is no use in trying again now
    broken,         // the connection; the outcome is unknown
    unknown,        // the outcome
  };
  struct SendError {
    Failure failure = Failure::unknown;
    std::string reason;
  };

  using SendResult = std::expected<std::string, SendError>;
  [[nodiscard]] env::Task<SendResult> send(directory::LaneOwner owner, std::string_view path, std::string body,
                                           MonotonicTime deadline);
  [[nodiscard]] static SendResult read_response(Result<net::HttpClientResponse> response);
  [[nodiscard]] Node* connect(const env::Endpoint& endpoint);
  void let_go_of_idle_nodes();
  [[nodiscard]] const directory::LaneOwner* find_owner(LaneId lane) const noexcept;
  // Waits for an owner with an epoch above `tried`, until `deadline` and for owner_wait at most.
  [[nodiscard]] env::Task<std::optional<directory::LaneOwner>> newer_owner(LaneId lane, Epoch tried,
                                                                           MonotonicTime deadline);
  void learn(LaneId lane, const LaneRefusal& refusal);
  [[nodiscard]] CallHeader header_for(LaneId lane, const directory::LaneOwner& owner) const noexcept;
  [[nodiscard]] static LaneRefusal refusal_of(const SendError& error);

  env::Core& core_;
  const net::ConnectToPeer& connect_;
  const RemoteCellSettings& settings_;
  RemoteCellMetrics& metrics_;
  directory::ShardMapPointer map_;
  absl::flat_hash_map<LaneId, directory::LaneOwner> learned_;      // newer owners than the map's, from nodes' answers
  absl::flat_hash_map<std::string, std::unique_ptr<Node>> nodes_;  // by to_string(Endpoint)
  std::uint64_t calls_ = 0;
  bool stopping_ = false;
  env::Event changed_;  // an owner, or stopping_
  env::Event idle_;     // calls_ is 0
};

template <class T, class Encode, class Decode>
env::Task<Answer<T>> NodeRouter::call(LaneId lane, std::string_view path, Encode encode, Decode decode,
                                      bool is_repeatable, MonotonicTime deadline) {
  const CallGuard guard(*this);
  std::optional<directory::LaneOwner> owner = co_await newer_owner(lane, Epoch{0}, deadline);
  for (bool is_second = false;; is_second = true) {
    if (!owner.has_value()) {
      co_return std::unexpected(
          LaneRefusal{.refusal = Refusal::unavailable, .reason = "no owner of the lane is known"});
    }
    auto body = co_await send(*owner, path, encode(header_for(lane, *owner)), deadline);
    if (body.has_value()) {
      Result<Answer<T>> answer = decode(*std::move(body));
      if (!answer.has_value()) {
        metrics_.outcome_unknown.add();
        co_return std::unexpected(
            LaneRefusal{.refusal = Refusal::failed, .reason = "the node's answer: " + answer.error().message});
      }
      if (answer->has_value() || answer->error().refusal != Refusal::not_mine) co_return *std::move(answer);
      learn(lane, answer->error());
      if (is_second) {
        answer->error().refusal = Refusal::unavailable;  // of the lane, not of the shard
        co_return *std::move(answer);
      }
      owner = co_await newer_owner(lane, owner->epoch, deadline);
    } else {
      const Failure failure = body.error().failure;
      const bool again = failure == Failure::not_processed || (failure == Failure::broken && is_repeatable);
      if (is_second || !again) co_return std::unexpected(refusal_of(body.error()));
      if (auto newer = co_await newer_owner(lane, owner->epoch, deadline)) owner = std::move(newer);
    }
    if (owner.has_value()) metrics_.retries.add();
  }
}

}  // namespace weir::cell
