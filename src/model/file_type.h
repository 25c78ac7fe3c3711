// What a file's metadata say of the format of its weights.
#pragma once

#include "gguf/metadata.h"
#include "quant/format.h"

namespace yoke::model {

/// Sets `general.file_type` to the number that stands for "mostly `type`", and
/// `general.quantization_version`, both after the GGUF specification
/// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). A type that has no such number leaves the
/// former as it is.
void set_file_type(gguf::Metadata& metadata, quant::Type type);

}  // namespace yoke::model
