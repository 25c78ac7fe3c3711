// The pre-tokenizers that models name, and what goes with each.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace yoke::text {

/// What a text is turned into before it is cut: nothing else, or Unicode normal form C.
enum class NormalForm { none, nfc };

/// What a name in `tokenizer.ggml.pre` stands for; several names may stand for the same.
struct PreTokenizerKind {
  std::string_view name;                          // one of its names
  std::span<const std::string_view> expressions;  // applied in sequence, as PreTokenizer does
  NormalForm normal_form = NormalForm::none;
  bool whole_piece_first =
      false;              // a piece that is a token stays whole, whatever the merges would make of it
  bool adds_bos = false;  // whether a prompt starts with BOS where the model does not say
};

/// Each once, whatever its names.
std::span<const PreTokenizerKind> known_pre_tokenizers();

/// The names of all that are known, separated by commas.
std::string names_of_pre_tokenizers();

/// Throws Error that names the nearest known name and lists them all.
const PreTokenizerKind& pre_tokenizer_kind(std::string_view name);

}  // namespace yoke::text
