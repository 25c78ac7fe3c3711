#include "runtime/ledger.h"

#include <algorithm>
#include <utility>

namespace yoke::runtime {

Ledger::iterator Ledger::find(std::uint64_t request) {
  return std::find_if(entries_.begin(), entries_.end(),
                      [&](const Owed& owed) { return owed.request.id == request; });
}

Owed& Ledger::add(Request request, Owed::Clock::time_point now) {
  const bool held = is_anyone_suspect();
  entries_.push_back({std::move(request), now});
  entries_.back().held = held;
  return entries_.back();
}

void Ledger::advance(Owed& owed) {
  if (owed.crashed_at && owed.progress() > *owed.crashed_at) owed.crashed_at.reset();
}

void Ledger::hold_all() {
  for (Owed& owed : entries_) owed.held = true;
}

std::optional<Owed> Ledger::blame() {
  const auto running =
      std::count_if(entries_.begin(), entries_.end(), [](const Owed& owed) { return !owed.held; });
  const auto tried = std::find_if(entries_.begin(), entries_.end(),
                                  [](const Owed& owed) { return !owed.held && owed.crashed_at; });
  std::optional<Owed> guilty;
  if (tried != entries_.end() && running == 1) {
    guilty = std::move(*tried);
    entries_.erase(tried);
  } else if (tried != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, tried);
  }
  for (Owed& owed : entries_)
    if (!std::exchange(owed.held, true)) owed.crashed_at = owed.progress();
  return guilty;
}

Owed* Ledger::release() {
  if (is_anyone_on_trial()) return nullptr;
  const auto suspect = std::find_if(entries_.begin(), entries_.end(),
                                    [](const Owed& owed) { return owed.held && owed.crashed_at; });
  const auto next = suspect != entries_.end() ? suspect
                                              : std::find_if(entries_.begin(), entries_.end(),
                                                             [](const Owed& owed) { return owed.held; });
  if (next == entries_.end()) return nullptr;
  next->held = false;
  return &*next;
}

bool Ledger::is_anyone_suspect() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Owed& owed) { return owed.crashed_at.has_value(); });
}

bool Ledger::is_anyone_on_trial() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Owed& owed) { return !owed.held && owed.crashed_at; });
}

}  // namespace yoke::runtime
