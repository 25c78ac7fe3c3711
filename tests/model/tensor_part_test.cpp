#include "model/tensor_part.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gguf/input_file.h"
#include "gguf/writer.h"
#include "model/run_model.h"

namespace yoke::model {
namespace {

/// A model of one matrix of 37 rows whose bytes are random: 320 values of Q8_0 unless a test asks for others.
class OneMatrix {
 public:
  static constexpr std::int64_t rows = 37;

  explicit OneMatrix(quant::Type type = quant::Type::q8_0, std::int64_t cols = 320)
      : format_(quant::format(type)), cols_(cols), bytes_(format_.bytes(rows * cols)) {
    std::mt19937 random(1);
    for (std::byte& byte : bytes_) byte = static_cast<std::byte>(random());
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) /
            (std::string(test->name()) + "." + std::to_string(getpid()) + ".gguf");
    const std::vector<gguf::TensorSpec> specs{{"before", quant::Type::f32, {9}}, {"w", type, {rows, cols}}};
    gguf::Writer writer(path_, {}, specs);
    writer.write("before", std::vector<std::byte>(36));
    writer.write("w", bytes_);
    writer.finish();
  }
  ~OneMatrix() { std::filesystem::remove(path_); }

  gguf::Model open(const gguf::Opener& opener = {}) const { return gguf::Model::open(path_, opener); }

  TensorEntry entry() const {
    TensorEntry entry;
    entry.name = "w";
    entry.shape = {rows, cols_};
    return entry;
  }

  /// What the rows and columns of `part` are, one row after the other.
  std::vector<std::byte> expected(const Part& part) const {
    std::vector<std::byte> result;
    for (const Range& run : part.rows) {
      for (std::int64_t r = run.begin; r < run.end; ++r) {
        const std::byte* row = bytes_.data() + static_cast<std::size_t>(r) * format_.bytes(cols_);
        result.insert(result.end(), row + format_.bytes(part.cols.begin), row + format_.bytes(part.cols.end));
      }
    }
    return result;
  }

 private:
  const quant::Format& format_;
  std::int64_t cols_;
  std::vector<std::byte> bytes_;
  std::filesystem::path path_;
};

// What a row split, a column split, a fused tensor and a rank that owns nothing have.
const std::vector<Part> parts = {
    {{{0, 37}}, {0, 320}},  {{{5, 17}}, {0, 320}},   {{{20, 25}, {3, 4}, {7, 7}, {29, 37}}, {0, 320}},
    {{{0, 37}}, {64, 192}}, {{{0, 37}}, {288, 320}}, {{{0, 37}}, {96, 96}},
    {{{12, 12}}, {0, 320}}};

// A file's row is 340 bytes: pieces that cut rows, strips of less than a row, of several, of all, and no
// strips.
const std::vector<ReadSizes> all_sizes = {
    {}, {7, 1, 1 << 16}, {1000, 1000, 1 << 16}, {4096, 700, 1 << 16}, {1 << 20, 1 << 20, 8}};

TEST(TensorPart, GivesTheRowsAndColumnsOfThePartHoweverTheFileIsRead) {
  const OneMatrix matrix;
  const gguf::Model file = matrix.open();
  for (const Part& part : parts) {
    for (const ReadSizes& sizes : all_sizes) {
      const ReadProgress progress(0, [](std::uint64_t, std::uint64_t) {});
      const TensorEntry whole = matrix.entry();
      const TensorPart source(file, *file.find("w"), whole, part, progress, sizes);
      const ops::Slice slice = source.slice();
      const std::vector<std::byte> expected = matrix.expected(part);
      ASSERT_EQ(slice.bytes(), expected.size());
      std::vector<std::byte> read(expected.size());
      source.read(0, read);
      EXPECT_EQ(read, expected);
      // Some rows from any row on.
      for (std::int64_t first = 0; first < slice.rows; ++first) {
        for (const std::int64_t n : {std::int64_t{0}, std::int64_t{1}, std::int64_t{6}}) {
          const std::size_t count = std::min(n, slice.rows - first) * slice.row_bytes();
          std::vector<std::byte> some(count);
          source.read(first, some);
          const auto from = static_cast<std::ptrdiff_t>(first * slice.row_bytes());
          EXPECT_TRUE(std::equal(some.begin(), some.end(), expected.begin() + from));
        }
      }
    }
  }
}

/// Lies here, but says it does not; counts what is read in pieces, and remembers what was expected.
class FarFile final : public gguf::Input {
 public:
  struct Asked {
    std::uint64_t bytes = 0;
    std::vector<gguf::EvenPieces> expected;
  };
  FarFile(const std::filesystem::path& path, Asked& asked) : file_(path), asked_(asked) {}
  const std::string& name() const override { return file_.name(); }
  const gguf::FileVersion& version() const override { return file_.version(); }
  bool is_far() const override { return true; }
  void read(std::uint64_t offset, std::span<std::byte> to) const override { file_.read(offset, to); }
  void read_pieces(const gguf::EvenPieces& pieces, std::span<std::byte> to) const override {
    asked_.bytes += to.size();
    file_.read_pieces(pieces, to);
  }
  void expect_pieces(const gguf::EvenPieces& pieces) const override { asked_.expected.push_back(pieces); }

