#include "runtime/row_gather.h"

namespace yoke::runtime {

RowGather::RowGather(comm::Comm& comm, std::size_t rows,
                     const std::function<std::int64_t(std::size_t row, int rank)>& length)
    : comm_(comm), rows_(rows) {
  std::size_t end = 0;
  for (int rank = 0; rank < comm.size(); ++rank) {
    for (std::size_t row = 0; row < rows; ++row) {
      begins_.push_back(end);
      end += static_cast<std::size_t>(length(row, rank));
    }
  }
  begins_.push_back(end);
  values_.resize(end);
}

std::size_t RowGather::index(std::size_t row, int rank) const {
  return static_cast<std::size_t>(rank) * rows_ + row;
}

std::span<float> RowGather::mine(std::size_t row) {
  const std::size_t i = index(row, comm_.rank());
  return std::span(values_).subspan(begins_[i], begins_[i + 1] - begins_[i]);
}

std::span<const float> RowGather::part(std::size_t row, int rank) const {
  const std::size_t i = index(row, rank);
  return std::span(values_).subspan(begins_[i], begins_[i + 1] - begins_[i]);
}

std::vector<float> RowGather::joined(std::size_t row) const {
  std::vector<float> all;
  for (int rank = 0; rank < comm_.size(); ++rank) {
    const std::span<const float> values = part(row, rank);
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

void RowGather::exchange() {
  if (values_.empty()) return;
  std::vector<std::int64_t> counts;
  for (int rank = 0; rank < comm_.size(); ++rank) {
    counts.push_back(static_cast<std::int64_t>(begins_[index(0, rank + 1)] - begins_[index(0, rank)]));
  }
  const std::size_t begin = begins_[index(0, comm_.rank())];
  const std::size_t end = begins_[index(0, comm_.rank() + 1)];
  comm_.all_gather(std::span<const float>(values_).subspan(begin, end - begin), counts, values_);
}

}  // namespace yoke::runtime
