// Structs that ranks tell each other; base/bytes.h says how they travel.
#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"
#include "comm/comm.h"

namespace yoke::comm {

/// A collective: rank `root`'s struct, on every rank; what the others pass does not matter. Throws Error
/// where what arrives is no T.
template <class T>
T tell(Comm& comm, const T& mine, int root) {
  ByteWriter writer;
  if (comm.rank() == root) writer(mine);
  std::vector<std::byte> message = writer.take();
  comm.broadcast(message, root);
  ByteReader reader(message, "what a rank tells the others");
  T told{};
  reader(told);
  reader.end();
  return told;
}

/// A collective: every rank's struct, in rank order, on every rank.
template <class T>
std::vector<T> gather(Comm& comm, const T& mine) {
  std::vector<T> all;
  for (int rank = 0; rank < comm.size(); ++rank) all.push_back(tell(comm, mine, rank));
  return all;
}

}  // namespace yoke::comm
