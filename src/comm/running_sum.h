// A sum over ranks on its way: what it sends next follows from what has arrived.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "comm/addition.h"
#include "comm/reduction_plan.h"

namespace yoke::comm {

/// Carries the messages of one sum at a time. What it is given stays where it is until all is through.
class Messenger {
 public:
  virtual ~Messenger() = default;
  /// `round` tells messages between the same two ranks apart.
  virtual void receive(std::span<std::byte> to, int from, int round) = 0;
  virtual void send(std::span<const std::byte> bytes, int to, int round) = 0;
  /// Whether all that has begun is through. Returns at once.
  virtual bool is_through() = 0;
};

class RunningSum {
 public:
  RunningSum(int rank, int ranks) : rank_(rank), ranks_(ranks) {}

  /// Begins. `x` and `messenger` stay until advance() has returned true; nobody else touches x.
  void start(std::span<float> x, Wire wire, Algorithm algorithm, Messenger& messenger);
  /// Goes on as far as it can without waiting. True once x is the sum. `pool` as add_in_rank_order()'s.
  bool advance(ThreadPool* pool);
  bool is_under_way() const { return messenger_ != nullptr; }
  /// The round that is under way, from 0 on.
  std::size_t round() const { return round_; }

 private:
  std::span<std::byte> bytes_of(const Stretch& stretch);
  template <class Value>
  Value* values_of(const Stretch& stretch) {
    return reinterpret_cast<Value*>(bytes_of(stretch).data());
  }
  void begin_round();
  void add(ThreadPool* pool);
  template <class Value>
  void add_as(ThreadPool* pool);

  const int rank_;
  const int ranks_;
  // Of the sum that is or was under way; the plan of one of the same kind and length is the same.
  ReductionPlan plan_;
  Algorithm algorithm_{};
  Wire wire_{};
  std::span<float> x_;
  Messenger* messenger_ = nullptr;  // null: none is
  std::size_t round_ = 0;
  std::vector<std::uint16_t> narrow_;  // x, where it travels so
  std::vector<std::byte> room_;
};

}  // namespace yoke::comm
