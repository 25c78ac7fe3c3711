#include "gguf/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "gguf_bytes.h"

namespace yoke::gguf {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

std::string refusal(const std::filesystem::path& path) {
  return sentence_of([&] { Model::open(path); });
}

/// A file with one F32 tensor of 8 values that are all `value`.
std::string single(float value) {
  FileBytes file;
  file.start(1, 1).string("general.name").u32(8).string("one").tensor("w", {4, 2}, 0, 0).align(32);
  for (int i = 0; i < 8; ++i) file.number(value);
  return file.text();
}

TEST(Reader, OpensAModelAndGivesItsData) {
  const ScratchFolder folder;
  const auto path = folder.write("m.gguf", single(2.5f));
  const Model model = Model::open(path);
  EXPECT_EQ(model.path(), path);
  EXPECT_EQ(model.files(), 1);
  EXPECT_EQ(model.version(), 3u);
  EXPECT_EQ(model.file_bytes(), single(0).size());
  EXPECT_EQ(model.metadata().string("general.name"), "one");
  EXPECT_EQ(model.metadata().sentence_start(), path.string() + ": ");
  ASSERT_EQ(model.tensors().size(), 1u);
  const TensorInfo* const tensor = model.find("w");
  ASSERT_EQ(tensor, &model.tensors()[0]);
  EXPECT_EQ(model.find("v"), nullptr);
  EXPECT_EQ(model.find("x"), nullptr);
  const auto data = model.read(*tensor);
  ASSERT_EQ(data.size(), 32u);
  float value = 0;
  std::memcpy(&value, data.data() + 28, 4);
  EXPECT_EQ(value, 2.5f);
}

TEST(Reader, ReadsAnyPartOfATensorAlsoAfterAMove) {
  const ScratchFolder folder;
  FileBytes file;
  file.start(2, 0).tensor("a", {4}, 0, 0).tensor("b", {8}, 0, 32).align(32);
  for (int i = 0; i < 16; ++i) file.number(static_cast<float>(i));
  Model model = Model::open(folder.write("m.gguf", file.text()));
  const Model moved = std::move(model);
  std::array<float, 3> values{};
  moved.read(*moved.find("b"), 8, std::as_writable_bytes(std::span(values)));
  EXPECT_EQ(values, (std::array{10.0f, 11.0f, 12.0f}));
  moved.read(*moved.find("b"), 32, {});
  moved.expect(*moved.find("b"), 0, 32);
}

TEST(Reader, ManyThreadsReadAtOnce) {
  const ScratchFolder folder;
  FileBytes file;
  file.start(1, 0).tensor("w", {1 << 16}, 0, 0).align(32);
  for (int i = 0; i < 1 << 16; ++i) file.number(static_cast<float>(i));
  const Model model = Model::open(folder.write("m.gguf", file.text()));
  std::vector<float> values(1 << 16);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = t * 64; i < values.size(); i += 256)
        model.read(*model.find("w"), i * 4, std::as_writable_bytes(std::span(values).subspan(i, 64)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], static_cast<float>(i));
}

TEST(Reader, ReadsAHeaderOfManyPieces) {
  const ScratchFolder folder;
  const std::string text(5'000'000, 'x');
  FileBytes file;
  file.start(1, 2).string("a").u32(8).string(text).string("b").u32(8).string("after it");
  file.tensor("w", {4, 2}, 0, 0).align(32).zeros(32);
  const Model model = Model::open(folder.write("m.gguf", file.text()));
  EXPECT_EQ(model.metadata().string("a"), text);
  EXPECT_EQ(model.metadata().string("b"), "after it");
  EXPECT_EQ(model.tensors().size(), 1u);
}

TEST(Reader, AnnouncementsThatOnlyAHugeFileCouldHoldAreRefusedUnread) {
  const ScratchFolder folder;
  constexpr std::uint64_t many = std::uint64_t{1} << 38;
  for (const FileBytes& file : {FileBytes().start(0, 1).string("k").u32(9).u32(0).u64(many),  // an array
                                FileBytes().start(0, 1).string("k").u32(8).u64(many),         // a string
                                FileBytes().start(many / 64, 0), FileBytes().start(0, many / 16)}) {
    const auto path = folder.write("m.gguf", file.text());
    std::filesystem::resize_file(path, 2 * many);  // takes no room on the disk
    EXPECT_THAT(refusal(path), AllOf(HasSubstr("m.gguf: its header would have "),
                                     EndsWith(" bytes or more, expected at most 1073741824")));
  }
}

