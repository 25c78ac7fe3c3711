// Ctrl-C as a question instead of an end.
#pragma once

#include <csignal>

namespace yoke::terminal {

/// While it lives, an interrupt (SIGINT) does not end the process but is remembered until it is taken. One at
/// a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// Whether there was one since the last call.
  bool take();

 private:
  struct sigaction before_;
};

}  // namespace yoke::terminal
