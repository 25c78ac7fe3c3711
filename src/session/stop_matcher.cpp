#include "session/stop_matcher.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/utf8.h"

namespace yoke::session {

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  assert(std::all_of(stops_.begin(), stops_.end(),
                     [](const std::string& stop) { return !stop.empty() && is_utf8(stop); }));
}

std::string StopMatcher::push(std::string_view text) {
  if (stopped_) return "";
  waiting_ += text;
  for (std::size_t place = 0; place < waiting_.size(); ++place) {
    const Here here = look_at(place);
    if (here == Here::nothing) continue;
    stopped_ = here == Here::whole;
    return release(place);
  }
  return release(waiting_.size());
}

std::string StopMatcher::finish() {
  if (stopped_) return "";
  std::size_t place = 0;
  while (place < waiting_.size() && look_at(place) != Here::whole) ++place;
  stopped_ = place < waiting_.size();
  return release(place);
}

/// Whether a stop string, or what may become one, begins at `place`. Well-formed UTF-8 matches at the borders
/// of characters only.
StopMatcher::Here StopMatcher::look_at(std::size_t place) const {
  const std::string_view rest = std::string_view(waiting_).substr(place);
  Here here = Here::nothing;
  for (const std::string_view stop : stops_) {
    if (rest.starts_with(stop)) return Here::whole;
    if (stop.starts_with(rest)) here = Here::beginning;
  }
  return here;
}

std::string StopMatcher::release(std::size_t length) {
  std::string text = waiting_.substr(0, length);
  waiting_.erase(0, length);
  return text;
}

}  // namespace yoke::session
