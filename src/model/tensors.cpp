#include "model/tensors.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>

namespace yoke::model {

const gguf::TensorInfo* find_source(const gguf::Model& file, const TensorEntry& entry) {
  const gguf::TensorInfo* tensor = file.find(entry.name);
  return tensor != nullptr || entry.otherwise.empty() ? tensor : file.find(entry.otherwise);
}

std::string TableBuilder::full_name(std::string_view name) const {
  return layer_ < 0 ? std::string(name) : fmt::format("blk.{}.{}", layer_, name);
}

void TableBuilder::add(Destination to, std::string_view name, std::vector<std::int64_t> shape, Split split,
                       bool optional) {
  entries_.push_back({full_name(name), std::move(shape), std::move(split), layer_, optional, "", to});
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

void TableBuilder::must_have(std::string_view name) {
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const TensorEntry& e) { return e.name == full_name(name); });
  assert(entry != entries_.end());
  entry->optional = false;
}

void TableBuilder::or_else(std::string name) {
  assert(!entries_.empty());
  entries_.back().otherwise = std::move(name);
}

}  // namespace yoke::model
