#include "cli/engine_flags.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/saturating.h"
#include "base/topology.h"
#include "cli/commands.h"
#include "cli/host_start.h"
#include "cli/model_file.h"
#include "cli/network_flags.h"
#include "cli/number_check.h"
#include "cli/size_flag.h"
#include "cli/usage.h"
#include "cluster/launcher.h"
#include "cluster/mpi_start.h"
#include "gguf/fingerprint.h"
#include "runtime/supervisor.h"
#include "runtime/worker.h"
#include "terminal/progress_bar.h"
#include "terminal/tell.h"

namespace yoke::cli {
namespace {

using LoadProgress = std::function<void(const cluster::GroupProgress&)>;

constexpr int max_threads = 4096;
constexpr std::int32_t most_tokens = std::numeric_limits<std::int32_t>::max();

std::unique_ptr<runtime::Engine> join_job(const EngineFlags& flags, const cluster::MpiStart& job,
                                          const LoadProgress& progress) {
  require(flags.ranks == 0 || job.ranks == 0 || flags.ranks == job.ranks,
          "--ranks {} was given, but this job has {} ranks; under mpirun or srun leave --ranks out",
          flags.ranks, job.ranks);
  cluster::LinkOptions links = flags.links;
  links.network = flags.hosts.network;
  runtime::EngineOptions engine = flags.engine;
  engine.shares = shares_of_ranks(flags.hosts.weights, std::max(job.ranks, 1));
  return cluster::join(this_process(links), engine, flags.host, progress);
}

/// A flag whose values are names; named() throws Error for what is none.
template <class Type>
void add_named(CLI::App& command, const std::string& flag, Type& type, Type (*named)(std::string_view),
               const std::string& help) {
  const auto parse = [&type, flag, named](const std::string& name) {
    try {
      type = named(name);
    } catch (const Error& error) {
      throw CLI::ValidationError(flag, error.what());
    }
  };
  command.add_option_function<std::string>(flag, parse, help)
      ->type_name("TYPE")
      ->default_str(std::string(kernels::name_of(type)));
}

}  // namespace

CLI::Option* add_model(CLI::App& command, std::string& model) {
  return command.add_option("-m,--model,MODEL", model, "GGUF file (any part of a split model)")->required();
}

void add_engine_flags(CLI::App& command, EngineFlags& flags) {
  add_model(command, flags.host.model);
  add_number(command, "--ranks", flags.ranks, whole_number_check(1, max_ranks),
             "Ranks on this machine that share every layer (default: 1)");
  add_number(command, "-t,--threads", flags.host.threads, whole_number_check(1, max_threads),
             "Threads of each rank (default: the cores divided by the ranks)");
  add_number(command, "--ctx", flags.engine.context, whole_number_check(1, most_tokens),
             "Positions of the context (default: what the model was trained for)");
  add_number(command, "--prefill-chunk", flags.engine.prefill_chunk, whole_number_check(1, most_tokens),
             "Prompt tokens computed in one step at most")
      ->default_str(std::to_string(flags.engine.prefill_chunk));
  add_kv_type(command, flags.engine.kv_type);
  add_activations(command, flags.engine.activations);
  add_network_flags(command, flags.engine);
  add_cache_flags(command, flags.host);
  command.add_flag(
      "--replicate", flags.engine.replicate,
      "Let hosts without the model's file keep so much of it on their disks that any one host may be "
      "lost, that with the file, too");
  add_host_flags(command, flags.hosts);
  add_mpi_flags(command, flags.hosts);
  add_key_file(command, flags.links);
  for (const char* list : {"--hosts", "--hostfile", "--cluster"})
    command.get_option(list)
        ->excludes(command.get_option("--ranks"))
        ->excludes(command.get_option("--key-file"));
}

void add_key_file(CLI::App& command, cluster::LinkOptions& links) {
  command
      .add_option(
          "--key-file", links.key_file,
          "The key that all ranks share, for ranks on several machines that mpirun or srun has started "
          "(yoke key makes one)")
      ->type_name("FILE");
}

void add_kv_type(CLI::App& command, kernels::KvType& type) {
  add_named(command, "--kv-type", type, kernels::kv_type_named,
            "How the cache stores keys and values: f16; f32, which takes twice the memory; q8, about half");
}

void add_activations(CLI::App& command, kernels::ActivationType& type) {
  add_named(
      command, "--activations", type, kernels::activation_type_named,
      "What quantised weights are multiplied with: q8, bytes with a scale for every 32; f32, exact and slow");
}

void add_cache_flags(CLI::App& command, runtime::HostOptions& host) {
  CLI::Option* folder = command.add_option(
      "--cache-dir", host.cache_dir,
      "Keep the packed weights in this folder, and take them from there: later starts need not pack them "
      "(--cache-dir ~/.cache/yoke; see yoke cache)");
  folder->type_name("DIR")->check([](const std::string& given) {
    return given.empty() ? std::string("the name is empty; expected a folder") : std::string();
  });
  add_size(command, "--cache-size", host.cache_bytes,
           "The most that is kept there; what was not used for longest goes first")
      ->needs(folder);
}

cluster::EngineProcessOptions this_process(const cluster::LinkOptions& links) {
  cluster::EngineProcessOptions options;
  const system::Environment environment = system::current_environment();
  options.job = cluster::detect_mpi(environment);
  options.shards = shards_folder();
  options.collectives = system::user_file(environment, "XDG_CACHE_HOME", ".cache", "yoke/collectives.json");
  options.links = links;
  if (options.links.network.empty()) options.links.network = options.job.network;
  options.roles = {runtime::lead, runtime::follow,
                   [](const runtime::RankOptions& of_rank) {
                     return gguf::fingerprint(gguf::Model::open(of_rank.host.model, of_rank.open_file));
                   },
                   [](const runtime::RankOptions& of_rank, int rank, int ranks) {
                     return runtime::memory_needed(of_rank.host.model, of_rank.engine, rank, ranks,
                                                   of_rank.open_file);
                   }};
  // The process ends in mid-text, most likely: the sentence gets a line of its own.
  options.last_words = [](const std::string& sentence) { terminal::tell("\nyoke: {}\n", sentence); };
  return options;
}

std::string load_note(const cluster::GroupProgress& progress) {
  if (progress.ranks == 1 || progress.all.done == progress.all.total) return {};
  const cluster::LoadProgress& behind = progress.slowest_rank;
  const double share =
      behind.total == 0 ? 0 : static_cast<double>(behind.done) / static_cast<double>(behind.total);
  const std::string slowest = fmt::format("rank {} at {}%", progress.slowest, static_cast<int>(100 * share));
  if (progress.all.fetched.empty()) return slowest;
  std::uint64_t bytes = 0;
  std::vector<std::int32_t> sources;
  for (const cluster::Fetched& fetched : progress.all.fetched) {
    bytes = saturating_sum(bytes, fetched.bytes);
    sources.push_back(fetched.from);
  }
  return fmt::format("{}, {} came from rank{} {}", slowest, format_bytes(bytes),
                     sources.size() == 1 ? "" : "s", fmt::join(sources, ", "));
}

bool is_follower() { return cluster::detect_mpi(system::current_environment()).rank > 0; }

bool follow(const EngineFlags& flags) {
  if (!is_follower()) return false;
  start_engine(flags);
  return true;
}

namespace {

/// Starts the engine that the flags ask for, and others like it.
class Starter {
 public:
  explicit Starter(const EngineFlags& given) : flags_(given) {
    flags_.engine.tries_kernels = true;
    if (flags_.hosts.given()) hosts_.emplace(flags_.hosts, flags_.engine, flags_.host);
  }