 private:
  gguf::InputFile file_;
  Asked& asked_;
};

TEST(TensorPart, AsksAnotherMachineForThePartAloneAndSaysBeforehandWhatItWillRead) {
  const OneMatrix matrix;
  FarFile::Asked asked;
  const gguf::Model file =
      matrix.open([&](const auto& path) { return std::make_unique<const FarFile>(path, asked); });
  EXPECT_TRUE(file.is_far());
  for (const Part& part : parts) {
    for (const ReadSizes& sizes : all_sizes) {
      asked = {};
      std::uint64_t told = 0;
      const ReadProgress progress(0, [&](std::uint64_t done, std::uint64_t) { told = done; });
      const TensorEntry whole = matrix.entry();
      const TensorPart source(file, *file.find("w"), whole, part, progress, sizes);
      const ops::Slice slice = source.slice();
      const std::vector<std::byte> expected = matrix.expected(part);
      source.expect(0, slice.rows);
      std::vector<std::byte> read(expected.size());
      source.read(0, read);
      EXPECT_EQ(read, expected);
      EXPECT_EQ(asked.bytes, expected.size());
      EXPECT_EQ(told, expected.size());
      if (expected.empty()) continue;
      ASSERT_EQ(asked.expected.size(), 1U);
      const gguf::EvenPieces& first = asked.expected.front();
      EXPECT_EQ(first.bytes, slice.row_bytes());
      EXPECT_EQ(static_cast<std::int64_t>(first.n), part.rows.front().size());
    }
  }
}

TEST(TensorPart, GivesTheWholeBlocksThatItsColumnsTouch) {
  const OneMatrix matrix(quant::Type::q6_k, 1024);
  const gguf::Model file = matrix.open();
  const TensorEntry whole = matrix.entry();
  for (std::int64_t begin = 0; begin < 1024; begin += 64) {
    for (std::int64_t end = begin + 64; end <= 1024; end += 64) {
      const std::vector<std::byte> expected =
          matrix.expected({{{3, 37}}, {begin / 256 * 256, (end + 255) / 256 * 256}});
      for (const ReadSizes& sizes : all_sizes) {
        const ReadProgress progress(0, [](std::uint64_t, std::uint64_t) {});
        const TensorPart source(file, *file.find("w"), whole, {{{3, 37}}, {begin, end}}, progress, sizes);
        const ops::Slice slice = source.slice();
        EXPECT_EQ(slice.first_col, begin);
        EXPECT_EQ(slice.cols, end - begin);
        ASSERT_EQ(slice.bytes(), expected.size());
        std::vector<std::byte> read(expected.size());
        source.read(0, read);
        ASSERT_EQ(read, expected) << "columns " << begin << " to " << end;
      }
    }
  }
}

TEST(TensorPart, OfNoColumnsInsideABlockReadsNothing) {
  const OneMatrix matrix(quant::Type::q6_k, 1024);
  const gguf::Model file = matrix.open();
  const TensorEntry whole = matrix.entry();
  const ReadProgress progress(0, [](std::uint64_t, std::uint64_t) {});
  const TensorPart source(file, *file.find("w"), whole, {{{0, 37}}, {320, 320}}, progress);
  EXPECT_EQ(source.slice().bytes(), 0u);
  source.read(0, {});
}

/// Has what it was given; counts in two pieces as it fills.
class OneStore final : public PackedStore {
 public:
  bool fill(const std::string& name, std::span<std::byte> to, const Filled& filled) override {
    asked = name;
    filled(to.size() / 2);
    if (kept.size() != to.size()) return false;
    filled(to.size() - to.size() / 2);
    std::copy(kept.begin(), kept.end(), to.begin());
    return true;
  }
  void keep(const std::string& name, std::span<const std::byte> packed) override {
    asked = name;
    kept.assign(packed.begin(), packed.end());
  }

