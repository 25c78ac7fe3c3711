// One rank's part of the model, loaded and ready to compute steps.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "base/view.h"
#include "comm/comm.h"
#include "gguf/reader.h"
#include "model/batch.h"
#include "model/family.h"
#include "model/partition.h"
#include "runtime/engine.h"
#include "runtime/local_engine.h"

namespace yoke::runtime {

/// What a rank will take of its machine's memory.
struct MemoryNeed {
  std::uint64_t weights = 0;
  std::uint64_t kv = 0;
  std::uint64_t scratch = 0;  // activations of the largest step, and logits
  std::uint64_t total() const { return weights + kv + scratch; }
};

/// From the file's header alone; nothing is loaded. Throws Error where the file cannot be run.
MemoryNeed memory_needed(const EngineOptions& options, int rank, int ranks);

class Worker {
 public:
  /// Loads this rank's share. Throws Error.
  Worker(const EngineOptions& options, comm::Comm& comm, const Progress& progress);
  ~Worker();

  const model::Config& config() const;
  std::int32_t context() const { return context_; }
  std::int32_t pages() const;

  /// A collective. Returns (wanted rows, vocabulary), living until the next step.
  MatrixView<const float> step(const model::Batch& batch);

  RankReport report() const;

 private:
  comm::Comm& comm_;
  RankReport report_;
  std::int32_t context_;
  ThreadPool pool_;
  std::unique_ptr<ops::Ops> ops_;
  std::unique_ptr<model::Family> family_;
  std::unique_ptr<model::Partition> partition_;
};

}  // namespace yoke::runtime
