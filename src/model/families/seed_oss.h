// Seed-OSS. https://huggingface.co/docs/transformers/model_doc/seed_oss
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_seed_oss(Config config);

}  // namespace yoke::model
