#include "model/partition.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>
#include <numeric>

namespace yoke::model {
namespace {

constexpr std::int64_t unit_columns = 64;        // of one packed unit: a block may be cut between two
constexpr std::int64_t vocabulary_granule = 16;  // rows of one packed panel

/// The fewest units of each space, per layer, whose columns may be cut off in every column-split tensor.
std::map<std::pair<int, Space>, std::int64_t> column_granules(const std::vector<TensorEntry>& table,
                                                              const gguf::Model& file) {
  std::map<std::pair<int, Space>, std::int64_t> granules;
  for (const TensorEntry& entry : table) {
    const gguf::TensorInfo* tensor = find_source(file, entry);
    if (entry.split.axis != Axis::cols || tensor == nullptr) continue;
    const std::int64_t step = std::min(quant::format(tensor->type).block_values, unit_columns);
    for (const Segment& segment : entry.split.segments) {
      std::int64_t& granule = granules.try_emplace({entry.layer, segment.space}, 1).first->second;
      granule = std::lcm(granule, step / std::gcd(step, segment.width));
    }
  }
  return granules;
}

/// The KV heads that query heads `heads` read.
Range kv_range(Range heads, std::int64_t group) {
  if (heads.size() == 0) return {heads.begin / group, heads.begin / group};
  return {heads.begin / group, (heads.end + group - 1) / group};
}

/// Where experts' borders are rounded: multiples of the golden ratio lie evenly in [0, 1), however many.
double rotation(std::int64_t expert) {
  const double turns = static_cast<double>(expert) * 0.6180339887498949 + 0.5;
  return turns - std::floor(turns);
}

std::string describe_range(const char* what, Range range, std::int64_t units) {
  if (range.size() == 0) return fmt::format("no {}", what);
  return fmt::format("{} {}-{} of {}", what, range.begin, range.end - 1, units);
}

}  // namespace

std::vector<Range> cut(std::int64_t units, std::int64_t granule, const std::vector<double>& shares,
                       double ahead) {
  assert(units >= 0 && granule >= 1 && !shares.empty());
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  const std::int64_t granules = (units + granule - 1) / granule;
  std::vector<Range> ranges;
  double taken = 0;
  std::int64_t begin = 0;
  for (std::size_t r = 0; r < shares.size(); ++r) {
    assert(shares[r] > 0);
    taken += shares[r];
    const bool last = r + 1 == shares.size();
    const double border = std::floor(static_cast<double>(granules) * taken / total + ahead);
    const std::int64_t end =
        last ? units : std::clamp(static_cast<std::int64_t>(border) * granule, begin, units);
    ranges.push_back({begin, end});
    begin = end;
  }
  return ranges;
}

Partition::Partition(const Config& config, const std::vector<TensorEntry>& table, const gguf::Model& file,
                     const std::vector<double>& shares)
    : size_(static_cast<int>(shares.size())), shares_(shares), config_(config) {
  const auto granules = column_granules(table, file);
  const auto granule = [&](int layer, Space space) {
    const auto found = granules.find({layer, space});
    return found == granules.end() ? std::int64_t{1} : found->second;
  };
  for (int i = 0; i < static_cast<int>(config.layers.size()); ++i) {
    const LayerConfig& layer = config.layers[i];
    std::int64_t heads = granule(i, Space::heads);
    if (size_ <= layer.n_kv_heads) heads = std::lcm(heads, layer.group());
    Layer owned;
    owned.heads = cut(layer.n_heads, heads, shares);
    for (const Range& range : owned.heads) owned.kv_heads.push_back(kv_range(range, layer.group()));
    owned.ffn = cut(layer.ffn_dim, std::lcm(unit_columns, granule(i, Space::ffn)), shares);
    owned.shared_ffn =
        cut(units(Space::shared_ffn, i), std::lcm(unit_columns, granule(i, Space::shared_ffn)), shares);
    owned.delta = cut(units(Space::delta, i), granule(i, Space::delta), shares);
    owned.expert_granule = std::lcm(unit_columns, granule(i, Space::expert_ffn));
    layers_.push_back(std::move(owned));
  }
  vocabulary_ = cut(config.vocabulary, vocabulary_granule, shares);
}

Range Partition::range(Space space, int layer, int rank, std::int64_t expert) const {
  switch (space) {
    case Space::heads:
      return layers_[layer].heads[rank];
    case Space::kv_heads:
      return layers_[layer].kv_heads[rank];
    case Space::ffn:
      return layers_[layer].ffn[rank];
    case Space::shared_ffn:
      return layers_[layer].shared_ffn[rank];
    case Space::delta:
      return layers_[layer].delta[rank];
    case Space::expert_ffn:
      return cut(units(space, layer), layers_[layer].expert_granule, shares_, rotation(expert))[rank];
    case Space::vocabulary:
      break;
  }
  return vocabulary_[rank];
}

std::int64_t Partition::units(Space space, int layer) const {
  switch (space) {
    case Space::heads:
      return config_.layers[layer].n_heads;
    case Space::kv_heads:
      return config_.layers[layer].n_kv_heads;
    case Space::ffn:
      return config_.layers[layer].ffn_dim;
    case Space::shared_ffn:
      return config_.layers[layer].n_experts > 0 ? config_.experts.shared_dim : 0;
    case Space::expert_ffn:
      return config_.layers[layer].n_experts > 0 ? config_.experts.ffn_dim : 0;
    case Space::delta:
      return config_.layers[layer].recurrent ? config_.delta.k_heads : 0;
    case Space::vocabulary:
      break;
  }
  return config_.vocabulary;
}

std::string Partition::describe(int rank) const {
  const auto part = [&](const char* what, Space space, int layer) {
    return describe_range(what, range(space, layer, rank), units(space, layer));
  };
  const bool sparse = config_.layers.back().n_experts > 0;
  const int last = static_cast<int>(layers_.size()) - 1;
  const auto recurrent = std::find_if(config_.layers.begin(), config_.layers.end(),
                                      [](const LayerConfig& layer) { return layer.recurrent; });
  const std::string delta =
      recurrent == config_.layers.end()
          ? ""
          : ", " + part("delta heads", Space::delta, static_cast<int>(recurrent - config_.layers.begin()));
  return fmt::format(
      "{}{}, {}, {}", part("heads", Space::heads, 0), delta,
      sparse ? part("units of an expert", Space::expert_ffn, last) : part("FFN", Space::ffn, 0),
      part("vocabulary", Space::vocabulary, 0));
}

std::vector<double> equal_shares(int ranks) {
  return std::vector<double>(static_cast<std::size_t>(ranks), 1.0);
}

namespace {

/// Of one expert, or of the whole tensor.
Extent extent_of_one(const TensorEntry& entry) {
  const std::size_t first = entry.experts > 0 ? 1 : 0;
  if (entry.shape.size() - first == 2) return {entry.shape[first], entry.shape[first + 1]};
  if (entry.head_rows.n > 0) return {entry.shape[0] * entry.shape[1], entry.shape[2]};
  assert(entry.shape.size() - first == 1);
  return entry.split.axis == Axis::rows ? Extent{entry.shape[first], 1} : Extent{1, entry.shape[first]};
}

/// Of one expert, or of the whole tensor.
Part part_of_one(const TensorEntry& entry, const Partition& partition, int rank, std::int64_t expert) {
  const Extent whole = extent_of_one(entry);
  const std::int64_t top = expert * whole.rows;
  Part result{{}, {0, whole.cols}};
  if (entry.split.axis == Axis::none) {
    result.rows.push_back({top, top + whole.rows});
    return result;
  }
  std::int64_t first = 0;  // of the segment, in the split dimension
  for (const Segment& segment : entry.split.segments) {
    const Range units = partition.range(segment.space, entry.layer, rank, expert);
    if (segment.stride > 0) {
      assert(entry.split.axis == Axis::rows && segment.first + segment.width <= segment.stride);
      for (std::int64_t unit = units.begin; unit < units.end; ++unit) {
        const std::int64_t row = top + unit * segment.stride + segment.first;
        result.rows.push_back({row, row + segment.width});
      }
      first = partition.units(segment.space, entry.layer) * segment.stride;
      continue;
    }
    const Range range{first + units.begin * segment.width, first + units.end * segment.width};
    if (entry.split.axis == Axis::rows) {
      result.rows.push_back({top + range.begin, top + range.end});
    } else {
      assert(entry.split.segments.size() == 1);
      result.rows.push_back({top, top + whole.rows});
      result.cols = range;
    }
    first += partition.units(segment.space, entry.layer) * segment.width;
  }
  assert(first == (entry.split.axis == Axis::rows ? whole.rows : whole.cols));
  return result;
}

/// The rows that are taken of each of the rank's heads.
std::vector<Part> parts_of_heads(const TensorEntry& entry, const Partition& partition, int rank) {
  const HeadRows& rows = entry.head_rows;
  const Range heads = partition.range(Space::heads, entry.layer, rank);
  std::vector<Part> all;
  for (std::int64_t head = heads.begin; head < heads.end; ++head) {
    const std::int64_t first = head * rows.of_head + rows.first;
    all.push_back({{{first, first + rows.n}}, {0, extent_of_one(entry).cols}});
  }
  return all;
}

}  // namespace

Extent extent(const TensorEntry& entry) {
  const Extent one = extent_of_one(entry);
  return {one.rows * std::max<std::int64_t>(1, entry.experts), one.cols};
}

std::int64_t Part::n_rows() const {
  std::int64_t total = 0;
  for (const Range& range : rows) total += range.size();
  return total;
}

Part part(const TensorEntry& entry, const Partition& partition, int rank) {
  if (entry.head_rows.n > 0) {
    Part all{{}, {0, extent_of_one(entry).cols}};
    for (const Part& one : parts_of_heads(entry, partition, rank)) all.rows.push_back(one.rows.front());
    return all;
  }
  Part all = part_of_one(entry, partition, rank, 0);
  assert(entry.experts == 0 || entry.split.axis != Axis::cols);
  for (std::int64_t expert = 1; expert < entry.experts; ++expert) {
    const Part one = part_of_one(entry, partition, rank, expert);
    all.rows.insert(all.rows.end(), one.rows.begin(), one.rows.end());
  }
  return all;
}

std::vector<Part> parts(const TensorEntry& entry, const Partition& partition, int rank) {
  if (entry.head_rows.n > 0) return parts_of_heads(entry, partition, rank);
  if (!is_of_experts(entry.destination)) return {part(entry, partition, rank)};
  std::vector<Part> all;
  for (std::int64_t expert = 0; expert < entry.experts; ++expert)
    all.push_back(part_of_one(entry, partition, rank, expert));
  return all;
}

}  // namespace yoke::model
