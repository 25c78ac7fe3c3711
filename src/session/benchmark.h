// How fast a model computes a prompt and generates, as seen by whoever asks an engine for it.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "gguf/metadata.h"
#include "runtime/engine.h"

namespace yoke::session {

/// What is timed: a prompt computed, or tokens generated after a prompt of one token. One of the two counts
/// is 0.
struct BenchmarkTest {
  std::int32_t n_prompt = 0;
  std::int32_t n_gen = 0;

  /// As llama-bench names them: "pp512", "tg128".
  std::string name() const;
  /// Tokens whose time is taken; as many steps of one token where it generates, the prompt's among them. It
  /// is also the positions of context that the test needs.
  std::int32_t tokens() const { return n_prompt + n_gen; }
  /// Positions that a generated token attends to on average, itself included.
  double average_positions() const { return (n_gen + 1) / 2.0; }
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

/// Runs a test once; `progress` is called with the number of tokens generated so far. The engine rests when
/// this returns. Throws Error where it refuses the request or dies.
BenchmarkSample run_test(runtime::Engine& engine, const BenchmarkTest& test, RandomPrompts& prompts,
                         const std::function<void(std::int32_t)>& progress);

}  // namespace yoke::session