  std::unique_ptr<runtime::Engine> start(const LoadProgress& progress) {
    const cluster::MpiStart job = cluster::detect_mpi(system::current_environment());
    if (job.under_mpi) return join_job(flags_, job, progress);
    return hosts_ ? hosts_->start(progress) : start_here(progress);
  }
  std::unique_ptr<runtime::Engine> start_again() { return hosts_ ? hosts_->start_again() : start_here({}); }
  /// As HostStarter has it.
  std::string change() const { return hosts_ ? hosts_->change() : std::string(); }

 private:
  std::unique_ptr<runtime::Engine> start_here(const LoadProgress& progress) const {
    require_hosts(flags_.hosts);
    if (!flags_.links.key_file.empty() || !flags_.hosts.network.empty())
      throw UsageError(
          "--key-file and --network are for ranks on several machines: give a list of hosts, or start with "
          "mpirun or srun");
    cluster::LaunchOptions options;
    options.engine = flags_.engine;
    options.host = flags_.host;
    options.ranks = flags_.ranks == 0 ? 1 : flags_.ranks;
    options.engine.shares = shares_of_ranks(flags_.hosts.weights, options.ranks);
    return cluster::launch(options, progress);
  }

  EngineFlags flags_;
  std::optional<HostStarter> hosts_;
};

std::unique_ptr<runtime::Engine> start_with_bar(Starter& starter) {
  terminal::ProgressBar bar("loading");
  return starter.start([&bar](const cluster::GroupProgress& loaded) {
    bar.update(loaded.all.done, loaded.all.total, load_note(loaded));
  });
}

void print_notices(const std::vector<runtime::RankReport>& ranks) {
  for (const runtime::RankReport& rank : ranks) {
    for (const std::string& notice : rank.notices) {
      terminal::tell("{}{}\n", notice,
                     ranks.size() == 1 ? "" : fmt::format(" (rank {} on {})", rank.rank, rank.host));
    }
  }
}

std::unique_ptr<runtime::Engine> start_with_notices(Starter& starter, const EngineFlags& flags) {
  std::unique_ptr<runtime::Engine> engine = start_with_bar(starter);
  const bool keeps = !flags.host.cache_dir.empty();
  if (engine == nullptr || !(keeps || flags.hosts.given())) return engine;
  if (keeps && flags.engine.activations == kernels::ActivationType::f32)
    terminal::tell("--cache-dir has no effect: with --activations f32 no weights are packed\n");
  print_notices(engine->reports());
  return engine;
}

}  // namespace

std::unique_ptr<runtime::Engine> start_engine(const EngineFlags& flags) {
  Starter starter(flags);
  return start_with_notices(starter, flags);
}

std::unique_ptr<runtime::Engine> start_lasting_engine(const EngineFlags& flags, LossObserver observer) {
  const auto starter = std::make_shared<Starter>(flags);
  std::unique_ptr<runtime::Engine> engine = start_with_notices(*starter, flags);
  if (engine == nullptr || cluster::detect_mpi(system::current_environment()).under_mpi) return engine;
  runtime::SupervisorOptions options;
  options.launch = [starter, over = std::move(observer.over)] {
    try {
      std::unique_ptr<runtime::Engine> next = starter->start_again();
      over(starter->change());
      return next;
    } catch (const Error&) {
      over("");
      throw;
    }
  };
  options.lost = std::move(observer.lost);
  options.wait = [](std::chrono::milliseconds pause) { std::this_thread::sleep_for(pause); };
  return std::make_unique<runtime::Supervisor>(std::move(engine), std::move(options));
}

}  // namespace yoke::cli