TEST(Reader, AFileThatShrinksIsAnErrorWithBothSizes) {
  const ScratchFolder folder;
  const auto path = folder.write("m.gguf", single(1.0f));
  const std::size_t size = single(0).size();
  const Model model = Model::open(path);
  for (const std::size_t left : {size - 1, size - 32, std::size_t{10}, std::size_t{0}}) {
    std::filesystem::resize_file(path, left);
    EXPECT_EQ(sentence_of([&] { model.read(model.tensors()[0]); }),
              fmt::format("{}: has shrunk since it was opened: expected {} bytes, found {}", path.string(),
                          size, left));
  }
}

TEST(Reader, AFileThatIsWrittenToWhileItIsReadIsAnError) {
  const ScratchFolder folder;
  const auto path = folder.write("m.gguf", single(1.0f));
  const Model model = Model::open(path);
  EXPECT_EQ(sentence_of([&] { model.check_unchanged(); }), "(nothing was thrown)");
  const auto written = std::filesystem::last_write_time(path);
  std::filesystem::last_write_time(path, written + std::chrono::seconds(1));
  const std::size_t size = single(0).size();
  EXPECT_EQ(sentence_of([&] { model.check_unchanged(); }),
            fmt::format("{}: was written to while it was being read ({} bytes when it was opened, {} now): "
                        "expected a file that stays as it is",
                        path.string(), size, size));
}

TEST(Reader, AFileThatIsReplacedIsReadToItsEnd) {
  const ScratchFolder folder;
  const auto path = folder.write("m.gguf", single(1.0f));
  const Model model = Model::open(path);
  std::filesystem::rename(folder.write("new.gguf", single(2.0f)), path);
  const std::vector<std::byte> bytes = model.read(model.tensors()[0]);
  float value = 0;
  std::memcpy(&value, bytes.data(), 4);
  EXPECT_EQ(value, 1.0f);
  model.check_unchanged();
  std::filesystem::remove(path);
  EXPECT_EQ(model.read(model.tensors()[0]), bytes);
}

TEST(Reader, SaysWhyAPathCannotBeOpened) {
  const ScratchFolder folder;
  EXPECT_THAT(refusal(folder / "none.gguf"),
              EndsWith("none.gguf: cannot be opened: No such file or directory"));
  EXPECT_THAT(refusal(folder.path()), HasSubstr("is a directory, expected a GGUF file"));
  EXPECT_THAT(refusal(folder.write("empty.gguf", "")),
              EndsWith("empty.gguf: is empty, expected a GGUF file"));
  EXPECT_THAT(refusal(folder.write("text.gguf", "hello world")), HasSubstr("is not a GGUF file"));
  ASSERT_EQ(::mkfifo((folder / "pipe.gguf").c_str(), 0600), 0);
  EXPECT_THAT(refusal(folder / "pipe.gguf"), HasSubstr("is not a regular file"));
}

TEST(Reader, AFileWithoutPermissionIsAnError) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const ScratchFolder folder;
  const auto path = folder.write("m.gguf", single(1.0f));
  std::filesystem::permissions(path, std::filesystem::perms::none);
  EXPECT_THAT(refusal(path), HasSubstr("cannot be opened: Permission denied"));
}

/// What one part of a split model says of itself; its tensor is named t<number> and holds that number.
struct Part {
  int number = 1;  // from 1, as in the file's name
  int count = 3;
  int tensors = 3;
  std::string tensor = fmt::format("t{}", number);
};

std::string part_bytes(const Part& part) {
  FileBytes file;
  file.start(1, 4).string("general.name").u32(8).string(fmt::format("part {}", part.number));
  file.string("split.no").u32(2).number(static_cast<std::uint16_t>(part.number - 1));
  file.string("split.count").u32(2).number(static_cast<std::uint16_t>(part.count));
  file.string("split.tensors.count").u32(5).number<std::int32_t>(part.tensors);
  file.tensor(part.tensor, {8}, 0, 0).align(32);
  for (int i = 0; i < 8; ++i) file.number(static_cast<float>(part.number));
  return file.text();
}

