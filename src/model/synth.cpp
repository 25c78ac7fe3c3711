#include "model/synth.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "gguf/header.h"
#include "gguf/split_name.h"
#include "gguf/wire.h"
#include "gguf/writer.h"
#include "model/config_metadata.h"
#include "model/family.h"
#include "model/file_type.h"
#include "quant/random_blocks.h"

namespace yoke::model {
namespace {

/// Seeded by several numbers. The standard fixes the sequence, so it is the same everywhere.
using Random = std::mt19937_64;
Random seeded(std::uint64_t seed, std::uint64_t a, std::uint64_t b) {
  std::seed_seq numbers{seed & 0xffffffffu, seed >> 32, a & 0xffffffffu, a >> 32, b & 0xffffffffu, b >> 32};
  return Random(numbers);
}

/// A value of mean 0 and variance 1, nearly normal: the sum of twelve uniform ones (Irwin and Hall), made of
/// additions alone so that it has the same bits everywhere.
float nearly_normal(Random& random) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(random() >> 11) * 0x1p-53;
  return static_cast<float>(sum);
}

/// Random blocks of one format whose values have variance 1 / cols, to compose rows from.
class BlockPool {
 public:
  BlockPool(const quant::Format& format, std::int64_t cols, std::uint64_t seed, ThreadPool& pool) {
    const std::int64_t piece_values = std::max<std::int64_t>(format.block_values, shortest_piece);
    piece_bytes_ = format.bytes(piece_values);
    const float scale = 1.0f / std::sqrt(static_cast<float>(cols));
    Random random = seeded(seed, static_cast<std::uint64_t>(cols), no_chunk);
    bytes_.resize(pieces * piece_bytes_);
    if (format.quantize == nullptr) {
      quant::random_blocks(format, scale, random, bytes_);
      return;
    }
    std::vector<float> values(static_cast<std::size_t>(pieces * piece_values));
    for (float& value : values) value = scale * nearly_normal(random);
    pool.split(pieces, 1, [&](std::int64_t begin, std::int64_t end) {
      const auto first = static_cast<std::size_t>(begin);
      const auto n = static_cast<std::size_t>(end - begin);
      const auto width = static_cast<std::size_t>(piece_values);
      format.quantize(std::span(values).subspan(first * width, n * width),
                      std::span(bytes_).subspan(first * piece_bytes_, n * piece_bytes_));
    });
  }

  std::size_t piece_bytes() const { return piece_bytes_; }

  /// Fills `out`, whole blocks, with pieces in random order.
  void fill(std::span<std::byte> out, Random& random) const {
    std::uint64_t bits = 0;
    for (int piece = 0; !out.empty(); ++piece) {
      if (piece % picks_of_one_draw == 0) bits = random();
      const std::size_t pick = bits % pieces;
      bits /= pieces;
      const std::size_t n = std::min(piece_bytes_, out.size());
      std::memcpy(out.data(), bytes_.data() + pick * piece_bytes_, n);
      out = out.subspan(n);
    }
  }

 private:
  static constexpr std::int64_t shortest_piece = 32;  // values, of formats whose blocks are shorter
  static constexpr std::size_t pieces = 4096;
  static constexpr std::uint64_t no_chunk = ~std::uint64_t{0};  // a sequence that no tensor takes
  static constexpr int picks_of_one_draw = 5;                   // 12 of 64 bits each

  std::size_t piece_bytes_ = 0;
  std::vector<std::byte> bytes_;
};

/// Writes the tensors of a model one after the other.
class Synthesis {
 public:
  Synthesis(const SynthOptions& options, ThreadPool& pool, const SynthProgress& progress, std::uint64_t total)
      : options_(options), pool_(pool), progress_(progress), total_(total) {}

  void tensor(gguf::Writer& writer, const gguf::TensorSpec& spec, std::size_t number) {
    if (spec.shape.size() == 1 || spec.name.ends_with("ssm_conv1d.weight")) {
      vector(writer, spec, number);
    } else if (options_.sparse) {
      writer.write_hole(spec.name);
      count(gguf::tensor_bytes(spec.type, spec.shape, spec.name));
    } else {
      matrix(writer, spec, number);
    }
  }

 private:
  // What one thread fills from one seed, and what all fill before it is written.
  static constexpr std::size_t chunk_pieces = std::size_t{1} << 14;
  static constexpr std::size_t chunks_at_once = 16;

  void vector(gguf::Writer& writer, const gguf::TensorSpec& spec, std::size_t number) {
    // Rates of decay are below 0: a state would grow without bound.
    const float mean = spec.name.ends_with("norm.weight") ? 1.0f
                       : spec.name.ends_with("ssm_a")     ? -1.0f
                                                          : 0.0f;
    Random random = seeded(options_.seed, number, 0);
    const std::int64_t n =
        std::accumulate(spec.shape.begin(), spec.shape.end(), std::int64_t{1}, std::multiplies<>());
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& value : values) value = mean + 0.1f * nearly_normal(random);
    write(writer, spec, std::as_bytes(std::span(values)));
  }

