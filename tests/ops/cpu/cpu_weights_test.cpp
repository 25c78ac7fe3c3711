#include "ops/cpu/cpu_weights.h"

#include "ops/cpu/support.h"

namespace yoke::ops::cpu {
namespace {

TEST(WeightMemory, GivesPiecesThatDoNotOverlapAndOutliveIt) {
  struct Piece {
    std::shared_ptr<std::byte> start;
    std::size_t bytes;
  };
  std::vector<Piece> pieces;
  {
    WeightMemory memory;
    for (const std::size_t bytes : {0, 1, 64, 1000, 30 << 20, 40 << 20, 1, 70 << 20, 5})
      pieces.push_back({memory.take(bytes), bytes});
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pieces[i].start.get()) % 64, 0u);
    const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
    EXPECT_TRUE(std::all_of(pieces[i].start.get(), pieces[i].start.get() + pieces[i].bytes, is_zero)) << i;
    std::fill_n(pieces[i].start.get(), pieces[i].bytes, static_cast<std::byte>(i + 1));
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto n = std::count(pieces[i].start.get(), pieces[i].start.get() + pieces[i].bytes,
                              static_cast<std::byte>(i + 1));
    EXPECT_EQ(static_cast<std::size_t>(n), pieces[i].bytes) << i;
  }
}

TEST(WeightMemory, PutsSmallPiecesNextToEachOther) {
  WeightMemory memory;
  const auto first = memory.take(65), second = memory.take(1), third = memory.take(1 << 20);
  EXPECT_EQ(second.get() - first.get(), 128);
  EXPECT_EQ(third.get() - second.get(), 64);
}

class Weights : public OnEveryIsa {};
INSTANTIATE_TEST_SUITE_P(Isa, Weights, testing::ValuesIn(kernels::available()), isa_name);

constexpr quant::Type matrix_types[] = {quant::Type::f32, quant::Type::q8_0};

TEST_P(Weights, RowsOfSeveralRunsFollowEachOther) {
  std::mt19937 random(1);
  const std::int64_t cols = 96;
  const Matrix x = random_matrix(5, cols, random);
  const Matrix n = normalised(x, Rig::norm_epsilon);
  for (const quant::Type type : matrix_types) {
    const Stored file(type, random_matrix(30, cols, random));
    const Matrix expected = part(file.values, {20, 21, 22, 23, 24, 3, 29, 0, 1}, 0, cols);
    for (const int threads : {1, 4}) {  // four threads cut the first run
      Rig rig(kernels(), threads);
      const RowMatrix w =
          rig.ops().load_rows(file.slice({{20, 25}, {3, 4}, {7, 7}, {29, 30}, {0, 2}}, 0, cols));
      EXPECT_EQ(w.rows, 9);
      EXPECT_EQ(w.cols, cols);
      rig.begin(5);
      const Matrix y = rig.output(rig.ops().matmul(w, rig.normed(x), {}));
      expect_near(y, product(expected, n), product(magnitude(expected), magnitude(n)), 32);
    }
  }
}

TEST_P(Weights, ColumnsAreThoseOfTheRangeInEveryRow) {
  std::mt19937 random(2);
  const Matrix x = random_matrix(5, 64, random);
  for (const quant::Type type : matrix_types) {
    const Stored file(type, random_matrix(11, 160, random));
    const Matrix expected = part(file.values, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 32, 96);
    for (const int threads : {1, 4}) {
      Rig rig(kernels(), threads);
      const ColMatrix w = rig.ops().load_cols(file.slice({{0, 11}}, 32, 96));
      EXPECT_EQ(w.rows, 11);
      EXPECT_EQ(w.cols, 64);
      rig.begin(5);
      const Matrix y = rig.output(rig.ops().all_reduce(rig.ops().matmul(w, rig.input(x))));
      expect_near(y, product(expected, x), product(magnitude(expected), magnitude(x)), 32);
    }
  }
}

/// The vector's values, as a bias of zero.
Matrix read(const Slice& slice) {
  Rig rig(kernels::best());
  const Vector vector = rig.ops().load_vector(slice);
  rig.begin(1);
  return rig.output(rig.ops().add_bias(rig.input(Matrix(1, vector.size)), vector));
}

TEST(LoadVector, TakesOneRowInAnyFormat) {
  std::mt19937 random(3);
  for (const quant::Type type :
       {quant::Type::f32, quant::Type::f16, quant::Type::bf16, quant::Type::q8_0, quant::Type::q4_0}) {
    const Stored file(type, random_matrix(1, 96, random));
    EXPECT_EQ(read(file.whole()).values, file.values.values) << quant::format(type).name;
  }
}

TEST(LoadVector, TakesOneValuePerRowOfEveryRun) {
  std::mt19937 random(4);
  for (const quant::Type type : {quant::Type::f32, quant::Type::f16, quant::Type::bf16}) {
    const Stored file(type, random_matrix(20, 1, random));
    EXPECT_EQ(read(file.slice({{12, 15}, {2, 4}}, 0, 1)).values,
              part(file.values, {12, 13, 14, 2, 3}, 0, 1).values);
  }
}

TEST(LoadEmbedding, GivesEachTokenItsRow) {
  std::mt19937 random(5);
  const Stored file(quant::Type::q8_0, random_matrix(40, 64, random));
  Rig rig(kernels::best());
  const Embedding table = rig.ops().load_embedding(file.whole());
  const std::vector<std::int32_t> tokens = {39, 0, 17, 17};
  const std::vector<std::int32_t> zeros(4);
  rig.ops().begin_step({tokens, zeros, zeros, {}, {zeros}});
  EXPECT_EQ(rig.output(rig.ops().embed(table)).values, part(file.values, {39, 0, 17, 17}, 0, 64).values);
}

}  // namespace
}  // namespace yoke::ops::cpu
