#include "cluster/engine_meeting.h"

#include <poll.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "cluster/introduction.h"
#include "system/socket.h"

namespace yoke::cluster {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds introduction_patience{10};

/// Throws Error if the job ends before, or takes too long.
FileDescriptor wait_for_rank_0(const FileDescriptor& listener, EngineJob& job,
                               const MeetingOptions& options) {
  const auto deadline = Clock::now() + options.connection;
  bool output_open = true;
  while (output_open) {
    require(Clock::now() < deadline, "{}", options.late);
    std::array<pollfd, 2> polled{{{listener.get(), POLLIN, 0}, {job.output_fd(), POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), 100);
    if (FileDescriptor socket = system::accept_connection(listener)) return socket;
    output_open = job.read_output();
    const std::string trouble = job.helper_failure();
    require(trouble.empty(), "{}: {}", options.helper_trouble, trouble);
  }
  fail("{}", job.explain({}));
}

}  // namespace

std::unique_ptr<runtime::Engine> meet_engine(const FileDescriptor& listener, std::unique_ptr<EngineJob> job,
                                             const MeetingOptions& options,
                                             const std::function<void(const GroupProgress&)>& progress) {
  FileDescriptor rank_0 = wait_for_rank_0(listener, *job, options);
  introduce(rank_0, introduction_of(options.build), introduction_patience);
  StarterEnd end(std::make_unique<Channel>(std::move(rank_0)));
  end.say(options.start);
  auto remote = std::make_unique<RemoteEngine>(std::move(end), std::move(job), options.timing);
  remote->wait_until_ready(progress, options.hint_if_late);
  return remote;
}

}  // namespace yoke::cluster
