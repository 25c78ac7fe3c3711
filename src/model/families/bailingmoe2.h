// Ling 2 and Ring 2. Ling team, https://arxiv.org/abs/2510.22115.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_bailingmoe2(Config config);

}  // namespace yoke::model
