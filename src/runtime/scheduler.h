// Which tokens the next step computes. Pure: no tensors, no clock, no communication.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "model/batch.h"
#include "runtime/engine.h"
#include "runtime/page_pool.h"
#include "runtime/recent_tokens.h"

namespace yoke::runtime {

struct SchedulerLimits {
  std::int32_t vocabulary = 0;     // token ids are below this
  std::int32_t context = 0;        // positions a sequence may have
  std::int32_t pages = 0;          // of the KV cache, for all sequences together
  std::int32_t prefill_chunk = 0;  // most tokens of a step
  std::int32_t slots = 0;          // most running sequences; no more than a step has tokens
};

/// Whose a wanted row of logits is.
struct RowOwner {
  std::uint64_t request = 0;
  std::int32_t position = 0;  // of the token that the row follows
};

/// One step: the batch, and the owner of each row of logits it wants, in order.
struct PlannedStep {
  model::Batch batch;
  std::vector<RowOwner> owners;
  std::vector<std::uint64_t> requests;  // that have tokens in it
  /// Requests that end with this step because their prompt was all there was to compute.
  std::vector<std::uint64_t> completed;
};

/// Sequences are admitted first come, first served, once the pages for their longest possible run are free,
/// so a sequence that has begun never waits for memory. A step holds one token of each decoding sequence,
/// then prompt tokens up to the chunk. No more sequences run than a chunk has tokens, so there is always
/// room for both. A sequence has a slot from its admission to its end.
class Scheduler {
 public:
  explicit Scheduler(const SchedulerLimits& limits);

  /// Queues a request. Returns why it is refused, if it is.
  std::optional<std::string> add(const Request& request);
  /// True if the request was queued or running, and now is not.
  bool cancel(std::uint64_t request);
  /// Whether nothing is queued or running.
  bool idle() const { return waiting_.empty() && running_.empty(); }

  /// Plans the next step; its batch is empty when idle. Requests in `completed` are forgotten by this call.
  PlannedStep plan();
  /// Appends the token sampled for a request. Returns why the sequence ends, if it does; it is forgotten
  /// then.
  std::optional<FinishReason> accept(std::uint64_t request, Token token);

 private:
  struct Sequence {
    Request request;
    std::vector<Token> tokens;  // prompt, then what was generated
    std::int32_t computed = 0;  // tokens that are in the KV cache, or will be after the planned step
    std::vector<std::int32_t> pages;
    std::int32_t slot = 0;
    RecentTokens recent;  // of `tokens`; empty where nothing is penalised
    explicit Sequence(Request request_);
    void append(Token token);
    std::int32_t generated() const {
      return static_cast<std::int32_t>(tokens.size() - request.prompt.size());
    }
  };

  std::int32_t pages_needed(const Request& request) const;
  void admit();
  model::WantedRow drawn_row(const Sequence& sequence) const;
  void want_row(const Sequence& sequence, std::int32_t position, PlannedStep& step) const;
  void plan_sequence(Sequence& sequence, std::int32_t tokens, PlannedStep& step);
  void retire(std::vector<Sequence>::iterator sequence);
  std::vector<Sequence>::iterator find(std::uint64_t request);

  SchedulerLimits limits_;
  PagePool pages_;
  std::vector<std::int32_t> free_slots_;  // the last is taken next
  std::deque<Request> waiting_;
  std::vector<Sequence> running_;  // in the order of admission
};

}  // namespace yoke::runtime
