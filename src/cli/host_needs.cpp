#include "cli/host_needs.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "runtime/worker.h"

namespace yoke::cli {

std::vector<hosts::RankNeed> rank_needs(int ranks, const std::string& model,
                                        const runtime::EngineOptions& engine) {
  if (std::error_code error; model.empty() || !std::filesystem::exists(model, error)) return {};
  std::vector<hosts::RankNeed> needs;
  for (const runtime::MemoryNeed& need : runtime::memory_needed_of_all(model, engine, ranks))
    needs.push_back({need.weights, need.total() - need.weights});
  return needs;
}

std::vector<std::uint64_t> memory_needs(const std::vector<hosts::Host>& hosts, const std::string& model,
                                        const runtime::EngineOptions& engine) {
  int ranks = 0;
  for (const hosts::Host& host : hosts) ranks += host.slots;
  const std::vector<hosts::RankNeed> of_ranks = rank_needs(ranks, model, engine);
  if (of_ranks.empty()) return {};
  std::vector<std::uint64_t> needs;
  std::size_t rank = 0;
  for (const hosts::Host& host : hosts) {
    needs.push_back(0);
    for (int slot = 0; slot < host.slots; ++slot) needs.back() += of_ranks[rank++].total();
  }
  return needs;
}

std::uint64_t memory_of(const hosts::SurveyedHost& host) {
  if (!host.survey) return 0;
  const std::uint64_t free = host.survey->memory_available;
  return host.host.memory == 0 ? free : std::min(free, host.host.memory);
}

}  // namespace yoke::cli
