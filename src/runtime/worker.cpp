#include "runtime/worker.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/resident.h"
#include "base/seconds.h"
#include "comm/solo.h"
#include "kernels/kernels.h"
#include "model/forward.h"
#include "model/halves.h"
#include "model/loader.h"
#include "ops/cpu/cpu_ops.h"
#include "rates/gemv_rate.h"
#include "runtime/page_pool.h"
#include "runtime/placement.h"
#include "runtime/sum_times.h"
#include "shards/kept_as_it_comes.h"
#include "shards/replica.h"
#include "shards/shard_cache.h"

namespace yoke::runtime {
namespace {

/// A file that has been found fit to run.
struct OpenModel {
  gguf::Model file;
  std::unique_ptr<model::Family> family;
  std::vector<model::TensorEntry> table;  // points into the family
  std::int32_t context = 0;               // positions asked for, or the model's own

  std::int32_t pages() const { return (context + ops::page_positions - 1) / ops::page_positions; }
  const model::Config& config() const { return family->config(); }
  model::Partition partition(const std::vector<double>& shares) const {
    return {config(), table, file, shares};
  }
  /// Those of matrices, each once.
  std::vector<quant::Type> matrix_types() const {
    std::set<quant::Type> types;
    for (const model::TensorEntry& entry : table) {
      const gguf::TensorInfo* const tensor = model::find_source(file, entry);
      if (tensor != nullptr && model::is_matrix(entry.destination)) types.insert(tensor->type);
    }
    return {types.begin(), types.end()};
  }
};

OpenModel open_model(const std::string& path, const gguf::Opener& open_file, const EngineOptions& options,
                     const ops::Ops& ops) {
  gguf::Model file = gguf::Model::open(path, open_file);
  std::unique_ptr<model::Family> family = model::make_family(model::read_config(file));
  const model::Config& config = family->config();
  std::vector<model::TensorEntry> table = family->tensors();
  model::check_tensors(file, config, table, ops);
  require(options.context >= 0 && options.context <= config.context,
          "a context of {} positions was asked for, but the model was trained for {}", options.context,
          config.context);
  const auto context = static_cast<std::int32_t>(options.context == 0 ? config.context : options.context);
  return {std::move(file), std::move(family), std::move(table), context};
}

/// Of each of so many ranks. What comes from another process is checked here.
std::vector<double> shares_of(const EngineOptions& options, int ranks) {
  if (options.shares.empty()) return model::equal_shares(ranks);
  require(std::ssize(options.shares) == ranks, "the work is to be divided into {} shares; expected {}",
          options.shares.size(), ranks);
  for (const double share : options.shares)
    require(std::isfinite(share) && share > 0, "a share of the work is {}; expected a number above 0", share);
  return options.shares;
}

ops::cpu::Options ops_options(const EngineOptions& options) {
  return {.kv_type = options.kv_type, .activations = options.activations, .wire = options.wire};
}

/// Pages of layers with such a window: for what each slot stores in a step and the window before it, and for
/// a window more, with which a prefix is kept. None where that is no less than all pages.
std::int64_t window_pages(std::int64_t window, const ops::CacheSize& size) {
  if (window == 0 || window / ops::page_positions >= size.pages) return 0;
  const std::int64_t pages =
      size.slots * ops::pages_touched(window - 1 + size.step_tokens) + ops::pages_touched(window);
  return pages < size.pages ? pages : 0;
}

/// States of recurrent layers that are kept beside those of the slots: what a sequence leaves, for each that
/// runs and for one that has ended.
std::int64_t checkpoints(std::int64_t slots) {
  constexpr std::int64_t of_a_sequence = 4;
  return of_a_sequence * (slots + 1);
}

ops::CacheSize cache_size(const EngineOptions& options, const OpenModel& model) {
  // Every sequence that runs has room for a token in each step.
  const std::int32_t pages = std::max(options.pages, model.pages());
  const std::int32_t slots = std::min(options.sequences, options.prefill_chunk);
  ops::CacheSize size{.pages = pages,
                      .slots = slots,
                      .step_tokens = std::min(pages * ops::page_positions, options.prefill_chunk),
                      .context_pages = model.pages()};
  size.window_pages = window_pages(model.config().widest_window(), size);
  if (model.config().is_recurrent()) size.checkpoints = checkpoints(slots);
  return size;
}

const Place& place_of(const RankOptions& options, int rank) {
  return options.places.at(static_cast<std::size_t>(rank));
}

/// Loads a rank's share, from the cache where that has it and into the cache where not; then keeps what its
/// machine is to keep of the model's replica. Tells of it in `report`.
class Loading {
 public:
  Loading(const RankOptions& options, const OpenModel& model, const model::Partition& partition, int rank,
          ThreadPool& pool, const Progress& progress)
      : model_(model),
        partition_(partition),
        rank_(rank),
        keep_(options.keep),
        bound_(bound(options.host)),
        pulse_(pool.pulse()),
        progress_(progress) {
    for (const int part : keep_.parts) to_keep_ += shards::replica_part_bytes(model.file, part, keep_.of);
    if (options.host.cache_dir.empty() || options.engine.activations != kernels::ActivationType::q8) return;
    const shards::ShardKey key = shards::shard_key(model.file, rank, partition.size());
    const std::filesystem::path folder = options.host.cache_dir;
    cache_.emplace(folder, bound_, key, pool);
    if (model.file.is_far()) kept_.emplace(*cache_, folder, key);
  }

