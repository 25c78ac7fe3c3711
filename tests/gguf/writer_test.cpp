#include "gguf/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gguf/reader.h"
#include "gguf_bytes.h"

namespace yoke::gguf {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

std::vector<std::byte> random_bytes(std::size_t n, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(n);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

Metadata sample_metadata() {
  Metadata m;
  m.set("general.architecture", std::string("llama"));
  m.set("unsigned", std::uint64_t{17});
  m.set("unsigned.wide", std::numeric_limits<std::uint64_t>::max());
  m.set("signed", std::int64_t{-5});
  m.set("signed.wide", std::numeric_limits<std::int64_t>::min());
  m.set("float", static_cast<double>(1e-5f));
  m.set("infinite", -std::numeric_limits<double>::infinity());
  m.set("flag", true);
  m.set("unsigneds", std::vector<std::uint64_t>{1, 2, 4294967295});
  m.set("unsigneds.wide", std::vector<std::uint64_t>{1, 4294967296});
  m.set("signeds", std::vector<std::int64_t>{-1, 2});
  m.set("signeds.wide", std::vector<std::int64_t>{-1, 1LL << 40});
  m.set("floats", std::vector<double>{0.5, -1.5});
  m.set("flags", std::vector<bool>{true, false, true});
  m.set("texts", std::vector<std::string>{"a", "", "\xff\x01"});
  m.set("empty", std::vector<std::string>{});
  return m;
}

const std::vector<TensorSpec> sample_tensors{{"token_embd.weight", quant::Type::f32, {5, 3}},
                                             {"blk.0.ffn_up.weight", quant::Type::q8_0, {2, 3, 64}},
                                             {"blk.0.ffn_down.weight", quant::Type::q6_k, {1, 256}},
                                             {"norm", quant::Type::bf16, {7}},
                                             {"four", quant::Type::i8, {1, 2, 3, 4}}};

std::vector<std::byte> data_of(const TensorSpec& spec) {
  return random_bytes(tensor_bytes(spec.type, spec.shape, "test"),
                      static_cast<std::uint32_t>(spec.name.size()));
}

void write_sample(const std::filesystem::path& path, const Metadata& metadata) {
  Writer writer(path, metadata, sample_tensors);
  for (const TensorSpec& spec : sample_tensors) writer.write(spec.name, data_of(spec));
  writer.finish();
}

TEST(Writer, WhatItWritesIsReadBackTheSame) {
  const ScratchFolder folder;
  for (const std::uint64_t alignment : {std::uint64_t{0}, std::uint64_t{8}, std::uint64_t{4096}}) {
    Metadata metadata = sample_metadata();
    if (alignment != 0) metadata.set("general.alignment", alignment);
    write_sample(folder / "m.gguf", metadata);

    const Model model = Model::open(folder / "m.gguf");
    EXPECT_EQ(model.version(), 3u);
    EXPECT_EQ(model.metadata().all(), metadata.all());
    ASSERT_EQ(model.tensors().size(), sample_tensors.size());
    EXPECT_EQ(model.file_bytes() % (alignment != 0 ? alignment : 32), 0u);
    for (std::size_t i = 0; i < sample_tensors.size(); ++i) {
      const TensorInfo& tensor = model.tensors()[i];
      EXPECT_EQ(tensor.name, sample_tensors[i].name);
      EXPECT_EQ(tensor.type, sample_tensors[i].type);
      EXPECT_EQ(tensor.shape, sample_tensors[i].shape);
      EXPECT_EQ(tensor.offset % (alignment != 0 ? alignment : 32), 0u);
      const auto data = model.read(tensor);
      EXPECT_EQ(std::vector<std::byte>(data.begin(), data.end()), data_of(sample_tensors[i]));
    }
  }
}

/// Byte for byte against a file made by hand.
TEST(Writer, ChoosesTheWireTypesThatReadersExpect) {
  Metadata m;
  m.set("f", 0.1);
  m.set("i", std::int64_t{7});
  m.set("split.count", std::uint64_t{1});
  m.set("split.no", std::int64_t{0});
  m.set("split.tensors.count", std::uint64_t{0});
  m.set("tokenizer.ggml.scores", std::vector<std::int64_t>{-1, 0});
  m.set("tokenizer.ggml.token_type", std::vector<std::uint64_t>{1, 3});
  m.set("u", std::uint64_t{7});
  m.set("w", std::uint64_t{1} << 32);

  FileBytes expected;
  expected.start(0, 9);
  expected.string("f").u32(6).number(0.1f);
  expected.string("i").u32(5).number<std::int32_t>(7);
  expected.string("split.count").u32(2).number<std::uint16_t>(1);
  expected.string("split.no").u32(2).number<std::uint16_t>(0);
  expected.string("split.tensors.count").u32(5).number<std::int32_t>(0);
  expected.string("tokenizer.ggml.scores").u32(9).u32(6).u64(2).number(-1.0f).number(0.0f);
  expected.string("tokenizer.ggml.token_type")
      .u32(9)
      .u32(5)
      .u64(2)
      .number<std::int32_t>(1)
      .number<std::int32_t>(3);
  expected.string("u").u32(4).u32(7);
  expected.string("w").u32(10).u64(std::uint64_t{1} << 32);

  const ScratchFolder folder;
  Writer(folder / "m.gguf", m, {}).finish();
  EXPECT_EQ(read_file(folder / "m.gguf"), expected.text());
}

TEST(Writer, PadsHeaderAndTensorsWithZeros) {
  FileBytes expected;
  expected.start(2, 1).pair_u32("general.alignment", 64).tensor("a", {3, 1}, 24, 0).tensor("b", {64}, 24, 64);
  expected.align(64).raw("\1\2\3").align(64).raw(std::string(64, '\7'));

  Metadata m;
  m.set("general.alignment", std::uint64_t{64});
  const std::vector<TensorSpec> tensors{{"a", quant::Type::i8, {1, 3}}, {"b", quant::Type::i8, {64}}};
  const ScratchFolder folder;
  Writer writer(folder / "m.gguf", m, tensors);
  writer.write("a", FileBytes().raw("\1\2\3").span());
  writer.write("b", FileBytes().raw(std::string(64, '\7')).span());
  writer.finish();
  EXPECT_EQ(read_file(folder / "m.gguf"), expected.text());
}

TEST(Writer, CopiesATinyModelToTheSameSizeAndContents) {
  const std::filesystem::path original = YOKE_GENERATED_DATA "/tiny/llama.gguf";
  const Model model = Model::open(original);
  std::vector<TensorSpec> specs;
  for (const TensorInfo& tensor : model.tensors()) specs.push_back({tensor.name, tensor.type, tensor.shape});

  const ScratchFolder folder;
  Writer writer(folder / "copy.gguf", model.metadata(), specs);
  for (const TensorInfo& tensor : model.tensors()) writer.write(tensor.name, model.read(tensor));
  writer.finish();

  const Model copy = Model::open(folder / "copy.gguf");
  EXPECT_EQ(copy.file_bytes(), model.file_bytes());
  EXPECT_EQ(copy.metadata().all(), model.metadata().all());
  ASSERT_EQ(copy.tensors().size(), model.tensors().size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const TensorInfo& a = model.tensors()[i];
    const TensorInfo& b = copy.tensors()[i];
    EXPECT_EQ(b.name, a.name);
    EXPECT_EQ(b.shape, a.shape);
    EXPECT_EQ(b.offset, a.offset);
    const auto x = model.read(a);
    const auto y = copy.read(b);
    EXPECT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end())) << a.name;
  }
}

