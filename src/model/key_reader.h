// Reads and checks what a file's metadata say of its model.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "gguf/reader.h"

namespace yoke::model {

// Of any dimension: tokens, positions and widths are 32-bit numbers in a batch, and the product of two fits
// in 64 bits.
inline constexpr std::int64_t max_count = std::int64_t{1} << 30;

/// What a number may be, both ends included.
struct Bounds {
  double least, most;
};
/// Far beyond what any model has, and where float32 still holds all that is made with them, float16 the keys.
inline constexpr Bounds factors{1e-4, 1e4};

/// "ARCH.key" pairs of one model. Throws Error naming the key that is missing, of the wrong kind or
/// impossible.
class KeyReader {
 public:
  explicit KeyReader(const gguf::Model& file) : file_(file), metadata_(file.metadata()) {
    architecture = metadata_.string("general.architecture");
  }

  std::string key(std::string_view name) const { return fmt::format("{}.{}", architecture, name); }
  bool has(std::string_view name) const { return metadata_.has(key(name)); }

  /// A count of at least 1.
  std::int64_t count(std::string_view name) const { return checked(name, metadata_.integer(key(name))); }
  std::int64_t count_or(std::string_view name, std::int64_t otherwise) const {
    return has(name) ? count(name) : otherwise;
  }

  /// A count per layer, given once for all or as an array of one value per block; of those the first layers
  /// are run. Each is at least `least`, which is 0 or 1.
  std::vector<std::int64_t> counts(std::string_view name, std::int64_t n_blocks, std::int64_t n_layers,
                                   std::int64_t least = 1) const {
    const gguf::Value* value = metadata_.find(key(name));
    if (value != nullptr && (std::holds_alternative<std::vector<std::int64_t>>(*value) ||
                             std::holds_alternative<std::vector<std::uint64_t>>(*value))) {
      std::vector<std::int64_t> all = metadata_.integers(key(name));
      require(static_cast<std::int64_t>(all.size()) == n_blocks,
              "{}: {} has {} values, but the model has {} layers", file_.path().string(), key(name),
              all.size(), n_blocks);
      all.resize(static_cast<std::size_t>(n_layers));
      for (const std::int64_t one : all) checked(name, one, least);
      return all;
    }
    return std::vector<std::int64_t>(static_cast<std::size_t>(n_layers),
                                     checked(name, metadata_.integer(key(name)), least));
  }

  /// A count, or 0, also where there is none.
  std::int64_t count_or_none(std::string_view name) const {
    return file_.metadata().integer_or(key(name), 0) == 0 ? 0 : count(name);
  }

  bool flag_or(std::string_view name, bool otherwise) const {
    return file_.metadata().flag_or(key(name), otherwise);
  }

  /// A number within its bounds; NaN is in none.
  double number_or(std::string_view name, double otherwise, const Bounds& bounds) const {
    if (!has(name)) return otherwise;
    const double value = metadata_.number(key(name));
    require(value >= bounds.least && value <= bounds.most, "{}: {} is {}; expected a number from {} to {}",
            file_.path().string(), key(name), value, bounds.least, bounds.most);
    return value;
  }

  /// The same, or `otherwise` where it is 0, too, which stands for none.
  double number_or_none(std::string_view name, double otherwise, const Bounds& bounds = factors) const {
    return metadata_.number_or(key(name), 0) == 0 ? otherwise : number_or(name, otherwise, bounds);
  }

  std::string architecture;

 private:
  std::int64_t checked(std::string_view name, std::int64_t value, std::int64_t least = 1) const {
    require(value >= least && value <= max_count, "{}: {} is {}; expected a count between {} and {}",
            file_.path().string(), key(name), value, least, max_count);
    return value;
  }

  const gguf::Model& file_;
  const gguf::Metadata& metadata_;
};

}  // namespace yoke::model
