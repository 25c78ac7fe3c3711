#include "base/turns.h"

#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace yoke {
namespace {

/// Ends a flow whose other one has failed. Nobody but run() catches it.
struct Abandoned {};

}  // namespace

struct Turns::State {
  std::mutex mutex;
  std::condition_variable changed;
  int turn = 0;
  std::array<bool, 2> ended{};
  std::exception_ptr failure;  // the first

  void wait_for_turn(std::unique_lock<std::mutex>& lock, int flow) {
    changed.wait(lock, [&] { return turn == flow; });
    if (failure) throw Abandoned();
  }

  void hand_over(int flow) {
    turn = 1 - flow;
    changed.notify_all();
  }

  void run_flow(int flow, const std::function<void()>& body) {
    std::exception_ptr thrown;
    try {
      {
        std::unique_lock lock(mutex);
        wait_for_turn(lock, flow);
      }
      body();
    } catch (const Abandoned&) {
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    if (!failure) failure = thrown;
    ended[static_cast<std::size_t>(flow)] = true;
    hand_over(flow);
  }
};

Turns::Turns() : state_(std::make_unique<State>()) {}
Turns::~Turns() = default;

void Turns::run(const std::function<void()>& first, const std::function<void()>& second) {
  State& state = *state_;
  state.turn = 0;
  state.ended = {};
  state.failure = nullptr;
  std::thread other([&] { state.run_flow(1, second); });
  state.run_flow(0, first);
  other.join();
  if (state.failure) std::rethrow_exception(state.failure);
}

void Turns::pass() {
  std::unique_lock lock(state_->mutex);
  const int flow = state_->turn;
  if (state_->ended[static_cast<std::size_t>(1 - flow)]) return;
  state_->hand_over(flow);
  state_->wait_for_turn(lock, flow);
}

}  // namespace yoke
