// dots.llm1. Huo et al., https://arxiv.org/abs/2506.05767.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_dots1(Config config);

}  // namespace yoke::model
