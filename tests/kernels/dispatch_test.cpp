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

/// Sets an environment variable, or removes it, until the end of the test.
class Variable {
 public:
  Variable(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* before = getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const std::optional<std::string>& value) const {
    if (value) {
      setenv(name_, value->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

struct IsaVariable : Variable {
  explicit IsaVariable(const std::optional<std::string>& value) : Variable("YOKE_ISA", value) {}
};
struct GemvVariable : Variable {
  explicit GemvVariable(const std::optional<std::string>& value) : Variable("YOKE_GEMV", value) {}
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

TEST(Gemv, HasTwoWaysOfEveryQuantisedFormatWhereTokensAreMultipliedTogether) {
  for (const Kernels* kernels : available()) {
    for (const auto& list : {kernels->panel_multiplies, kernels->iq_panel_multiplies}) {
      for (const auto& [type, multiply] : list) {
        const bool quantised = quant::format(type).block_values > 1;
        EXPECT_EQ(kernels->has_gemvs(type), quantised && kernels->isa != "scalar")
            << kernels->isa << " " << quant::format(type).name;
        for (const Gemv gemv : gemvs) EXPECT_NE(kernels->panel_multiply(type, gemv), nullptr);
      }
    }
    EXPECT_FALSE(kernels->has_gemvs(quant::Type::i32)) << "of which there are no panels";
  }
}

TEST(Gemv, IsTheDefaultOfEachFormatUntilAnotherIsTaken) {
  using quant::Type;
  Kernels kernels = best();
  EXPECT_EQ(kernels.panel_multiply(Type::q4_0), kernels.panel_multiply(Type::q4_0, Gemv::plain));
  kernels.gemv.take(Type::q4_0, Gemv::ahead);
  EXPECT_EQ(kernels.panel_multiply(Type::q4_0), kernels.panel_multiply(Type::q4_0, Gemv::ahead));
  EXPECT_EQ(kernels.panel_multiply(Type::mxfp4), kernels.panel_multiply(Type::mxfp4, Gemv::plain));
  kernels.gemv.take(Gemv::ahead);
  EXPECT_EQ(kernels.panel_multiply(Type::mxfp4), kernels.panel_multiply(Type::mxfp4, Gemv::ahead));
  EXPECT_EQ(best().gemv.of(Type::q4_0), Gemv::plain) << "a choice is made in a copy";
}

TEST(Gemv, IsWhatTheVariableNames) {
  for (const std::optional<std::string>& nothing :
       {std::optional<std::string>(), std::optional<std::string>("")}) {
    const GemvVariable variable(nothing);
    EXPECT_EQ(asked_gemv(), std::nullopt);
  }
  for (const Gemv gemv : gemvs) {
    const GemvVariable variable(std::string(name_of(gemv)));
    EXPECT_EQ(asked_gemv(), gemv);
  }
}

TEST(Gemv, RefusesAnUnknownNameAndListsThoseThereAre) {
  const GemvVariable variable("sideways");
  try {
    asked_gemv();
    FAIL() << "YOKE_GEMV=sideways was accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("YOKE_GEMV"), HasSubstr("\"sideways\""), HasSubstr("one of plain, ahead")));
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
