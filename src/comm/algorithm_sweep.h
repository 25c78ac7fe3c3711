// Finds by measuring which algorithm sums vectors of which length soonest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "comm/algorithm_choice.h"
#include "comm/comm.h"

namespace yoke::comm {

/// What is to be measured next, and what follows from what was. Pure: no clock, no ranks.
class AlgorithmSweep {
 public:
  /// Sums one after the other.
  struct Trial {
    Algorithm algorithm{};
    std::uint64_t bytes = 0;  // of each vector
    int sums = 0;
  };

  explicit AlgorithmSweep(int ranks);

  /// Nothing where enough is known, which is after half a second, on a slow network after one or two.
  std::optional<Trial> next();
  /// The trial that next() gave took so long.
  void record(double seconds);
  /// At least one trial of each algorithm has been recorded for some length.
  AlgorithmChoice choice() const;

 private:
  struct Candidate {
    Algorithm algorithm{};
    std::vector<double> seconds;  // of a sum of the current length
    bool is_out = false;          // it was so slow that it is tried no more
  };
  struct Best {
    std::uint64_t bytes = 0;
    Algorithm algorithm{};
  };

  Trial trial() const;
  /// The first that is not out; one never is.
  std::size_t candidate_in_play() const;
  void end_length();

  std::vector<Candidate> candidates_;
  std::vector<Best> best_;
  std::size_t length_ = 0;     // index of the current one
  std::size_t candidate_ = 0;  // whose turn it is
  int round_ = 0;
  double spent_ = 0;  // seconds on the current length
};

/// A collective: sweeps, and gives every rank what rank 0 has measured. The Comm's choice is another one
/// after it.
AlgorithmChoice measure_algorithms(Comm& comm);

}  // namespace yoke::comm
