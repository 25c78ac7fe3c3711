// Qwen3-Next. https://huggingface.co/docs/transformers/model_doc/qwen3_next
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_qwen3next(Config config);

}  // namespace yoke::model
