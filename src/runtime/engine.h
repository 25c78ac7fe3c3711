// Token ids in, token ids out. Whoever talks to people (cli, server) sees a model only through this
// interface; behind it the model runs in this process or in an engine process of many ranks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace yoke::runtime {

using Token = std::int32_t;

struct Sampling {
  float temperature = 0;  // 0 is greedy
  std::uint64_t seed = 0;
};

struct Request {
  std::uint64_t id = 0;         // the caller's, unique among those in flight
  std::vector<Token> prompt;    // not empty
  std::int32_t max_tokens = 0;  // how many to generate; 0 computes the prompt only
  Sampling sampling;
  std::vector<Token> stop_tokens;     // generation ends after one of these; it is reported too
  bool all_logits = false;            // report the logits of every prompt position (max_tokens must be 0)
  std::int32_t vocabulary_limit = 0;  // ids from here on are never sampled; 0: any id may be
};

struct Statistics {
  std::int32_t prompt_tokens = 0;
  std::int32_t generated_tokens = 0;
  double prompt_seconds = 0;        // from the first step to the first sampled token
  double decode_seconds = 0;        // of the generated_tokens − 1 that follow
  std::uint64_t reduced_bytes = 0;  // on rank 0, over the request
  double exchange_seconds = 0;      // likewise, waiting for slower ranks included
};

enum class FinishReason : std::uint8_t { length, stop_token, context_full, cancelled };

struct TokenEvent {
  std::uint64_t request = 0;
  Token token = 0;
};
/// Rows of logits of consecutive prompt positions: (rows, vocabulary), float32.
struct LogitsEvent {
  std::uint64_t request = 0;
  std::int32_t first_position = 0;
  std::vector<float> logits;
};
struct DoneEvent {
  std::uint64_t request = 0;
  FinishReason reason{};
  Statistics statistics;
};
/// The request was refused (a token out of range, a prompt longer than the context); the engine goes on.
struct RefusedEvent {
  std::uint64_t request = 0;
  std::string sentence;
};
using Event = std::variant<TokenEvent, LogitsEvent, DoneEvent, RefusedEvent>;

/// What one rank holds and how its time was split.
struct RankReport {
  std::int32_t rank = 0;
  std::string host;
  std::int64_t pid = 0;
  std::int32_t threads = 0;
  std::string isa;
  std::uint64_t weight_bytes = 0;
  std::uint64_t kv_bytes = 0;
  std::string share;  // "heads 0-1 of 8, FFN 0-191 of 768, vocabulary 0-511 of 2048"
  double load_seconds = 0;
  // Over the engine's life so far:
  double compute_seconds = 0;
  double exchange_seconds = 0;
  std::uint64_t reduced_bytes = 0;
};

struct EngineInfo {
  std::int32_t vocabulary = 0;
  std::int32_t context = 0;  // positions a sequence may have
};

/// An engine's death (a lost rank, a broken peer) makes every member throw yoke::Error with the sentence to
/// show.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual EngineInfo info() const = 0;
  /// Queues a request; its events follow from next().
  virtual void submit(Request request) = 0;
  /// Stops a request; its DoneEvent (cancelled) follows, unless it had already ended.
  virtual void cancel(std::uint64_t request) = 0;
  /// The next event of any request; blocks, and advances the work where the engine is in this process.
  /// Nothing after `patience`, or at once where no request is in flight.
  virtual std::optional<Event> next(std::chrono::milliseconds patience) = 0;
  /// One report per rank, in rank order.
  virtual std::vector<RankReport> reports() = 0;
};

}  // namespace yoke::runtime
