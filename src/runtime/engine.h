// Token ids in, token ids out. Whoever talks to people (cli, server) sees a model only through this
// interface; behind it the model runs in this process or in an engine process of many ranks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rates/roofline.h"

namespace yoke::runtime {

using Token = std::int32_t;

/// Added to the logit of one token.
struct TokenBias {
  Token token = 0;
  float bias = 0;  // −∞ forbids the token
};

/// How a token is drawn from a row of logits. What applies is done in this order: bias; penalties; division
/// by the temperature; then the candidates are narrowed by top_k, typical_p, top_p and min_p, each over the
/// renormalised rest of the one before; then one is drawn.
struct Sampling {
  float temperature = 0;  // 0 takes the likeliest token; nothing below matters then but bias and penalties
  std::uint64_t seed = 0;
  std::int32_t top_k = 0;  // only the k likeliest; 0: all
  float top_p = 1;         // only the likeliest whose probabilities first add up to top_p
  float min_p = 0;         // only those at least min_p times as likely as the likeliest
  float typical_p = 1;     // locally typical sampling (Meister et al. 2022), https://arxiv.org/abs/2202.00666
  /// Of tokens among the last penalty_window (prompt included): a positive logit is divided by
  /// repetition_penalty, a negative one multiplied (Keskar et al. 2019, https://arxiv.org/abs/1909.05858);
  /// then presence_penalty, and frequency_penalty times the number of occurrences, are subtracted.
  float repetition_penalty = 1;
  float presence_penalty = 0;
  float frequency_penalty = 0;
  std::int32_t penalty_window = 64;  // tokens; 0: the whole sequence
  std::vector<TokenBias> bias{};     // no token twice
};

/// What is told of a prompt besides what follows it.
enum class PromptReport : std::uint8_t {
  nothing,
  log_probabilities,  // of every prompt token but the first, given those before it
  logits,             // of every position
};

/// The most alternatives that are told of with a generated token.
inline constexpr std::int32_t most_log_probabilities = 20;

/// Consecutive positions, from `first` to before `end`.
struct Stretch {
  std::int32_t first = 0;
  std::int32_t end = 0;
  bool operator==(const Stretch&) const = default;
};

struct Request {
  std::uint64_t id = 0;         // the caller's, unique among those in flight
  std::vector<Token> prompt;    // not empty
  std::int32_t max_tokens = 0;  // how many to generate; 0 computes the prompt only
  Sampling sampling;
  std::vector<Token> stop_tokens;     // generation ends after one of these; it is reported too
  PromptReport report{};              // anything but `nothing` needs max_tokens 0
  std::int32_t report_from = 0;       // nothing is told of what follows the positions before this one
  std::int32_t vocabulary_limit = 0;  // ids from here on are never sampled; 0: any id may be
  std::uint64_t salt = 0;             // what requests of another salt have computed is not used
  /// Of the prompt: what was given at once, in this request or in those that it goes on from; the rest was
  /// generated. None of them empty, ascending, with something between. None: all of it. The same tokens give
  /// the same bits where this is the same, too (runtime/forms.h).
  std::vector<Stretch> given{};
  /// With each generated token comes its ln p, and that of so many of the likeliest; −1: neither.
  std::int32_t log_probabilities = -1;
  /// So long after its submission the request ends, between two steps, whether it waits or runs; what it has
  /// computed stays known as after a cancellation. 0: it has time.
  std::int32_t deadline_milliseconds = 0;
};

struct Statistics {
  std::int32_t prompt_tokens = 0;
  std::int32_t reused_tokens = 0;  // of them, those that the engine knew from requests before
  std::int32_t generated_tokens = 0;
  double queue_seconds = 0;   // from its submission to the first step that it has a token in, or its end
  double prompt_seconds = 0;  // from that step to the first sampled token
  double decode_seconds = 0;  // of the generated_tokens − 1 that follow
  // Rank 0's, as far as they are this request's: what a step exchanges counts for all that have tokens in it,
  // in proportion to these; for rows of logits, in proportion to the rows. So the sums over all requests that
  // end are those over all steps, bytes exactly.
  std::uint64_t reduced_bytes = 0;
  double exchange_seconds = 0;         // waiting for slower ranks included
  double decode_exchange_seconds = 0;  // of them, after the first sampled token
};

enum class FinishReason : std::uint8_t { length, stop_token, context_full, cancelled, deadline };

struct TokenLogProbability {
  Token token = 0;
  float value = 0;  // ln p
};
/// A generated token. Where the request asks for log-probabilities, they are those of the model, given all
/// tokens before and over its whole vocabulary: as in a report on a prompt, bias, penalties, temperature and
/// narrowing do not count.
struct TokenEvent {
  std::uint64_t request = 0;
  Token token = 0;
  float log_probability = 0;
  /// Of the ids below the request's vocabulary_limit, from the likeliest down, of equals the lowest id first.
  /// Fewer than asked for where there are no more ids; the token may be among them or not.
  std::vector<TokenLogProbability> likeliest{};
};
/// Rows of logits of consecutive prompt positions: (rows, vocabulary), float32.
struct LogitsEvent {
  std::uint64_t request = 0;
  std::int32_t first_position = 0;
  std::vector<float> logits;
};
/// ln p of consecutive prompt tokens, each given all before it; the first is that of position first_position
/// (at least 1: nothing predicts a prompt's first token). Bias, penalties and temperature do not count.
struct LogProbabilitiesEvent {
  std::uint64_t request = 0;
  std::int32_t first_position = 0;
  std::vector<float> values;
};
struct DoneEvent {
  std::uint64_t request = 0;
  FinishReason reason{};
  Statistics statistics;
};
/// The request was refused (a token out of range, a prompt longer than the context) or cannot go on; the
/// engine goes on.
struct FailedEvent {
  std::uint64_t request = 0;
  std::string sentence;
};
using Event = std::variant<TokenEvent, LogitsEvent, LogProbabilitiesEvent, DoneEvent, FailedEvent>;

/// Where the time of a rank has gone: its working thread's, every moment of it once. Seconds.
struct TimeSplit {
  double products = 0;   // with weights: matrices, experts, gated units, and the norms that they begin with
  double attention = 0;  // over caches, and what recurrent layers do in its place
  double other = 0;      // the rest of computing
  double exchange = 0;   // with other ranks: what the network takes
  /// In exchanges, for ranks that were not as far; of each rank. Not told apart from `exchange` where nothing
  /// of the size had been seen. Empty: for none.
  std::vector<double> waiting{};
  double leading = 0;    // between steps: rank 0 plans and draws, others wait for it
  double measuring = 0;  // what the machines can do
  double idle = 0;

