// GLM-4.5. Zhipu AI, https://arxiv.org/abs/2508.06471.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_glm4moe(Config config);

}  // namespace yoke::model
