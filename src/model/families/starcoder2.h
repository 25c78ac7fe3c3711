// StarCoder 2. Lozhkov et al., https://arxiv.org/abs/2402.19173.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_starcoder2(Config config);

}  // namespace yoke::model
