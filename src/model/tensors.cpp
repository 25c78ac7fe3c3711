#include "model/tensors.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>

namespace yoke::model {

bool is_of_experts(const Destination& destination) {
  return std::holds_alternative<ops::RowExperts*>(destination) ||
         std::holds_alternative<ops::ColExperts*>(destination);
}

bool is_matrix(const Destination& destination) {
  return std::holds_alternative<ops::RowMatrix*>(destination) ||
         std::holds_alternative<ops::ColMatrix*>(destination) ||
         std::holds_alternative<ops::HeadMatrices*>(destination) || is_of_experts(destination);
}

std::uint64_t used_of(const TensorEntry& entry, std::uint64_t amount) {
  if (entry.head_rows.n > 0) {
    return amount / static_cast<std::uint64_t>(entry.head_rows.of_head) *
           static_cast<std::uint64_t>(entry.head_rows.n);
  }
  if (!entry.split.segments.empty() && entry.split.segments.front().stride > 0) {
    std::int64_t taken = 0;
    for (const Segment& segment : entry.split.segments) taken += segment.width;
    return amount / static_cast<std::uint64_t>(entry.split.segments.front().stride) *
           static_cast<std::uint64_t>(taken);
  }
  if (entry.experts == 0) return amount;
  return amount / static_cast<std::uint64_t>(entry.experts) * static_cast<std::uint64_t>(entry.used);
}

const gguf::TensorInfo* find_source(const gguf::Model& file, const TensorEntry& entry) {
  const gguf::TensorInfo* tensor = file.find(entry.name);
  return tensor != nullptr || entry.otherwise.empty() ? tensor : file.find(entry.otherwise);
}

std::string TableBuilder::full_name(std::string_view name) const {
  return layer_ < 0 ? std::string(name) : fmt::format("blk.{}.{}", layer_, name);
}

TensorEntry& TableBuilder::add(Destination to, std::string_view name, std::vector<std::int64_t> shape,
                               Split split, bool optional) {
  return entries_.emplace_back(TensorEntry{.name = full_name(name),
                                           .shape = std::move(shape),
                                           .split = std::move(split),
                                           .layer = layer_,
                                           .head_rows = {},
                                           .optional = optional,
                                           .otherwise = {},
                                           .destination = to});
}

void TableBuilder::add_of_experts(Destination to, std::string_view name, std::vector<std::int64_t> shape,
                                  Split split, bool optional, std::int64_t used) {
  TensorEntry& entry = add(to, name, std::move(shape), std::move(split), optional);
  entry.experts = entry.shape.front();
  entry.used = used;
}

void TableBuilder::matrix(ops::RowMatrix& to, std::string_view name, std::vector<std::int64_t> shape) {
  add(&to, name, std::move(shape), {}, false);
}

void TableBuilder::rows(ops::RowExperts& to, std::string_view name, std::vector<std::int64_t> shape,
                        std::int64_t used) {
  add_of_experts(&to, name, std::move(shape), {Axis::rows, {{Space::expert_ffn, 1}}}, false, used);
}

void TableBuilder::cols(ops::ColExperts& to, std::string_view name, std::vector<std::int64_t> shape,
                        std::int64_t used) {
  add_of_experts(&to, name, std::move(shape), {Axis::cols, {{Space::expert_ffn, 1}}}, false, used);
}

void TableBuilder::heads(ops::HeadMatrices& to, std::string_view name, std::vector<std::int64_t> shape,
                         const HeadRows& rows) {
  add(&to, name, std::move(shape), {Axis::rows, {{Space::heads, rows.of_head}}}, false).head_rows = rows;
}

void TableBuilder::expert_bias(ops::Vector& to, std::string_view name, std::vector<std::int64_t> shape,
                               std::int64_t used, bool split) {
  Split how;
  if (split) how = {Axis::rows, {{Space::expert_ffn, 1}}};
  add_of_experts(&to, name, std::move(shape), std::move(how), true, used);
}

void TableBuilder::rows(ops::RowMatrix& to, std::string_view name, std::vector<std::int64_t> shape,
                        std::vector<Segment> segments) {
  add(&to, name, std::move(shape), {Axis::rows, std::move(segments)}, false);
}

void TableBuilder::cols(ops::ColMatrix& to, std::string_view name, std::vector<std::int64_t> shape,
                        std::vector<Segment> segments) {
  add(&to, name, std::move(shape), {Axis::cols, std::move(segments)}, false);
}

void TableBuilder::whole(ops::Vector& to, std::string_view name, std::int64_t size) {
  add(&to, name, {size}, {}, false);
}

void TableBuilder::rows(ops::Vector& to, std::string_view name, std::vector<std::int64_t> shape,
                        std::vector<Segment> segments) {
  add(&to, name, std::move(shape), {Axis::rows, std::move(segments)}, false);
}

void TableBuilder::of_heads(ops::Vector& to, std::string_view name, std::vector<std::int64_t> shape,
                            Space space) {
  rows(to, name, std::move(shape), {{space, 1}});
}

void TableBuilder::embedding(ops::Embedding& to, std::string_view name, std::vector<std::int64_t> shape) {
  add(&to, name, std::move(shape), {}, false);
}

void TableBuilder::bias(ops::Vector& to, std::string_view name, std::int64_t size,
                        std::vector<Segment> segments) {
  const Axis axis = segments.empty() ? Axis::none : Axis::rows;
  add(&to, name, {size}, {axis, std::move(segments)}, true);
}

void TableBuilder::values(std::vector<float>& to, std::string_view name, std::int64_t size) {
  add(&to, name, {size}, {}, true);
}

void TableBuilder::may_lack() {
  assert(!entries_.empty());
  entries_.back().optional = true;
}

TensorEntry& TableBuilder::find(std::string_view name) {
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const TensorEntry& e) { return e.name == full_name(name); });
  assert(entry != entries_.end());
  return *entry;
}

void TableBuilder::or_else(std::string name) {
  assert(!entries_.empty());
  entries_.back().otherwise = std::move(name);
}

}  // namespace yoke::model
