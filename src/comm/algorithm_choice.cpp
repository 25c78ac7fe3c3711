#include "comm/algorithm_choice.h"

#include <fmt/core.h>

#include <charconv>
#include <optional>
#include <utility>

#include "base/error.h"

namespace yoke::comm {
namespace {

std::optional<Algorithm> algorithm_of(std::string_view name) {
  for (const Algorithm each : algorithms) {
    if (name_of(each) == name) return each;
  }
  return std::nullopt;
}

/// "pieces:32769", of the first range "pieces".
std::optional<AlgorithmChoice::From> parse_range(std::string_view text, bool first) {
  const std::size_t colon = text.find(':');
  const std::optional<Algorithm> algorithm = algorithm_of(text.substr(0, colon));
  if (!algorithm || first != (colon == std::string_view::npos)) return std::nullopt;
  AlgorithmChoice::From range{0, *algorithm};
  if (first) return range;
  const char* const end = text.data() + text.size();
  const auto [read_to, error] = std::from_chars(text.data() + colon + 1, end, range.bytes);
  if (error != std::errc() || read_to != end) return std::nullopt;
  return range;
}

}  // namespace

AlgorithmChoice::AlgorithmChoice(std::vector<From> ranges) : ranges_(std::move(ranges)) {
  require(!ranges_.empty() && ranges_.front().bytes == 0,
          "a choice of algorithms says nothing of the shortest vectors");
  for (std::size_t i = 1; i < ranges_.size(); ++i)
    require(ranges_[i].bytes > ranges_[i - 1].bytes,
            "a choice of algorithms has {} bytes after {}; expected more", ranges_[i].bytes,
            ranges_[i - 1].bytes);
}

AlgorithmChoice AlgorithmChoice::parse(std::string_view text) {
  std::vector<From> ranges;
  for (std::string_view rest = text;;) {
    const std::size_t comma = rest.find(',');
    const std::optional<From> range = parse_range(rest.substr(0, comma), ranges.empty());
    require(range.has_value(),
            "'{}' is no choice of algorithms; expected direct, pieces or doubling, or as in "
            "direct,pieces:32769 what is taken from so many bytes on",
            text);
    ranges.push_back(*range);
    if (comma == std::string_view::npos) return AlgorithmChoice(std::move(ranges));
    rest.remove_prefix(comma + 1);
  }
}

Algorithm AlgorithmChoice::of(std::uint64_t bytes) const {
  Algorithm algorithm = ranges_.front().algorithm;
  for (const From& range : ranges_) {
    if (range.bytes <= bytes) algorithm = range.algorithm;
  }
  return algorithm;
}

std::string AlgorithmChoice::text() const {
  std::string text;
  for (const From& range : ranges_) {
    text += text.empty() ? std::string(name_of(range.algorithm))
                         : fmt::format(",{}:{}", name_of(range.algorithm), range.bytes);
  }
  return text;
}

}  // namespace yoke::comm