  void matrix(gguf::Writer& writer, const gguf::TensorSpec& spec, std::size_t number) {
    const BlockPool& blocks = pool_of(spec);
    const std::uint64_t bytes = gguf::tensor_bytes(spec.type, spec.shape, spec.name);
    const std::size_t chunk_bytes = chunk_pieces * blocks.piece_bytes();
    for (std::uint64_t done = 0; done < bytes;) {
      filled_.resize(std::min<std::uint64_t>(chunks_at_once * chunk_bytes, bytes - done));
      const std::uint64_t first_chunk = done / chunk_bytes;
      const std::int64_t n = static_cast<std::int64_t>((filled_.size() + chunk_bytes - 1) / chunk_bytes);
      pool_.split(n, 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto chunk = static_cast<std::size_t>(begin); chunk < static_cast<std::size_t>(end); ++chunk) {
          const std::size_t at = chunk * chunk_bytes;
          Random random = seeded(options_.seed, number, first_chunk + chunk);
          blocks.fill(std::span(filled_).subspan(at, std::min(chunk_bytes, filled_.size() - at)), random);
        }
      });
      write(writer, spec, filled_);
      done += filled_.size();
    }
  }

  /// Made at first use; tensors of one format and as many columns share one.
  const BlockPool& pool_of(const gguf::TensorSpec& spec) {
    const std::int64_t cols = spec.shape.back();
    const auto found = pools_.find({spec.type, cols});
    if (found != pools_.end()) return found->second;
    return pools_.try_emplace({spec.type, cols}, quant::format(spec.type), cols, options_.seed, pool_)
        .first->second;
  }

  void write(gguf::Writer& writer, const gguf::TensorSpec& spec, std::span<const std::byte> bytes) {
    writer.write(spec.name, bytes);
    count(bytes.size());
  }

  void count(std::uint64_t bytes) {
    done_ += bytes;
    progress_(done_, total_);
  }

  const SynthOptions& options_;
  ThreadPool& pool_;
  const SynthProgress& progress_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  std::map<std::pair<quant::Type, std::int64_t>, BlockPool> pools_;  // by format and columns
  std::vector<std::byte> filled_;
};

/// The tensors that the family cannot do without, of which several entries may take rows. Routers, biases of
/// experts and weights of convolutions stay floats, as in files that people use; matrices of heads may have
/// rows too short for the format.
std::vector<gguf::TensorSpec> tensors_of(const Config& config, quant::Type matrices) {
  std::vector<gguf::TensorSpec> specs;
  for (const TensorEntry& entry : make_family(config)->tensors()) {
    const bool is_there = std::any_of(specs.begin(), specs.end(),
                                      [&](const gguf::TensorSpec& spec) { return spec.name == entry.name; });
    if (entry.optional || is_there) continue;
    const bool is_plain = entry.shape.size() == 1 || entry.name.ends_with("ssm_conv1d.weight") ||
                          entry.name.ends_with("ffn_gate_inp.weight") || entry.name.ends_with(".bias");
    const bool is_of_heads = std::holds_alternative<ops::HeadMatrices*>(entry.destination);
    const quant::Type type = is_of_heads ? fitting_type(matrices, entry.shape.back()) : matrices;
    specs.push_back({entry.name, is_plain ? quant::Type::f32 : type, entry.shape});
  }
  return specs;
}

}  // namespace

std::vector<SynthFile> synth_files(const std::filesystem::path& out,
                                   const std::vector<std::uint64_t>& tensor_bytes, std::uint64_t file_bytes) {
  std::vector<SynthFile> files;
  std::uint64_t in_file = 0;
  for (std::size_t i = 0; i < tensor_bytes.size(); ++i) {
    if (i == 0 || (file_bytes > 0 && in_file + tensor_bytes[i] > file_bytes)) {
      files.push_back({out, i, i});
      in_file = 0;
    }
    in_file += tensor_bytes[i];
    files.back().end = i + 1;
  }
  const gguf::SplitName name{out.parent_path(), out.stem().string(), 1, static_cast<int>(files.size())};
  for (std::size_t i = 0; files.size() > 1 && i < files.size(); ++i)
    files[i].path = name.part(static_cast<int>(i) + 1);
  return files;
}

void write_random_model(const std::filesystem::path& out, const Config& config, gguf::Metadata metadata,
                        const SynthOptions& options, ThreadPool& pool, const SynthProgress& progress) {
  const std::vector<gguf::TensorSpec> specs = tensors_of(config, options.matrices);
  const gguf::Metadata shape = config_metadata(config);
  for (const auto& [key, value] : shape.all()) metadata.set(key, value);
  set_file_type(metadata, options.matrices);
  std::vector<std::uint64_t> bytes;
  for (const gguf::TensorSpec& spec : specs)
    bytes.push_back(
        gguf::tensor_bytes(spec.type, spec.shape, fmt::format("{}: tensor '{}'", out.string(), spec.name)));
  const std::uint64_t total = std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0});
  const std::vector<SynthFile> files = synth_files(out, bytes, options.file_bytes);
  Synthesis synthesis(options, pool, progress, total);
  for (std::size_t i = 0; i < files.size(); ++i) {
    gguf::Metadata of_file = i == 0 ? metadata : gguf::Metadata();
    if (files.size() > 1) {
      of_file.set(std::string(gguf::split_number_key), static_cast<std::uint64_t>(i));
      of_file.set(std::string(gguf::split_count_key), static_cast<std::uint64_t>(files.size()));
      of_file.set(std::string(gguf::split_tensors_key), static_cast<std::uint64_t>(specs.size()));
    }
    const auto here = std::span(specs).subspan(files[i].first, files[i].end - files[i].first);
    gguf::Writer writer(files[i].path, of_file, here);
    for (std::size_t t = 0; t < here.size(); ++t) synthesis.tensor(writer, here[t], files[i].first + t);
    writer.finish();
  }
}

}  // namespace yoke::model
