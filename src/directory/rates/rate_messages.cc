#include "directory/rates/rate_messages.h"

#include <algorithm>
#include <limits>

#include "directory/rates/rates.pb.h"

namespace weir::directory {
namespace {

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::corrupt, "a message about call rates: " + std::string(what));
}

template <class Message>
bool parse(Message& message, std::string_view body) {
  return body.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
         message.ParseFromArray(body.data(), static_cast<int>(body.size()));
}

bool is_name(std::string_view name) noexcept { return !name.empty() && name.size() <= rate_name_bytes_max; }

}  // namespace

std::string encode(const RatesAsk& ask) {
  rates::Ask message;
  message.set_process(ask.process);
  message.set_fleet(ask.fleet);
  for (const RateAsk& subject : ask.subjects) {
    rates::SubjectAsk& wire = *message.add_subjects();
    wire.set_subject(subject.subject);
    wire.set_calls_per_second(subject.calls_per_second);
    wire.set_wanted(subject.wanted);
    wire.set_spent(subject.spent);
  }
  return message.SerializeAsString();
}

std::string encode(const RatesAnswer& answer) {
  rates::Answer message;
  message.set_outcome(answer.is_leader ? rates::DONE : rates::NOT_LEADER);
  if (answer.leader) {
    message.set_leader_address(answer.leader->address);
    message.set_leader_port(answer.leader->port);
  }
  message.set_front_ends(answer.front_ends);
  message.set_began_lately(answer.began_lately);
  for (const RateGrant& grant : answer.grants) {
    rates::Grant& wire = *message.add_grants();
    wire.set_granted(grant.granted);
    wire.set_refuse_for_us(static_cast<std::uint32_t>(grant.refuse_for.count()));
    wire.set_by_share(grant.by_share);
  }
  return message.SerializeAsString();
}

Result<RatesAsk> decode_rates_ask(std::string_view body) {
  if (body.size() > rate_ask_bytes_max) return malformed("it is too long");
  rates::Ask message;
  if (!parse(message, body)) return malformed("no ask");
  if (!is_name(message.process()) || !is_name(message.fleet())) return malformed("an ask without a name or a fleet");
  if (static_cast<std::size_t>(message.subjects_size()) > rate_subjects_per_ask_max)
    return malformed("too many subjects");
  RatesAsk ask{.process = message.process(), .fleet = message.fleet(), .subjects = {}};
  ask.subjects.reserve(static_cast<std::size_t>(message.subjects_size()));
  for (const rates::SubjectAsk& wire : message.subjects()) {
    if (wire.subject().empty() || wire.subject().size() > rate_subject_bytes_max) return malformed("no subject");
    if (wire.calls_per_second() == 0) return malformed("a limit of no calls");
    ask.subjects.push_back({.subject = wire.subject(),
                            .calls_per_second = wire.calls_per_second(),
                            .wanted = wire.wanted(),
                            .spent = wire.spent()});
  }
  return ask;
}

Result<RatesAnswer> decode_rates_answer(std::string_view body, const std::vector<RateAsk>& subjects) {
  rates::Answer message;
  if (!parse(message, body)) return malformed("no answer");
  RatesAnswer answer;
  switch (message.outcome()) {
    case rates::DONE: answer.is_leader = true; break;
    case rates::NOT_LEADER: answer.is_leader = false; break;
    default: return malformed("an outcome that this version does not know");
  }
  if (!message.leader_address().empty()) {
    const std::uint32_t port = message.leader_port();
    if (port == 0 || port > std::numeric_limits<std::uint16_t>::max()) return malformed("a leader without a port");
    answer.leader = env::Endpoint{.address = message.leader_address(), .port = static_cast<std::uint16_t>(port)};
  }
  answer.front_ends = message.front_ends();
  answer.began_lately = message.began_lately();
  const auto grants = static_cast<std::size_t>(message.grants_size());
  const std::size_t due = answer.is_leader && !answer.began_lately ? subjects.size() : 0;
  if (grants != due) return malformed("grants for other subjects than were asked for");
  for (std::size_t i = 0; i < grants; ++i) {
    const rates::Grant& wire = message.grants(static_cast<int>(i));
    if (wire.granted() > subjects[i].wanted) return malformed("more granted than wanted");
    answer.grants.push_back({.granted = wire.granted(),
                             .refuse_for = std::min<microseconds>(microseconds(wire.refuse_for_us()), rate_window),
                             .by_share = wire.by_share()});
  }
  return answer;
}

}  // namespace weir::directory
