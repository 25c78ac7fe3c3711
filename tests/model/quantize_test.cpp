#include "model/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "common/scratch.h"
#include "model/edited_model.h"

namespace yoke::model {
namespace {

using quant::Type;
using testing::ElementsAre;
using testing::HasSubstr;

gguf::Model quantized(const gguf::Model& model, const QuantizeTypes& types, const std::filesystem::path& out,
                      int threads = 2) {
  ThreadPool pool(threads);
  quantize(model, plan_quantize(model, types), out, pool, [](std::uint64_t) {});
  return gguf::Model::open(out);
}

std::string error_of_quantize(const gguf::Model& model, const QuantizeTypes& types,
                              const std::filesystem::path& out) {
  return error_of([&] { quantized(model, types, out); });
}

std::vector<float> decoded(const gguf::Model& model, const gguf::TensorInfo& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.values()));
  quant::format(tensor.type).dequantize(model.read(tensor), values);
  return values;
}

/// The tensor re-encoded at once.
std::vector<std::byte> naive(const gguf::Model& model, const gguf::TensorInfo& tensor, Type type) {
  std::vector<std::byte> bytes(quant::format(type).bytes(tensor.values()));
  quant::format(type).quantize(decoded(model, tensor), bytes);
  return bytes;
}

TEST(Quantize, ReEncodesMatricesAndCopiesAllElse) {
  const ScratchFolder folder;
  const gguf::Model demo = gguf::Model::open(std::filesystem::path(YOKE_MODELS) / "demo.gguf");  // Q8_0
  for (const Type type : {Type::f32, Type::f16, Type::q4_0}) {
    const gguf::Model copy = quantized(demo, {type, {}, {}}, folder / "copy.gguf");
    ASSERT_EQ(copy.tensors().size(), demo.tensors().size());
    for (std::size_t i = 0; i < demo.tensors().size(); ++i) {
      const gguf::TensorInfo& before = demo.tensors()[i];
      const gguf::TensorInfo& after = copy.tensors()[i];
      EXPECT_EQ(after.name, before.name);
      EXPECT_EQ(after.shape, before.shape);
      const bool is_matrix = before.shape.size() == 2;
      ASSERT_EQ(after.type, is_matrix ? type : before.type) << before.name;
      const std::vector<std::byte> encoded = naive(demo, before, after.type);
      EXPECT_TRUE(copy.read(after) == encoded) << before.name;
    }
  }
}

TEST(Quantize, ATensorOfManyPiecesIsTheSameOnAnyNumberOfThreads) {
  // More than the 4 M values that are encoded at once, in rows that no border of pieces or chunks meets.
  const EditedModel model([](Draft& draft) {
    draft.tensors = {{"a.weight", Type::f32, {2503, 2016}}, {"b.weight", Type::f32, {3, 5, 96}}};
    std::mt19937 random(20261205);
    for (const gguf::TensorSpec& spec : draft.tensors) {
      std::vector<float>& values = draft.data[spec.name];
      std::int64_t n = 1;
      for (const std::int64_t size : spec.shape) n *= size;
      for (std::int64_t i = 0; i < n; ++i)
        values.push_back(static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-31f);
    }
  });
  const gguf::Model file = model.open();
  const ScratchFolder folder;
  for (const int threads : {1, 3}) {
    const gguf::Model copy = quantized(file, {Type::q8_0, {}, {}}, folder / "copy.gguf", threads);
    for (const gguf::TensorInfo& tensor : copy.tensors()) {
      EXPECT_EQ(tensor.type, Type::q8_0);
      const std::vector<std::byte> encoded = naive(file, *file.find(tensor.name), Type::q8_0);
      EXPECT_TRUE(copy.read(tensor) == encoded) << tensor.name << ", " << threads << " threads";
    }
  }
}

TEST(Quantize, MetadataAreKeptButForTheirWordsOfTheFormat) {
  const ScratchFolder folder;
  const gguf::Model tiny = gguf::Model::open(tiny_model("qwen3"));
  const gguf::Model copy = quantized(tiny, {Type::q4_0, {}, {}}, folder / "copy.gguf");
  auto expected = tiny.metadata().all();
  expected["general.file_type"] = std::uint64_t{2};
  expected["general.quantization_version"] = std::uint64_t{2};
  EXPECT_EQ(copy.metadata().all(), expected);
}