  void run(ops::Ops& ops, RankReport& report) {
    const auto read = [&](std::uint64_t done, std::uint64_t total) {
      // What is to be written as well is about as much.
      loaded_ = cache_ && !kept_ && !cache_->sound() ? 2 * total : total;
      progress_(done, loaded_ + to_keep_);
    };
    model::load_tensors(model_.file, model_.table, partition_, rank_, ops, read, store(), &pulse_);
    if (cache_) write(report);
    for (const int part : keep_.parts) keep(part, report);
    report.fetched_bytes = model_.file.fetched();
  }

 private:
  void write(RankReport& report) {
    const auto start = std::chrono::steady_clock::now();
    const std::uint64_t weights = model::weight_bytes(model_.file, model_.table, partition_, rank_);
    if (!kept_ || !kept_->finish()) {
      loaded_ = 2 * weights;
      cache_->write([&](std::uint64_t done, std::uint64_t total) {
        pulse_.tick();
        const double share = static_cast<double>(done) / static_cast<double>(total);
        progress_(weights + static_cast<std::uint64_t>(share * static_cast<double>(weights)),
                  loaded_ + to_keep_);
      });
    }
    report.cache_read_bytes = cache_->bytes_read();
    report.cache_written_bytes = cache_->bytes_written();
    report.cache_write_seconds = report.cache_written_bytes == 0 ? 0 : seconds_since(start);
    report.notices = cache_->notices();
  }

  /// Trouble with it is not the start's.
  void keep(int part, RankReport& report) {
    bool interrupted = false;
    const auto kept = [&](std::uint64_t done, std::uint64_t) {
      interrupted = true;
      pulse_.tick();
      progress_(loaded_ + kept_bytes_ + done, loaded_ + to_keep_);
      interrupted = false;
    };
    try {
      const shards::ShardKey key = shards::replica_key(keep_.model, model_.file, part, keep_.of);
      shards::keep_replica_part(model_.file, key, keep_.folder, bound_, kept);
    } catch (const Error& error) {
      if (interrupted) throw;
      report.notices.push_back(
          fmt::format("{}; part {} of {} of the model is not kept here", error.what(), part + 1, keep_.of));
    }
    kept_bytes_ += shards::replica_part_bytes(model_.file, part, keep_.of);
  }

