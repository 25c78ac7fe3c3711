// OLMo 2 and 3: blocks are normalised behind, not before. OLMo team, https://arxiv.org/abs/2501.00656; the
// windows of OLMo 3: https://arxiv.org/abs/2512.13961.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_olmo2(Config config);

}  // namespace yoke::model
