#include "cluster/remote_engine.h"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "runtime/engine_death.h"
#include "system/socket.h"

namespace yoke::cluster {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds poll_period{250};
// A listener that was to run every quarter of a second and did not for so long was stopped itself (Ctrl-Z).
constexpr milliseconds own_gap{1000};
constexpr milliseconds goodbye_patience{500};
// For a job that falls apart to say which rank a signal has ended: mpirun reports that within a tenth of it.
constexpr milliseconds report_patience{500};
// The listener reads on while fewer events wait for next(). One read brings some thousand more at most.
constexpr std::size_t max_events = 256;

}  // namespace

class RemoteEngine::State {
 public:
  State(StarterEnd engine, std::unique_ptr<EngineJob> job, const RemoteTiming& timing)
      : engine_(std::move(engine)),
        job_(std::move(job)),
        timing_(timing),
        judge_(1, timing.stillness),
        listener_([this] { listen(); }) {}

  ~State() {
    bool ready = false;
    {
      const std::lock_guard lock(mutex_);
      leaving_ = true;
      ready = info_.has_value();
    }
    try {
      engine_.say(Goodbye{}, goodbye_patience);
    } catch (const Error&) {
      ready = false;  // it is gone, or does not read
    }
    // An engine that is still loading does not listen, and has nothing to put in order.
    if (ready) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, timing_.parting, [&] { return death_.has_value(); });
    }
    stopping_ = true;
    alarm_.signal();
    listener_.join();
    if (job_) job_->end(ready ? goodbye_patience : milliseconds{0});
  }

  void wait_until_met(const std::string& if_late, const std::function<std::string()>& trouble) {
    const auto deadline = Clock::now() + timing_.meeting;
    std::unique_lock lock(mutex_);
    while (places_.empty()) {
      throw_if_dead();
      const std::string found = trouble ? trouble() : std::string();
      require(found.empty(), "{}", found);
      require(Clock::now() < deadline, "the ranks have not met within {} seconds{}",
              std::chrono::duration_cast<std::chrono::seconds>(timing_.meeting).count(), if_late);
      changed_.wait_for(lock, poll_period);
    }
  }

  void wait_until_ready(const std::function<void(const GroupProgress&)>& progress) {
    std::unique_lock lock(mutex_);
    std::optional<std::uint64_t> shown;
    while (!info_) {
      throw_if_dead();
      if (progress && progress_ && progress_->all.done != shown) {
        const GroupProgress now = *progress_;
        shown = now.all.done;
        lock.unlock();
        progress(now);
        lock.lock();
        continue;
      }
      changed_.wait_for(lock, poll_period);
    }
  }

  runtime::EngineInfo info() const {
    const std::lock_guard lock(mutex_);
    throw_if_dead();
    return info_.value();
  }

  void send(const ToEngine& message) {
    try {
      const Asking asking(*this);
      engine_.say(message, timing_.answer);
    } catch (const Error&) {
      // The listener is finding out why.
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, timing_.silence, [&] { return death_.has_value(); });
      throw_if_dead();
      throw;
    }
  }

  std::optional<runtime::Event> next(milliseconds patience) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return !events_.empty() || death_; });
    if (events_.empty()) {
      throw_if_dead();
      return std::nullopt;
    }
    runtime::Event event = std::move(events_.front());
    if (events_.size() == max_events) alarm_.signal();  // there is room again
    events_.pop_front();
    return event;
  }

  std::vector<runtime::RankReport> wait_for_reports() { return wait_for(reports_); }
  std::vector<rates::Roofline> wait_for_rooflines() { return wait_for(rooflines_); }

 private:
  /// While it lives the listener reads on, however many events wait: an engine that waits for its reader must
  /// be read before it listens.
  class Asking {
   public:
    explicit Asking(State& state) : state_(state) {
      ++state_.asking_;
      state_.alarm_.signal();
    }
    ~Asking() { --state_.asking_; }
    Asking(const Asking&) = delete;
    Asking& operator=(const Asking&) = delete;

   private:
    State& state_;
  };

  bool may_read() const {
    const std::lock_guard lock(mutex_);
    return events_.size() < max_events || asking_ > 0 || leaving_;
  }

  void throw_if_dead() const {
    if (death_) throw runtime::EngineDeath(*death_, cause_);
  }

  template <class Answer>
  Answer wait_for(std::optional<Answer>& answer) {
    const Asking asking(*this);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timing_.answer, [&] { return answer || death_; });
    if (!answer) throw_if_dead();
    require(answer.has_value(), "the engine did not answer within {} ms", timing_.answer.count());
    return std::exchange(answer, std::nullopt).value();
  }

  void listen() {
    auto last = Clock::now();
    heard_ = last;
    while (!stopping_) {
      wait_for_something();
      const auto now = Clock::now();
      if (now - last > own_gap) forgive(now);
      last = now;
      if (job_ && output_open_) output_open_ = job_->read_output();
      if (channel_open_) listen_to_engine(now);
    }
  }

  void wait_for_something() {
    std::vector<pollfd> polled{{alarm_.fd(), POLLIN, 0}};
    if (channel_open_ && may_read()) polled.push_back({engine_.channel().fd(), POLLIN, 0});
    if (job_ && output_open_) polled.push_back({job_->output_fd(), POLLIN, 0});
    ::poll(polled.data(), polled.size(), static_cast<int>(poll_period.count()));
    alarm_.clear();
  }

  void listen_to_engine(Clock::time_point now) {
    if (!may_read()) {
      forgive(now);  // what it says meanwhile waits
      return;
    }
    try {
      const bool open = engine_.channel().receive();
      while (std::optional<FromEngine> message = engine_.next()) {
        heard_ = now;
        std::visit([this](auto& alternative) { hear(alternative); }, *message);
        if (!channel_open_) return;
      }
      if (!open) {
        die(job_ ? job_->explain(places()) : "the engine has closed its connection", cause_of_loss());
      } else if (now - heard_ > timing_.silence) {
        die(silence_sentence());
      } else if (const std::optional<Verdict> verdict = judge_.judge()) {
        die(sentence_of(*verdict, places()));
      }
    } catch (const Error& error) {
      die(fmt::format("the engine sent nonsense: {}", error.what()));
    }
  }

  /// Rank 0 has been neither silent nor still while this process was stopped.
  void forgive(Clock::time_point now) {
    heard_ = now;
    judge_.forgive(since_start(now));
  }

  ProgressJudge::Time since_start(Clock::time_point now) const {
    return std::chrono::duration_cast<ProgressJudge::Time>(now - start_);
  }

  void hear(const Heartbeat& heartbeat) { judge_.hear(0, since_start(heard_), heartbeat.beat); }
  void hear(const Failure& failure) { die(failure.sentence, cause_of_loss()); }
  void hear(RanksMet& met) { note(places_, std::move(met.places)); }
  void hear(const GroupProgress& progress) { note(progress_, progress); }
  void hear(const Ready& ready) { note(info_, ready.info); }
  void hear(Reports& reports) { note(reports_, std::move(reports.ranks)); }
  void hear(Rooflines& rooflines) { note(rooflines_, std::move(rooflines.ranks)); }
  template <class Event>
  requires std::is_constructible_v<runtime::Event, Event>
  void hear(Event& event) {
    const std::lock_guard lock(mutex_);
    events_.emplace_back(std::move(event));
    changed_.notify_all();
  }

  template <class Place, class Heard>
  void note(Place& place, Heard&& heard) {
    const std::lock_guard lock(mutex_);
    place = std::forward<Heard>(heard);
    changed_.notify_all();
  }

  /// The engine is lost: nothing more is heard of it, and what is left of it ends now. (In good order, what
  /// it "died" of is the goodbye.)
  void die(const std::string& sentence, runtime::DeathCause cause = runtime::DeathCause::loss) {
    channel_open_ = false;
    engine_.channel().shut_down();
    bool expected = false;
    {
      const std::lock_guard lock(mutex_);
      death_ = sentence;
      cause_ = cause;
      expected = leaving_;
      changed_.notify_all();
    }
    if (job_ && !expected) job_->end(milliseconds{0});
  }

  /// Of an engine that has spoken of its end, or is gone.
  runtime::DeathCause cause_of_loss() const {
    const bool asked = job_ && !leaving();
    return asked ? job_->cause(report_patience) : runtime::DeathCause::loss;
  }

  bool leaving() const {
    const std::lock_guard lock(mutex_);
    return leaving_;
  }

  std::vector<runtime::Place> places() const {
    const std::lock_guard lock(mutex_);
    return places_;
  }

  std::string silence_sentence() const {
    const auto known = places();
    if (!known.empty()) return describe(known.front()) + " stopped answering";
    return (job_ ? job_->describe_leader() : "rank 0") + " stopped answering";
  }

  StarterEnd engine_;
  const std::unique_ptr<EngineJob> job_;  // the listener's, then the destructor's
  const RemoteTiming timing_;
  const system::Alarm alarm_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> asking_ = 0;

  // The listener's.
  const Clock::time_point start_ = Clock::now();
  ProgressJudge judge_;
  Clock::time_point heard_;
  bool channel_open_ = true;
  bool output_open_ = true;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool leaving_ = false;
  std::optional<std::string> death_;
  runtime::DeathCause cause_{};
  std::vector<runtime::Place> places_;
  std::optional<GroupProgress> progress_;
  std::optional<runtime::EngineInfo> info_;
  std::optional<std::vector<runtime::RankReport>> reports_;
  std::optional<std::vector<rates::Roofline>> rooflines_;
  std::deque<runtime::Event> events_;

  std::thread listener_;  // last: it uses all of the above
};