  model::PackedStore* store() {
    if (kept_) return &*kept_;
    return cache_ ? &*cache_ : nullptr;
  }

  /// What comes over the network is kept whatever its size, unless somebody has said how much is.
  std::uint64_t bound(const HostOptions& host) const {
    if (!model_.file.is_far() || host.cache_bytes != default_cache_bytes) return host.cache_bytes;
    return std::max(host.cache_bytes, 2 * model_.file.file_bytes());
  }

  const OpenModel& model_;
  const model::Partition& partition_;
  const int rank_;
  const KeepParts& keep_;
  const std::uint64_t bound_;
  Pulse& pulse_;
  const Progress& progress_;
  std::uint64_t loaded_ = 0;      // what loading and writing count for
  std::uint64_t to_keep_ = 0;     // bytes of the replica's parts
  std::uint64_t kept_bytes_ = 0;  // of those that have been dealt with
  std::optional<shards::ShardCache> cache_;
  std::optional<shards::KeptAsItComes> kept_;
};

}  // namespace

struct MemoryNeeds::Opened {
  Opened(const std::string& path, const gguf::Opener& open_file, const EngineOptions& options)
      : ops(ops::cpu::make_ops(kernels::best(), pool, comm, ops_options(options))),
        model(open_model(path, open_file, options, *ops)),
        limits{cache_size(options, model), strip_rows} {}

  MemoryNeed of(const model::Partition& partition, int rank) const {
    return model::memory_need(model.file, model.config(), model.table, partition, rank, limits, *ops);
  }

