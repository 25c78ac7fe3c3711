// N ranks as N threads of one process: every distributed test runs without a network.
#pragma once

#include <functional>
#include <memory>

#include "comm/comm.h"

namespace yoke::comm {

/// A group of `size` ranks, one thread each. Ranks that call different collectives, or the same with other
/// sizes, get an Error instead of wrong numbers.
class ThreadGroup {
 public:
  explicit ThreadGroup(int size);
  ~ThreadGroup();
  ThreadGroup(const ThreadGroup&) = delete;
  ThreadGroup& operator=(const ThreadGroup&) = delete;

  int size() const;
  /// Rank `rank`'s end, for one thread at a time; lives as long as the group.
  Comm& comm(int rank);

  /// Every pending and later call of every rank throws Error. Any thread may call it.
  void abort();
  /// Says that `rank` will call nothing any more: calls that wait for it throw Error instead of hanging.
  void leave(int rank);

 private:
  struct State;
  class Member;
  std::unique_ptr<State> state_;
};

/// Runs body(comm) once on each of `n` ranks and waits for all of them. If bodies throw, the others' calls
/// are aborted and the exception that came first is thrown again here.
void run_ranks(int n, const std::function<void(Comm&)>& body);

}  // namespace yoke::comm
