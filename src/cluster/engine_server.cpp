#include "cluster/engine_server.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/error.h"

namespace yoke::cluster {

namespace {

using std::chrono::milliseconds;

constexpr int heartbeat_ms = 250;
constexpr milliseconds start_patience{10000};
constexpr milliseconds failure_patience{500};
// An engine that has work takes a step in next() whatever its patience; one that has none lets its followers
// sleep and comes back.
constexpr milliseconds step_patience{1};
// With so many requests in flight, of which the starter has not been told the end, no more are read.
constexpr std::size_t max_in_flight = 65536;
constexpr std::size_t logits_per_message = std::size_t{1} << 18;

}  // namespace

EngineServer::EngineServer(FileDescriptor socket) : starter_(std::make_unique<Channel>(std::move(socket))) {
  heart_ = std::thread([this] {
    while (!stopping_) {
      beat();
      pollfd stop{stop_.fd(), POLLIN, 0};
      ::poll(&stop, 1, heartbeat_ms);
    }
  });
}

EngineServer::~EngineServer() {
  stopping_ = true;
  stop_.signal();
  heart_.join();
}

void EngineServer::beat() noexcept {
  const Pulse* const pulse = pulse_.load(std::memory_order_acquire);
  starter_.channel().send_heartbeat(encode<FromEngine>(Heartbeat{pulse != nullptr ? pulse->read() : Beat()}));
}

Start EngineServer::wait_for_start() {
  const auto deadline = std::chrono::steady_clock::now() + start_patience;
  for (bool open = true;;) {
    if (std::optional<ToEngine> message = starter_.next()) {
      require(std::holds_alternative<Start>(*message), "the starter did not begin with what it wants");
      return std::get<Start>(std::move(*message));
    }
    require(open, "the starter has closed the connection");
    require(std::chrono::steady_clock::now() < deadline, "the starter did not say within {} ms what it wants",
            start_patience.count());
    pollfd readable{starter_.channel().fd(), POLLIN, 0};
    ::poll(&readable, 1, static_cast<int>(start_patience.count()));
    open = starter_.channel().receive();
  }
}

void EngineServer::announce(const std::vector<runtime::Place>& places) { starter_.say(RanksMet{places}); }

void EngineServer::report_progress(const GroupProgress& progress) noexcept {
  try {
    starter_.say(progress, milliseconds{0});
  } catch (const std::exception&) {
    return;
  }
}

void EngineServer::fail(const std::string& sentence) noexcept {
  try {
    starter_.say(Failure{sentence}, failure_patience);
  } catch (const std::exception&) {
    return;  // nobody listens any more
  }
}

void EngineServer::interrupt(const std::string& sentence) {
  const std::lock_guard lock(mutex_);
  interruption_ = sentence;
  interrupted_.signal();
}

void EngineServer::serve(runtime::Engine& engine) {
  starter_.say(Ready{engine.info()});
  for (;;) {
    const bool may_read = in_flight_.size() < max_in_flight;
    std::array<pollfd, 2> polled{
        {{may_read ? starter_.channel().fd() : -1, POLLIN, 0}, {interrupted_.fd(), POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), resting_ ? -1 : 0);
    if (polled[1].revents != 0) check_interrupt();
    if (polled[0].revents != 0 && !take_requests(engine)) return;
    if (!resting_) advance(engine);
  }
}

void EngineServer::check_interrupt() {
  const std::lock_guard lock(mutex_);
  yoke::fail("{}", interruption_);
}

/// False once the starter has said goodbye or has gone.
bool EngineServer::take_requests(runtime::Engine& engine) {
  resting_ = false;
  const bool open = starter_.channel().receive();
  while (std::optional<ToEngine> message = starter_.next()) {
    if (!std::visit([&](auto& alternative) { return act(engine, alternative); }, *message)) return false;
  }
  return open;
}

bool EngineServer::act(runtime::Engine& engine, Submit& submit) {
  in_flight_.insert(submit.request.id);
  engine.submit(std::move(submit.request));
  return true;
}
bool EngineServer::act(runtime::Engine& engine, const Cancel& cancel) {
  engine.cancel(cancel.request);
  return true;
}
bool EngineServer::act(runtime::Engine& engine, const AskReports&) {
  starter_.say(Reports{engine.reports()});
  return true;
}
bool EngineServer::act(runtime::Engine& engine, const AskRooflines&) {
  starter_.say(Rooflines{engine.measure_rooflines()});
  return true;
}
bool EngineServer::act(runtime::Engine&, const Start&) { yoke::fail("the starter said twice what it wants"); }

void EngineServer::advance(runtime::Engine& engine) {
  const std::optional<runtime::Event> event = engine.next(step_patience);
  if (!event) {
    resting_ = in_flight_.empty();  // it has sent its followers to sleep
    return;
  }
  if (const auto* logits = std::get_if<runtime::LogitsEvent>(&*event)) {
    send_logits(*logits, static_cast<std::size_t>(engine.info().vocabulary));
    return;
  }
  std::visit([this](const auto& alternative) { starter_.say(alternative); }, *event);
  if (const auto* done = std::get_if<runtime::DoneEvent>(&*event)) forget(done->request);
  if (const auto* failed = std::get_if<runtime::FailedEvent>(&*event)) forget(failed->request);
}

void EngineServer::forget(std::uint64_t request) {
  if (const auto found = in_flight_.find(request); found != in_flight_.end()) in_flight_.erase(found);
}

/// A long prompt's logits exceed what one message may hold: whole rows, some at a time.
void EngineServer::send_logits(const runtime::LogitsEvent& event, std::size_t row) {
  const std::size_t rows_at_once = std::max<std::size_t>(1, logits_per_message / row);
  const std::size_t rows = event.logits.size() / row;
  for (std::size_t first = 0; first < rows; first += rows_at_once) {
    const std::size_t n = std::min(rows_at_once, rows - first);
    const auto begin = event.logits.begin() + static_cast<std::ptrdiff_t>(first * row);
    starter_.say(runtime::LogitsEvent{event.request,
                                      event.first_position + static_cast<std::int32_t>(first),
                                      {begin, begin + static_cast<std::ptrdiff_t>(n * row)}});
  }
}

}  // namespace yoke::cluster
