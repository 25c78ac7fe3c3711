#include "cluster/engine_meeting.h"

#include <poll.h>

#include <array>
#include <optional>
#include <utility>

#include "base/error.h"
#include "cluster/introduction.h"
#include "cluster/late_watch.h"
#include "system/socket.h"

namespace yoke::cluster {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds introduction_patience{10};

/// Looks for trouble while the ranks are late, if somebody knows where to.
class Lateness {
 public:
  explicit Lateness(const std::function<std::string()>& look) {
    if (look) watch_.emplace(look);
  }
  std::string found() const { return watch_ ? watch_->found() : std::string(); }
  void stop() {
    if (watch_) watch_->stop();
  }

 private:
  std::optional<LateWatch> watch_;
};

/// Throws Error if the job ends before, or takes too long.
FileDescriptor wait_for_rank_0(const FileDescriptor& listener, EngineJob& job, const MeetingOptions& options,
                               const Lateness& late) {
  const auto deadline = Clock::now() + options.connection;
  bool output_open = true;
  while (output_open) {
    if (Clock::now() >= deadline) {
      // mpirun may wait for ever for a daemon that has not come up.
      const std::string lost = job.lost_daemon();
      fail("{}", lost.empty() ? options.late : lost);
    }
    std::array<pollfd, 2> polled{{{listener.get(), POLLIN, 0}, {job.output_fd(), POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), 100);
    if (FileDescriptor socket = system::accept_connection(listener)) return socket;
    output_open = job.read_output();
    const std::string trouble = job.helper_failure();
    require(trouble.empty(), "{}: {}", options.helper_trouble, trouble);
    const std::string found = late.found();
    require(found.empty(), "{}", found);
  }
  fail("{}", job.explain({}));
}

/// Throws Error if something holds up rank 0, which has connected, before it says a word.
void wait_for_word(const FileDescriptor& rank_0, const Lateness& late) {
  const auto deadline = Clock::now() + introduction_patience;
  pollfd readable{rank_0.get(), POLLIN, 0};
  while (::poll(&readable, 1, 100) <= 0 && Clock::now() < deadline) {
    const std::string found = late.found();
    require(found.empty(), "{}", found);
  }
}

}  // namespace

std::unique_ptr<runtime::Engine> meet_engine(const FileDescriptor& listener, std::unique_ptr<EngineJob> job,
                                             const MeetingOptions& options,
                                             const std::function<void(const GroupProgress&)>& progress) {
  Lateness late(options.look);
  FileDescriptor rank_0 = wait_for_rank_0(listener, *job, options, late);
  const auto reach = [&options](std::string_view stage) {
    if (options.stage) options.stage(stage);
  };
  reach("rank 0 has connected");
  wait_for_word(rank_0, late);
  introduce(rank_0, introduction_of(options.build), introduction_patience);
  StarterEnd end(std::make_unique<Channel>(std::move(rank_0)));
  end.say(options.start);
  auto remote = std::make_unique<RemoteEngine>(std::move(end), std::move(job), options.timing);
  remote->wait_until_met(options.hint_if_late, [&late] { return late.found(); });
  late.stop();
  reach("the ranks have met");
  remote->wait_until_ready(progress);
  reach("the model is loaded");
  return remote;
}

}  // namespace yoke::cluster
