#include "model/quantize.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "gguf/split_name.h"
#include "gguf/writer.h"
#include "model/file_type.h"

namespace yoke::model {
namespace {

constexpr std::string_view embedding_name = "token_embd.weight";
constexpr std::string_view output_name = "output.weight";

// What one thread decodes and encodes at a time: whole blocks of every format, whatever the rows.
constexpr std::int64_t chunk_values = std::int64_t{1} << 16;
// What is encoded by all threads and then written: at most 16 MB.
constexpr std::int64_t piece_values = 64 * chunk_values;

bool is_matrix(const gguf::TensorInfo& tensor) {
  const std::string_view name = tensor.name;
  return tensor.shape.size() >= 2 && name.ends_with(".weight") && !name.ends_with("ffn_gate_inp.weight") &&
         !name.ends_with("ssm_conv1d.weight");
}

quant::Type wanted_type(const QuantizeTypes& types, std::string_view name) {
  if (name == output_name) return types.output.value_or(types.matrices);
  if (name == embedding_name) return types.embedding.value_or(types.matrices);
  return types.matrices;
}

/// Of a model in one file: what a split model says of its parts is left out.
gguf::Metadata metadata_of_copy(const gguf::Model& model, quant::Type type) {
  gguf::Metadata metadata;
  for (const auto& [key, value] : model.metadata().all()) {
    if (!key.starts_with("split.")) metadata.set(key, value);
  }
  set_file_type(metadata, type);
  return metadata;
}

/// One tensor that can be decoded, on its way from one format to another or the same. Any thread may call
/// encode().
class Recoder {
 public:
  Recoder(const gguf::Model& model, const gguf::TensorInfo& tensor, const quant::Format& to)
      : model_(model), tensor_(tensor), to_(to) {}

  /// Encodes the values [first, last) into `out`, a chunk at a time. In the same format their bytes stay as
  /// they are.
  void encode(std::int64_t first, std::int64_t last, std::span<std::byte> out) const {
    std::vector<std::byte> blocks;
    std::vector<float> values;
    for (; first < last; first += static_cast<std::int64_t>(values.size())) {
      values.resize(static_cast<std::size_t>(std::min(chunk_values, last - first)));
      const auto n = static_cast<std::int64_t>(values.size());
      blocks.resize(from_.bytes(n));
      model_.read(tensor_, from_.bytes(first), blocks);
      from_.dequantize(blocks, values);
      refuse_unless_finite(values, values, first, "expected finite values");
      const std::span<std::byte> encoded = out.first(to_.bytes(n));
      if (from_.type == to_.type) {
        std::copy(blocks.begin(), blocks.end(), encoded.begin());
      } else {
        to_.quantize(values, encoded);
        refuse_what_overflowed(values, first, encoded);
      }
      out = out.subspan(encoded.size());
    }
  }

 private:
  /// Values too large for the format have become infinite.
  void refuse_what_overflowed(const std::vector<float>& values, std::int64_t first,
                              std::span<const std::byte> encoded) const {
    std::vector<float> decoded(values.size());
    to_.dequantize(encoded, decoded);
    refuse_unless_finite(decoded, values, first, fmt::format("which is too large for {}", to_.name));
  }

  /// Names the first of `values` that has no finite counterpart in `checked`.
  void refuse_unless_finite(const std::vector<float>& checked, const std::vector<float>& values,
                            std::int64_t first, std::string_view reason) const {
    const auto bad = std::find_if(checked.begin(), checked.end(), [](float x) { return !std::isfinite(x); });
    if (bad == checked.end()) return;
    const std::int64_t index = bad - checked.begin();
    const std::int64_t cols = tensor_.shape.back();
    fail("{}: tensor '{}' holds {} in row {}, column {}, {}", model_.path().string(), tensor_.name,
         values[static_cast<std::size_t>(index)], (first + index) / cols, (first + index) % cols, reason);
  }

  const gguf::Model& model_;
  const gguf::TensorInfo& tensor_;
  const quant::Format& from_ = quant::format(tensor_.type);
  const quant::Format& to_;
};

/// Writes the tensors of a plan one after the other.
class Copy {
 public:
  Copy(const gguf::Model& model, gguf::Writer& writer, ThreadPool& pool, const QuantizeProgress& progress)
      : model_(model), writer_(writer), pool_(pool), progress_(progress) {}

