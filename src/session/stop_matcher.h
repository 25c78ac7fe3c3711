// Stop strings in a text that arrives in parts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::session {

/// Lets a text through up to its first stop string: the occurrence that begins earliest, however the text was
/// cut. What may be the beginning of a stop string waits until more text shows whether it is.
class StopMatcher {
 public:
  /// `stops` are not empty and well-formed UTF-8.
  explicit StopMatcher(std::vector<std::string> stops);

  /// Takes whole UTF-8 characters; returns, in whole characters too, what is certain to stand before any stop
  /// string. Nothing once it has stopped.
  std::string push(std::string_view text);
  /// The text has ended: what waited, up to a stop string if there is one in it.
  std::string finish();
  /// Whether a stop string was found.
  bool stopped() const { return stopped_; }

 private:
  enum class Here { nothing, beginning, whole };
  Here look_at(std::size_t place) const;
  std::string release(std::size_t length);

  std::vector<std::string> stops_;
  std::string waiting_;
  bool stopped_ = false;
};

}  // namespace yoke::session
