// Qwen 2 and 2.5: queries, keys and values have biases, pairs of the rotation lie half a head apart. Yang et
// al., https://arxiv.org/abs/2407.10671.
#pragma once

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_qwen2(Config config);

}  // namespace yoke::model
