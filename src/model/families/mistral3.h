// Ministral 3 and Mistral Small 3.1 and later: https://huggingface.co/mistralai.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_mistral3(Config config);

}  // namespace yoke::model
