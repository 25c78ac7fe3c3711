#include "shards/kept_as_it_comes.h"

#include <fmt/core.h>

#include "base/error.h"

namespace yoke::shards {

KeptAsItComes::KeptAsItComes(ShardCache& cache, const std::filesystem::path& folder, const ShardKey& key)
    : cache_(cache) {
  if (cache.sound()) return;
  try {
    unfinished_.emplace(folder, key);
    has_all_ = true;
  } catch (const Error& error) {
    give_up(error.what());
  }
}

bool KeptAsItComes::fill(const std::string& name, std::span<std::byte> to, const Filled& filled) {
  if (cache_.fill(name, to, filled)) return true;
  try {
    if (!unfinished_ || !unfinished_->fill(name, to, filled)) return false;
  } catch (const Error& error) {
    give_up(error.what());
    return false;
  }
  cache_.keep(name, to);
  return true;
}

void KeptAsItComes::keep(const std::string& name, std::span<const std::byte> packed) {
  cache_.keep(name, packed);
  try {
    if (unfinished_) unfinished_->append(name, packed);
  } catch (const Error& error) {
    give_up(error.what());
  }
}

bool KeptAsItComes::finish() {
  if (has_all_) cache_.adopt(unfinished_->path(), unfinished_->bytes());
  return has_all_;
}

void KeptAsItComes::give_up(const std::string& why) {
  unfinished_.reset();
  has_all_ = false;
  cache_.note(fmt::format("{}; a start that is cut off will have to begin anew", why));
}

}  // namespace yoke::shards
