// OLMoE. Muennighoff et al., https://arxiv.org/abs/2409.02060.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_olmoe(Config config);

}  // namespace yoke::model