RemoteEngine::RemoteEngine(StarterEnd engine, std::unique_ptr<EngineJob> job, const RemoteTiming& timing)
    : state_(std::make_unique<State>(std::move(engine), std::move(job), timing)) {}

RemoteEngine::~RemoteEngine() = default;

void RemoteEngine::wait_until_met(const std::string& if_late, const std::function<std::string()>& trouble) {
  state_->wait_until_met(if_late, trouble);
}

void RemoteEngine::wait_until_ready(const std::function<void(const GroupProgress&)>& progress) {
  state_->wait_until_ready(progress);
}

runtime::EngineInfo RemoteEngine::info() const { return state_->info(); }
void RemoteEngine::submit(runtime::Request request) { state_->send(Submit{std::move(request)}); }
void RemoteEngine::cancel(std::uint64_t request) { state_->send(Cancel{request}); }
std::optional<runtime::Event> RemoteEngine::next(milliseconds patience) { return state_->next(patience); }

std::vector<runtime::RankReport> RemoteEngine::reports() {
  state_->send(AskReports{});
  return state_->wait_for_reports();
}

std::vector<rates::Roofline> RemoteEngine::measure_rooflines() {
  state_->send(AskRooflines{});
  return state_->wait_for_rooflines();
}

}  // namespace yoke::cluster
