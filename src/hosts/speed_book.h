// What a machine remembers of its own speed from one start to the next.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "system/environment.h"

namespace yoke::hosts {

/// What a speed was measured of. Homes are shared by machines, so it names its host.
struct SpeedKey {
  std::string host;
  std::string processor;
  std::string isa;     // of the kernels
  std::string format;  // of the weights: "Q4_0"
  int cores = 0;       // that the process might use
  int threads = 0;
  bool operator==(const SpeedKey&) const = default;
};

struct KnownSpeed {
  SpeedKey key;
  double bytes_per_second = 0;  // of weights, while a token is generated
  std::uint64_t measured = 0;   // seconds since 1970
};

/// A small file of speeds. One that is not there, cannot be read or is damaged has none: they are measured
/// again. Nor does it matter where it cannot be written.
class SpeedBook {
 public:
  /// The most that are kept; the oldest go first.
  static constexpr std::size_t most_speeds = 256;

  /// Empty: nothing is remembered.
  explicit SpeedBook(std::filesystem::path file) : file_(std::move(file)) {}

  std::optional<KnownSpeed> find(const SpeedKey& key) const;
  /// In place of what was known of its key. What another process writes meanwhile may be lost.
  void remember(const KnownSpeed& speed) const;

 private:
  std::vector<KnownSpeed> read() const;

  std::filesystem::path file_;
};

/// $XDG_CACHE_HOME/yoke/speeds.json or ~/.cache/yoke/speeds.json; empty where neither variable is set.
std::filesystem::path speed_file(const system::Environment& environment);

}  // namespace yoke::hosts
