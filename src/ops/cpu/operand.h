// What the CPU backend's matrices are multiplied with.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "kernels/kernels.h"
#include "ops/cpu/cpu_norms.h"
#include "ops/cpu/tools.h"

namespace yoke::ops::cpu {

/// Floats and, once a matrix has asked for them, the same as bytes. Both may have a place already and be made
/// only when the first product begins, by its threads: see MakeOperands.
struct Operand {
  const float* floats = nullptr;  // (tokens, width), `stride` apart
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  std::int64_t stride = width;
  const kernels::ActivationBlock* blocks = nullptr;
  std::int64_t block_stride = 0;  // of them between two tokens
  // What is still to be made of it.
  std::optional<Norm> norm = {};                // the floats
  kernels::ActivationBlock* lacking = nullptr;  // the bytes: `blocks`, or null

  bool is_made() const { return !norm && lacking == nullptr; }
  /// Asks for the bytes, where nobody has; width is a multiple of 32.
  void ask_for_bytes(const Tools& tools);
  /// Some of the tokens, where they are. They are made with the whole.
  Operand tokens_from(std::int64_t first, std::int64_t n) const;
  /// Widens each token by so many zeros at its two ends. It is made.
  void pad(std::int64_t before, std::int64_t after, const Tools& tools);
};

/// Makes what operands lack, all threads together. They are made when it dies.
class MakeOperands {
 public:
  /// Each operand once.
  MakeOperands(std::span<Operand* const> operands, const Tools& tools);
  ~MakeOperands();
  MakeOperands(const MakeOperands&) = delete;
  MakeOperands& operator=(const MakeOperands&) = delete;

  bool is_needed() const;
  /// One thread's part of it.
  void operator()(int thread) const;
  /// All of it, in a region of its own or, where that is little, in none.
  void run() const;

 private:
  std::span<Operand* const> operands_;
  const Tools& tools_;
};

}  // namespace yoke::ops::cpu