TEST(Writer, TakesATensorInPieces) {
  const ScratchFolder folder;
  Writer writer(folder / "m.gguf", {}, sample_tensors);
  for (const TensorSpec& spec : sample_tensors) {
    const std::vector<std::byte> data = data_of(spec);
    const std::span<const std::byte> all(data);
    writer.write(spec.name, all.first(5));
    writer.write(spec.name, all.subspan(5, 0));
    writer.write(spec.name, all.subspan(5));
  }
  writer.finish();
  const Model model = Model::open(folder / "m.gguf");
  for (const TensorSpec& spec : sample_tensors) {
    const auto data = model.read(*model.find(spec.name));
    EXPECT_EQ(std::vector<std::byte>(data.begin(), data.end()), data_of(spec));
  }
}

std::vector<std::string> names_in(const ScratchFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

TEST(Writer, AHoleIsATensorOfZeros) {
  const ScratchFolder folder;
  Writer writer(folder / "hole.gguf", sample_metadata(), sample_tensors);
  for (const TensorSpec& spec : sample_tensors) {
    if (spec.name == "blk.0.ffn_up.weight") {
      writer.write_hole(spec.name);
    } else {
      writer.write(spec.name, data_of(spec));
    }
  }
  writer.finish();
  const Model model = Model::open(folder / "hole.gguf");
  for (const TensorSpec& spec : sample_tensors) {
    const std::vector<std::byte> expected =
        spec.name == "blk.0.ffn_up.weight" ? std::vector<std::byte>(data_of(spec).size()) : data_of(spec);
    EXPECT_EQ(model.read(*model.find(spec.name)), expected) << spec.name;
  }
}

TEST(Writer, LeavesNothingBehindUnlessFinished) {
  const ScratchFolder folder;
  folder.write("m.gguf", "what was there");
  {
    Writer writer(folder / "m.gguf", {}, sample_tensors);
    writer.write(sample_tensors[0].name, data_of(sample_tensors[0]));
    EXPECT_EQ(
        sentence_of([&] { writer.finish(); }),
        (folder / "m.gguf").string() + ": the data of tensor 'blk.0.ffn_up.weight' lack 408 of 408 bytes");
  }
  EXPECT_THAT(names_in(folder), testing::ElementsAre("m.gguf"));
  EXPECT_EQ(read_file(folder / "m.gguf"), "what was there");

  write_sample(folder / "m.gguf", {});
  EXPECT_THAT(names_in(folder), testing::ElementsAre("m.gguf"));
  EXPECT_EQ(Model::open(folder / "m.gguf").tensors().size(), sample_tensors.size());
}

TEST(Writer, RefusesANameThatStandsForAPartOfASplitModel) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "m-00002-of-00003.gguf";
  EXPECT_EQ(sentence_of([&] { Writer(path, {}, sample_tensors); }),
            path.string() + ": is named as part 2 of 3, but a model in one file is to be written");
  write_sample(folder / "m-00001-of-00001.gguf", {});
  EXPECT_EQ(Model::open(folder / "m-00001-of-00001.gguf").files(), 1);
}

