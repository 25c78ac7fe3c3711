// How a sum over ranks is made, as messages: no transport, no values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace yoke::comm {

/// All of them add the ranks' addends of an element in rank order, so they give the same bits.
enum class Algorithm : std::uint8_t {
  direct,  // everyone sends everything to everyone: one latency
  pieces,  // rank r adds the r-th piece of all vectors, then everyone collects the sums: two latencies, and
           // the fewest bytes
  doubling,  // everyone collects all vectors in ⌈log₂ N⌉ rounds of fewer, longer messages (Bruck et al. 1997,
             // https://doi.org/10.1109/71.642949), then adds
};
inline constexpr Algorithm algorithms[] = {Algorithm::direct, Algorithm::pieces, Algorithm::doubling};
constexpr Algorithm last_enumerator(Algorithm) { return Algorithm::doubling; }
std::string_view name_of(Algorithm algorithm);

/// Elements [first, first + count) of the vector, or of the room for other ranks' addends.
struct Stretch {
  enum class Of : std::uint8_t { vector, room };
  Of of = Of::vector;
  std::size_t first = 0;
  std::size_t count = 0;
  bool operator==(const Stretch&) const = default;
};

struct Message {
  int peer = 0;
  Stretch values;
};

/// Messages that are under way at the same time. Between two ranks there is one in each direction at most.
struct Round {
  std::vector<Message> receives;
  std::vector<Message> sends;
};

/// What one rank does: the rounds one after the other, and after round `added_after` the addition.
struct ReductionPlan {
  std::vector<Round> rounds{};
  std::size_t room = 0;            // elements
  bool starts_in_room = false;     // whether the vector is copied to the beginning of the room first
  std::size_t added_after = 0;     // index of a round
  std::vector<Stretch> addends{};  // of each rank, in rank order
  Stretch sum;                     // in the vector
};

/// For rank `rank` of `ranks` ≥ 2 and vectors of n ≥ 1 elements.
ReductionPlan plan_reduction(Algorithm algorithm, int rank, int ranks, std::size_t n);

}  // namespace yoke::comm
