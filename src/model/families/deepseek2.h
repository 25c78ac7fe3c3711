// DeepSeek V2, V3 and R1, and what others have made in their shape (Kimi K2): latent attention; feed-forward
// blocks of experts behind the first dense ones. DeepSeek-AI, https://arxiv.org/abs/2412.19437.
#pragma once

#include "model/family.h"

namespace yoke::model {

/// Throws Error where the model has no latents.
std::unique_ptr<Family> make_deepseek2(Config config);

}  // namespace yoke::model
