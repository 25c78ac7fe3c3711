// How fast a machine is for its share of the work: measured once, then known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hosts/speed_book.h"

namespace yoke::hosts {

/// What a host is asked about its speed.
struct SpeedQuestion {
  std::string format;         // in which most of the model's weights are; empty: not asked
  std::uint64_t weights = 0;  // bytes of the model's file
  int threads = 0;            // of all its ranks together; 0: one on each core
  bool anew = false;          // whether what is known does not count
};

/// What it answers.
struct HostSpeed {
  double bytes_per_second = 0;  // 0: nothing was asked, or it cannot be told, or does not matter
  std::string format;
  int threads = 0;
  std::uint64_t measured = 0;  // seconds since 1970
};

/// Measured now, for half a second, unless the book knows it; the book is told. Nothing is said of a model so
/// small that any machine has read it at once, nor of a format that is not known here.
HostSpeed speed_of_this_host(const SpeedQuestion& question, const SpeedBook& book);

}  // namespace yoke::hosts
