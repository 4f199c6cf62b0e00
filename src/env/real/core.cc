#include "env/real/core.h"

#include <sys/random.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>

#include "env/real/files.h"
#include "env/real/heap.h"
#include "env/real/network.h"

namespace weir::env::real {
namespace {

// Between two looks at the sockets the loop resumes at most this many posted coroutines, and between two looks at the
// posted ones it serves at most that many sockets, so that neither can starve the other.
constexpr int posted_per_turn = 128;
constexpr int handlers_per_turn = 32;

thread_local const RealCore* current_core = nullptr;

std::uint64_t seed_from_system() {
  std::uint64_t seed = 0;
  while (::getrandom(&seed, sizeof(seed), 0) != static_cast<ssize_t>(sizeof(seed))) {
  }
  return seed;
}

}  // namespace

// Its only work is to end the wait.
class RealCore::WakeHandler {
 public:
  using allocator_type = OperationAllocator<std::byte>;
  explicit WakeHandler(RealCore& core) noexcept : core_(&core) {}
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(core_->wake_memory_); }
  void operator()() noexcept {
    core_->woke();
    core_->wake_under_way_ = false;
  }

 private:
  RealCore* core_;
};

RealCore::RealCore(std::uint32_t index, BlockingPool& pool)
    : index_(index),
      pool_(pool),
      files_(std::make_unique<RealFileSystem>(*this)),
      network_(std::make_unique<RealNetwork>(*this)),
      random_state_(seed_from_system()),
      // Sockets are touched by this core's thread alone, posting to the context comes from any.
      io_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      stay_open_(io_.get_executor()) {}

RealCore::~RealCore() = default;

MonotonicTime RealCore::now() const noexcept {
  return MonotonicTime(std::chrono::steady_clock::now().time_since_epoch());
}

WallTime RealCore::wall_now() const noexcept {
  return WallTime(std::chrono::floor<milliseconds>(std::chrono::system_clock::now().time_since_epoch()));
}

bool RealCore::is_current() const noexcept { return current_core == this; }

// SplitMix64: a counter through a mixing function. Good for jitter, not for secrets.
std::uint64_t RealCore::random_u64() noexcept {
  random_state_ += 0x9E3779B97F4A7C15;
  std::uint64_t mixed = random_state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
  return mixed ^ (mixed >> 31);
}

void RealCore::random_bytes(MutableBytes out) noexcept {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    WEIR_ASSERT_NOTE(got > 0 || errno == EINTR, "the system gives no random bytes");
    if (got > 0) out = out.subspan(static_cast<std::size_t>(got));
  }
}

void RealCore::post(PostNode& node) noexcept {
  if (!is_current()) return post_from_elsewhere(node);
  posted_.push(node);
}

void RealCore::post_last(PostNode& node) noexcept {
  WEIR_ASSERT(is_current());
  posted_last_.push(node);
}

void RealCore::post_from_elsewhere(PostNode& node) noexcept {
  PostNode* newest = posted_from_elsewhere_.load(std::memory_order_relaxed);
  do {
    node.next.store(newest, std::memory_order_relaxed);
  } while (!posted_from_elsewhere_.compare_exchange_weak(newest, &node, std::memory_order_seq_cst,
                                                         std::memory_order_relaxed));
  wake();
}

// The order matters and is sequentially consistent on both sides: a poster publishes its node and then looks at awake_;
// the loop takes awake_ down and then looks for nodes. One of the two sees the other.
void RealCore::wake() noexcept {
  if (awake_.load(std::memory_order_seq_cst) || awake_.exchange(true, std::memory_order_seq_cst)) return;
  boost::asio::post(io_, WakeHandler(*this));
}

void RealCore::woke() noexcept {
  if (!sleeping_) return;
  sleeping_ = false;
  if (awake_.exchange(true, std::memory_order_seq_cst)) wake_under_way_ = true;
}

// True when the loop may wait for sockets: nothing is posted, and whoever posts from now on ends the wait.
bool RealCore::may_sleep() noexcept {
  // Until that wake-up has run, awake_ stays up: there is one wake-up at most, and it is already certain.
  if (wake_under_way_) return true;
  sleeping_ = true;
  awake_.store(false, std::memory_order_seq_cst);
  if (posted_from_elsewhere_.load(std::memory_order_seq_cst) == nullptr && !stopping_.load(std::memory_order_seq_cst)) {
    return true;
  }
  woke();
  return false;
}

void RealCore::take_posted_from_elsewhere() noexcept {
  if (posted_from_elsewhere_.load(std::memory_order_relaxed) == nullptr) return;
  PostNode* newest = posted_from_elsewhere_.exchange(nullptr, std::memory_order_acquire);
  PostNode* const last = newest;
  PostNode* first = nullptr;
  while (newest != nullptr) {
    PostNode* const older = newest->next.load(std::memory_order_relaxed);
    newest->next.store(first, std::memory_order_relaxed);
    first = newest;
    newest = older;
  }
  posted_.append(first, last);
}

void RealCore::run_posted() {
  take_posted_from_elsewhere();
  for (int i = 0; i < posted_per_turn && !posted_.empty(); ++i) posted_.pop().resume.resume();
}

void RealCore::poll_ready() {
  for (int i = 0; i < handlers_per_turn && io_.poll_one() != 0; ++i) {
  }
}

void RealCore::wait_ready() {
  if (!may_sleep()) return;
  const MonotonicTime deadline = timers_.next_deadline();
  if (deadline == no_deadline) {
    io_.run_one();
  } else if (io_.run_one_until(std::chrono::steady_clock::time_point(deadline.time_since_epoch())) == 0) {
    // Asio does not even look when the time has come already; timers that are always due must not starve the sockets.
    poll_ready();
  }
  woke();
}

void RealCore::run(UniqueFunction<void()> first) {
  current_core = this;
  use_own_heap_arena();
  if (first) first();
  while (!stopping_.load(std::memory_order_acquire)) {
    if (timers_.next_deadline() != no_deadline) timers_.expire(now());
    run_posted();
    if (posted_.empty() && posted_last_.empty()) {
      wait_ready();
      continue;
    }
    PostQueue last;
    last.append(posted_last_);
    poll_ready();
    take_posted_from_elsewhere();
    posted_.append(last);
  }
  current_core = nullptr;
}

void RealCore::stop() noexcept {
  stopping_.store(true, std::memory_order_seq_cst);
  wake();
}

Task<void> RealCore::run_blocking(UniqueFunction<void()> work) { co_await blocking(std::move(work)); }

}  // namespace weir::env::real
