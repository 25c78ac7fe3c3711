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
#include "runtime/prefix_index.h"
#include "runtime/sequence.h"

namespace yoke::runtime {

struct SchedulerLimits {
  std::int32_t vocabulary = 0;     // token ids are below this
  std::int32_t context = 0;        // positions a sequence may have
  std::int32_t pages = 0;          // of the KV cache, for all sequences together
  std::int32_t window_pages = 0;   // likewise, of layers that keep a window; those of every slot at least
  std::int32_t window = 0;         // positions; 0: no layer has pages of its own
  std::int32_t prefill_chunk = 0;  // most tokens of a step
  std::int32_t slots = 0;          // most running sequences; no more than a step has tokens
  std::int32_t waiting = 1024;     // most requests that wait; more are refused
  bool shares_prefixes = false;    // whether what sequences begin with is computed once
  bool recurrent = false;          // whether there are layers that know a state of a sequence, no pages
  std::int32_t checkpoints = 0;    // of such states: they are numbered behind those of the slots
  std::int32_t expanded_cell = 0;  // as model::Config has it
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
  std::vector<std::int32_t> tokens;     // how many each has
  std::vector<std::int32_t> reused;     // tokens of each that were known when it was last admitted
  /// Requests that end with this step because their prompt was all there was to compute.
  std::vector<std::uint64_t> completed;
};

/// What there is of everything, now; the last two since the beginning.
struct Gauges {
  std::int32_t waiting = 0;
  std::int32_t running = 0;
  std::int32_t free_slots = 0;
  std::int32_t pages = 0;
  std::int32_t free_pages = 0;
  std::int32_t kept_pages = 0;         // of prefixes that nobody uses: free as soon as they are needed
  std::int32_t used_window_pages = 0;  // that running sequences hold or prefixes keep
  std::int32_t kept_window_pages = 0;  // of them, by prefixes
  std::int32_t used_checkpoints = 0;   // likewise
  std::int32_t kept_checkpoints = 0;
  std::uint64_t preemptions = 0;
  std::uint64_t reused_tokens = 0;
};

/// Submitting, going on after a preemption and replaying are the same: what of a sequence's tokens is not
/// known is computed, and then it goes on.
///
/// * Admission, first come first served, by what a sequence needs for the tokens that it has: pages for them
///   all, and for the one to come, are free or can be made so. It then has a slot until it ends or is
///   preempted.
/// * A step holds one token of each decoding sequence, then tokens of those that have more to compute, which
///   share what is left of a chunk evenly. No more sequences run than a chunk has tokens, so there is always
///   room for both.
/// * Where a sequence needs a page and none is free, prefixes that nobody uses are forgotten, the longest
///   unused first; then the sequence that came last is preempted: it gives its pages back and waits, before
///   all that came after it. One is never preempted, the first, and one context always has its pages: so each
///   becomes the first, and ends.
/// * Where layers are recurrent, a prefix is gone on from where a checkpoint is: at the last full page of
///   what a sequence was admitted with, at distances before it, and at the last that it has generated.
class Scheduler {
 public:
  explicit Scheduler(const SchedulerLimits& limits);

  /// Queues a request. Returns why it is refused, if it is.
  std::optional<std::string> add(const Request& request);
  /// True if the request was queued or running, and now is not.
  bool cancel(std::uint64_t request);
  /// Whether nothing is queued or running.
  bool idle() const { return waiting_.empty() && running_.empty(); }

  /// Plans the next step; its batch is empty when idle. Beside tokens of sequences that decode it has
  /// `prompt_tokens` of others at most, but one of each in any case. Requests in `completed` are forgotten by
  /// this call. What the step before planned has been computed.
  PlannedStep plan(std::int32_t prompt_tokens);
  PlannedStep plan() { return plan(limits_.prefill_chunk); }
  /// Appends the token sampled for a request. Returns why the sequence ends, if it does; it is forgotten
  /// then.
  std::optional<FinishReason> accept(std::uint64_t request, Token token);
  /// Forgets a request with which something has gone wrong, and what its last steps have computed; one that
  /// does not run is forgotten already.
  void drop(std::uint64_t request);

  Gauges gauges() const;

 private:
  using Running = std::vector<Sequence>::iterator;

  std::int32_t pages_wanted(const Sequence& sequence) const;
  std::int32_t promised_pages() const;
  void admit();
  void start(Sequence sequence);
  std::vector<std::int32_t> share_out(std::int32_t prompt_tokens) const;
  bool reserve(std::size_t running, std::int32_t positions);
  bool make_room();
  void preempt_last();
  void slide_window(Sequence& sequence, std::int32_t tokens);
  void keep_state(Sequence& sequence, model::Batch& batch);
  std::optional<Page> take_state();
  void release_resumed(Sequence& sequence);
  void plan_sequence(Sequence& sequence, std::int32_t tokens, PlannedStep& step);
  void publish(Sequence& sequence);
  void publish_all(Sequence& sequence);
  void give_back(Sequence& sequence);
  void retire(Running sequence);
  void forget(Running sequence);
  Running find(std::uint64_t request);

  SchedulerLimits limits_;
  PagePool pages_;
  PagePool windows_;
  PagePool states_;  // checkpoints
  PrefixIndex prefixes_;
  std::vector<std::int32_t> free_slots_;  // the last is taken next
  std::deque<Sequence> waiting_;          // in the order of arrival
  std::vector<Sequence> running_;         // likewise
  std::uint64_t arrivals_ = 0;
  std::uint64_t preemptions_ = 0;
  std::uint64_t reused_tokens_ = 0;
};

}  // namespace yoke::runtime
