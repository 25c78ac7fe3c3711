#include "measure/benchmark.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <numeric>
#include <optional>
#include <variant>

#include "base/error.h"

namespace yoke::measure {
namespace {

constexpr std::chrono::milliseconds patience{1000};  // between looks at whether the engine lives
constexpr std::int64_t ordinary = 1;                 // of tokenizer.ggml.token_type

std::vector<runtime::Token> choose_from(const gguf::Metadata& metadata, std::int32_t vocabulary) {
  constexpr std::string_view key = "tokenizer.ggml.token_type";
  std::vector<runtime::Token> choice;
  if (metadata.has(key)) {
    const std::vector<std::int64_t> types = metadata.integers(key);
    const auto known = std::min<std::size_t>(types.size(), static_cast<std::size_t>(vocabulary));
    for (std::size_t id = 0; id < known; ++id) {
      if (types[id] == ordinary) choice.push_back(static_cast<runtime::Token>(id));
    }
  }
  if (!choice.empty()) return choice;
  choice.resize(static_cast<std::size_t>(vocabulary));
  std::iota(choice.begin(), choice.end(), 0);
  return choice;
}

/// Generated at the end of a prompt whose time is not taken.
std::int32_t uncounted_tokens(const BenchmarkTest& test) { return test.depth > 0 ? 1 : 0; }

runtime::Request request_of(const BenchmarkTest& test, RandomPrompts& prompts) {
  runtime::Request request;
  request.prompt = prompts.draw(test.n_gen > 0 ? std::max(test.depth, 1) : test.n_prompt);
  request.max_tokens = test.n_gen + uncounted_tokens(test);
  return request;
}

BenchmarkSample sample_of(const BenchmarkTest& test, const runtime::Statistics& s) {
  if (test.depth > 0) return {s.decode_seconds, s.decode_exchange_seconds};
  return {s.prompt_seconds + s.decode_seconds, s.exchange_seconds};
}

}  // namespace

std::string BenchmarkTest::name() const {
  if (n_gen == 0) return fmt::format("pp{}", n_prompt);
  return depth > 0 ? fmt::format("tg{} @ d{}", n_gen, depth) : fmt::format("tg{}", n_gen);
}

RandomPrompts::RandomPrompts(const gguf::Metadata& metadata, std::int32_t vocabulary, std::uint64_t seed)
    : choice_(choose_from(metadata, vocabulary)), random_(seed) {}

std::vector<runtime::Token> RandomPrompts::draw(std::int32_t tokens) {
  std::vector<runtime::Token> prompt;
  for (std::int32_t i = 0; i < tokens; ++i) prompt.push_back(choice_[random_() % choice_.size()]);
  return prompt;
}

BenchmarkSample run_test(runtime::Engine& engine, const BenchmarkTest& test, RandomPrompts& prompts,
                         const std::function<void(std::int32_t)>& progress) {
  assert((test.n_prompt > 0) != (test.n_gen > 0) && (test.depth == 0 || test.n_gen > 0));
  engine.submit(request_of(test, prompts));
  std::int32_t generated = -uncounted_tokens(test);
  while (true) {
    const std::optional<runtime::Event> event = engine.next(patience);
    if (!event) continue;
    if (std::holds_alternative<runtime::TokenEvent>(*event) && ++generated > 0) progress(generated);
    if (const auto* failed = std::get_if<runtime::FailedEvent>(&*event)) throw Error(failed->sentence);
    if (const auto* done = std::get_if<runtime::DoneEvent>(&*event)) {
      require(generated == test.n_gen, "{} ended after {} tokens", test.name(), generated);
      engine.next(std::chrono::milliseconds(0));  // nothing is in flight: an engine in this process rests now
      return sample_of(test, done->statistics);
    }
  }
}

}  // namespace yoke::measure
