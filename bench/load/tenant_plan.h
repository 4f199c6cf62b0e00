// What one tenant sends: several mixes of requests, each at a rate of its own or at given moments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "load/requests.h"

namespace weir::bench {

// A request's body, of which the first so many records can be sent alone.
class Body {
 public:
  // `json`: the whole body. One without Records counts as a single record.
  explicit Body(std::string json);
  [[nodiscard]] std::size_t records() const noexcept { return records_.empty() ? 1 : records_.size(); }
  [[nodiscard]] std::string text(std::size_t records) const;

 private:
  std::string whole_;
  std::string others_;  // the members besides Records, with a comma behind each
  std::vector<std::string> records_;
};

// A request that is due so long after the beginning: the first `records` of the body with that number.
struct Moment {
  double due_s = 0;
  std::size_t body = 0;
  std::size_t records = 1;
};

struct MixPlan {
  std::string name;
  std::string operation;
  std::vector<Body> bodies;
  double per_second = 0;
  std::size_t connections = 1;
  // In place of the rate. What is refused of these for a rate is sent again a little later, until it is taken.
  std::optional<std::vector<Moment>> moments;
};

struct TenantPlan {
  double seconds = 0;
  std::vector<std::uint16_t> ports;  // on 127.0.0.1; connections take them in turn
  Signing signing;
  std::vector<MixPlan> mixes;
};

// Reads {"seconds": 20, "ports": [...], "key": [id, secret], "mixes": [{"name": ..., "operation": ..., "bodies": [...],
// "per_second": 100, "connections": 4, "moments": [[seconds, body, records], ...]}]}; moments may be missing. Ends the
// process with a message when it is anything else.
[[nodiscard]] TenantPlan read_tenant_plan(const std::string& path);

}  // namespace weir::bench
