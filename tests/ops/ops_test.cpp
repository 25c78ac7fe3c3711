#include "ops/ops.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <type_traits>
#include <utility>

namespace yoke::ops {
namespace {

// A column-split product is a Partial, and nothing but all_reduce makes activations of it.
using Product = decltype(std::declval<Ops&>().matmul(std::declval<const ColMatrix&>(), Activations{}));
static_assert(std::is_same_v<Product, Partial>);
static_assert(
    std::is_same_v<decltype(std::declval<Ops&>().all_reduce(std::declval<Partial>())), Activations>);
static_assert(!std::is_convertible_v<Partial, Activations>);
static_assert(!std::is_constructible_v<Activations, Partial>);
static_assert(!std::is_assignable_v<Activations&, Partial>);
static_assert(!std::is_convertible_v<Partial, Normed>);

template <class T>
concept Addable = requires(Ops& ops, Activations x, T y) {
  ops.add(x, std::forward<T>(y));
};
template <class T>
concept Biasable = requires(Ops& ops, T x, const Vector& bias) {
  ops.add_bias(std::forward<T>(x), bias);
};
static_assert(Addable<Activations> && !Addable<Partial>);
static_assert(Biasable<Activations> && !Biasable<Partial>);

// It is reduced once: not again by its name, nor as a copy, and nothing that every rank holds whole is
// reduced at all.
template <class T>
concept Reducible = requires(Ops& ops, T x) {
  ops.all_reduce(std::forward<T>(x));
};
static_assert(Reducible<Partial>);
static_assert(!Reducible<Partial&>);
static_assert(!std::is_copy_constructible_v<Partial>);
static_assert(!Reducible<Activations> && !Reducible<Activations&>);
static_assert(!std::is_constructible_v<Partial, Activations>);
static_assert(!std::is_default_constructible_v<Partial>);

TEST(Slice, CountsTheBytesOfItsRows) {
  Slice slice;
  slice.type = quant::Type::q8_0;
  slice.rows = 7;
  slice.cols = 64;
  EXPECT_EQ(slice.row_bytes(), 2 * 34);
  EXPECT_EQ(slice.bytes(), 7 * 2 * 34);
  slice.rows = 0;
  EXPECT_EQ(slice.bytes(), 0);
}

TEST(Vector, IsFalseWhereTheFileHasNone) {
  struct Something final : Storage {};
  EXPECT_FALSE(Vector{});
  EXPECT_TRUE((Vector{std::make_unique<Something>(), 3}));
}

}  // namespace
}  // namespace yoke::ops
