// The tokenizer in a model file.
#pragma once

#include <memory>
#include <string>

#include "text/tokenizer.h"

namespace yoke::cli {

/// `model` is the path of a GGUF file; one that holds only metadata will do. Throws Error that names the file
/// where it has no tokenizer, or one that is damaged or of an unknown kind.
std::unique_ptr<text::Tokenizer> read_tokenizer(const std::string& model);

}  // namespace yoke::cli
