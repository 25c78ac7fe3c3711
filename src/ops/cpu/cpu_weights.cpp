#include "ops/cpu/cpu_weights.h"

#include <cassert>
#include <new>

namespace yoke::ops::cpu {
namespace {

constexpr std::size_t alignment = 64;

}  // namespace

AlignedArray<std::byte> allocate_bytes(std::size_t bytes) {
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return AlignedArray<std::byte>(static_cast<std::byte*>(memory));
}

AlignedArray<float> allocate_floats(std::size_t n) {
  return AlignedArray<float>(reinterpret_cast<float*>(allocate_bytes(n * sizeof(float)).release()));
}

std::shared_ptr<std::byte> WeightMemory::take(std::uint64_t bytes) {
  constexpr std::uint64_t region_bytes = std::uint64_t{64} << 20;
  if (bytes >= region_bytes) {
    const auto own = std::make_shared<const AnonymousMemory>(bytes);
    return {own, own->bytes().data()};
  }
  if (region_ == nullptr || bytes > region_bytes - used_) {
    region_ = std::make_shared<const AnonymousMemory>(region_bytes);
    used_ = 0;
  }
  std::byte* const piece = region_->bytes().data() + used_;
  used_ += (bytes + alignment - 1) / alignment * alignment;
  return {region_, piece};
}

std::unique_ptr<FileRows> read_rows(const Slice& slice, ThreadPool& pool, WeightMemory& memory) {
  auto table = std::make_unique<FileRows>();
  table->type = slice.type;
  table->rows = slice.rows;
  table->cols = slice.cols_before() + slice.cols + slice.cols_after();
  table->row_bytes = slice.row_bytes();
  table->data = memory.take(slice.bytes());
  const std::span<std::byte> all(table->data.get(), slice.bytes());
  if (all.empty() || slice.source->read_packed(all)) return table;
  pool.split(slice.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    slice.source->expect(begin, end - begin);
    std::byte* const to = table->data.get() + static_cast<std::size_t>(begin) * table->row_bytes;
    slice.source->read(begin, {to, static_cast<std::size_t>(end - begin) * table->row_bytes});
  });
  slice.source->keep_packed(all);
  return table;
}

std::unique_ptr<FloatVector> read_vector(const Slice& slice) {
  const quant::Format& format = quant::format(slice.type);
  assert(format.dequantize != nullptr && slice.cols_before() == 0 && slice.cols_after() == 0);
  std::vector<std::byte> bytes(slice.bytes());
  slice.source->read(0, bytes);
  auto vector = std::make_unique<FloatVector>();
  vector->values.resize(static_cast<std::size_t>(slice.rows * slice.cols));
  format.dequantize(bytes, vector->values);
  return vector;
}

void decode_rows(const FileRows& table, std::span<const std::int32_t> tokens, float* out) {
  const quant::Format& format = quant::format(table.type);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    assert(tokens[t] >= 0 && tokens[t] < table.rows);
    format.dequantize(
        {table.row(tokens[t]), table.row_bytes},
        {out + static_cast<std::int64_t>(t) * table.cols, static_cast<std::size_t>(table.cols)});
  }
}

}  // namespace yoke::ops::cpu
