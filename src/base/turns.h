// Two flows of control in turns: while one waits for something outside, the other goes on.
#pragma once

#include <functional>
#include <memory>

namespace yoke {

class Turns {
 public:
  Turns();
  ~Turns();
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  /// Runs first() on this thread and second() on one of its own, never both at once, beginning with first().
  /// A flow that calls pass(), or ends, hands over to the other. Returns when both have ended. The exception
  /// of the one that fails is thrown again here, after the other has been ended by one out of its pass().
  /// Throws std::system_error where the system has no thread to give.
  void run(const std::function<void()>& first, const std::function<void()>& second);

  /// Called by the flow whose turn it is. Returns when it is its turn again; at once where the other has
  /// ended.
  void pass();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace yoke
