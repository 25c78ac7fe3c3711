#include "cli/host_needs.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "cli/model_file.h"
#include "runtime/worker.h"

namespace yoke::cli {

hosts::ShareNeeds share_needs(const std::string& model, const runtime::EngineOptions& engine) {
  const std::optional<ModelFile> file = find_model(model);
  if (!file) return [](const std::vector<double>&) { return std::vector<hosts::RankNeed>(); };
  const auto needs = std::make_shared<const runtime::MemoryNeeds>(file->path, engine, file->opener);
  return [needs](const std::vector<double>& shares) {
    std::vector<hosts::RankNeed> of_ranks;
    for (const runtime::MemoryNeed& need : needs->of_all(shares))
      of_ranks.push_back({need.weights, need.total() - need.weights});
    return of_ranks;
  };
}

std::vector<double> shares_of(const runtime::EngineOptions& engine, std::size_t ranks) {
  return engine.shares.empty() ? std::vector<double>(ranks, 1.0) : engine.shares;
}

std::vector<std::uint64_t> memory_needs(const std::vector<hosts::Host>& hosts, const std::string& model,
                                        const runtime::EngineOptions& engine) {
  std::size_t ranks = 0;
  for (const hosts::Host& host : hosts) ranks += static_cast<std::size_t>(host.slots);
  const std::vector<hosts::RankNeed> of_ranks = share_needs(model, engine)(shares_of(engine, ranks));
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
