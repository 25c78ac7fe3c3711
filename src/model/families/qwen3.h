// Qwen 3, dense and with experts: every head of queries and keys is normalised before it is rotated; heads
// need not fill the model's width. Yang et al., https://arxiv.org/abs/2505.09388.
#pragma once

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_qwen3(Config config);

}  // namespace yoke::model
