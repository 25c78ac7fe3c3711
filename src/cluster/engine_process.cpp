#include "cluster/engine_process.h"

#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "cluster/agreement.h"
#include "cluster/collectives.h"
#include "cluster/engine_server.h"
#include "cluster/introduction.h"
#include "cluster/mpi_comm.h"
#include "cluster/mpirun.h"
#include "cluster/rank_link.h"
#include "cluster/rendezvous.h"
#include "cluster/shared_model.h"
#include "comm/gather.h"
#include "comm/solo.h"
#include "runtime/wire.h"
#include "system/socket.h"

namespace yoke::cluster {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds progress_period{100};
// A starter on another machine is reached through ssh, which may lead its socket here a moment after the
// ranks' start.
constexpr std::chrono::milliseconds starter_patience{5000};
constexpr std::chrono::milliseconds precedence{500};  // of rank 1's last words
constexpr std::chrono::milliseconds leader_precedence{2000};
constexpr std::chrono::milliseconds introduction_patience{10000};

/// What one rank stands on: its Comm, what all have been told and, if there are others, its link to them.
/// Taken down in good order by part(); otherwise the process must end without returning to MPI.
struct Group {
  std::unique_ptr<MpiComm> mpi;
  comm::SoloComm solo;
  runtime::RankOptions options;
  std::unique_ptr<RankLink> link;
  SharedModel shared_model;  // until all have loaded

  comm::Comm& comm() { return mpi ? static_cast<comm::Comm&>(*mpi) : solo; }
  bool leads() { return comm().rank() == 0; }
  const std::vector<runtime::Place>& places() const { return options.places; }

