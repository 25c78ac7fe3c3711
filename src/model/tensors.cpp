#include "model/tensors.h"

#include <fmt/core.h>

#include <cassert>

namespace yoke::model {

const gguf::TensorInfo* find_source(const gguf::Model& file, const TensorEntry& entry) {
  const gguf::TensorInfo* tensor = file.find(entry.name);
  return tensor != nullptr || entry.otherwise.empty() ? tensor : file.find(entry.otherwise);
}

void TableBuilder::add(Destination to, std::string name, std::vector<std::int64_t> shape, Split split,
                       bool optional) {
  std::string full = layer_ < 0 ? std::move(name) : fmt::format("blk.{}.{}", layer_, name);
  entries_.push_back({std::move(full), std::move(shape), std::move(split), layer_, optional, "", to});
}

void TableBuilder::rows(ops::RowMatrix& to, std::string name, std::vector<std::int64_t> shape,
                        std::vector<Segment> segments) {
  add(&to, std::move(name), std::move(shape), {Axis::rows, std::move(segments)}, false);
}

void TableBuilder::cols(ops::ColMatrix& to, std::string name, std::vector<std::int64_t> shape,
                        std::vector<Segment> segments) {
  add(&to, std::move(name), std::move(shape), {Axis::cols, std::move(segments)}, false);
}

void TableBuilder::whole(ops::Vector& to, std::string name, std::int64_t size) {
  add(&to, std::move(name), {size}, {}, false);
}

void TableBuilder::embedding(ops::Embedding& to, std::string name, std::vector<std::int64_t> shape) {
  add(&to, std::move(name), std::move(shape), {}, false);
}

void TableBuilder::bias(ops::Vector& to, std::string name, std::int64_t size, std::vector<Segment> segments) {
  const Axis axis = segments.empty() ? Axis::none : Axis::rows;
  add(&to, std::move(name), {size}, {axis, std::move(segments)}, true);
}

void TableBuilder::values(std::vector<float>& to, std::string name, std::int64_t size) {
  add(&to, std::move(name), {size}, {}, true);
}

void TableBuilder::or_else(std::string name) {
  assert(!entries_.empty());
  entries_.back().otherwise = std::move(name);
}

}  // namespace yoke::model
