// LocalCallRates: call rates of a process that is alone.
//
// Threading: counts on the core `home`, so that a rate holds for the whole process.
#pragma once

#include "frontend/call_rates.h"
#include "frontend/subject_table.h"
#include "model/rate_window.h"

namespace weir::frontend {

class LocalCallRates final : public CallRates {
 public:
  LocalCallRates(env::Core& home, CallRateMetrics& metrics, const SubjectTableOptions& options = {})
      : home_(home), metrics_(metrics), windows_(options) {}

  [[nodiscard]] env::Task<bool> admit(env::Core& caller, std::string subject, std::uint32_t calls_per_second) override;

 private:
  [[nodiscard]] bool try_admit(const std::string& subject, std::uint32_t calls_per_second);

  env::Core& home_;
  CallRateMetrics& metrics_;
  SubjectTable<model::CallRate> windows_;
};

}  // namespace weir::frontend
