// Sockets of the operating system over Asio's reactor.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <memory>

#include "env/network.h"
#include "env/real/core.h"
#include "env/real/descriptor.h"
#include "env/real/operation.h"

namespace weir::env::real {

class RealPendingConnection final : public PendingConnection {
 public:
  RealPendingConnection(Descriptor descriptor, Endpoint peer) noexcept
      : descriptor_(std::move(descriptor)), peer_(std::move(peer)) {}
  [[nodiscard]] Descriptor take_descriptor() noexcept { return std::move(descriptor_); }
  [[nodiscard]] const Endpoint& peer() const noexcept { return peer_; }

 private:
  Descriptor descriptor_;
  Endpoint peer_;
};

class RealListener final : public Listener {
 public:
  RealListener(RealCore& core, Descriptor descriptor, Endpoint local);
  [[nodiscard]] Task<Result<std::unique_ptr<PendingConnection>>> accept() override;
  void close() noexcept override;
  [[nodiscard]] const Endpoint& local() const noexcept override { return local_; }

 private:
  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> socket_;
  Operation arrival_;
  Endpoint local_;
  int accepted_without_waiting_ = 0;
};

class RealNetwork final : public Network {
 public:
  explicit RealNetwork(RealCore& core) noexcept : core_(core) {}
  [[nodiscard]] Task<Result<std::unique_ptr<Listener>>> listen(Endpoint endpoint, std::uint32_t backlog) override;
  [[nodiscard]] std::unique_ptr<Connection> adopt(std::unique_ptr<PendingConnection> pending) override;
  [[nodiscard]] std::unique_ptr<PendingConnection> release(std::unique_ptr<Connection> connection) override;
  [[nodiscard]] Task<Result<std::unique_ptr<Connection>>> connect(Endpoint endpoint, MonotonicTime deadline) override;

 private:
  RealCore& core_;
};

}  // namespace weir::env::real
