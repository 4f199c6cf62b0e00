#include "cell/lane/pending_batches.h"

#include <utility>

#include "base/assert.h"

namespace weir::cell {

PendingBatch& PendingBatches::batch_for(std::uint64_t stored_bytes) {
  if (batches_.empty() || batches_.back().stored_bytes + stored_bytes > batch_bytes_max_) {
    batches_.emplace_back().number = ++newest_begun_;
  }
  return batches_.back();
}

void PendingBatches::add(PendingBatch& batch, journal::Fragment fragment) {
  const std::uint64_t stored_bytes = fragment.bytes().size();
  bytes_ += stored_bytes;
  batch.stored_bytes += stored_bytes;
  batch.fragments.push_back(std::move(fragment));
}

void PendingBatches::wait(PendingBatch& batch, CommitWaiter& waiter) noexcept {
  (batch.last_waiter != nullptr ? batch.last_waiter->next_ : batch.first_waiter) = &waiter;
  batch.last_waiter = &waiter;
  ++batch.calls;
  ++calls_;
}

PendingBatch PendingBatches::take() {
  PendingBatch batch = std::move(batches_.front());
  batches_.pop_front();
  return batch;
}

void PendingBatches::settle(const PendingBatch& batch, Refusal refusal, const std::string& reason) {
  WEIR_ASSERT(batch.number == newest_settled_ + 1);
  newest_settled_ = batch.number;
  bytes_ -= batch.stored_bytes;
  calls_ -= batch.calls;
  // A waiter may be gone as soon as it is posted.
  for (CommitWaiter* waiter = batch.first_waiter; waiter != nullptr;) {
    CommitWaiter* const next = waiter->next_;
    waiter->refusal_ = refusal;
    if (refusal != Refusal::none) waiter->reason_ = reason;
    waiter->caller_.post(waiter->node_);
    waiter = next;
  }
}

}  // namespace weir::cell
