#include "frontend/front_end.h"

#include <array>

#include "frontend/request_id.h"
#include "kinesis/errors.h"

namespace weir::frontend {
namespace {

kinesis::RequestHead head_of(const net::HttpRequest& request) {
  kinesis::RequestHead head;
  head.method = request.method;
  for (const net::HeaderField& field : request.headers) {
    if (field.name == "x-amz-target")
      head.target = field.value;
    else if (field.name == "content-type")
      head.content_type = field.value;
    else if (field.name == "origin")
      head.origin = field.value;
    else if (field.name == "access-control-request-headers")
      head.request_headers = field.value;
    else if (field.name == "access-control-request-method")
      head.request_method = field.value;
  }
  return head;
}

bool is_throttle(kinesis::ApiErrorCode code) noexcept {
  return code == kinesis::ApiErrorCode::provisioned_throughput_exceeded ||
         code == kinesis::ApiErrorCode::limit_exceeded;
}

void count_outcome(const FrontEndMetrics::PerOperation& metrics, const OperationResult& result) {
  if (result) {
    metrics.answered->add();
    return;
  }
  const kinesis::ApiErrorCode code = result.error().code;
  if (is_throttle(code)) {
    metrics.throttled->add();
  } else if (kinesis::info(code).status >= 500) {
    metrics.server_errors->add();
  } else {
    metrics.client_errors->add();
  }
}

}  // namespace

env::Task<net::HttpResponse> FrontEnd::handle(net::HttpRequest& request) {
  const kinesis::RequestHead head = head_of(request);
  // Nobody gets out of the background by a request that is nobody's.
  Aftermath aftermath{.gives_way = place_ == Place::background};
  net::HttpResponse response = to_response(co_await answer(request, head, aftermath), head);
  response.ends_connection = aftermath.ends_connection;
  response.gives_way = aftermath.gives_way;
  response.in_vain = aftermath.in_vain;
  co_return response;
}

env::Task<kinesis::Answer> FrontEnd::answer(net::HttpRequest& request, const kinesis::RequestHead& head,
                                            Aftermath& aftermath) {
  kinesis::Decision decision = kinesis::dispatch(head, request.body);
  if (decision.answer) {
    services_.metrics.unknown_operations.add();
    co_return std::move(*decision.answer);
  }
  const bool is_large = LargeWork::is_large(request.body.size());
  std::expected<Identity, kinesis::ApiError> identity;
  if (is_large) {
    identity = co_await authenticator_.authenticate_in_pieces(request, core_.wall_now(), large_work_);
  } else {
    identity = authenticator_.authenticate(request, core_.wall_now());
  }
  if (!identity) {
    services_.metrics.authentication_failures.add();
    if (identity.error().code == kinesis::ApiErrorCode::unrecognized_client) services_.metrics.unknown_keys.add();
    if (is_large) co_await large_work_.turn();  // whether the body is well-formed is looked at now
    co_return kinesis::refusal(decision, request.body, identity.error());
  }
  if (request.connection_label != nullptr) {
    const bool is_new_here = *request.connection_label == nullptr;
    if (is_new_here && place_ == Place::background) giving_way_.begin(identity->account);
    if (!connections_.note(*request.connection_label, identity->account)) {
      services_.metrics.connections_over_share.add();
      aftermath.ends_connection = true;
    }
  }
  if (decision.answer_when_authenticated) co_return std::move(*decision.answer_when_authenticated);
  co_return co_await run_operation(decision, std::move(*identity), request.body, aftermath);
}

env::Task<kinesis::Answer> FrontEnd::run_operation(const kinesis::Decision& decision, Identity identity,
                                                   MutableBytes body, Aftermath& aftermath) {
  const OperationFunction function = find_operation(decision.operation);
  const kinesis::ErrorForm form = kinesis::error_form(decision.encoding);
  if (function == nullptr) co_return kinesis::error_answer(kinesis::errors::unknown_operation(), form);
  if (routes_.map() == nullptr) {
    co_return kinesis::error_answer(kinesis::errors::service_unavailable("The server is starting. Try again."), form);
  }
  const MonotonicTime started = core_.now();
  OperationCall call{.core = core_,
                     .services = services_,
                     .routes = routes_,
                     .sealer = sealer_,
                     .large_work = large_work_,
                     .operation = decision.operation,
                     .encoding = decision.encoding,
                     .identity = std::move(identity),
                     .body = body};
  OperationResult result = co_await function(call);
  aftermath.in_vain = call.is_in_vain || (!result && is_throttle(result.error().code));
  const bool is_over_rate = call.is_over_rate || aftermath.in_vain;
  if (is_over_rate) giving_way_.note_refused(call.identity.account, body.size());
  if (is_over_rate || place_ == Place::background) {
    aftermath.gives_way = giving_way_.gives_way(call.identity.account);
    if (is_over_rate && aftermath.gives_way) services_.metrics.refusals_that_gave_way.add();
  }
  const FrontEndMetrics::PerOperation& metrics =
      services_.metrics.operations[static_cast<std::size_t>(decision.operation)];
  count_outcome(metrics, result);
  metrics.seconds->observe(std::chrono::duration<double>(core_.now() - started).count());
  if (!result) co_return kinesis::error_answer(result.error(), form);
  co_return kinesis::success_answer(std::move(*result), decision.encoding);
}

net::HttpResponse FrontEnd::to_response(kinesis::Answer answer, const kinesis::RequestHead& head) {
  net::HttpResponse response;
  response.status = answer.status;
  response.headers.reserve(5);
  response.headers.emplace_back("x-amzn-RequestId", make_request_id(core_));
  if (!answer.is_preflight) response.headers.emplace_back("x-amz-id-2", make_extended_request_id(core_));
  if (answer.content_type) response.headers.emplace_back("Content-Type", std::string(*answer.content_type));
  if (head.origin) {
    for (auto& field : kinesis::cors_headers(head)) response.headers.push_back(std::move(field));
  }
  response.body = std::move(answer.body);
  return response;
}

net::HttpResponse FrontEnd::refuse(std::uint16_t status) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("x-amzn-RequestId", make_request_id(core_));
  return response;
}

}  // namespace weir::frontend
