#include "base/arena.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <new>
#include <utility>

namespace yoke {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t line = alignment / sizeof(float);
constexpr std::size_t smallest_block = 64 * 1024;  // floats

}  // namespace

void Arena::Free::operator()(float* data) const { ::operator delete[](data, std::align_val_t{alignment}); }

Arena::Block Arena::make_block(std::size_t size) {
  void* memory = ::operator new[](size * sizeof(float), std::align_val_t{alignment});
  return {std::unique_ptr<float[], Free>(static_cast<float*>(memory)), size, 0};
}

std::span<float> Arena::floats(std::int64_t n) {
  assert(n >= 0);
  const std::size_t count = static_cast<std::size_t>(n);
  const std::size_t rounded = (count + line - 1) / line * line;
  const auto fits = [&](std::size_t index) { return blocks_[index].size - blocks_[index].used >= rounded; };
  if (blocks_.empty() || !fits(current_)) {
    const std::size_t next = blocks_.empty() ? 0 : current_ + 1;
    if (next == blocks_.size() || !fits(next)) {
      blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(next),
                     make_block(std::max(rounded, smallest_block)));
    }
    current_ = next;
  }
  Block& block = blocks_[current_];
  const std::span<float> result(block.data.get() + block.used, count);
  block.used += rounded;
#ifndef NDEBUG
  std::fill(result.begin(), result.end(), std::numeric_limits<float>::quiet_NaN());
#endif
  return result;
}

void Arena::reset() {
  current_ = 0;
  if (blocks_.size() > 1) {
    const std::size_t total = capacity() / sizeof(float);
    blocks_.clear();
    blocks_.push_back(make_block(total));
  }
  if (!blocks_.empty()) blocks_.front().used = 0;
}

std::size_t Arena::capacity() const {
  std::size_t total = 0;
  for (const Block& block : blocks_) total += block.size;
  return total * sizeof(float);
}

ArenaScope::ArenaScope(Arena& arena)
    : arena_(arena),
      block_(arena.current_),
      used_(arena.blocks_.empty() ? 0 : arena.blocks_[arena.current_].used) {}

ArenaScope::~ArenaScope() {
  for (std::size_t block = block_ + 1; block < arena_.blocks_.size(); ++block) arena_.blocks_[block].used = 0;
  if (!arena_.blocks_.empty()) arena_.blocks_[block_].used = used_;
  arena_.current_ = block_;
}

}  // namespace yoke
