// One rank's part of a tensor, read from its file.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <thread>

#include "base/pulse.h"
#include "gguf/reader.h"
#include "model/packed_store.h"
#include "model/partition.h"
#include "ops/ops.h"

namespace yoke::model {

/// Counts the bytes that many threads read, and tells of them on one.
class ReadProgress {
 public:
  /// `report` (done, total) is called on the thread that constructs this, in count() and report(); it may
  /// throw to end the loading. `pulse`, which may be null, ticks with whatever any thread has read.
  ReadProgress(std::uint64_t total, std::function<void(std::uint64_t, std::uint64_t)> report,
               Pulse* pulse = nullptr);

  void count(std::uint64_t bytes) const;
  /// What was counted is of no use and comes again.
  void take_back(std::uint64_t bytes) const;
  void report() const;

 private:
  const std::uint64_t total_;
  const std::function<void(std::uint64_t, std::uint64_t)> report_;
  const std::thread::id reporter_;
  Pulse* const pulse_;
  mutable std::atomic<std::uint64_t> done_ = 0;
};

/// How files are read: in pieces large enough for a disk, small enough to tell progress by. Between two
/// pieces of a column range lies what other ranks own. A gap of at most `max_gap` is read and thrown away:
/// read-ahead fetches it in any case, and a cold disk told to skip it (POSIX_FADV_RANDOM) was never faster in
/// a sweep over gaps of 1 to 28 KB (one run each, on a virtual machine's disk), and several times slower
/// where gaps are a few pages. So at usual row lengths a rank reads the whole of a matrix that is split by
/// columns.
struct ReadSizes {
  std::size_t piece = std::size_t{4} << 20;  // of consecutive rows, at once
  std::size_t strip = std::size_t{1} << 20;  // of rows with their gaps: each thread's buffer
  std::size_t max_gap = std::size_t{64} << 10;
};

/// The slice of a tensor of this type that a part is, without a source.
ops::Slice slice_of(quant::Type type, const Part& part);

/// The rows of a Part, numbered over its runs from 0: of each the blocks that the part's columns touch. Views
/// the file, the progress and the store.
class TensorPart final : public ops::RowSource {
 public:
  /// `tensor` of `file` is the source of `entry`. `store` may be null: nothing packed is kept.
  TensorPart(const gguf::Model& file, const gguf::TensorInfo& tensor, const TensorEntry& entry, Part part,
             const ReadProgress& progress, const ReadSizes& sizes = {}, PackedStore* store = nullptr);

  /// Reads from this.
  ops::Slice slice() const;

  void read(std::int64_t first, std::span<std::byte> to) const override;
  void expect(std::int64_t first, std::int64_t rows) const override;
  /// Counts as much as reading the rows does.
  bool read_packed(std::span<std::byte> to) const override;
  void keep_packed(std::span<const std::byte> packed) const override;

  /// "blk.0.attn_q.weight Q4_0 [0:1024,2048:2304] [0:2048]": tensor, format, rows and columns; of what is
  /// kept as it lies, that too.
  std::string name() const;

 private:
  /// Calls body(rows) for what these rows of the part are in the tensor, run by run.
  template <class Body>
  void for_runs(std::int64_t first, std::int64_t rows, Body body) const;
  gguf::EvenPieces pieces_of(const Range& rows) const;
  /// The same for rows of the tensor that follow each other.
  void read_run(std::int64_t first, std::span<std::byte> to) const;
  void read_from_afar(const gguf::EvenPieces& rows, std::span<std::byte> to) const;
  void read_whole_rows(std::uint64_t offset, std::span<std::byte> to) const;
  void read_strips(std::uint64_t offset, std::span<std::byte> to) const;

  const gguf::Model& file_;
  const gguf::TensorInfo& tensor_;
  const Part part_;
  const ReadProgress& progress_;
  const ReadSizes sizes_;
  PackedStore* const store_;
  const bool as_they_lie_;     // no matrix: not packed
  std::size_t stride_;         // bytes of a row in the file
  std::size_t column_offset_;  // bytes of a row before the part's
  std::size_t row_bytes_;      // bytes of a row of the part
};

}  // namespace yoke::model
