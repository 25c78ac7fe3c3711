#include "cli/host_shares.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>

#include "cli/host_needs.h"
#include "cli/model_file.h"
#include "gguf/reader.h"
#include "quant/format.h"
#include "runtime/model_summary.h"

namespace yoke::cli {

hosts::SpeedQuestion speed_question(const std::string& model, int threads, bool anew) {
  const std::optional<ModelFile> found = find_model(model);
  if (!found) return {};
  const gguf::Model file = gguf::Model::open(found->path, found->opener);
  std::map<quant::Type, std::uint64_t> bytes;
  for (const gguf::TensorInfo& tensor : file.tensors())
    if (tensor.shape.size() >= 2) bytes[tensor.type] += tensor.bytes;
  if (bytes.empty()) return {};
  const auto most = std::max_element(bytes.begin(), bytes.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return {std::string(quant::format(most->first).name), file.file_bytes(), threads, anew};
}

namespace {

/// What a token takes. An exchange is taken to last as long as small ones do on a switch of 1 to 10 Gbit/s.
hosts::TokenCost token_cost(const std::string& model, const runtime::EngineOptions& engine) {
  constexpr double exchange = 100e-6;
  const std::optional<ModelFile> found = find_model(model);
  if (!found) return {};
  const runtime::ModelSummary summary = runtime::summarise(found->path, engine.kv_type, found->opener);
  return {static_cast<double>(summary.reads.weights) / static_cast<double>(summary.bytes),
          2 * exchange * static_cast<double>(summary.layers)};
}

}  // namespace

std::vector<double> HostShares::of_ranks() const {
  return shares.are_equal() ? std::vector<double>() : shares.of_ranks;
}

std::string HostShares::describe(std::size_t host) const {
  return fmt::format("{:.3g}% of the work: {}", 100 * shares.part_of(sharers, host), shares.reasons[host]);
}

std::string HostShares::advice(const std::vector<hosts::Host>& hosts) const {
  if (!fewer) return {};
  const std::string which = fewer->machines.size() == 1
                                ? fmt::format("{} alone", hosts[fewer->machines.front()].name)
                                : fmt::format("without {}", hosts[left_out().front()].name);
  return fmt::format("{}: {:.3g} instead of {:.3g} tokens/s (modelled)", which, fewer->speed,
                     fewer->speed_of_all);
}

std::vector<std::size_t> HostShares::left_out() const {
  std::vector<std::size_t> others;
  for (std::size_t i = 0; fewer && i < sharers.size(); ++i)
    if (std::find(fewer->machines.begin(), fewer->machines.end(), i) == fewer->machines.end())
      others.push_back(i);
  return others;
}

HostShares divide(const std::vector<hosts::SurveyedHost>& surveyed, const std::string& model,
                  const runtime::EngineOptions& engine) {
  HostShares result;
  for (const hosts::SurveyedHost& each : surveyed) {
    hosts::Sharer sharer{each.host.slots, each.host.weight, 0, 0};
    if (each.survey) {
      sharer.speed = each.survey->speed.bytes_per_second;
      sharer.memory = memory_of(each);
    }
    result.sharers.push_back(sharer);
  }
  const hosts::ShareNeeds needs = share_needs(model, engine);
  result.shares = share_out(result.sharers, needs);
  result.fewer = find_fewer(result.sharers, result.shares, needs, token_cost(model, engine));
  return result;
}

}  // namespace yoke::cli
