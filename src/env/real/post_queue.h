// PostQueue: posted coroutines in the order in which they came, linked through PostNode::next. One thread.
#pragma once

#include "env/core.h"

namespace weir::env::real {

class PostQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

  void push(PostNode& node) noexcept {
    node.next.store(nullptr, std::memory_order_relaxed);
    append(&node, &node);
  }
  // The queue is not empty.
  [[nodiscard]] PostNode& pop() noexcept {
    PostNode& node = *first_;
    first_ = node.next.load(std::memory_order_relaxed);
    if (first_ == nullptr) last_ = nullptr;
    return node;
  }
  // A chain of nodes; the last one's next is null.
  void append(PostNode* first, PostNode* last) noexcept {
    if (first == nullptr) return;
    if (last_ != nullptr) {
      last_->next.store(first, std::memory_order_relaxed);
    } else {
      first_ = first;
    }
    last_ = last;
  }
  // Takes all of `other`.
  void append(PostQueue& other) noexcept {
    append(other.first_, other.last_);
    other.first_ = other.last_ = nullptr;
  }

 private:
  PostNode* first_ = nullptr;
  PostNode* last_ = nullptr;
};

}  // namespace weir::env::real
