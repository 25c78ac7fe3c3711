#include "cluster/engine_job.h"

#include <csignal>
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
                     system::Environment environment)
    : directory_(std::move(directory)),
      child_(command, with_temporary_directory(std::move(environment), *directory_)) {}

EngineJob::~EngineJob() { end(milliseconds{0}); }

std::string EngineJob::explain(std::span<const runtime::Place> places) {
  const std::optional<int> status = child_.wait(explanation_patience);
  return explain_end(child_.output(), status.value_or(-1), places);
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
