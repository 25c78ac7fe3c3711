#include "cli/host_shares.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "cli/host_needs.h"
#include "gguf/reader.h"
#include "quant/format.h"

namespace yoke::cli {

hosts::SpeedQuestion speed_question(const std::string& model, int threads, bool anew) {
  if (std::error_code error; model.empty() || !std::filesystem::exists(model, error)) return {};
  const gguf::Model file = gguf::Model::open(model);
  std::map<quant::Type, std::uint64_t> bytes;
  for (const gguf::TensorInfo& tensor : file.tensors())
    if (tensor.shape.size() >= 2) bytes[tensor.type] += tensor.bytes;
  if (bytes.empty()) return {};
  const auto most = std::max_element(bytes.begin(), bytes.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return {std::string(quant::format(most->first).name), file.file_bytes(), threads, anew};
}

std::vector<double> HostShares::of_ranks() const {
  return shares.are_equal() ? std::vector<double>() : shares.of_ranks;
}

std::string HostShares::describe(std::size_t host) const {
  return fmt::format("{:.3g}% of the work: {}", 100 * shares.part_of(sharers, host), shares.reasons[host]);
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
  result.shares = share_out(result.sharers, [&](const std::vector<double>& shares) {
    runtime::EngineOptions options = engine;
    options.shares = shares;
    return rank_needs(static_cast<int>(shares.size()), model, options);
  });
  return result;
}

}  // namespace yoke::cli