  void part() {
    if (mpi) mpi->leave();
    if (link) link->goodbye();
    link.reset();
  }
};

[[noreturn]] void end_process() { ::_exit(1); }

/// MPI would print a page, on every rank, and end the process.
void require_connected(const MpiStart& job) {
  if (!job.unconnected) return;
  if (job.rank > 0) {
    ::poll(nullptr, 0, static_cast<int>(leader_precedence.count()));  // srun may end all with the first
    end_process();
  }
  fail(
      "srun has started {} ranks that cannot find each other: start them with srun --mpi=pmix (Debian's "
      "Slurm "
      "needs the package libpmix-dev on every node for it)",
      job.ranks);
}

/// Brings the ranks together, all but the links. Throws Error on every rank where one is of another build.
void meet(Group& group, const EngineProcessOptions& options) {
  const MpiStart& job = options.job;
  if (job.under_mpi && job.ranks != 1) group.mpi = start_mpi(job.ranks);
  try {
    introduce(group.comm(), introduction_of(options.build));
  } catch (const Error&) {
    // Rank 0 finds the same and tells it; whoever ended before would end it, too.
    if (!group.leads()) ::poll(nullptr, 0, static_cast<int>(leader_precedence.count()));
    throw;
  }
}

/// A collective: what rank 0 was started with is what everyone is.
void tell_start(Group& group, const Start& of_leader) {
  comm::Comm& comm = group.comm();
  Start start = comm::tell(comm, of_leader, 0);
  require(std::ssize(start.hosts) == comm.size(), "the starter spoke of {} ranks, but the job has {}",
          start.hosts.size(), comm.size());
  group.options.engine = start.engine;
  group.options.host = std::move(start.hosts[static_cast<std::size_t>(comm.rank())]);
  group.options.places = runtime::gather_places(comm, group.options.host.threads);
}

/// The same where each rank has a command line of its own.
void tell_engine(Group& group, const runtime::EngineOptions& of_leader, const runtime::HostOptions& mine) {
  group.options.engine = comm::tell(group.comm(), of_leader, 0);
  group.options.host = mine;
  group.options.places = runtime::gather_places(group.comm(), mine.threads);
}

void connect(Group& group, const EngineProcessOptions& options, LinkObserver observer) {
  if (group.comm().size() == 1) return;
  group.link =
      RankLink::establish(group.comm(), group.places(), options.links, std::move(observer), options.timing);
  group.mpi->attach(*group.link);
}

Findings look(const runtime::RankOptions& options, const RankRoles& roles, int rank, int ranks) {
  Findings findings;
  try {
    if (roles.model_fingerprint) findings.model = roles.model_fingerprint(options);
    model::MemoryNeed need;
    if (roles.memory_needed) need = roles.memory_needed(options, rank, ranks);
    findings.memory = claim(need, read_memory(), options.host.memory);
  } catch (const std::exception& error) {
    findings.error = error.what();
  }
  return findings;
}

/// A collective: what ranks on several machines do otherwise than those of one. How sums are made is not
/// measured for a model that is computed in no time: `weights` are the bytes of this rank's.
void prepare_for_network(Group& group, const EngineProcessOptions& options, std::uint64_t weights) {
  constexpr std::uint64_t worth_measuring = 16 << 20;
  runtime::EngineOptions& engine = group.options.engine;
  const bool several = are_on_several_machines(group.places());
  if (engine.overlap == runtime::Overlap::automatic)
    engine.overlap = several ? runtime::Overlap::on : runtime::Overlap::off;
  if (group.comm().size() > 1)
    choose_collectives(group.comm(), group.places(), engine.collectives, options.links.network,
                       CollectivesBook(options.collectives), weights >= worth_measuring);
}

/// What can be told to be wrong before anything is loaded: rank 0 throws then, and the others wait for the
/// end of the job that follows. Else all know from here on how many pages they have.
void check_before_loading(Group& group, const EngineProcessOptions& options) {
  comm::Comm& comm = group.comm();
  const RankRoles& roles = options.roles;
  if (roles.model_fingerprint) {
    group.shared_model = share_model(comm, group.options, options.links, options.shards);
    group.options.when_loaded = [&group] { group.shared_model.end(); };
  }
  const Findings mine = look(group.options, roles, comm.rank(), comm.size());
  const auto pages = check_findings(comm, group.places(), mine, group.options.engine.sequences);
  if (pages) {
    group.options.engine.pages = static_cast<std::int32_t>(*pages);
    prepare_for_network(group, options, mine.memory.need.weights);
  } else {
    group.link->sleep();
  }
}

/// The starter reads what its engine's processes print.
void write_to_starter(const std::string& sentence) {
  const std::string line = std::string(last_words_prefix) + sentence + "\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void say_last_words(const EngineProcessOptions& options, const std::string& sentence) {
  if (options.last_words) options.last_words(sentence);
}

/// Rank 0's: shows how far all ranks have loaded, whichever tells of it. Any thread.
class ProgressDisplay {
 public:
  explicit ProgressDisplay(std::function<void(const GroupProgress&)> show) : show_(std::move(show)) {}

  void update(const GroupProgress& progress) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    const bool complete = progress.all.done == progress.all.total;
    if (!show_ || progress.all.done < shown_ || (now < next_ && !complete)) return;
    next_ = now + progress_period;
    shown_ = progress.all.done;
    show_(progress);
  }
  /// Nothing is shown from now on: a follower's last word may come after rank 0 has the engine.
  void close() {
    const std::lock_guard lock(mutex_);
    show_ = {};
  }

 private:
  std::mutex mutex_;
  std::function<void(const GroupProgress&)> show_;
  Clock::time_point next_;
  std::uint64_t shown_ = 0;
};

/// While a rank loads: tells rank 0 (on rank 0: the display) how far it is, now and then; and ends the
/// loading by an Error when a peer is lost.
runtime::Progress progress_of(Group& group, std::shared_ptr<ProgressDisplay> display = {}) {
  return [&group, display = std::move(display), next = Clock::time_point()](std::uint64_t done,
                                                                            std::uint64_t total) mutable {
    if (group.link) group.link->check();
    const auto now = Clock::now();
    if (now < next && done != total) return;
    next = now + progress_period;
    const LoadProgress mine{done, total, group.shared_model.fetched()};
    if (group.link) group.link->report_progress(mine);
    if (display) display->update(group.link ? group.link->progress() : summarise({&mine, 1}));
  };
}