  void tensor(const gguf::TensorInfo& from, const gguf::TensorSpec& to) {
    if (quant::format(from.type).dequantize == nullptr) {
      assert(from.type == to.type);
      unread(from);
    } else {
      recoded(from, quant::format(to.type));
    }
  }

 private:
  /// Copies bytes that nobody here can tell the values of.
  void unread(const gguf::TensorInfo& tensor) {
    constexpr std::uint64_t piece = std::uint64_t{1} << 24;
    for (std::uint64_t offset = 0; offset < tensor.bytes; offset += bytes_.size()) {
      bytes_.resize(std::min(piece, tensor.bytes - offset));
      model_.read(tensor, offset, bytes_);
      write(tensor, bytes_);
    }
  }

  void recoded(const gguf::TensorInfo& tensor, const quant::Format& to) {
    const Recoder recoder(model_, tensor, to);
    const std::int64_t n = tensor.values();
    for (std::int64_t first = 0; first < n; first += piece_values) {
      const std::int64_t values = std::min(piece_values, n - first);
      bytes_.resize(to.bytes(values));
      pool_.split(values, chunk_values, [&](std::int64_t begin, std::int64_t end) {
        recoder.encode(first + begin, first + end,
                       std::span(bytes_).subspan(to.bytes(begin), to.bytes(end - begin)));
      });
      write(tensor, bytes_);
    }
  }

  void write(const gguf::TensorInfo& tensor, std::span<const std::byte> bytes) {
    writer_.write(tensor.name, bytes);
    done_ += bytes.size();
    progress_(done_);
  }

  const gguf::Model& model_;
  gguf::Writer& writer_;
  ThreadPool& pool_;
  const QuantizeProgress& progress_;
  std::vector<std::byte> bytes_;  // of the piece that is written next
  std::uint64_t done_ = 0;
};

void refuse_own_file(const gguf::Model& model, const std::filesystem::path& out) {
  const auto split = gguf::parse_split_name(model.path());
  for (int number = 1; number <= model.files(); ++number) {
    const std::filesystem::path part = split ? split->part(number) : model.path();
    std::error_code error;  // where the output does not exist yet
    require(!std::filesystem::equivalent(part, out, error),
            "{}: is the model itself, expected another file for the copy", out.string());
  }
}

}  // namespace

QuantizePlan plan_quantize(const gguf::Model& model, const QuantizeTypes& types) {
  const std::string file = model.path().string();
  require(!types.output || model.find(output_name) != nullptr,
          "{}: there is no tensor '{}' to give a format of its own; the output is tied to '{}'", file,
          output_name, embedding_name);
  QuantizePlan plan{metadata_of_copy(model, types.matrices), {}, 0, 0, 0, {}, 0, 0};
  for (const gguf::TensorInfo& tensor : model.tensors()) {
    gguf::TensorSpec spec{tensor.name, tensor.type, tensor.shape};
    if (is_matrix(tensor)) {
      const quant::Type wanted = wanted_type(types, tensor.name);
      spec.type = fitting_type(wanted, tensor.shape.back());
      const quant::Format& from = quant::format(tensor.type);
      assert(quant::format(wanted).quantize != nullptr);
      require(spec.type == tensor.type || from.dequantize != nullptr,
              "{}: tensor '{}' is stored as {}, which cannot be decoded yet", file, tensor.name, from.name);
      plan.matrices += 1;
      plan.quantised_before += spec.type != tensor.type && from.block_values > 1 ? 1 : 0;
      if (spec.type != wanted) plan.fallbacks.push_back(spec);
    }
    plan.weights += tensor.values();
    plan.bytes_before += tensor.bytes;
    plan.bytes_after += quant::format(spec.type).bytes(tensor.values());
    plan.tensors.push_back(std::move(spec));
  }
  require(plan.matrices > 0, "{}: there is no matrix to quantise", file);
  return plan;
}

void quantize(const gguf::Model& model, const QuantizePlan& plan, const std::filesystem::path& out,
              ThreadPool& pool, const QuantizeProgress& progress) {
  refuse_own_file(model, out);
  gguf::Writer writer(out, plan.metadata, plan.tensors);
  Copy copy(model, writer, pool, progress);
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) copy.tensor(model.tensors()[i], plan.tensors[i]);
  model.check_unchanged();
  writer.finish();
}

}  // namespace yoke::model