  ThreadPool pool{1};
  comm::SoloComm comm;
  std::unique_ptr<ops::Ops> ops;
  OpenModel model;
  model::StepLimits limits;
};

MemoryNeeds::MemoryNeeds(const std::string& model, const EngineOptions& options,
                         const gguf::Opener& open_file)
    : options_(options), opened_(std::make_unique<Opened>(model, open_file, options)) {}
MemoryNeeds::~MemoryNeeds() = default;

std::vector<MemoryNeed> MemoryNeeds::of_all(const std::vector<double>& shares) const {
  const model::Partition partition = opened_->model.partition(shares);
  std::vector<MemoryNeed> needs;
  for (int rank = 0; rank < partition.size(); ++rank) needs.push_back(opened_->of(partition, rank));
  return needs;
}

MemoryNeed MemoryNeeds::of(int rank, int ranks) const {
  return opened_->of(opened_->model.partition(shares_of(options_, ranks)), rank);
}

MemoryNeed memory_needed(const std::string& model, const EngineOptions& options, int rank, int ranks,
                         const gguf::Opener& open_file) {
  return MemoryNeeds(model, options, open_file).of(rank, ranks);
}

Worker::Worker(const RankOptions& options, comm::Comm& comm, const Progress& progress)
    : comm_(comm),
      ranks_beside_(ranks_beside(options.places, comm.rank())),
      pool_(place_of(options, comm.rank()).threads, cpus_of_rank(options.places, comm.rank()), &comm.pulse()),
      kernels_(kernels::best()) {
  const PhaseScope loading(comm.pulse(), Phase::loading);
  ops_ = ops::cpu::make_ops(kernels_, pool_, comm, ops_options(options.engine));
  if (comm.size() > 1) comm.use(&pool_);
  if (comm.size() > 1 && options.engine.overlap == Overlap::on) {
    second_ops_ = ops::cpu::make_ops(kernels_, pool_, comm, ops_options(options.engine));
    pool_.set_errand({[](void* of_comm) { static_cast<comm::Comm*>(of_comm)->poll(); }, &comm});
  }
  OpenModel model = open_model(options.host.model, options.open_file, options.engine, *ops_);
  context_ = model.context;
  caches_ = cache_size(options.engine, model);
  partition_ = std::make_unique<model::Partition>(model.partition(shares_of(options.engine, comm.size())));
  report_.weight_bytes = model::weight_bytes(model.file, model.table, *partition_, comm.rank());
  if (options.engine.tries_kernels) {
    const PhaseScope measuring(comm.pulse(), Phase::measuring);
    // Ranks of a machine try them together, as they will compute. (Bits do not depend on what each takes.)
    meet();
    kernels_.gemv =
        rates::choose_gemv(pool_, kernels_, model.matrix_types(), report_.weight_bytes, ranks_beside_);
  }
  const auto start = std::chrono::steady_clock::now();
  Loading(options, model, *partition_, comm.rank(), pool_, progress).run(*ops_, report_);
  family_ = std::move(model.family);
  family_->prepare(*ops_, *partition_, comm.rank(), caches_);
  places_ = options.places;
  tools_.emplace(StripTools{comm_, pool_, kernels_, {}});
  for (int rank = 0; rank < comm.size(); ++rank) {
    tools_->vocabulary.push_back(partition_->range(model::Space::vocabulary, 0, rank));
  }

  const Place& place = place_of(options, comm.rank());
  report_.rank = place.rank;
  report_.host = place.host;
  report_.pid = place.pid;
  report_.threads = place.threads;
  report_.pinned = pool_.is_pinned();
  report_.isa = kernels_.isa;
  report_.kv_bytes = model::kv_bytes(config(), *partition_, comm.rank(), caches_, *ops_);
  report_.share = partition_->describe(comm.rank());
  report_.load_seconds = seconds_since(start) - report_.cache_write_seconds;
  meet();
  if (comm.size() > 1) measure_sums();
  if (options.when_loaded) options.when_loaded();
  loading_ = comm_.traffic();
  loading_time_ = time();
}

Worker::~Worker() { comm_.use(nullptr); }

const model::Config& Worker::config() const { return family_->config(); }

void Worker::start_step(model::Batch batch) {
  check(batch);
  strip_.reset();
  batch_ = std::move(batch);
  const ActivityScope computing(comm_.time(), Activity::other);
  wanted_ = overlaps(batch_) ? model::run_layers_in_halves(*family_, *ops_, *second_ops_, batch_)
                             : model::run_layers(*family_, *ops_, batch_.step());
  if (comm_.size() == 1) return;
  digest_.add(batch_);
  if (!batch_.wanted.empty()) digest_.add(ops_->read(wanted_));
}

/// The same on every rank.
bool Worker::overlaps(const model::Batch& batch) const {
  return second_ops_ != nullptr && batch.size() >= least_overlapped;
}

std::int32_t Worker::window() const {
  return caches_.window_pages == 0 ? 0 : static_cast<std::int32_t>(config().widest_window());
}

const Strip& Worker::compute_strip(std::int32_t first) {
  const auto rows = static_cast<std::int32_t>(batch_.wanted.size());
  require(first >= 0 && first < rows, "a peer asked for row {} of a step that wants {}", first, rows);
  const std::int32_t n = std::min(rows - first, strip_rows);
  const ActivityScope computing(comm_.time(), Activity::other);
  strip_.emplace(*tools_, std::span<const model::WantedRow>(batch_.wanted).subspan(first, n),
                 model::local_logits(*family_, *ops_, wanted_, first, n), digest_.value());
  const std::optional<std::string> sentence = disagreement(strip_->digests(), places_);
  require(!sentence, "{}", sentence.value_or(""));
  return *strip_;
}

const Strip& Worker::strip() const {
  require(strip_.has_value(), "a peer asked for more of a row before any was computed");
  return *strip_;
}

void Worker::check(const model::Batch& batch) const {
  batch.check();
  const auto vocabulary = static_cast<std::int32_t>(config().vocabulary);
  for (const std::int32_t token : batch.tokens) {
    require(token < vocabulary, "a batch has token {}, but the vocabulary has {}", token, vocabulary);
  }
  for (const model::WantedRow& row : batch.wanted) {
    require(row.target < vocabulary && row.vocabulary_limit <= vocabulary,
            "a batch asks for token {} and ids below {}, but the vocabulary has {}", row.target,
            row.vocabulary_limit, vocabulary);
  }
  require(batch.size() <= caches_.step_tokens, "a batch has {} tokens, but a step at most {}", batch.size(),
          caches_.step_tokens);
  for (const std::vector<std::int32_t>& pages : batch.page_tables) {
    for (const std::int32_t page : pages)
      require(page < caches_.pages, "a batch has page {} of {}", page, caches_.pages);
  }
  check_windows(batch);
  for (const std::int32_t slot : batch.slots)
    require(slot < caches_.slots, "a batch has slot {} of {}", slot, caches_.slots);
  for (const std::int32_t state : batch.resumed)
    require(state < caches_.states(), "a batch has state {} of {}", state, caches_.states());
  for (const ops::Checkpoint& each : batch.checkpoints)
    require(each.state >= caches_.slots && each.state < caches_.states(),
            "a batch has a checkpoint in state {} of {}, the first {} of which are slots'", each.state,
            caches_.states(), caches_.slots);
}

/// That every position that a token of the batch sees in a window has a page.
void Worker::check_windows(const model::Batch& batch) const {
  if (window() == 0) return;
  for (const model::WindowPages& each : batch.windows) {
    for (const Page page : each.pages)
      require(page >= 0 && page < caches_.window_pages, "a batch has page {} of {} of windows", page,
              caches_.window_pages);
  }
  for (std::size_t i = 0; i < batch.tokens.size(); ++i) {
    const model::WindowPages& pages = batch.windows[static_cast<std::size_t>(batch.sequences[i])];
    const std::int32_t first = first_seen(batch.positions[i], window()) / ops::page_positions;
    const std::int32_t last = batch.positions[i] / ops::page_positions;
    require(pages.first >= 0 && pages.first <= first && last - pages.first < std::ssize(pages.pages),
            "a batch has position {} in a window of {} pages from page {} on", batch.positions[i],
            pages.pages.size(), pages.first);
  }
}

rates::Roofline Worker::measure_roofline() {
  const PhaseScope measuring(comm_.pulse(), Phase::measuring);
  const ActivityScope spent(comm_.time(), Activity::measuring);
  return rates::measure_roofline(pool_, ranks_beside_, [this] { meet(); });
}

void Worker::meet() {
  float nothing = 0;
  comm_.all_reduce({&nothing, 1});
}

/// A collective: threads stay awake through a sum such as a token takes twice in every layer (what waits for
/// longer waits for a slow rank), and its product is sent in two parts where that is faster.
void Worker::measure_sums() {
  constexpr double most_seconds = 0.001;
  const SumTimes times = time_sums(comm_, static_cast<std::size_t>(config().dim));
  const double awake = std::min(most_seconds, 2 * times.whole);
  pool_.stay_awake(std::chrono::nanoseconds(std::llround(1e9 * awake)));
  ops_->set_sends_parts(second_ops_ != nullptr && times.parts_pay);
}

TimeSplit Worker::time() const {
  const auto seconds = comm_.time().read();
  const auto of = [&](Activity activity) { return seconds[static_cast<std::size_t>(activity)]; };
  return {.products = of(Activity::products),
          .attention = of(Activity::attention),
          .other = of(Activity::other),
          .exchange = of(Activity::exchange),
          .waiting = comm_.waited_for(),
          .leading = of(Activity::leading),
          .measuring = of(Activity::measuring),
          .idle = of(Activity::idle)};
}

RankReport Worker::report() const {
  RankReport report = report_;
  report.peak_bytes = peak_resident_bytes();
  report.time = time().since(loading_time_);
  report.exchange_seconds = comm_.traffic().seconds - loading_.seconds;
  report.reduced_bytes = comm_.traffic().bytes - loading_.bytes;
  return report;
}

}  // namespace yoke::runtime
