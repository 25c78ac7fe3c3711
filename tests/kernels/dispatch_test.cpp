#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <optional>
#include <string>

#include "base/error.h"
#include "kernels/kernels.h"
#include "kernels/tables.h"

namespace yoke::kernels {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Sets YOKE_ISA, or removes it, until the end of the test.
class IsaVariable {
 public:
  explicit IsaVariable(std::optional<std::string> value) {
    if (const char* before = getenv("YOKE_ISA")) before_ = before;
    set(value);
  }
  ~IsaVariable() { set(before_); }
  IsaVariable(const IsaVariable&) = delete;
  IsaVariable& operator=(const IsaVariable&) = delete;

 private:
  static void set(const std::optional<std::string>& value) {
    if (value) {
      setenv("YOKE_ISA", value->c_str(), 1);
    } else {
      unsetenv("YOKE_ISA");
    }
  }
  std::optional<std::string> before_;
};

std::string refusal(std::string_view isa) {
  try {
    named(isa);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string names_that_run_here() {
  std::string names;
  for (const Kernels* kernels : available()) names += (names.empty() ? "" : ", ") + std::string(kernels->isa);
  return names;
}

TEST(Dispatch, ScalarIsAlwaysThereAndLast) {
  ASSERT_FALSE(available().empty());
  EXPECT_EQ(available().back()->isa, "scalar");
}

TEST(Dispatch, EveryTableIsCompleteAndFoundByItsName) {
  for (const Kernels* kernels : available()) {
    EXPECT_EQ(&named(kernels->isa), kernels);
    EXPECT_EQ(std::count_if(available().begin(), available().end(),
                            [&](const Kernels* other) { return other->isa == kernels->isa; }),
              1);
    // Whatever can be decoded can be multiplied.
    for (const quant::Format& format : quant::formats()) {
      EXPECT_EQ(kernels->matmul(format.type) != nullptr, format.dequantize != nullptr) << format.name;
    }
    EXPECT_NE(kernels->sum_of_squares, nullptr);
    EXPECT_NE(kernels->scale_by, nullptr);
    EXPECT_NE(kernels->add, nullptr);
    EXPECT_NE(kernels->add_scaled, nullptr);
    EXPECT_NE(kernels->sum, nullptr);
    EXPECT_NE(kernels->sigmoid, nullptr);
    EXPECT_NE(kernels->soft_cap, nullptr);
    EXPECT_NE(kernels->silu_mul, nullptr);
    EXPECT_NE(kernels->gelu_mul, nullptr);
    EXPECT_NE(kernels->clamped_swiglu_mul, nullptr);
    EXPECT_NE(kernels->rope_interleaved, nullptr);
    EXPECT_NE(kernels->rope_neox, nullptr);
    for (const KvType type : {KvType::f16, KvType::f32, KvType::q8}) EXPECT_EQ(kernels->kv(type).type, type);
    EXPECT_NE(kernels->merge_attention, nullptr);
    EXPECT_NE(kernels->finish_attention, nullptr);
    EXPECT_NE(kernels->exp, nullptr);
    EXPECT_NE(kernels->int8_peak, nullptr);
    EXPECT_NE(kernels->f32_peak, nullptr);
  }
}

TEST(Dispatch, ThereIsNoProductOfTypesThatAreNotWeights) {
  EXPECT_EQ(named("scalar").matmul(quant::Type::i32), nullptr);
  EXPECT_EQ(named("scalar").matmul(quant::Type::f64), nullptr);
}

TEST(Dispatch, TheBestIsTheFirstUnlessTheVariableNamesAnother) {
  const IsaVariable none(std::nullopt);
  EXPECT_EQ(&best(), available().front());
  const IsaVariable empty("");
  EXPECT_EQ(&best(), available().front());
}

TEST(Dispatch, TheVariableTakesEffect) {
  for (const Kernels* kernels : available()) {
    const IsaVariable variable(std::string(kernels->isa));
    EXPECT_EQ(&best(), kernels);
    EXPECT_EQ(best().isa, kernels->isa);
  }
}

TEST(Dispatch, RefusesAnUnknownNameAndListsWhatCanRun) {
  const std::string can_run = names_that_run_here();
  EXPECT_THAT(refusal("sse9"), AllOf(HasSubstr("\"sse9\""), HasSubstr("can run: " + can_run)));
  EXPECT_THAT(refusal("AVX2"), HasSubstr("\"AVX2\""));
  const IsaVariable variable("sse9");
  try {
    best();
    FAIL() << "YOKE_ISA=sse9 was accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("YOKE_ISA"), HasSubstr("\"sse9\""), HasSubstr(can_run)));
  }
}

TEST(Dispatch, RefusesWhatThisMachineLacks) {
  for (const std::string isa : {"avx2", "avx512", "neon", "neon-dotprod", "neon-i8mm"}) {
    const bool runs = std::any_of(available().begin(), available().end(),
                                  [&](const Kernels* kernels) { return kernels->isa == isa; });
    if (runs) continue;
    EXPECT_THAT(refusal(isa), AllOf(HasSubstr('"' + isa + '"'), HasSubstr("scalar")));
  }
  // Those that this build has say why.
  for (const Candidate& candidate : candidates()) {
    if (candidate.runs_here) continue;
    EXPECT_THAT(refusal(candidate.table->isa), AllOf(HasSubstr("this machine lacks their instructions"),
                                                     HasSubstr("can run: " + names_that_run_here())));
  }
}

}  // namespace
}  // namespace yoke::kernels
