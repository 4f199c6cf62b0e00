// Waiting for an Asio operation without allocating for it.
#pragma once

#include <boost/system/error_code.hpp>
#include <coroutine>
#include <cstddef>
#include <utility>

#include "env/real/core.h"
#include "env/real/operation_memory.h"

namespace weir::env::real {

// One place where a coroutine waits for an operation, one at a time.
//
//   co_await operation.wait([&](auto handler) { socket.async_wait(wait_write, handler); });
class Operation {
 public:
  explicit Operation(RealCore& core) noexcept : core_(core) {}
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() { WEIR_ASSERT_NOTE(!pending(), "what a coroutine waits for went away under it"); }

  class Handler {
   public:
    using allocator_type = OperationAllocator<std::byte>;
    explicit Handler(Operation& operation) noexcept : operation_(&operation) {}
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(operation_->memory_); }
    void operator()(boost::system::error_code outcome, std::size_t transferred = 0) {
      operation_->core_.woke();
      operation_->error = outcome;
      operation_->bytes = transferred;
      std::exchange(operation_->waiting_, nullptr).resume();
    }

   private:
    Operation* operation_;
  };

  // `start` passes the handler it is given to an asynchronous call of Asio. Afterwards `error` and `bytes` tell the
  // outcome.
  template <class Start>
  [[nodiscard]] auto wait(Start start) noexcept {
    struct Awaiter {
      Operation& operation;
      Start start;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> awaiting) {
        WEIR_ASSERT_NOTE(!operation.pending(), "two coroutines wait for the same operation");
        operation.waiting_ = awaiting;
        start(Handler(operation));
      }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this, std::move(start)};
  }
  [[nodiscard]] bool pending() const noexcept { return waiting_ != nullptr; }

  boost::system::error_code error;
  std::size_t bytes = 0;

 private:
  RealCore& core_;
  std::coroutine_handle<> waiting_;
  OperationMemory memory_;
};

}  // namespace weir::env::real
