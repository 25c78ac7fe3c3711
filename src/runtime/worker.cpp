#include "runtime/worker.h"

#include <unistd.h>

#include <array>
#include <chrono>

#include "base/error.h"
#include "kernels/kernels.h"
#include "model/forward.h"
#include "model/loader.h"
#include "ops/cpu/cpu_ops.h"

namespace yoke::runtime {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown host";
}

std::int32_t context_of(const EngineOptions& options, const model::Config& config) {
  require(options.context >= 0 && options.context <= config.context,
          "a context of {} positions was asked for, but the model was trained for {}", options.context,
          config.context);
  return static_cast<std::int32_t>(options.context == 0 ? config.context : options.context);
}

std::int32_t pages_for(std::int32_t context) {
  return (context + ops::page_positions - 1) / ops::page_positions;
}

}  // namespace

MemoryNeed memory_needed(const EngineOptions& options, int rank, int ranks) {
  const gguf::Model file = gguf::Model::open(options.model);
  const model::Config config = model::read_config(file);
  const std::unique_ptr<model::Family> family = model::make_family(config);
  const std::vector<model::TensorEntry> table = family->tensors();
  const model::Partition partition(config, table, file, model::equal_shares(ranks));
  const std::int32_t context = context_of(options, config);
  return {model::weight_bytes(file, table, partition, rank),
          model::kv_bytes(config, partition, rank, pages_for(context)),
          model::scratch_bytes(config, partition, rank, std::min(context, options.prefill_chunk), 1)};
}

Worker::Worker(const EngineOptions& options, comm::Comm& comm, const Progress& progress)
    : comm_(comm), context_(0), pool_(options.threads) {
  const auto start = std::chrono::steady_clock::now();
  const kernels::Kernels& kernels = kernels::best();
  const gguf::Model file = gguf::Model::open(options.model);
  const model::Config config = model::read_config(file);
  context_ = context_of(options, config);
  family_ = model::make_family(config);
  ops_ = ops::cpu::make_ops(kernels, pool_, comm);
  const std::vector<model::TensorEntry> table = family_->tensors();
  model::check_tensors(file, config, table, *ops_);
  partition_ = std::make_unique<model::Partition>(config, table, file, model::equal_shares(comm.size()));
  model::load_tensors(file, table, *partition_, comm.rank(), *ops_, progress);
  family_->prepare(*ops_, *partition_, comm.rank(), pages());

  report_.rank = comm.rank();
  report_.host = host_name();
  report_.pid = getpid();
  report_.threads = options.threads;
  report_.isa = kernels.isa;
  report_.weight_bytes = model::weight_bytes(file, table, *partition_, comm.rank());
  report_.kv_bytes = model::kv_bytes(config, *partition_, comm.rank(), pages());
  report_.share = partition_->describe(comm.rank());
  report_.load_seconds = seconds_since(start);
}

Worker::~Worker() = default;

const model::Config& Worker::config() const { return family_->config(); }

std::int32_t Worker::pages() const { return pages_for(context_); }

MatrixView<const float> Worker::step(const model::Batch& batch) {
  const auto start = std::chrono::steady_clock::now();
  const double reduced_before = comm_.traffic().seconds;
  const MatrixView<const float> logits = model::forward(*family_, *ops_, *partition_, batch);
  report_.compute_seconds += seconds_since(start) - (comm_.traffic().seconds - reduced_before);
  return logits;
}

RankReport Worker::report() const {
  RankReport report = report_;
  report.reduce_seconds = comm_.traffic().seconds;
  report.reduced_bytes = comm_.traffic().bytes;
  return report;
}

}  // namespace yoke::runtime
