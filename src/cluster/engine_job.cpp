#include "cluster/engine_job.h"

#include <csignal>
#include <cstdio>
#include <utility>

#include "cluster/mpirun.h"

namespace yoke::cluster {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds explanation_patience{2000};
constexpr milliseconds term_patience{300};

system::Environment with_temporary_directory(system::Environment environment,
                                             const system::RunDirectory& directory) {
  environment["TMPDIR"] = directory.path().native();
  return environment;
}

}  // namespace

EngineJob::EngineJob(std::unique_ptr<system::RunDirectory> directory, const std::vector<std::string>& command,
                     system::Environment environment, EngineJobOptions options)
    : last_will_(std::move(options.last_will)),
      directory_(std::move(directory)),
      machines_(std::move(options.machines)),
      verbose_(options.verbose),
      helper_(options.helper.empty() ? nullptr
                                     : std::make_unique<system::ChildProcess>(options.helper, environment)),
      child_(command, with_temporary_directory(std::move(environment), *directory_)) {}

EngineJob::~EngineJob() { end(milliseconds{0}); }

bool EngineJob::read_output() {
  const bool open = child_.read_output();
  if (verbose_) {
    const std::string printed = child_.output();
    if (printed.size() > shown_) std::fwrite(printed.data() + shown_, 1, printed.size() - shown_, stderr);
    shown_ = printed.size();
  }
  return open;
}

std::string EngineJob::helper_failure() {
  if (!helper_ || !helper_->wait(milliseconds{0})) return {};
  const std::string printed = helper_->output();
  return printed.empty() ? "it ended without a word" : printed.substr(0, printed.find('\n'));
}

std::string EngineJob::describe_leader() const {
  return machines_.of_ranks.empty() ? "rank 0" : "rank 0 on " + machines_.of_ranks.front();
}

std::string EngineJob::lost_daemon() const {
  return find_ended_daemon(child_.output(), machines_.names).value_or("");
}

std::string EngineJob::explain(std::span<const runtime::Place> places) {
  const std::optional<int> status = child_.wait(explanation_patience);
  return explain_end(child_.output(), status.value_or(-1), places, machines_);
}

runtime::DeathCause EngineJob::cause(milliseconds patience) {
  const std::optional<int> status = child_.wait(patience);
  return cause_of_end(child_.output(), status.value_or(-1));
}

void EngineJob::end(milliseconds patience) {
  if (child_.wait(patience)) return;
  child_.signal(SIGTERM);
  if (child_.wait(term_patience)) return;
  // The ranks ask the kernel for their own death when mpirun's comes, so this ends them too.
  child_.signal(SIGKILL);
  child_.wait(std::chrono::seconds{5});
}

}  // namespace yoke::cluster
