// SmolLM 3. https://huggingface.co/blog/smollm3
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_smollm3(Config config);

}  // namespace yoke::model
