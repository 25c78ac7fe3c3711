// What computing a token multiplies: what a speed of computing prompts is held against.
#pragma once

#include <cstdint>
#include <vector>

#include "gguf/reader.h"
#include "model/tensors.h"

namespace yoke::model {

/// Multiply-adds of weights, over all ranks; what several ranks compute counts once, of experts those that a
/// token uses. What attention does with keys and values is not in it.
struct TokenProducts {
  std::uint64_t layers = 0;  // of each token: one for each value of every matrix it goes through
  std::uint64_t logits = 0;  // of each row of logits that is wanted, on top: those of the output matrix
};

/// The file has been checked against the table.
TokenProducts token_products(const gguf::Model& file, const std::vector<TensorEntry>& table);

}  // namespace yoke::model
