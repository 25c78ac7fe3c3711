#include "cluster/progress_judge.h"

#include <algorithm>
#include <cassert>

#include "base/error.h"

namespace yoke::cluster {

namespace {

bool has_moved(const Beat& before, const Beat& now) {
  return now.phase != before.phase || now.finished != before.finished || now.ticks != before.ticks;
}

/// What people call a rank: its host where it is alone there.
std::string name_of(std::int32_t rank, std::span<const runtime::Place> places) {
  if (rank >= std::ssize(places)) return fmt::format("rank {}", rank);
  const std::string& host = places[static_cast<std::size_t>(rank)].host;
  const auto there = std::count_if(places.begin(), places.end(),
                                   [&](const runtime::Place& other) { return other.host == host; });
  return there == 1 ? host : fmt::format("rank {} on {}", rank, host);
}

}  // namespace

std::string sentence_of(const Verdict& verdict, std::span<const runtime::Place> places) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(verdict.still).count();
  if (!verdict.rank)
    return fmt::format(
        "all ranks have waited for each other for {} s, since op {}; is the network between them "
        "still up?",
        seconds, verdict.beat.finished);
  const std::string name = name_of(*verdict.rank, places);
  const char* const others = places.size() > 1 ? "; the others wait for it" : "";
  switch (verdict.beat.phase) {
    case Phase::starting:
    case Phase::loading:
      return fmt::format("{} has loaded nothing for {} s{}; does the disk that holds its model still answer?",
                         name, seconds, others);
    case Phase::measuring:
      return fmt::format("{} has been in one measurement for {} s{}", name, seconds, others);
    case Phase::exchanging:
      return fmt::format("{} has been stuck in the exchange that is op {} for {} s{}", name,
                         verdict.beat.finished + 1, seconds, others);
    case Phase::computing:
    case Phase::idle:
      break;
  }
  return fmt::format("{} has been in op {} for {} s{}", name, verdict.beat.finished + 1, seconds, others);
}

ProgressJudge::ProgressJudge(int ranks, const StillnessLimits& limits)
    : limits_(limits), ranks_(static_cast<std::size_t>(ranks)) {}

void ProgressJudge::hear(std::int32_t number, Time now, const Beat& beat) {
  Rank& rank = ranks_.at(static_cast<std::size_t>(number));
  assert(!rank.known || now >= rank.heard);
  const bool moved = !rank.known || has_moved(rank.beat, beat);
  if (rank.known && moved && rank.beat.phase == Phase::computing)
    longest_gap_ = std::max(longest_gap_, rank.unmoved());
  if (moved) rank.moved = now;
  if (moved || beat.looks != rank.beat.looks) rank.looked = now;
  rank.known = true;
  rank.heard = now;
  rank.beat = beat;
}

void ProgressJudge::forgive(Time now) {
  for (Rank& rank : ranks_) rank.heard = rank.moved = rank.looked = now;
}

std::optional<Verdict> ProgressJudge::judge() const {
  std::optional<Verdict> worst;
  for (std::size_t number = 0; number < ranks_.size(); ++number) {
    const auto verdict = judge(static_cast<std::int32_t>(number), ranks_[number]);
    if (verdict && (!worst || verdict->still > worst->still)) worst = verdict;
  }
  return worst ? worst : judge_waiting();
}

std::optional<Verdict> ProgressJudge::judge(std::int32_t number, const Rank& rank) const {
  if (!rank.known) return std::nullopt;
  Time still = rank.unmoved(), limit{};
  switch (rank.beat.phase) {
    case Phase::starting:
    case Phase::loading:
      limit = limits_.loading;
      break;
    case Phase::measuring:
      limit = limits_.measuring;
      break;
    case Phase::computing:
      limit = working_limit();
      break;
    case Phase::exchanging:
      still = rank.heard - rank.looked;
      limit = working_limit();
      break;
    case Phase::idle:
      return std::nullopt;
  }
  if (still <= limit + limits_.margin) return std::nullopt;
  return Verdict{number, rank.beat, still};
}

/// Rank 0 tells the others what to do: they may wait for it as long as it is not in the engine.
std::optional<Verdict> ProgressJudge::judge_waiting() const {
  // Who is told of rank 0 alone cannot know what others do.
  if (ranks_.size() == 1) return std::nullopt;
  const Rank& leader = ranks_.front();
  if (leader.beat.phase != Phase::exchanging) return std::nullopt;
  Time still = leader.unmoved();
  for (const Rank& rank : ranks_) {
    const bool waits = rank.beat.phase == Phase::exchanging || rank.beat.phase == Phase::idle;
    if (!rank.known || !waits) return std::nullopt;
    still = std::min(still, rank.unmoved());
  }
  if (still <= limits_.waiting + limits_.margin) return std::nullopt;
  return Verdict{std::nullopt, leader.beat, still};
}

ProgressJudge::Time ProgressJudge::working_limit() const {
  return std::max<Time>(limits_.working, limits_.longest_gaps * longest_gap_);
}

}  // namespace yoke::cluster