  double computing() const { return products + attention + other; }
  double waited() const;
  /// In all but `measuring` and `idle`.
  double at_work() const { return computing() + exchange + waited() + leading; }
  /// What has been added since `before`, which is of the same rank.
  TimeSplit since(const TimeSplit& before) const;
};

/// What one rank holds and how its time was split.
struct RankReport {
  std::int32_t rank = 0;
  std::string host;
  std::int64_t pid = 0;
  std::int32_t threads = 0;
  bool pinned = false;  // each of them to a core of its own
  std::string isa;
  std::uint64_t weight_bytes = 0;
  std::uint64_t kv_bytes = 0;
  std::string share;  // "heads 0-1 of 8, FFN 0-191 of 768, vocabulary 0-511 of 2048"
  double load_seconds = 0;
  std::uint64_t peak_bytes = 0;  // the most memory the process has had; 0 where unknown
  // Since all ranks had loaded:
  TimeSplit time;
  double exchange_seconds = 0;  // in sums and gathers, waiting included
  std::uint64_t reduced_bytes = 0;
  std::uint64_t fetched_bytes = 0;  // of the model's files, from another machine, while it loaded
  // Of the cache of packed weights, likewise:
  std::uint64_t cache_read_bytes = 0;
  std::uint64_t cache_written_bytes = 0;
  double cache_write_seconds = 0;    // not part of load_seconds
  std::vector<std::string> notices;  // sentences on what was wrong, but not so that it could not go on
};

struct EngineInfo {
  std::int32_t vocabulary = 0;
  std::int32_t context = 0;          // positions a sequence may have
  std::int64_t trained_context = 0;  // those that the model was trained for
};

/// An engine's death (a lost rank, a broken peer) makes every member throw yoke::Error with the sentence to
/// show.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual EngineInfo info() const = 0;
  /// Queues a request; its events follow from next(). One whose id is in flight already is refused; the other
  /// goes on.
  virtual void submit(Request request) = 0;
  /// Stops a request; its DoneEvent (cancelled) follows, unless it had already ended.
  virtual void cancel(std::uint64_t request) = 0;
  /// The next event of any request; blocks, and advances the work where the engine is in this process.
  /// Nothing after `patience`, or at once where no request is in flight.
  virtual std::optional<Event> next(std::chrono::milliseconds patience) = 0;
  /// One report per rank, in rank order.
  virtual std::vector<RankReport> reports() = 0;
  /// What the threads of each rank can do at most while those of all others are at it too, in rank order.
  /// Takes some seconds, in which no request advances.
  virtual std::vector<rates::Roofline> measure_rooflines() = 0;
};

}  // namespace yoke::runtime