/// Rank 0 vanished without a word: rank 1 has to tell why. The others end after it, for mpirun ends every
/// rank as soon as one has ended.
void speak_for_leader(const EngineProcessOptions& options, int rank, const std::string& sentence) {
  if (rank == 1) return say_last_words(options, sentence);
  ::poll(nullptr, 0, static_cast<int>(precedence.count()));
}

/// A follower whose main thread is caught in something while the job falls apart. As long as rank 0 can tell
/// why, it does.
LinkObserver follower_observer(const EngineProcessOptions& options, int rank) {
  return {{}, [&options, rank](const LinkLoss& loss) {
            if (loss.leader_vanished) speak_for_leader(options, rank, loss.sentence);
            end_process();
          }};
}

/// A follower's whole work once it has been told what to be.
void follow(Group& group, const EngineProcessOptions& options) {
  connect(group, options, follower_observer(options, group.comm().rank()));
  check_before_loading(group, options);
  options.roles.follow(group.options, group.comm(), progress_of(group));
  group.part();
}

/// A follower cannot go on. Rank 0 tells the starter or the person, as long as it can.
[[noreturn]] void give_up(Group& group, const EngineProcessOptions& options, const std::string& sentence) {
  if (!group.link) {
    say_last_words(options, sentence);
  } else if (group.link->leader_is_lost()) {
    speak_for_leader(options, group.comm().rank(), sentence);
  } else {
    group.link->report_failure(sentence);
  }
  end_process();
}

void follow_started(const EngineProcessOptions& options) {
  Group group;
  try {
    meet(group, options);
    tell_start(group, {});
    follow(group, options);
  } catch (const std::exception& error) {
    give_up(group, options, error.what());
  }
}

/// Rank 0 of an engine that has a starter: serves it until it says goodbye. `engine` is the caller's, because
/// after an exception it must not be destroyed: it would talk to ranks that are lost.
void serve_starter(Group& group, EngineServer& server, const EngineProcessOptions& options,
                   std::unique_ptr<runtime::Engine>& engine) {
  const Start start = server.wait_for_start();
  meet(group, options);
  require(group.leads(), "MPI calls this process rank {}, but its starter rank 0", group.comm().rank());
  server.watch(group.comm().pulse());
  tell_start(group, start);
  // First, so that the starter can say where a rank ran that is lost from here on: the others begin to work
  // only once they are connected, and mpirun ends rank 0 as soon as one of them has ended.
  server.announce(group.places());
  const auto display = std::make_shared<ProgressDisplay>(
      [&server](const GroupProgress& progress) { server.report_progress(progress); });
  connect(group, options,
          {[&server](const LinkLoss& loss) {
             server.fail(loss.sentence);
             server.interrupt(loss.sentence);
           },
           [](const LinkLoss&) { end_process(); },
           [display](const GroupProgress& progress) { display->update(progress); }});
  check_before_loading(group, options);
  engine = options.roles.lead(group.options, group.comm(), progress_of(group, display));
  display->close();
  group.comm().pulse().enter(Phase::idle);
  server.serve(*engine);
  engine.reset();
  group.part();
}

void lead_started(const EngineProcessOptions& options, const std::filesystem::path& socket) {
  FileDescriptor starter = system::connect_unix(socket, starter_patience);
  introduce(starter, introduction_of(options.build), introduction_patience);
  Group group;
  EngineServer server(std::move(starter));
  std::unique_ptr<runtime::Engine> engine;
  try {
    serve_starter(group, server, options, engine);
  } catch (const std::exception& error) {
    server.fail(error.what());
    if (group.link) group.link->report_failure(error.what());
    end_process();
  }
}

/// join()'s engine: rank 0's own, with all it stands on.
class JoinedEngine final : public runtime::Engine {
 private:
  /// The first exception is the engine's death: tells the other ranks, and passes it on.
  template <class Act>
  auto guard(Act act) {
    try {
      if (group_->link) group_->link->check();
      return act();
    } catch (const std::exception& error) {
      *told_ = true;
      if (!std::exchange(failed_, true) && group_->link) group_->link->report_failure(error.what());
      throw;
    }
  }

