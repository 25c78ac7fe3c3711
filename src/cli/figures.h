// How a text was computed, in figures for a person. Everything goes to standard error.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/engine.h"

namespace yoke::cli {

/// Tokens after the first, for each second of decoding; 0 where there are none.
double decode_rate(const runtime::Statistics& statistics);

/// Of a rank's time at work, what it computes; 0 to 1.
double busy_share(const runtime::TimeSplit& time);

/// Of the rank that took longest.
double longest_load_seconds(const std::vector<runtime::RankReport>& ranks);

void print_statistics(const runtime::Statistics& statistics, const std::vector<runtime::RankReport>& ranks);
void print_ranks(const std::vector<runtime::RankReport>& ranks);

/// What can be done about the engine's context being too small for something: half a sentence on --ctx.
std::string context_advice(const runtime::EngineInfo& engine);

}  // namespace yoke::cli