TEST(Quantize, TheOutputAndTheEmbeddingMayHaveFormatsOfTheirOwn) {
  const ScratchFolder folder;
  const gguf::Model tiny = gguf::Model::open(tiny_model("llama"));
  const gguf::Model copy = quantized(tiny, {Type::q4_0, Type::f16, Type::q8_0}, folder / "copy.gguf");
  EXPECT_EQ(copy.find("output.weight")->type, Type::f16);
  EXPECT_EQ(copy.find("token_embd.weight")->type, Type::q8_0);
  EXPECT_EQ(copy.find("blk.0.attn_output.weight")->type, Type::q4_0);
  EXPECT_EQ(copy.find("output_norm.weight")->type, Type::f32);
}

TEST(Quantize, RoutersOfExpertsAndBiasesOfExpertsAreNoMatrices) {
  const EditedModel model([](Draft& draft) {
    draft.tensors.push_back({"blk.0.ffn_gate_inp.weight", Type::f32, {8, 128}});
    draft.tensors.push_back({"blk.0.ffn_up_exps.bias", Type::f32, {8, 128}});
    draft.tensors.push_back({"blk.0.ffn_up_exps.weight", Type::f32, {8, 64, 128}});
  });
  const ScratchFolder folder;
  const gguf::Model copy = quantized(model.open(), {Type::q4_0, {}, {}}, folder / "copy.gguf");
  EXPECT_EQ(copy.find("blk.0.ffn_gate_inp.weight")->type, Type::f32);
  EXPECT_EQ(copy.find("blk.0.ffn_up_exps.bias")->type, Type::f32);
  EXPECT_EQ(copy.find("blk.0.ffn_up_exps.weight")->type, Type::q4_0);
}

/// The formats that rows of `cols` values get where `type` is wished for.
Type type_for(std::int64_t cols, Type type) {
  const EditedModel model([&](Draft& draft) { draft.tensors = {{"a.weight", Type::f32, {2, cols}}}; });
  const gguf::Model file = model.open();
  const QuantizePlan plan = plan_quantize(file, {type, {}, {}});
  EXPECT_EQ(plan.fallbacks.size(), plan.tensors[0].type == type ? 0 : 1);
  return plan.tensors[0].type;
}

TEST(Quantize, RowsThatAreNoWholeBlocksTakeTheNextLargerFormatThatFits) {
  EXPECT_EQ(type_for(64, Type::q4_0), Type::q4_0);
  EXPECT_EQ(type_for(48, Type::q4_0), Type::f16);
  EXPECT_EQ(type_for(48, Type::bf16), Type::bf16);
  EXPECT_EQ(type_for(512, Type::q4_k), Type::q4_k);
  EXPECT_EQ(type_for(288, Type::q2_k), Type::q4_0);
  EXPECT_EQ(type_for(288, Type::q4_k), Type::q4_0);
  EXPECT_EQ(type_for(288, Type::q5_k), Type::q5_0);
  EXPECT_EQ(type_for(288, Type::q6_k), Type::q8_0);
  EXPECT_EQ(type_for(300, Type::q6_k), Type::f16);
}

TEST(Quantize, APlanTellsWhatWillBeWritten) {
  const gguf::Model demo = gguf::Model::open(std::filesystem::path(YOKE_MODELS) / "demo.gguf");
  const QuantizePlan plan = plan_quantize(demo, {Type::f16, {}, {}});
  EXPECT_EQ(plan.quantised_before, plan.matrices);
  EXPECT_EQ(plan_quantize(demo, {Type::q8_0, {}, {}}).quantised_before, 0) << "they keep their format";
  EXPECT_EQ(plan_quantize(gguf::Model::open(tiny_model("llama")), {Type::q8_0, {}, {}}).quantised_before, 0);
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  std::int64_t weights = 0;
  for (const gguf::TensorInfo& tensor : demo.tensors()) {
    before += tensor.bytes;
    after += static_cast<std::uint64_t>(tensor.values()) * (tensor.shape.size() == 2 ? 2 : 4);
    weights += tensor.values();
  }
  EXPECT_EQ(plan.bytes_before, before);
  EXPECT_EQ(plan.bytes_after, after);
  EXPECT_EQ(plan.weights, weights);
  const ScratchFolder folder;
  ThreadPool pool(1);
  std::uint64_t last = 0;
  quantize(demo, plan, folder / "copy.gguf", pool, [&](std::uint64_t done) {
    EXPECT_GT(done, last);
    last = done;
  });
  EXPECT_EQ(last, plan.bytes_after);
}

