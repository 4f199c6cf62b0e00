// Whatever bytes come to a directory as an ask about call rates, or to a front end as an answer, must neither crash it
// nor make it count or grant what cannot be.
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "directory/rates/rate_ledger.h"
#include "directory/rates/rate_messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  using namespace weir::directory;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const std::vector<RateAsk> asked{{.subject = "a", .wanted = 3}, {.subject = "b", .calls_per_second = 7, .wanted = 1}};
  if (const auto answer = decode_rates_answer(body, asked)) {
    WEIR_ASSERT(answer->grants.size() <= asked.size());
    WEIR_ASSERT(decode_rates_answer(encode(*answer), asked) == *answer);
  }
  const auto ask = decode_rates_ask(body);
  if (!ask) return 0;
  WEIR_ASSERT(ask->subjects.size() <= rate_subjects_per_ask_max);
  WEIR_ASSERT(decode_rates_ask(encode(*ask)) == *ask);
  const MonotonicTime began(seconds(1));
  RateLedger ledger(began, {.subjects_max = 8});
  for (MonotonicTime now = began; now < began + 3 * rate_window; now += rate_window / 2) {
    for (const RateAsk& subject : ask->subjects) {
      const RateGrant grant = ledger.ask(now, subject);
      WEIR_ASSERT(grant.granted <= subject.wanted && grant.granted <= subject.calls_per_second);
      WEIR_ASSERT(grant.refuse_for >= microseconds(0) && grant.refuse_for <= rate_window);
    }
  }
  return 0;
}
