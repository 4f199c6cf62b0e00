#include <boost/asio/error.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "env/process.h"
#include "env/real/core.h"
#include "env/real/operation.h"

namespace weir::env {
namespace real {
namespace {

class RealSignalSource final : public SignalSource {
 public:
  explicit RealSignalSource(RealCore& core) : signals_(core.io()), arrival_(core) {}

  [[nodiscard]] boost::system::error_code start() {
    boost::system::error_code error;
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
      if (!error) error = signals_.add(number, error);
    }
    return error;
  }

  [[nodiscard]] Task<std::optional<ProcessSignal>> wait_for_signal() override {
    if (closed_) co_return std::nullopt;
    int number = 0;
    co_await arrival_.wait([&](Operation::Handler handler) { signals_.async_wait(SignalHandler{handler, &number}); });
    if (arrival_.error) co_return std::nullopt;
    co_return number == SIGTERM ? ProcessSignal::terminate
    : number == SIGINT          ? ProcessSignal::interrupt
                                : ProcessSignal::hangup;
  }

  void close() noexcept override {
    closed_ = true;
    boost::system::error_code ignored;
    ignored = signals_.cancel(ignored);
  }

 private:
  // Asio gives the number of the signal where other operations give a count of bytes.
  struct SignalHandler {
    Operation::Handler inner;
    int* number;
    using allocator_type = Operation::Handler::allocator_type;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return inner.get_allocator(); }
    void operator()(boost::system::error_code error, int arrived) {
      *number = arrived;
      inner(error);
    }
  };

  boost::asio::basic_signal_set<boost::asio::io_context::executor_type> signals_;
  Operation arrival_;
  bool closed_ = false;
};

}  // namespace
}  // namespace real

Result<std::unique_ptr<SignalSource>> make_signal_source(Core& core) {
  auto source = std::make_unique<real::RealSignalSource>(static_cast<real::RealCore&>(core));
  if (const boost::system::error_code error = source->start(); error) {
    return fail(ErrorCode::io, "catching signals: " + error.message());
  }
  return source;
}

}  // namespace weir::env
