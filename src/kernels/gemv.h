// How one or two tokens are multiplied with packed weights: several ways that give the same bits. Which of
// them is faster is a matter of the machine, and so measured there (rates/gemv_rate.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "quant/format.h"

namespace yoke::kernels {

enum class Gemv : std::uint8_t {
  plain,  // a panel at a time, and the processor sees by itself what is read next
  ahead,  // lines are asked for before they are read, of two panels at a time where registers suffice
};
inline constexpr std::size_t gemv_count = 2;
/// For so many tokens at most they differ.
inline constexpr std::int64_t most_gemv_tokens = 2;
/// The default first.
inline constexpr std::array<Gemv, gemv_count> gemvs = {Gemv::plain, Gemv::ahead};

/// "plain".
std::string_view name_of(Gemv gemv);

/// The way that the environment variable YOKE_GEMV names; none where it names none. Throws Error for a name
/// that is unknown; the sentence lists those there are.
std::optional<Gemv> asked_gemv();

/// The way of each format: the default until another was taken.
class GemvOfTypes {
 public:
  Gemv of(quant::Type type) const { return of_[static_cast<std::size_t>(type)]; }
  void take(quant::Type type, Gemv gemv) { of_[static_cast<std::size_t>(type)] = gemv; }
  void take(Gemv gemv) { of_.fill(gemv); }

 private:
  std::array<Gemv, static_cast<std::size_t>(quant::Type::mxfp4) + 1> of_{};
};

}  // namespace yoke::kernels