std::string part_name(int number) { return fmt::format("m-{:05}-of-00003.gguf", number); }

void write_parts(const ScratchFolder& folder) {
  for (int number = 1; number <= 3; ++number) folder.write(part_name(number), part_bytes({number}));
}

TEST(Reader, OpensASplitModelByAnyOfItsParts) {
  const ScratchFolder folder;
  write_parts(folder);
  for (int given = 1; given <= 3; ++given) {
    const Model model = Model::open(folder / part_name(given));
    EXPECT_EQ(model.files(), 3);
    EXPECT_EQ(model.path(), folder / part_name(1));
    EXPECT_EQ(model.metadata().string("general.name"), "part 1");
    EXPECT_EQ(model.file_bytes(), 3 * part_bytes({1}).size());
    ASSERT_EQ(model.tensors().size(), 3u);
    for (int number = 1; number <= 3; ++number) {
      const TensorInfo* const tensor = model.find(fmt::format("t{}", number));
      ASSERT_NE(tensor, nullptr);
      EXPECT_EQ(tensor->file, number - 1);
      float value = 0;
      std::memcpy(&value, model.read(*tensor).data(), 4);
      EXPECT_EQ(value, static_cast<float>(number));
    }
  }
}

TEST(Reader, NamesTheMissingPart) {
  const ScratchFolder folder;
  write_parts(folder);
  std::filesystem::remove(folder / part_name(2));
  EXPECT_THAT(refusal(folder / part_name(3)), AllOf(HasSubstr(part_name(3) + ": is part 3 of 3, but"),
                                                    EndsWith(part_name(2) + " is missing")));
  EXPECT_THAT(refusal(folder / part_name(2)),
              EndsWith(part_name(2) + ": cannot be opened: No such file or directory"));
}

TEST(Reader, ChecksThePartsAgainstEachOther) {
  const auto with_part_2 = [](const std::string& bytes) {
    const ScratchFolder folder;
    write_parts(folder);
    folder.write(part_name(2), bytes);
    return refusal(folder / part_name(1));
  };
  EXPECT_THAT(
      with_part_2(part_bytes({3})),
      AllOf(HasSubstr(part_name(2)), HasSubstr("'split.no' is 2, expected 1: the file's name says so")));
  EXPECT_THAT(with_part_2(part_bytes({2, 4})), HasSubstr("'split.count' is 4, expected 3"));
  EXPECT_THAT(with_part_2(part_bytes({2, 3, 7})),
              HasSubstr("'split.tensors.count' is 7, expected 3: so many tensors are in all parts together"));
  EXPECT_THAT(with_part_2(part_bytes({2, 3, 3, "t1"})),
              AllOf(HasSubstr(part_name(2) + ": tensor 't1' is in"), EndsWith(part_name(1) + " as well")));
  EXPECT_THAT(with_part_2(single(1.0f)),
              HasSubstr(part_name(2) + ": the metadata key 'split.count' is missing"));
  EXPECT_THAT(with_part_2("junk"), HasSubstr(part_name(2) + ": is not a GGUF file"));
}

TEST(Reader, APartUnderAnotherNameIsRefused) {
  const ScratchFolder folder;
  EXPECT_THAT(refusal(folder.write("renamed.gguf", part_bytes({2}))),
              AllOf(HasSubstr("is one of 3 parts of a split model"), HasSubstr("NAME-00001-of-00003.gguf")));
}

TEST(Reader, AModelInOnePartNeedsNoSplitMetadata) {
  const ScratchFolder folder;
  EXPECT_EQ(Model::open(folder.write("m-00001-of-00001.gguf", single(1.0f))).files(), 1);
  EXPECT_EQ(Model::open(folder.write("n-00001-of-00001.gguf", part_bytes({1, 1, 1}))).files(), 1);
  EXPECT_THAT(refusal(folder.write("o-00001-of-00001.gguf", part_bytes({2, 3, 3}))), HasSubstr("expected 1"));
}

}  // namespace
}  // namespace yoke::gguf
