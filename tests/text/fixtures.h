// What the tests of tokenizers share: a small vocabulary in memory, text to feed it, and what errors say.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "byte_vocabulary.h"

namespace yoke::text {

/// What the Error says that `call` throws.
template <class Call>
std::string sentence_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return {};
}

/// `n` random elements of `parts`, one after the other.
inline std::string random_text(std::mt19937& random, const std::vector<std::string>& parts, int n) {
  std::uniform_int_distribution<std::size_t> pick(0, parts.size() - 1);
  std::string text;
  for (int i = 0; i < n; ++i) text += parts[pick(random)];
  return text;
}

inline std::string random_bytes(std::mt19937& random, std::size_t n) {
  std::uniform_int_distribution<int> byte(0, 255);
  std::string bytes(n, '\0');
  for (char& each : bytes) each = static_cast<char>(byte(random));
  return bytes;
}

/// Pieces of text where tokenizers go wrong: white space of every kind, contractions, letters and digits of
/// several scripts, combining marks, emoji with joiners, specials, NUL, and bytes that are no UTF-8.
inline const std::vector<std::string>& awkward_parts() {
  static const std::vector<std::string> parts = {"a",
                                                 "the",
                                                 "The",
                                                 " ",
                                                 "  ",
                                                 "\n",
                                                 "\r\n",
                                                 "\t",
                                                 "'s",
                                                 "'LL",
                                                 "'",
                                                 "1",
                                                 "42",
                                                 "٣",
                                                 "½",
                                                 "é",
                                                 "e\u0301",
                                                 "ß",
                                                 "中",
                                                 "文",
                                                 "한",
                                                 "ع",
                                                 "😀",
                                                 "👩\u200d👧",
                                                 "\u00a0",
                                                 "\u3000",
                                                 "\u180e",
                                                 "\u0085",
                                                 "\ufeff",
                                                 "\ufffd",
                                                 "!",
                                                 "...",
                                                 "_",
                                                 "<s>",
                                                 "<|user|>",
                                                 "<|",
                                                 std::string(1, '\0'),
                                                 "\xff",
                                                 "\xc0\xaf",
                                                 "\xed\xa0\x80",
                                                 "\xf0\x9f",
                                                 "\xe4\xb8",
                                                 "\x80",
                                                 "\xf4\x90\x80\x80"};
  return parts;
}

}  // namespace yoke::text
