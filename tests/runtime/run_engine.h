// Engines of N ranks as threads, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "comm/threads.h"
#include "runtime/local_engine.h"

namespace yoke::runtime {

inline RankOptions demo_options() {
  RankOptions options;
  options.host.model = std::filesystem::path(YOKE_MODELS) / "demo.gguf";
  options.host.threads = 1;
  options.engine.sequences = 8;
  return options;
}

/// A model of three layers, of which the first and the last have a window of 8. Its context has eight pages;
/// two sequences run at once, in steps so short that the windows of each take two pages.
inline RankOptions windowed_options() {
  RankOptions options;
  options.host.model = std::filesystem::path(YOKE_GENERATED_DATA) / "tiny" / "gpt-oss.gguf";
  options.host.threads = 1;
  options.engine.sequences = 2;
  options.engine.prefill_chunk = 50;
  return options;
}

/// The options with the places of the ranks of `comm`; a collective.
inline RankOptions placed(RankOptions options, comm::Comm& comm) {
  options.places = gather_places(comm, options.host.threads);
  return options;
}

/// Runs `talk` with the leader's engine while the other ranks follow.
inline void with_engine(int ranks, const RankOptions& options, const std::function<void(Engine&)>& talk) {
  const Progress ignore = [](std::uint64_t, std::uint64_t) {};
  comm::run_ranks(ranks, [&](comm::Comm& comm) {
    if (comm.rank() != 0) return follow(placed(options, comm), comm, ignore);
    talk(*lead(placed(options, comm), comm, ignore));
  });
}

inline constexpr std::chrono::hours forever{
    1};  // so that next() returns nothing only when nothing is in flight

struct Answer {
  std::vector<Token> tokens;
  std::vector<TokenEvent> told;  // with each token
  std::vector<float> logits;
  std::vector<float> log_probabilities;
  std::optional<DoneEvent> done;
  std::string refused;
};

/// All events until nothing is in flight, by request.
inline std::map<std::uint64_t, Answer> drain(Engine& engine) {
  std::map<std::uint64_t, Answer> answers;
  while (const std::optional<Event> event = engine.next(forever)) {
    if (const auto* token = std::get_if<TokenEvent>(&*event)) {
      answers[token->request].tokens.push_back(token->token);
      answers[token->request].told.push_back(*token);
    } else if (const auto* rows = std::get_if<LogitsEvent>(&*event)) {
      std::vector<float>& all = answers[rows->request].logits;
      all.insert(all.end(), rows->logits.begin(), rows->logits.end());
    } else if (const auto* piece = std::get_if<LogProbabilitiesEvent>(&*event)) {
      std::vector<float>& all = answers[piece->request].log_probabilities;
      EXPECT_EQ(piece->first_position, static_cast<std::int32_t>(all.size()) + 1);
      all.insert(all.end(), piece->values.begin(), piece->values.end());
    } else if (const auto* done = std::get_if<DoneEvent>(&*event)) {
      answers[done->request].done = *done;
    } else if (const auto* failed = std::get_if<FailedEvent>(&*event)) {
      answers[failed->request].refused = failed->sentence;
    }
  }
  return answers;
}

inline Request request(std::uint64_t id, std::vector<Token> prompt, std::int32_t max_tokens) {
  Request request;
  request.id = id;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  return request;
}

inline std::vector<Token> greedy(int ranks, const std::vector<Token>& prompt, std::int32_t n) {
  std::vector<Token> tokens;
  with_engine(ranks, demo_options(), [&](Engine& engine) {
    engine.submit(request(1, prompt, n));
    tokens = drain(engine)[1].tokens;
  });
  return tokens;
}

inline const std::vector<Token> prompt = {2044, 318, 262, 900, 17, 41, 1000};

}  // namespace yoke::runtime
