// Who of the ranks gets on, from what their heartbeats tell: a thread that hangs in a process that lives is
// noticed by nothing else. Pure: it knows no clock and no socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/pulse.h"
#include "cluster/protocol.h"

namespace yoke::cluster {

/// How long a rank may stand still.
struct StillnessLimits {
  /// Where it computes; and where it exchanges, in which it looks for the others all the time. At least
  /// `longest_gaps` times as long as any rank has stood still so far and then gone on: what this job's
  /// operations take is known from those that have ended.
  std::chrono::milliseconds working{5000};
  int longest_gaps = 10;
  std::chrono::milliseconds waiting{30000};    // all for each other
  std::chrono::milliseconds loading{60000};    // from a disk that may be a network's; also before it loads
  std::chrono::milliseconds measuring{60000};  // a pass of which takes a fraction of a second
  std::chrono::milliseconds margin{0};         // on top of all these
};

/// The job cannot go on.
struct Verdict {
  std::optional<std::int32_t> rank;  // that holds the others up; nothing: all wait for each other
  Beat beat;                         // its last
  std::chrono::milliseconds still{};
};
/// "node3 has been in op 812 for 6 s; the others wait for it". `places` are those of all ranks, in order.
std::string sentence_of(const Verdict& verdict, std::span<const runtime::Place> places);

class ProgressJudge {
 public:
  using Time = std::chrono::milliseconds;  // since any moment that stays the same

  /// It may be told of some of the ranks only, and judges those.
  explicit ProgressJudge(int ranks, const StillnessLimits& limits = {});

  /// What a rank was at at some time, which never goes back.
  void hear(std::int32_t rank, Time now, const Beat& beat);
  /// This process was stopped until now, and the others may have been: nobody has stood still.
  void forgive(Time now);
  /// Of several that stand still, who has for longest. A rank's silence is not its stillness: only the time
  /// up to the last that was heard of it counts.
  std::optional<Verdict> judge() const;

 private:
  struct Rank {
    bool known = false;
    Beat beat;
    Time heard{};   // when
    Time moved{};   // when its work had been seen to move last
    Time looked{};  // or it to look for the others
    Time unmoved() const { return heard - moved; }
  };

  std::optional<Verdict> judge(std::int32_t number, const Rank& rank) const;
  std::optional<Verdict> judge_waiting() const;
  Time working_limit() const;

  const StillnessLimits limits_;
  std::vector<Rank> ranks_;
  Time longest_gap_{};
};

}  // namespace yoke::cluster
