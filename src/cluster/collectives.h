// How the ranks of a run sum, as it is asked for or as their network does it best.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "comm/algorithm_choice.h"
#include "comm/comm.h"
#include "runtime/place.h"

namespace yoke::cluster {

/// What a user writes for a choice that is measured even where it is known.
inline constexpr const char* measure_anew = "measure";

/// Choices that were measured for groups of hosts: a small file. One that is not there or is damaged has
/// none.
class CollectivesBook {
 public:
  /// The most that are kept; the oldest go first.
  static constexpr std::size_t most_choices = 64;

  /// Empty: nothing is remembered.
  explicit CollectivesBook(std::filesystem::path file) : file_(std::move(file)) {}

  /// `group` tells one group of ranks from others.
  std::string find(const std::string& group) const;  // empty: it is not known
  void remember(const std::string& group, const comm::AlgorithmChoice& choice) const;

 private:
  std::filesystem::path file_;
};

/// Whether ranks talk to each other over a network.
bool are_on_several_machines(const std::vector<runtime::Place>& places);

/// A collective: from here on the Comm sums as `asked` has it, see EngineOptions::collectives. What is
/// measured is remembered in `book`, which is rank 0's; where nothing is known and rank 0 finds it not worth
/// measuring, nothing is. `network`: where they meet, or empty. Throws Error for what is no choice.
void choose_collectives(comm::Comm& comm, const std::vector<runtime::Place>& places, const std::string& asked,
                        const std::string& network, const CollectivesBook& book, bool worth_measuring);

}  // namespace yoke::cluster
