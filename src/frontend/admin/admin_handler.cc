#include "frontend/admin/admin_handler.h"

#include <string>

namespace weir::frontend {
namespace {

net::HttpResponse text(std::uint16_t status, std::string body) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("content-type", "text/plain; charset=utf-8");
  response.body = std::move(body);
  return response;
}

}  // namespace

env::Task<net::HttpResponse> AdminHandler::handle(net::HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") co_return text(405, "only GET\n");
  if (request.path == "/livez") co_return text(200, "live\n");
  if (request.path == "/readyz") {
    const Readiness readiness = co_await health_.readiness();
    co_return text(readiness.ready ? 200 : 503, readiness.text());
  }
  if (request.path == "/metrics") {
    net::HttpResponse response = text(200, metrics_.prometheus_text());
    response.headers.front().second = "text/plain; version=0.0.4; charset=utf-8";
    co_return response;
  }
  co_return text(404, "there is /livez, /readyz and /metrics\n");
}

net::HttpResponse AdminHandler::refuse(std::uint16_t status) { return text(status, "request refused\n"); }

}  // namespace weir::frontend
