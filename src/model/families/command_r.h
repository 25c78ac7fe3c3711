// Command R and Command R+; Command R7B and Command A (cohere2). Cohere, https://arxiv.org/abs/2504.00698.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_command_r(Config config);
std::unique_ptr<Family> make_cohere2(Config config);

}  // namespace yoke::model