TEST(Quantize, ASplitModelBecomesOneFile) {
  const ScratchFolder folder;
  const gguf::Model tiny = gguf::Model::open(tiny_model("llama"));
  const auto n = static_cast<std::int64_t>(tiny.tensors().size());
  for (int part = 0; part < 2; ++part) {
    gguf::Metadata metadata = tiny.metadata();
    metadata.set("split.no", static_cast<std::uint64_t>(part));
    metadata.set("split.count", std::uint64_t{2});
    metadata.set("split.tensors.count", n);
    std::vector<gguf::TensorSpec> specs;
    for (std::int64_t i = part * 7; i < (part == 0 ? 7 : n); ++i) {
      const gguf::TensorInfo& tensor = tiny.tensors()[static_cast<std::size_t>(i)];
      specs.push_back({tensor.name, tensor.type, tensor.shape});
    }
    gguf::Writer writer(folder / fmt::format("m-{:05}-of-00002.gguf", part + 1), metadata, specs);
    for (const gguf::TensorSpec& spec : specs) writer.write(spec.name, tiny.read(*tiny.find(spec.name)));
    writer.finish();
  }
  const gguf::Model split = gguf::Model::open(folder / "m-00002-of-00002.gguf");
  EXPECT_EQ(split.files(), 2);
  const gguf::Model copy = quantized(split, {Type::q8_0, {}, {}}, folder / "whole.gguf");
  const gguf::Model direct = quantized(tiny, {Type::q8_0, {}, {}}, folder / "direct.gguf");
  EXPECT_EQ(copy.files(), 1);
  EXPECT_EQ(copy.metadata().all(), direct.metadata().all());
  for (const gguf::TensorInfo& tensor : direct.tensors())
    EXPECT_TRUE(copy.read(*copy.find(tensor.name)) == direct.read(tensor)) << tensor.name;

  for (const char* part : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
    EXPECT_EQ(error_of_quantize(split, {Type::q8_0, {}, {}}, folder / part),
              (folder / part).string() + ": is the model itself, expected another file for the copy");
  }
}

TEST(Quantize, RefusesToWriteOverTheModel) {
  const EditedModel model([](Draft&) {});
  const ScratchFolder folder;
  const std::filesystem::path link = folder / "link.gguf";
  std::filesystem::create_symlink(model.path(), link);
  for (const std::filesystem::path& out : {model.path(), link}) {
    EXPECT_EQ(error_of_quantize(model.open(), {Type::q8_0, {}, {}}, out),
              out.string() + ": is the model itself, expected another file for the copy");
  }
}

TEST(Quantize, RefusesValuesThatAreNotFiniteByTensorAndPosition) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity}) {
    const EditedModel model([&](Draft& draft) {
      std::vector<float> values(256 * 128, 0.5f);
      values[200 * 128 + 7] = bad;
      draft.data["blk.1.ffn_up.weight"] = values;
    });
    const ScratchFolder folder;
    EXPECT_EQ(
        error_of_quantize(model.open(), {Type::q8_0, {}, {}}, folder / "copy.gguf"),
        fmt::format("{}: tensor 'blk.1.ffn_up.weight' holds {} in row 200, column 7, expected finite values",
                    model.path().string(), bad));
    EXPECT_TRUE(folder.empty());
  }
}

