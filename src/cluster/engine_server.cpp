#include "cluster/engine_server.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>

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
constexpr std::size_t logits_per_message = std::size_t{1} << 18;

}  // namespace

EngineServer::EngineServer(FileDescriptor socket) : channel_(std::move(socket)) {
  heart_ = std::thread([this] {
    while (!stopping_) {
      channel_.send_heartbeat();
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

Start EngineServer::wait_for_start() {
  const auto deadline = std::chrono::steady_clock::now() + start_patience;
  for (bool open = true;;) {
    if (std::optional<Message> message = channel_.next()) {
      require(std::holds_alternative<Start>(*message), "the starter did not begin with what it wants");
      return std::get<Start>(std::move(*message));
    }
    require(open, "the starter has closed the connection");
    require(std::chrono::steady_clock::now() < deadline, "the starter did not say within {} ms what it wants",
            start_patience.count());
    pollfd readable{channel_.fd(), POLLIN, 0};
    ::poll(&readable, 1, static_cast<int>(start_patience.count()));
    open = channel_.receive();
  }
}

void EngineServer::announce(const std::vector<runtime::Place>& places) { channel_.send(RanksMet{places}); }

void EngineServer::report_progress(const GroupProgress& progress) noexcept {
  try {
    channel_.send(progress, milliseconds{0});
  } catch (const std::exception&) {
    return;
  }
}

void EngineServer::fail(const std::string& sentence) noexcept {
  try {
    channel_.send(Failure{sentence}, failure_patience);
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
  channel_.send(Ready{engine.info()});
  for (;;) {
    std::array<pollfd, 2> polled{{{channel_.fd(), POLLIN, 0}, {interrupted_.fd(), POLLIN, 0}}};
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
  const bool open = channel_.receive();
  while (std::optional<Message> message = channel_.next()) {
    if (auto* submit = std::get_if<Submit>(&*message)) {
      in_flight_.insert(submit->request.id);
      engine.submit(std::move(submit->request));
    } else if (const auto* cancel = std::get_if<Cancel>(&*message)) {
      engine.cancel(cancel->request);
    } else if (std::holds_alternative<AskReports>(*message)) {
      channel_.send(Reports{engine.reports()});
    } else if (std::holds_alternative<AskRooflines>(*message)) {
      channel_.send(Rooflines{engine.measure_rooflines()});
    } else if (std::holds_alternative<Goodbye>(*message)) {
      return false;
    }
  }
  return open;
}

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
  std::visit([this](const auto& alternative) { channel_.send(alternative); }, *event);
  if (const auto* done = std::get_if<runtime::DoneEvent>(&*event)) in_flight_.erase(done->request);
  if (const auto* refused = std::get_if<runtime::RefusedEvent>(&*event)) in_flight_.erase(refused->request);
}

/// A long prompt's logits exceed what one message may hold: whole rows, some at a time.
void EngineServer::send_logits(const runtime::LogitsEvent& event, std::size_t row) {
  const std::size_t rows_at_once = std::max<std::size_t>(1, logits_per_message / row);
  const std::size_t rows = event.logits.size() / row;
  for (std::size_t first = 0; first < rows; first += rows_at_once) {
    const std::size_t n = std::min(rows_at_once, rows - first);
    const auto begin = event.logits.begin() + static_cast<std::ptrdiff_t>(first * row);
    channel_.send(runtime::LogitsEvent{event.request,
                                       event.first_position + static_cast<std::int32_t>(first),
                                       {begin, begin + static_cast<std::ptrdiff_t>(n * row)}});
  }
}

}  // namespace yoke::cluster
