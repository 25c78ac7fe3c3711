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

/// `wanted`, or what stands in for it where rows of `cols` values are no whole blocks of it: the next larger
/// format of blocks of 32, or else F16.
quant::Type fitting_type(quant::Type wanted, std::int64_t cols);

}  // namespace yoke::model
