// How fast a model computes a prompt and generates, as seen by whoever asks an engine for it.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "gguf/metadata.h"
#include "runtime/engine.h"

namespace yoke::measure {

/// What is timed: a prompt computed, or tokens generated. One of the two counts is 0. Tokens are generated
/// after a prompt of `depth` tokens, whose time is not taken; where that is 0, after one of one token, whose
/// step counts.
struct BenchmarkTest {
  std::int32_t n_prompt = 0;
  std::int32_t n_gen = 0;
  std::int32_t depth = 0;  // only where tokens are generated

  /// As llama-bench names them: "pp512", "tg128", "tg128 @ d8192".
  std::string name() const;
  /// Tokens whose time is taken; as many steps of one token where it generates.
  std::int32_t tokens() const { return n_prompt + n_gen; }
  /// Of context, that the test needs.
  std::int64_t positions() const { return std::int64_t{depth} + tokens(); }
  /// Positions that a generated token attends to on average, itself included.
  double average_positions() const { return depth + (n_gen + 1) / 2.0; }
};

/// What one run of a test took.
struct BenchmarkSample {
  double seconds = 0;
  double exchange_seconds = 0;  // of them on rank 0, waiting for slower ranks included
};

/// Draws prompts. The same seed gives the same ones.
class RandomPrompts {
 public:
  /// Ids below `vocabulary`, of ordinary tokens only where the model says what each is.
  RandomPrompts(const gguf::Metadata& metadata, std::int32_t vocabulary, std::uint64_t seed);
  std::vector<runtime::Token> draw(std::int32_t tokens);

 private:
  std::vector<runtime::Token> choice_;
  std::mt19937_64 random_;
};

/// Runs a test once; `progress` is called with the number of tokens generated so far that count. The engine
/// rests when this returns. Throws Error where it refuses the request or dies.
BenchmarkSample run_test(runtime::Engine& engine, const BenchmarkTest& test, RandomPrompts& prompts,
                         const std::function<void(std::int32_t)>& progress);

}  // namespace yoke::measure
