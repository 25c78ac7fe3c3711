#include "terminal/interrupt.h"

#include <atomic>
#include <cassert>

namespace yoke::terminal {
namespace {

// All that a signal handler can reach. It may run in any thread.
std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

}  // namespace

Interrupt::Interrupt() : before_() {
  interrupted = false;
  struct sigaction remember {};
  remember.sa_handler = [](int) { interrupted = true; };
  remember.sa_flags = SA_RESTART;
  [[maybe_unused]] const int failed = ::sigaction(SIGINT, &remember, &before_);
  assert(failed == 0);
}

Interrupt::~Interrupt() { ::sigaction(SIGINT, &before_, nullptr); }

bool Interrupt::take() { return interrupted.exchange(false); }

}  // namespace yoke::terminal
