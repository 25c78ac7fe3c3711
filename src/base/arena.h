// Scratch memory of one forward step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace yoke {

/// Hands out float scratch by moving a pointer. Whoever runs a step owns the arena, passes it down, and
/// resets it between steps; spans die with the reset or with the scope they were taken in. Blocks are kept,
/// and the reset after a step that needed several joins them, so that from then on steps of that size
/// allocate nothing. One thread at a time.
class Arena {
 public:
  /// `n` ≥ 0 floats, 64-byte aligned. They are not initialised; in builds with assertions they are NaN, so
  /// that reading scratch before writing it shows.
  std::span<float> floats(std::int64_t n);

  /// Takes back everything handed out.
  void reset();

  /// Bytes owned, handed out or not.
  std::size_t capacity() const;

 private:
  friend class ArenaScope;
  struct Free {
    void operator()(float* data) const;
  };
  struct Block {
    std::unique_ptr<float[], Free> data;
    std::size_t size;  // floats
    std::size_t used;
  };
  static Block make_block(std::size_t size);

  std::vector<Block> blocks_;
  std::size_t current_ = 0;  // the block in use; those behind it are empty
};

/// Takes back at its end what was handed out since its beginning. Scopes nest.
class ArenaScope {
 public:
  explicit ArenaScope(Arena& arena);
  ~ArenaScope();
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;

 private:
  Arena& arena_;
  std::size_t block_;
  std::size_t used_;
};

}  // namespace yoke
