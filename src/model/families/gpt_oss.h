// gpt-oss. OpenAI, https://arxiv.org/abs/2508.10925.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_gpt_oss(Config config);

}  // namespace yoke::model
