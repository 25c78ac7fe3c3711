#include "model/file_type.h"

#include <gtest/gtest.h>

namespace yoke::model {
namespace {

TEST(FileType, IsTheNumberThatTheSpecificationGives) {
  gguf::Metadata metadata;
  set_file_type(metadata, quant::Type::q4_k);
  EXPECT_EQ(metadata.integer("general.file_type"), 14);  // MOSTLY_Q4_K_S
  EXPECT_EQ(metadata.integer("general.quantization_version"), 2);
  set_file_type(metadata, quant::Type::f32);
  EXPECT_EQ(metadata.integer("general.file_type"), 0);  // ALL_F32
  set_file_type(metadata, quant::Type::bf16);
  EXPECT_EQ(metadata.integer("general.file_type"), 32);  // MOSTLY_BF16
}

TEST(FileType, EveryFormatThatCanBeWrittenHasOne) {
  for (const quant::Format& format : quant::formats()) {
    if (format.quantize == nullptr) continue;
    gguf::Metadata metadata;
    set_file_type(metadata, format.type);
    EXPECT_TRUE(metadata.has("general.file_type")) << format.name;
  }
}

}  // namespace
}  // namespace yoke::model