TEST(Quantize, RefusesInfinityAndNanInTensorsCopiedAsTheyAre) {
  const auto refusal = [](const std::function<void(Draft&)>& edit, Type type) {
    const EditedModel model(edit);
    const ScratchFolder folder;
    const std::string sentence = error_of_quantize(model.open(), {type, {}, {}}, folder / "copy.gguf");
    EXPECT_TRUE(folder.empty());
    const std::string start = model.path().string() + ": ";
    EXPECT_TRUE(sentence.starts_with(start)) << sentence;
    return sentence.substr(std::min(start.size(), sentence.size()));
  };
  EXPECT_EQ(refusal(
                [](Draft& draft) {
                  std::vector<float> values(128, 1.0f);
                  values[77] = std::numeric_limits<float>::quiet_NaN();
                  draft.data["blk.0.attn_norm.weight"] = values;
                },
                Type::q8_0),
            "tensor 'blk.0.attn_norm.weight' holds nan in row 0, column 77, expected finite values");
  // Far enough into a matrix to be in its second piece.
  EXPECT_EQ(refusal(
                [](Draft& draft) {
                  draft.tensors = {{"a.weight", Type::f32, {2503, 2016}}};
                  std::vector<float>& values = draft.data["a.weight"];
                  values.assign(2503 * 2016, 0.5f);
                  values[2502 * 2016 + 5] = std::numeric_limits<float>::infinity();
                },
                Type::f32),
            "tensor 'a.weight' holds inf in row 2502, column 5, expected finite values");
}

TEST(Quantize, CopiesWhatHasNoDecoderByteForByte) {
  const EditedModel model([](Draft& draft) {
    draft.tensors.push_back({"blk.0.numbers", Type::i32, {3, 7}});
    std::vector<float>& values = draft.data["blk.0.numbers"];
    values.assign(21, std::numeric_limits<float>::infinity());  // bits of integers here
  });
  const ScratchFolder folder;
  const gguf::Model before = model.open();
  const gguf::Model copy = quantized(before, {Type::q8_0, {}, {}}, folder / "copy.gguf");
  EXPECT_TRUE(copy.read(*copy.find("blk.0.numbers")) == before.read(*before.find("blk.0.numbers")));
}

TEST(Quantize, RefusesValuesThatTheFormatCannotHold) {
  const EditedModel model([&](Draft& draft) {
    std::vector<float> values(256 * 128, 0.5f);
    values[255 * 128 + 127] = -1e5f;
    draft.data["blk.1.ffn_up.weight"] = values;
  });
  const ScratchFolder folder;
  EXPECT_EQ(error_of_quantize(model.open(), {Type::f16, {}, {}}, folder / "copy.gguf"),
            model.path().string() +
                ": tensor 'blk.1.ffn_up.weight' holds -100000 in row 255, column 127, "
                "which is too large for F16");
  EXPECT_TRUE(folder.empty());
  EXPECT_EQ(error_of_quantize(model.open(), {Type::bf16, {}, {}}, folder / "copy.gguf"), "");
}

TEST(Quantize, RefusesModelsItCanDoNothingWith) {
  const auto refusal = [](const std::function<void(Draft&)>& edit, const QuantizeTypes& types) {
    const EditedModel model(edit);
    const std::string sentence = error_of([&] { plan_quantize(model.open(), types); });
    const std::string start = model.path().string() + ": ";
    EXPECT_TRUE(sentence.starts_with(start)) << sentence;
    return sentence.substr(std::min(start.size(), sentence.size()));
  };
  EXPECT_EQ(refusal(
                [](Draft& draft) {
                  draft.tensors = {{"output_norm.weight", Type::f32, {128}}};
                },
                {Type::q8_0, {}, {}}),
            "there is no matrix to quantise");
  EXPECT_EQ(refusal([](Draft& draft) { draft.remove("output.weight"); }, {Type::q8_0, Type::f16, {}}),
            "there is no tensor 'output.weight' to give a format of its own; the output is tied to "
            "'token_embd.weight'");
  EXPECT_EQ(refusal(
                [](Draft& draft) {
                  draft.tensor("blk.0.attn_k.weight") = {"blk.0.attn_k.weight", Type::tq1_0, {128, 256}};
                },
                {Type::q8_0, {}, {}}),
            "tensor 'blk.0.attn_k.weight' is stored as TQ1_0, which cannot be decoded yet");
}

}  // namespace
}  // namespace yoke::model
