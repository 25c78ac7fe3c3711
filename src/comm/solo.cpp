#include "comm/solo.h"

#include <algorithm>
#include <cassert>

namespace yoke::comm {

void SoloComm::do_all_gather(std::span<const float> mine,
                             [[maybe_unused]] std::span<const std::int64_t> counts, std::span<float> all) {
  assert(counts.size() == 1 && counts[0] == std::ssize(mine) && all.size() == mine.size());
  if (mine.data() != all.data()) std::copy(mine.begin(), mine.end(), all.begin());
}

void SoloComm::broadcast(std::vector<std::byte>&, [[maybe_unused]] int root) { assert(root == 0); }

}  // namespace yoke::comm
