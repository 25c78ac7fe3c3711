// One rank's part of the model, loaded and ready to compute steps.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "comm/comm.h"
#include "kernels/kernels.h"
#include "model/batch.h"
#include "model/family.h"
#include "model/loader.h"
#include "model/partition.h"
#include "rates/roofline.h"
#include "runtime/engine.h"
#include "runtime/local_engine.h"
#include "runtime/step_digest.h"
#include "runtime/strip.h"

namespace yoke::runtime {

using model::MemoryNeed;

/// Of the file `model`, from its header alone; nothing is loaded. `open_file` as RankOptions has it. Throws
/// Error where the file cannot be run.
MemoryNeed memory_needed(const std::string& model, const EngineOptions& options, int rank, int ranks,
                         const gguf::Opener& open_file = {});

/// The same of all ranks, for one division of the work after another.
class MemoryNeeds {
 public:
  MemoryNeeds(const std::string& model, const EngineOptions& options, const gguf::Opener& open_file = {});
  ~MemoryNeeds();
  /// Of each rank; `shares` in place of the options', one for each.
  std::vector<MemoryNeed> of_all(const std::vector<double>& shares) const;
  MemoryNeed of(int rank, int ranks) const;

 private:
  struct Opened;
  EngineOptions options_;
  std::unique_ptr<Opened> opened_;
};

/// The fewest tokens of a step that is computed in two halves: each of them reads all weights.
inline constexpr std::int64_t least_overlapped = 128;

/// Rows of logits that are computed at once; scratch memory is reckoned for so many.
inline constexpr std::int32_t strip_rows = 32;

class Worker {
 public:
  /// Loads this rank's share; a collective that returns when every rank has its own. Throws Error.
  Worker(const RankOptions& options, comm::Comm& comm, const Progress& progress);
  ~Worker();

  const model::Config& config() const;
  std::int32_t context() const { return context_; }
  const ops::CacheSize& caches() const { return caches_; }
  /// Of the layers that have pages of their own for it; 0: none has.
  std::int32_t window() const;

  /// A collective: the layers of a step. Throws Error where the batch cannot be one of this model's.
  void start_step(model::Batch batch);
  /// A collective: wanted rows [first, first + strip_rows) of the step, or what there is of them, which is at
  /// least one. The strip lives until the next is computed or another step starts. Throws Error where the
  /// step wants no row `first`, and on every rank where they have not all computed the same bits.
  const Strip& compute_strip(std::int32_t first);
  /// The strip that was computed last. Throws Error where there is none.
  const Strip& strip() const;

  RankReport report() const;
  /// A collective: what this rank's threads can do while those of all others are at it too.
  rates::Roofline measure_roofline();

 private:
  void check(const model::Batch& batch) const;
  void check_windows(const model::Batch& batch) const;
  bool overlaps(const model::Batch& batch) const;
  /// A collective: no rank goes on before all are here.
  void meet();
  void measure_sums();
  TimeSplit time() const;

  comm::Comm& comm_;
  RankReport report_;
  comm::Traffic loading_;   // until all had loaded
  TimeSplit loading_time_;  // likewise
  int ranks_beside_ = 1;    // on this machine, with this one
  std::int32_t context_ = 0;
  ops::CacheSize caches_;
  ThreadPool pool_;
  kernels::Kernels kernels_;
  std::unique_ptr<ops::Ops> ops_;
  std::unique_ptr<ops::Ops> second_ops_;  // of the second halves of long steps; null: there are none
  std::unique_ptr<model::Family> family_;
  std::unique_ptr<model::Partition> partition_;
  std::optional<StripTools> tools_;
  std::vector<Place> places_;
  StepDigest digest_;
  // Of the current step:
  model::Batch batch_;
  ops::Activations wanted_{};
  std::optional<Strip> strip_;
};

}  // namespace yoke::runtime
