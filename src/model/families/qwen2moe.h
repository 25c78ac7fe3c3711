// Qwen 1.5 and 2 with experts, and one that every token goes to as far as a gate of its own lets it.
// Yang et al., https://arxiv.org/abs/2407.10671.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_qwen2moe(Config config);

}  // namespace yoke::model
