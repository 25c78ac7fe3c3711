// What a model file is, for people and for figures; from its header alone.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/kv.h"
#include "model/products.h"
#include "model/reads.h"

namespace yoke::runtime {

struct ModelSummary {
  std::string description;   // "llama 1.5B Q4_0": architecture, weights, the format most of them have
  std::uint64_t bytes = 0;   // of all tensors, as stored
  std::int64_t weights = 0;  // values in all tensors
  std::int32_t context = 0;  // positions it was trained for
  std::int32_t vocabulary = 0;
  model::TokenReads reads;
  model::TokenProducts products;
  std::int32_t layers = 0;
};

/// `path` is that of a GGUF file, any part of a split one. Throws Error where it cannot be run. What tokens
/// read counts keys and values as `kv_type`. `open_file` as RankOptions has it.
ModelSummary summarise(const std::string& path, kernels::KvType kv_type, const gguf::Opener& open_file = {});

/// "1.5B", "3.7M", "360K", "12": a number of weights as model names have it.
std::string size_label(std::int64_t weights);

}  // namespace yoke::runtime
