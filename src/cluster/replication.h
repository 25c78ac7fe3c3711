// Which machines keep which parts of a model's replica, so that no machine is irreplaceable.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace yoke::cluster {

/// What a rank's machine has of the model.
struct Holder {
  std::string machine;  // equal for ranks of one
  bool has_file = false;
  std::vector<int> parts;  // of the replica
};

struct Replication {
  int parts = 0;                         // into which the replica is divided
  std::vector<std::vector<int>> to_add;  // of each rank: those that it has to fetch for its machine
};

/// Each part comes to lie on a machine that has not the file or, where no machine has that, on two of them;
/// none where two machines have the file, or one is all there are. Machines that have the fewest parts get
/// the next. `parts`: into how many the replica that they have is divided; 0: they have none.
Replication plan_replication(std::span<const Holder> holders, int parts);

/// The first rank that has each of so many parts; −1 where none has it.
std::vector<int> ranks_with_parts(std::span<const Holder> holders, int parts);

}  // namespace yoke::cluster