  std::string asked;
  std::vector<std::byte> kept;
};

TEST(TensorPart, KeepsWhatIsPackedUnderANameThatTellsTheWholePart) {
  const OneMatrix matrix;
  const gguf::Model file = matrix.open();
  const TensorEntry whole = matrix.entry();
  const ReadProgress progress(0, [](std::uint64_t, std::uint64_t) {});
  OneStore store;
  std::set<std::string> names;
  for (const Part& part : parts) {
    const TensorPart source(file, *file.find("w"), whole, part, progress, {}, &store);
    source.keep_packed({});
    EXPECT_EQ(store.asked, source.name());
    names.insert(source.name());
  }
  EXPECT_EQ(names.size(), parts.size());
  EXPECT_TRUE(names.contains("w Q8_0 [20:25,3:4,7:7,29:37] [0:320]"));
}

TEST(TensorPart, CountsWhatComesPackedAsWhatTheFileWouldHaveTaken) {
  const OneMatrix matrix;
  const gguf::Model file = matrix.open();
  const TensorEntry whole = matrix.entry();
  const Part part{{{0, 37}}, {64, 192}};
  std::uint64_t done = 0;
  const ReadProgress progress(37 * 136, [&](std::uint64_t now, std::uint64_t) { done = now; });
  OneStore store;
  const TensorPart source(file, *file.find("w"), whole, part, progress, {}, &store);
  std::vector<std::byte> packed(48 * 136, std::byte{5});  // of rows that are rounded up
  EXPECT_FALSE(source.read_packed(packed));
  progress.report();
  EXPECT_EQ(done, 0u);
  store.kept = packed;
  std::vector<std::byte> read(packed.size());
  EXPECT_TRUE(source.read_packed(read));
  EXPECT_EQ(read, packed);
  progress.report();
  EXPECT_EQ(done, 37u * 136);
  const TensorPart alone(file, *file.find("w"), whole, part, progress);
  EXPECT_FALSE(alone.read_packed(read));
}

TEST(TensorPart, ManyThreadsReadAtOnce) {
  const OneMatrix matrix;
  const gguf::Model file = matrix.open();
  const ReadProgress progress(0, [](std::uint64_t, std::uint64_t) {});
  const Part part{{{0, 37}}, {64, 192}};
  const TensorEntry whole = matrix.entry();
  const TensorPart source(file, *file.find("w"), whole, part, progress, {4096, 700, 1 << 16});
  const std::size_t row_bytes = source.slice().row_bytes();
  std::vector<std::byte> read(37 * row_bytes);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t row = t; row < 37; row += 4)
        source.read(static_cast<std::int64_t>(row), std::span(read).subspan(row * row_bytes, row_bytes));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(read, matrix.expected(part));
}

TEST(ReadProgress, CountsAllThreadsAndTellsOnOne) {
  const auto here = std::this_thread::get_id();
  std::vector<std::uint64_t> told;
  const ReadProgress progress(100, [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_EQ(total, 100U);
    told.push_back(done);
  });
  progress.report();
  std::thread([&] { progress.count(30); }).join();
  progress.count(5);
  progress.report();
  EXPECT_EQ(told, (std::vector<std::uint64_t>{0, 35, 35}));
}

TEST(TensorPart, CountsThePartsBytesWhateverGapsAreReadToo) {
  const OneMatrix matrix;
  const gguf::Model file = matrix.open();
  for (const ReadSizes& sizes : all_sizes) {
    std::vector<std::uint64_t> told;
    const ReadProgress progress(0, [&](std::uint64_t done, std::uint64_t) { told.push_back(done); });
    const TensorEntry whole = matrix.entry();
    const TensorPart source(file, *file.find("w"), whole, {{{0, 37}}, {64, 192}}, progress, sizes);
    std::vector<std::byte> read(source.slice().bytes());
    source.read(0, read);
    EXPECT_EQ(told.back(), read.size());
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  }
}

/// Bytes that this process has asked the system for with read calls so far, as the system counts them.
std::uint64_t bytes_read() {
  std::ifstream counters("/proc/self/io");
  std::string name;
  std::uint64_t value = 0;
  while (counters >> name >> value) {
    if (name == "rchar:") return value;
  }
  return 0;
}

/// What reading all of a part asks the system for.
std::uint64_t bytes_asked_for(const TensorPart& source) {
  std::vector<std::byte> read(source.slice().bytes());
  const std::uint64_t before = bytes_read();
  const std::uint64_t counting = bytes_read() - before;
  source.read(0, read);
  return bytes_read() - before - 2 * counting;
}

TEST(TensorPart, ReadsGapsThatAreShortAndNoOthers) {
  if (bytes_read() == 0) GTEST_SKIP() << "the system does not count bytes in /proc/self/io";
  const OneMatrix matrix;
  const gguf::Model file = matrix.open();
  const ReadProgress progress(0, [](std::uint64_t, std::uint64_t) {});
  const TensorEntry whole = matrix.entry();
  constexpr std::size_t row = 340, columns = 136,
                        gap = row - columns;  // of 320 values, of 128, and of the others
  const auto asked_for = [&](std::size_t max_gap) {
    const Part part{{{0, 37}}, {64, 192}};
    return static_cast<double>(
        bytes_asked_for({file, *file.find("w"), whole, part, progress, {1 << 20, 1 << 20, max_gap}}));
  };
  // The counters themselves are read in between; their length changes by some digits.
  constexpr double digits = 64;
  EXPECT_NEAR(asked_for(gap), 37 * row - gap, digits);
  EXPECT_NEAR(asked_for(gap - 1), 37 * columns, digits);
}

}  // namespace
}  // namespace yoke::model
