// File names of split models: NAME-00002-of-00003.gguf is the second of three.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace yoke::gguf {

struct SplitName {
  std::filesystem::path folder;
  std::string stem;  // NAME
  int number = 1;    // 1 to count
  int count = 1;

  /// The path of another part.
  std::filesystem::path part(int other_number) const;
};

/// Nothing when the name does not follow the pattern; throws Error where it does with a part number outside
/// 1 to count.
std::optional<SplitName> parse_split_name(const std::filesystem::path& path);

}  // namespace yoke::gguf