 public:
  /// `told` becomes true once the caller knows of the engine's death.
  JoinedEngine(std::unique_ptr<Group> group, std::unique_ptr<runtime::Engine> engine,
               std::shared_ptr<std::atomic<bool>> told)
      : group_(std::move(group)), engine_(std::move(engine)), told_(std::move(told)) {}

  ~JoinedEngine() override {
    if (failed_ || (group_->link && group_->link->is_lost())) {
      // What the lost ranks owe would be waited for: the process ends with all of it in place.
      static_cast<void>(engine_.release());
      static_cast<void>(group_.release());
      return;
    }
    engine_.reset();
    try {
      group_->part();
    } catch (const Error&) {
      static_cast<void>(group_.release());
    }
  }

  runtime::EngineInfo info() const override { return engine_->info(); }
  void submit(runtime::Request request) override {
    guard([&] { engine_->submit(std::move(request)); });
  }
  void cancel(std::uint64_t request) override {
    guard([&] { engine_->cancel(request); });
  }
  std::optional<runtime::Event> next(std::chrono::milliseconds patience) override {
    return guard([&] { return engine_->next(patience); });
  }
  std::vector<runtime::RankReport> reports() override {
    return guard([&] { return engine_->reports(); });
  }
  std::vector<rates::Roofline> measure_rooflines() override {
    return guard([&] { return engine_->measure_rooflines(); });
  }

 private:
  std::unique_ptr<Group> group_;
  std::unique_ptr<runtime::Engine> engine_;
  std::shared_ptr<std::atomic<bool>> told_;
  bool failed_ = false;
};

std::unique_ptr<runtime::Engine> join_as_leader(std::unique_ptr<Group> group,
                                                const EngineProcessOptions& options,
                                                const std::function<void(const GroupProgress&)>& progress) {
  const auto told = std::make_shared<std::atomic<bool>>(false);
  const auto display = std::make_shared<ProgressDisplay>(progress);
  try {
    const auto tell = [told, last_words = options.last_words](const LinkLoss& loss) {
      if (told->exchange(true)) return;
      if (last_words && !loss.given_up) last_words(loss.sentence);
      end_process();
    };
    connect(
        *group, options,
        // At once: an mpirun that kills the other ranks of a lost one without delay leaves no time for more.
        {tell,
         [tell](const LinkLoss& loss) {
           tell(loss);
           end_process();
         },
         [display](const GroupProgress& all) { display->update(all); }});
    check_before_loading(*group, options);
    auto engine = options.roles.lead(group->options, group->comm(), progress_of(*group, display));
    display->close();
    group->comm().pulse().enter(Phase::idle);
    return std::make_unique<JoinedEngine>(std::move(group), std::move(engine), told);
  } catch (const std::exception& error) {
    display->close();
    *told = true;
    if (group->link) group->link->report_failure(error.what());
    static_cast<void>(group.release());  // as ~JoinedEngine does
    throw;
  }
}

}  // namespace

int engine_main(const EngineProcessOptions& given, const std::filesystem::path& socket) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  EngineProcessOptions options = given;
  options.last_words = write_to_starter;
  try {
    options.job.rank == 0 ? lead_started(options, socket) : follow_started(options);
    return 0;
  } catch (const std::exception& error) {
    say_last_words(options, error.what());
    end_process();
  }
}

std::unique_ptr<runtime::Engine> join(const EngineProcessOptions& options,
                                      const runtime::EngineOptions& engine, const runtime::HostOptions& host,
                                      const std::function<void(const GroupProgress&)>& progress) {
  require_connected(options.job);
  auto group = std::make_unique<Group>();
  meet(*group, options);
  tell_engine(*group, engine, host);
  if (group->leads()) return join_as_leader(std::move(group), options, progress);
  try {
    follow(*group, options);
  } catch (const std::exception& error) {
    give_up(*group, options, error.what());
  }
  return nullptr;
}

}  // namespace yoke::cluster
