// One rank's part of the model, loaded and ready to compute steps.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "base/view.h"
#include "comm/comm.h"
#include "model/batch.h"
#include "model/family.h"
#include "model/loader.h"
#include "model/partition.h"
#include "runtime/engine.h"
#include "runtime/local_engine.h"

namespace yoke::runtime {

using model::MemoryNeed;

/// From the file's header alone; nothing is loaded. Throws Error where the file cannot be run.
MemoryNeed memory_needed(const EngineOptions& options, int rank, int ranks);

/// Rows of logits that one step may want; scratch memory is reckoned for so many.
inline constexpr std::int32_t max_rows = 32;

class Worker {
 public:
  /// Loads this rank's share; a collective that returns when every rank has its own. Throws Error.
  Worker(const EngineOptions& options, comm::Comm& comm, const Progress& progress);
  ~Worker();

  const model::Config& config() const;
  std::int32_t context() const { return context_; }
  std::int32_t pages() const { return pages_; }

  /// A collective. Returns (wanted rows, vocabulary), living until the next step. Throws Error where the
  /// batch cannot be one of this model's.
  MatrixView<const float> step(const model::Batch& batch);

  RankReport report() const;

 private:
  void check(const model::Batch& batch) const;
  void wait_for_all();

  comm::Comm& comm_;
  RankReport report_;
  comm::Traffic loading_;  // until all had loaded
  std::int32_t context_ = 0;
  std::int32_t pages_ = 0;
  ThreadPool pool_;
  std::unique_ptr<ops::Ops> ops_;
  std::unique_ptr<model::Family> family_;
  std::unique_ptr<model::Partition> partition_;
};

}  // namespace yoke::runtime
