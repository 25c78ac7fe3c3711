#include "comm/running_sum.h"

#include <algorithm>
#include <cassert>

namespace yoke::comm {
void RunningSum::start(std::span<float> x, Wire wire, Algorithm algorithm, Messenger& messenger) {
  assert(!is_under_way() && !x.empty());
  if (x.size() != x_.size() || algorithm != algorithm_ || plan_.rounds.empty())
    plan_ = plan_reduction(algorithm, rank_, ranks_, x.size());
  x_ = x;
  algorithm_ = algorithm;
  wire_ = wire;
  messenger_ = &messenger;
  round_ = 0;
  room_.resize(bytes_on(wire, plan_.room));
  if (wire == Wire::bf16) {
    narrow_.resize(x.size());
    narrow(x, narrow_);
  }
  if (plan_.starts_in_room) {
    const std::span<const std::byte> mine = bytes_of({Stretch::Of::vector, 0, x.size()});
    std::copy(mine.begin(), mine.end(), room_.begin());
  }
  begin_round();
}

bool RunningSum::advance(ThreadPool* pool) {
  while (is_under_way()) {
    if (!messenger_->is_through()) return false;
    if (round_ == plan_.added_after) add(pool);
    if (++round_ < plan_.rounds.size()) {
      begin_round();
    } else {
      if (wire_ == Wire::bf16) widen(narrow_, x_, pool);
      messenger_ = nullptr;
    }
  }
  return true;
}

std::span<std::byte> RunningSum::bytes_of(const Stretch& stretch) {
  std::span<std::byte> all = room_;
  if (stretch.of == Stretch::Of::vector)
    all = wire_ == Wire::bf16 ? std::as_writable_bytes(std::span(narrow_)) : std::as_writable_bytes(x_);
  return all.subspan(bytes_on(wire_, stretch.first), bytes_on(wire_, stretch.count));
}

void RunningSum::begin_round() {
  const Round& round = plan_.rounds[round_];
  const int number = static_cast<int>(round_);
  for (const Message& each : round.receives)
    if (each.values.count > 0) messenger_->receive(bytes_of(each.values), each.peer, number);
  for (const Message& each : round.sends)
    if (each.values.count > 0) messenger_->send(bytes_of(each.values), each.peer, number);
}

void RunningSum::add(ThreadPool* pool) {
  wire_ == Wire::bf16 ? add_as<std::uint16_t>(pool) : add_as<float>(pool);
}

template <class Value>
void RunningSum::add_as(ThreadPool* pool) {
  std::vector<const Value*> parts;
  for (const Stretch& addend : plan_.addends) parts.push_back(values_of<Value>(addend));
  add_in_rank_order(parts, std::span(values_of<Value>(plan_.sum), plan_.sum.count), pool);
}

}  // namespace yoke::comm
