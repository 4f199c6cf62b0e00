// Health: three separate answers. Live: the process runs. Ready: it can serve, or says why not. Overload is neither: it
// is answered per request by a retryable throttle (design, section 4).
//
// What readiness means is each role's own affair: it gives the Health a function that looks. Until then the process is
// starting, and says what it waits for.
//
// Threading: one core, that of the admin port.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "env/task.h"

namespace weir::frontend {

// An answer that a person understands.
struct Readiness {
  bool ready = false;
  // In one word, of a small set, what keeps the process from serving, or what is wrong although it serves; empty: all
  // is well. The log tells of a change of this, not of the reason's every figure.
  std::string_view cause;
  std::string reason;                // one line: the cause with its names and figures; empty: all is well
  std::vector<std::string> details;  // further lines

  [[nodiscard]] static Readiness all_well() { return {.ready = true, .cause = {}, .reason = {}, .details = {}}; }
  // "ready", "ready: ...", "not ready: ...", then the details, each on a line of its own.
  [[nodiscard]] std::string text() const {
    std::string text = ready ? "ready" : "not ready";
    if (!reason.empty()) text.append(": ").append(reason);
    text.push_back('\n');
    for (const std::string& detail : details) text.append("  ").append(detail).push_back('\n');
    return text;
  }
};

class Health {
 public:
  // Comes back on the core that it was called on.
  using Look = std::function<env::Task<Readiness>()>;

  // What the process waits for before it can serve.
  void set_starting(std::string waits_for) { waits_for_ = std::move(waits_for); }
  void set_look(Look look) { look_ = std::move(look); }
  // From here on `look` is not called again.
  void set_draining() noexcept { draining_ = true; }

  [[nodiscard]] env::Task<Readiness> readiness() const {
    if (draining_) {
      co_return Readiness{.ready = false, .cause = "draining", .reason = "draining before the stop", .details = {}};
    }
    if (!look_) {
      co_return Readiness{.ready = false, .cause = "starting", .reason = "starting: " + waits_for_, .details = {}};
    }
    co_return co_await look_();
  }

 private:
  std::string waits_for_ = "opening what it stores";
  Look look_;
  bool draining_ = false;
};

}  // namespace weir::frontend