TEST(Writer, RefusesDataThatWereNotAnnounced) {
  const ScratchFolder folder;
  Writer writer(folder / "m.gguf", {}, sample_tensors);
  EXPECT_THAT(sentence_of([&] { writer.write("norm", {}); }),
              EndsWith("data came for tensor 'norm', expected 'token_embd.weight'"));
  EXPECT_THAT(sentence_of([&] { writer.write("token_embd.weight", random_bytes(61, 1)); }),
              EndsWith("61 bytes came for tensor 'token_embd.weight', expected at most 60 more"));
  for (const TensorSpec& spec : sample_tensors) writer.write(spec.name, data_of(spec));
  EXPECT_THAT(sentence_of([&] { writer.write("norm", {}); }),
              HasSubstr("expected none after the last tensor"));
}

TEST(Writer, RefusesWhatTheReaderWouldRefuse) {
  const ScratchFolder folder;
  const auto refusal = [&](const Metadata& metadata, const std::vector<TensorSpec>& tensors) {
    return sentence_of([&] { Writer(folder / "m.gguf", metadata, tensors); });
  };
  const auto with = [](const std::string& key, Value value) {
    Metadata m;
    m.set(key, std::move(value));
    return m;
  };
  using quant::Type;
  EXPECT_THAT(refusal({}, {{"w", Type::q8_0, {2, 33}}}),
              HasSubstr("tensor 'w': its rows have 33 values, expected whole Q8_0 blocks of 32"));
  EXPECT_THAT(refusal({}, {{"w", Type::f32, {}}}), HasSubstr("it has 0 dimensions, expected 1 to 4"));
  EXPECT_THAT(refusal({}, {{"w", Type::f32, {1, 1, 1, 1, 1}}}), HasSubstr("it has 5 dimensions"));
  EXPECT_THAT(refusal({}, {{"w", Type::f32, {3, 0}}}), HasSubstr("its shape is (3, 0)"));
  EXPECT_THAT(refusal({}, {{"w", Type::f32, {-1}}}), HasSubstr("its shape is (-1)"));
  EXPECT_THAT(refusal({}, {{"w", Type::i8, {1LL << 62}}}), HasSubstr("larger than 2^62 bytes"));
  EXPECT_THAT(refusal({}, {{"w", Type::f32, {1}}, {"w", Type::f32, {1}}}),
              HasSubstr("its name occurs twice"));
  EXPECT_THAT(refusal({}, {{"", Type::f32, {1}}}), HasSubstr("is empty"));
  EXPECT_THAT(refusal(with("", std::string("a value")), {}), HasSubstr("is empty"));
  EXPECT_THAT(refusal(with("general.alignment", std::uint64_t{48}), {}), HasSubstr("power of two"));
  EXPECT_THAT(refusal(with("general.alignment", std::int64_t{-32}), {}),
              HasSubstr("expected an unsigned integer"));
  EXPECT_THAT(refusal(with("general.alignment", true), {}), HasSubstr("'general.alignment'"));
  EXPECT_THAT(refusal(with("float", 1e300), {}), HasSubstr("which float32 cannot hold"));
  EXPECT_THAT(refusal(with("split.no", std::uint64_t{70000}), {}),
              HasSubstr("'split.no' holds 70000, expected an unsigned integer of 16 bits"));
  EXPECT_THAT(refusal(with("tokenizer.ggml.token_type", std::vector<double>{1}), {}),
              HasSubstr("expected a signed integer of 32 bits"));
  EXPECT_TRUE(names_in(folder).empty());
}

TEST(Writer, SaysWhyAFileCannotBeWritten) {
  const ScratchFolder folder;
  EXPECT_THAT(sentence_of([&] { Writer(folder / "none/m.gguf", {}, {}); }),
              HasSubstr("m.gguf: a file beside it cannot be created: No such file or directory"));
  std::filesystem::create_directories(folder / "m.gguf" / "full");
  EXPECT_THAT(sentence_of([&] { Writer(folder / "m.gguf", {}, {}).finish(); }),
              HasSubstr("m.gguf: is a directory, expected a file to write"));
  EXPECT_THAT(names_in(folder), testing::ElementsAre("m.gguf"));
}

}  // namespace
}  // namespace yoke::gguf
