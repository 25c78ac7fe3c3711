// The work of one step, as plain bytes: the leader makes it, every rank receives the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "ops/ops.h"

namespace yoke::model {

/// Why the logits that follow a token are asked for, and so what of them leaves a rank.
enum class Want : std::uint8_t {
  candidates,       // a token is drawn: the likeliest of each rank
  log_probability,  // of one given token
  logits,           // all of them
};
constexpr Want last_enumerator(Want) { return Want::logits; }

/// Added to the logit of one token.
struct LogitBias {
  std::int32_t token = 0;
  float bias = 0;  // finite, or −∞: the token is forbidden
  bool operator==(const LogitBias&) const = default;
};

struct TokenCount {
  std::int32_t token = 0;
  std::int32_t count = 0;  // at least 1
  bool operator==(const TokenCount&) const = default;
};

/// One row of logits that is asked for. Each rank has some columns of it, its vocabulary rows, and does there
/// what is said here.
struct WantedRow {
  std::int32_t target = 0;  // log_probability: of this token
  Want want{};

  // The rest is of candidates. First the bias is added, then tokens that occurred lately are penalised: a
  // positive logit is divided by repetition_penalty, a negative one multiplied; then presence_penalty, and
  // frequency_penalty times the count, are subtracted.
  std::vector<LogitBias> bias{};     // no token twice
  std::vector<TokenCount> recent{};  // no token twice
  float repetition_penalty = 1;
  float presence_penalty = 0;
  float frequency_penalty = 0;
  float temperature = 0;
  std::int32_t vocabulary_limit = 0;  // only ids below it are candidates
  std::int32_t candidates = 0;        // how many each rank gives
  bool sums = false;                  // whether the ranks' sums of weights are needed as well
  /// Of how many of the likeliest tokens ln p is told beside that of the one that is drawn; −1: of neither.
  std::int32_t log_probabilities = -1;

  /// Whether ln p of some tokens is told.
  bool tells_log_probabilities() const { return want == Want::log_probability || log_probabilities >= 0; }
  bool operator==(const WantedRow&) const = default;
};

/// Pages of a sequence from its page `first` on, as ops::WindowTable.
struct WindowPages {
  std::int32_t first = 0;
  std::vector<std::int32_t> pages;
};

struct Batch {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> positions;  // of each token in its sequence
  std::vector<std::int32_t> sequences;  // of each token: index into page_tables
  std::vector<std::int32_t> wanted_at;  // the tokens (their places in the lists above) whose logits are
                                        // asked for, ascending
  std::vector<WantedRow> wanted;        // of each of them
  std::vector<std::vector<std::int32_t>> page_tables;
  std::vector<WindowPages> windows;    // of each sequence; see ops::Step
  std::vector<std::int32_t> slots;     // likewise
  std::vector<std::int32_t> expanded;  // likewise
  std::vector<std::int32_t> resumed;   // likewise
  std::vector<ops::Checkpoint> checkpoints;

  std::int64_t size() const { return static_cast<std::int64_t>(tokens.size()); }
  /// Adds a sequence; returns its index.
  std::int32_t add_sequence(std::int32_t slot, std::vector<std::int32_t> pages,
                            std::int32_t expanded_below = 0, WindowPages window = {});
  /// Adds a token. Those of one sequence are added in order, at consecutive positions.
  void add(std::int32_t token, std::int32_t position, std::int32_t sequence);
  /// Asks for the logits that follow the token added last.
  void want(WantedRow row);
  /// Has the sequence go on from a checkpoint instead of its slot's state.
  void resume(std::int32_t sequence, std::int32_t state);
  /// Keeps the state after the token added last.
  void keep(std::int32_t state);
  /// Views of this batch for the backend; they live as long as it does and is not changed.
  ops::Step step() const;

  /// Throws Error where the lists do not fit together or a number makes no sense, as in a damaged message.
  /// Tokens, pages and slots that exceed the model's are for whoever knows it to refuse.
  void check() const;
};

void fields(auto& archive, Is<LogitBias> auto& m) { archive(m.token, m.bias); }
void fields(auto& archive, Is<TokenCount> auto& m) { archive(m.token, m.count); }
void fields(auto& archive, Is<WantedRow> auto& m) {
  archive(m.target, m.want, m.bias, m.recent, m.repetition_penalty, m.presence_penalty, m.frequency_penalty,
          m.temperature, m.vocabulary_limit, m.candidates, m.sums, m.log_probabilities);
}
void fields(auto& archive, Is<WindowPages> auto& m) { archive(m.first, m.pages); }
void fields(auto& archive, Is<Batch> auto& m) {
  archive(m.tokens, m.positions, m.sequences, m.wanted_at, m.wanted, m.page_tables, m.windows, m.slots,
          m.expanded, m.resumed, m.checkpoints);
}

}  // namespace yoke::model

namespace yoke::ops {

void fields(auto& archive, Is<Checkpoint> auto& m) { archive(m.sequence, m.position, m.state); }

}  // namespace yoke::ops
