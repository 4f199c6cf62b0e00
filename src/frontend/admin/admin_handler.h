// AdminHandler: what the admin port answers. It depends on nothing that serves records, so that an operator can look
// when nothing else works.
//
//   GET /livez    200 "live"
//   GET /readyz   200 "ready", which may be followed by what is wrong all the same, or 503 with the reason
//   GET /metrics  Prometheus text
#pragma once

#include "base/metrics.h"
#include "frontend/health.h"
#include "net/http.h"

namespace weir::frontend {

class AdminHandler final : public net::HttpHandler {
 public:
  // Both must outlive the handler.
  AdminHandler(const MetricsRegistry& metrics, const Health& health) noexcept : metrics_(metrics), health_(health) {}

  [[nodiscard]] env::Task<net::HttpResponse> handle(net::HttpRequest& request) override;
  [[nodiscard]] net::HttpResponse refuse(std::uint16_t status) override;

 private:
  const MetricsRegistry& metrics_;
  const Health& health_;
};

}  // namespace weir::frontend
