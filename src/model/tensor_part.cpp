#include "model/tensor_part.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

namespace yoke::model {

ReadProgress::ReadProgress(std::uint64_t total, std::function<void(std::uint64_t, std::uint64_t)> report,
                           Pulse* pulse)
    : total_(total), report_(std::move(report)), reporter_(std::this_thread::get_id()), pulse_(pulse) {}

void ReadProgress::count(std::uint64_t bytes) const {
  done_ += bytes;
  if (pulse_ != nullptr) pulse_->tick();
  if (std::this_thread::get_id() == reporter_) report();
}

void ReadProgress::take_back(std::uint64_t bytes) const { done_ -= bytes; }

void ReadProgress::report() const { report_(done_, total_); }

ops::Slice slice_of(quant::Type type, const Part& part) {
  return {.type = type, .rows = part.n_rows(), .first_col = part.cols.begin, .cols = part.cols.size()};
}

TensorPart::TensorPart(const gguf::Model& file, const gguf::TensorInfo& tensor, const TensorEntry& entry,
                       Part part, const ReadProgress& progress, const ReadSizes& sizes, PackedStore* store)
    : file_(file),
      tensor_(tensor),
      part_(std::move(part)),
      progress_(progress),
      sizes_(sizes),
      store_(store),
      as_they_lie_(!is_matrix(entry.destination)) {
  const quant::Format& format = quant::format(tensor.type);
  stride_ = format.bytes(extent(entry).cols);
  const ops::Slice slice = slice_of(tensor.type, part_);
  column_offset_ = format.bytes(slice.first_col - slice.cols_before());
  row_bytes_ = slice.row_bytes();
}

ops::Slice TensorPart::slice() const {
  ops::Slice slice = slice_of(tensor_.type, part_);
  slice.source = this;
  return slice;
}

void TensorPart::read(std::int64_t first, std::span<std::byte> to) const {
  if (row_bytes_ == 0) return;
  for_runs(first, static_cast<std::int64_t>(to.size() / row_bytes_), [&](const Range& rows) {
    const std::size_t n = static_cast<std::size_t>(rows.size()) * row_bytes_;
    read_run(rows.begin, to.first(n));
    to = to.subspan(n);
  });
  assert(to.empty());
}

void TensorPart::expect(std::int64_t first, std::int64_t rows) const {
  if (row_bytes_ == 0 || !file_.is_far()) return;
  std::optional<Range> next;  // those of further runs are asked for when they are read
  for_runs(first, rows, [&](const Range& run) {
    if (!next) next = run;
  });
  if (next) file_.expect_pieces(tensor_, pieces_of(*next));
}

template <class Body>
void TensorPart::for_runs(std::int64_t first, std::int64_t rows, Body body) const {
  std::int64_t run_first = 0;  // of the run, among all rows of the part
  for (const Range& run : part_.rows) {
    const std::int64_t begin = std::max(first - run_first, std::int64_t{0});
    if (begin < run.size() && rows > 0) {
      const std::int64_t n = std::min(rows, run.size() - begin);
      body(Range{run.begin + begin, run.begin + begin + n});
      rows -= n;
    }
    run_first += run.size();
  }
}

gguf::EvenPieces TensorPart::pieces_of(const Range& rows) const {
  return {static_cast<std::uint64_t>(rows.begin) * stride_ + column_offset_, row_bytes_, stride_,
          static_cast<std::uint64_t>(rows.size())};
}

bool TensorPart::read_packed(std::span<std::byte> to) const {
  if (store_ == nullptr) return false;
  const std::uint64_t of_file = slice().bytes();
  std::atomic<std::uint64_t> counted = 0;
  // Packed rows and columns are rounded up: what is beyond the file's bytes does not count.
  const auto count = [&](std::uint64_t bytes) {
    const std::uint64_t before = counted.fetch_add(bytes);
    progress_.count(std::min(before + bytes, of_file) - std::min(before, of_file));
  };
  const bool filled = store_->fill(name(), to, count);
  const std::uint64_t seen = std::min(counted.load(), of_file);
  filled ? progress_.count(of_file - seen) : progress_.take_back(seen);
  return filled;
}

void TensorPart::keep_packed(std::span<const std::byte> packed) const {
  if (store_ != nullptr) store_->keep(name(), packed);
}

std::string TensorPart::name() const {
  std::string rows;
  for (const Range& run : part_.rows)
    rows += fmt::format("{}{}:{}", rows.empty() ? "" : ",", run.begin, run.end);
  return fmt::format("{} {} [{}] [{}:{}]{}", tensor_.name, quant::format(tensor_.type).name, rows,
                     part_.cols.begin, part_.cols.end, as_they_lie_ ? " as in the file" : "");
}

void TensorPart::read_run(std::int64_t first, std::span<std::byte> to) const {
  if (file_.is_far()) {
    const auto rows = static_cast<std::int64_t>(to.size() / row_bytes_);
    return read_from_afar(pieces_of({first, first + rows}), to);
  }
  const std::uint64_t offset = static_cast<std::uint64_t>(first) * stride_ + column_offset_;
  row_bytes_ == stride_ ? read_whole_rows(offset, to) : read_strips(offset, to);
}

void TensorPart::read_from_afar(const gguf::EvenPieces& rows, std::span<std::byte> to) const {
  const std::uint64_t at_once = std::max<std::uint64_t>(sizes_.piece / row_bytes_, 1);
  for (std::uint64_t first = 0; first < rows.n; first += at_once) {
    const std::uint64_t n = std::min(at_once, rows.n - first);
    const std::span<std::byte> piece = to.subspan(first * row_bytes_, n * row_bytes_);
    file_.read_pieces(tensor_, rows.part(first, n), piece);
    progress_.count(piece.size());
  }
}

void TensorPart::read_whole_rows(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const auto piece = to.first(std::min(to.size(), sizes_.piece));
    to = to.subspan(piece.size());
    file_.expect(tensor_, offset + piece.size(), std::min(to.size(), sizes_.piece));
    file_.read(tensor_, offset, piece);
    progress_.count(piece.size());
    offset += piece.size();
  }
}

void TensorPart::read_strips(std::uint64_t offset, std::span<std::byte> to) const {
  const std::size_t gap = stride_ - row_bytes_;
  const std::size_t rows_at_once =
      gap > sizes_.max_gap ? 1 : std::max(sizes_.strip / stride_, std::size_t{1});
  const std::size_t largest = std::min(rows_at_once, to.size() / row_bytes_) * stride_;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(rows_at_once == 1 ? 0 : largest);
  for (std::size_t rows = 0; !to.empty(); to = to.subspan(rows * row_bytes_)) {
    rows = std::min(rows_at_once, to.size() / row_bytes_);
    const std::size_t next_rows = std::min(rows_at_once, to.size() / row_bytes_ - rows);
    if (next_rows > 0) file_.expect(tensor_, offset + rows * stride_, next_rows * stride_ - gap);
    if (rows == 1) {
      file_.read(tensor_, offset, to.first(row_bytes_));
    } else {
      const std::span<std::byte> strip(buffer.get(), rows * stride_ - gap);
      file_.read(tensor_, offset, strip);
      for (std::size_t r = 0; r < rows; ++r)
        std::memcpy(to.data() + r * row_bytes_, strip.data() + r * stride_, row_bytes_);
    }
    progress_.count(rows * row_bytes_);
    offset += rows * stride_;
  }
}

}  // namespace yoke::model
