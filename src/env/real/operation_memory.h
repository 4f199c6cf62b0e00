// Memory that Asio's bookkeeping of one operation is made in, so that starting an operation allocates nothing.
#pragma once

#include <cstddef>
#include <new>

namespace weir::env::real {

// Room for what Asio keeps of one operation, used again and again by its owner. Should Asio ever need more, the heap
// gives it.
class OperationMemory {
 public:
  OperationMemory() = default;
  OperationMemory(const OperationMemory&) = delete;
  OperationMemory& operator=(const OperationMemory&) = delete;
  ~OperationMemory() = default;

  void* allocate(std::size_t bytes) {
    if (used_ || bytes > sizeof(storage_)) return ::operator new(bytes);
    used_ = true;
    return storage_;
  }
  void deallocate(void* memory) noexcept {
    if (memory == storage_) {
      used_ = false;
    } else {
      ::operator delete(memory);
    }
  }

 private:
  alignas(std::max_align_t) std::byte storage_[192]{};
  bool used_ = false;
};

template <class T>
class OperationAllocator {
 public:
  using value_type = T;
  explicit OperationAllocator(OperationMemory& memory) noexcept : memory_(&memory) {}
  template <class U>
  explicit(false) OperationAllocator(const OperationAllocator<U>& other) noexcept : memory_(other.memory_) {}
  T* allocate(std::size_t count) { return static_cast<T*>(memory_->allocate(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t) noexcept { memory_->deallocate(memory); }
  friend bool operator==(const OperationAllocator&, const OperationAllocator&) = default;

 private:
  template <class U>
  friend class OperationAllocator;
  OperationMemory* memory_;
};

}  // namespace weir::env::real
