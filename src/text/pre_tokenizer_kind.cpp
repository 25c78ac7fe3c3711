#include "text/pre_tokenizer_kind.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/printable.h"

namespace yoke::text {
namespace {

// The patterns are those of the models' own tokenizer.json, with \p{N} where it has a step that takes digits
// one by one, and with \p{WSpace} for \s: PCRE2's \s also takes U+180E, no white space since Unicode 6.3.

constexpr std::array<std::string_view, 1> gpt2 = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{WSpace}\p{L}\p{N}]+|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)"};

// Hugging Face's step "Digits", then its step "ByteLevel", which cuts as GPT-2 does.
constexpr std::array<std::string_view, 2> single_digits = {R"(\p{N})", gpt2[0]};

constexpr std::array<std::string_view, 1> llama3 = {
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\p{WSpace}\p{L}\p{N}]+[\r\n]*|)"
    R"(\p{WSpace}*[\r\n]+|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)"};

constexpr std::array<std::string_view, 1> qwen2 = {
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\p{WSpace}\p{L}\p{N}]+[\r\n]*|)"
    R"(\p{WSpace}*[\r\n]+|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)"};

constexpr std::array<std::string_view, 1> gpt4o = {
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\p{WSpace}\p{L}\p{N}]+[\r\n/]*|\p{WSpace}*[\r\n]+|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)"};

constexpr std::array<std::string_view, 1> qwen35 = {
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\p{WSpace}\p{L}\p{M}\p{N}]+[\r\n]*|)"
    R"(\p{WSpace}*[\r\n]+|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)"};

constexpr std::array<std::string_view, 1> seed_coder = {
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\p{WSpace}\p{L}\p{N}]+|)"
    R"(\p{WSpace}*[\r\n]+|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)"};

constexpr std::array<std::string_view, 1> bailing = {
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\p{WSpace}\p{L}\p{N}]++[\r\n]*|)"
    R"(\p{WSpace}*[\r\n]|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)"};

constexpr std::array<std::string_view, 1> tekken = {
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\p{WSpace}\p{L}\p{N}]+[\r\n/]*|\p{WSpace}*[\r\n]+|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)"};

// The model's classes are those of gpt4o without Han characters. PCRE2 has no difference of classes, so each
// is written as all that it is not.
constexpr std::array<std::string_view, 1> kimi_k2 = {
    R"(\p{sc:Han}+|)"
    R"([^\r\n\p{L}\p{N}]?[^\p{Ll}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{sc:Han}]*[^\p{Lu}\p{Lt}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{sc:Han}]+)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[^\p{Ll}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{sc:Han}]+[^\p{Lu}\p{Lt}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{sc:Han}]*)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\p{WSpace}\p{L}\p{N}]+[\r\n]*|\p{WSpace}*[\r\n]+|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)"};

constexpr std::array<std::string_view, 3> deepseek_v3 = {
    R"(\p{N}{1,3})", R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)",
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|)"
    R"( ?[\p{P}\p{S}]+[\r\n]*|\p{WSpace}*[\r\n]+|\p{WSpace}+(?!\P{WSpace})|\p{WSpace}+)"};

// Written out, as the model has it: most of the letters that had two cases in the Unicode of its day.
constexpr std::string_view deepseek_llm_letters =
    R"(\p{WSpace}?[)"
    R"(A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF})"
    R"(\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1})"
    R"(\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5})"
    R"(\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77})"
    R"(\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D})"
    R"(\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC})"
    R"(\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC})"
    R"(\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D})"
    R"(\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F})"
    R"(\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE})"
    R"(\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787})"
    R"(\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A})"
    R"(\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2})"
    R"(\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943})"
    R"(]+)";

constexpr std::array<std::string_view, 6> deepseek_llm = {
    R"([\r\n])",
    deepseek_llm_letters,
    R"(\p{WSpace}?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)",
    R"(\p{WSpace}+$)",
    R"([\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+)",
    R"(\p{N})"};

constexpr std::array<std::string_view, 5> deepseek_coder = {
    R"([\r\n])", R"(\p{WSpace}?\p{L}+)", R"(\p{WSpace}?\p{P}+)",
    R"([\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+)", R"(\p{N})"};

constexpr std::array<std::string_view, 4> falcon = {R"([\p{P}$+<=>^~|`]+)", gpt2[0], R"([0-9]+)",
                                                    R"([0-9][0-9][0-9])"};

// Digits in threes from the right, where other numerals stay with those before them: a run of threes with
// what follows up to the next run of threes, then each three but the last of a run.
constexpr std::array<std::string_view, 3> superbpe = {
    R"(\p{N}+)",
    R"((?:\p{Nd}{3})++(?!\p{Nd})(?:[\p{Nl}\p{No}]++(?:\p{Nd}{1,2}(?!\p{Nd}))?+)*+)"
    R"((?:\p{Nd}{1,2}(?=(?:\p{Nd}{3})++(?!\p{Nd})))?+)",
    R"(\p{Nd}{3}(?=\p{Nd}))"};

constexpr std::array<std::string_view, 2> viking = {R"( ?[^(\p{WSpace}|.,!?…。，、।۔،)]+)", R"(\p{N})"};

// What converters write where they do not know a model better; no model was trained with it on purpose.
constexpr std::array<std::string_view, 4> unspecific = {
    R"([\p{P}\$\+<=>\^~\|]+)",
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{WSpace}\p{L}\p{N}]+|\p{WSpace}+(?!\P{WSpace}))",
    R"(\p{N}+)", R"([0-9][0-9][0-9])"};

// A piece that is a token stays whole in all vocabularies that were made for tiktoken, which looks there
// first, and in those whose tokenizer.json says `ignore_merges`.
constexpr std::array known = {
    PreTokenizerKind{.name = "default", .expressions = unspecific},
    PreTokenizerKind{.name = "gpt-2", .expressions = gpt2},
    PreTokenizerKind{.name = "olmo", .expressions = gpt2, .normal_form = NormalForm::nfc},
    PreTokenizerKind{.name = "llama-bpe", .expressions = llama3, .whole_piece_first = true, .adds_bos = true},
    PreTokenizerKind{.name = "smaug-bpe", .expressions = llama3, .whole_piece_first = true},
    PreTokenizerKind{.name = "dbrx", .expressions = llama3},
    PreTokenizerKind{.name = "glm4", .expressions = llama3, .whole_piece_first = true},
    PreTokenizerKind{.name = "gpt-4o", .expressions = gpt4o, .whole_piece_first = true},
    PreTokenizerKind{.name = "llama4", .expressions = gpt4o, .whole_piece_first = true, .adds_bos = true},
    PreTokenizerKind{.name = "minimax-m2", .expressions = gpt4o, .normal_form = NormalForm::nfc},
    PreTokenizerKind{.name = "tekken", .expressions = tekken, .whole_piece_first = true, .adds_bos = true},
    PreTokenizerKind{.name = "kimi-k2", .expressions = kimi_k2, .whole_piece_first = true},
    PreTokenizerKind{.name = "qwen2", .expressions = qwen2, .normal_form = NormalForm::nfc},
    PreTokenizerKind{.name = "qwen35", .expressions = qwen35, .normal_form = NormalForm::nfc},
    PreTokenizerKind{
        .name = "stablelm2", .expressions = qwen2, .normal_form = NormalForm::nfc, .whole_piece_first = true},
    PreTokenizerKind{.name = "grok-2", .expressions = qwen2},
    PreTokenizerKind{.name = "seed-coder", .expressions = seed_coder, .normal_form = NormalForm::nfc},
    PreTokenizerKind{.name = "bailingmoe", .expressions = bailing, .normal_form = NormalForm::nfc},
    PreTokenizerKind{.name = "deepseek-v3", .expressions = deepseek_v3, .adds_bos = true},
    PreTokenizerKind{.name = "hunyuan-dense", .expressions = deepseek_v3},
    PreTokenizerKind{.name = "deepseek-llm", .expressions = deepseek_llm},
    PreTokenizerKind{.name = "deepseek-coder", .expressions = deepseek_coder},
    PreTokenizerKind{.name = "starcoder", .expressions = single_digits},
    PreTokenizerKind{
        .name = "command-r", .expressions = single_digits, .normal_form = NormalForm::nfc, .adds_bos = true},
    PreTokenizerKind{.name = "falcon", .expressions = falcon},
    PreTokenizerKind{.name = "superbpe", .expressions = superbpe},
    PreTokenizerKind{.name = "viking", .expressions = viking},
};

struct OtherName {
  std::string_view name, kind;
};

constexpr std::array other_names = {
    OtherName{"llama3", "llama-bpe"},
    OtherName{"llama-v3", "llama-bpe"},
    OtherName{"phi-2", "gpt-2"},
    OtherName{"exaone4", "gpt-2"},
    OtherName{"trillion", "gpt-2"},
    OtherName{"granite-docling", "gpt-2"},
    OtherName{"mpt", "olmo"},
    OtherName{"chatglm-bpe", "glm4"},
    OtherName{"deepseek-r1-qwen", "qwen2"},
    OtherName{"hunyuan", "stablelm2"},
    OtherName{"bailingmoe2", "bailingmoe"},
    OtherName{"llada-moe", "bailingmoe"},
    OtherName{"refact", "starcoder"},
    OtherName{"smollm", "starcoder"},
    OtherName{"codeshell", "starcoder"},
    OtherName{"exaone", "starcoder"},
};

std::vector<std::string_view> all_names() {
  std::vector<std::string_view> names;
  for (const PreTokenizerKind& kind : known) names.push_back(kind.name);
  for (const OtherName& other : other_names) names.push_back(other.name);
  return names;
}

const PreTokenizerKind* find_known(std::string_view name) {
  for (const OtherName& other : other_names)
    if (other.name == name) name = other.kind;
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](const PreTokenizerKind& kind) { return kind.name == name; });
  return found == known.end() ? nullptr : &*found;
}

}  // namespace

std::span<const PreTokenizerKind> known_pre_tokenizers() { return known; }

std::string names_of_pre_tokenizers() { return fmt::format("{}", fmt::join(all_names(), ", ")); }

const PreTokenizerKind& pre_tokenizer_kind(std::string_view name) {
  if (const PreTokenizerKind* const kind = find_known(name)) return *kind;
  fail("pre-tokenizer \"{}\" (tokenizer.ggml.pre) is not supported; the nearest name that is: \"{}\", of {}",
       printable(name), nearest_name(name, all_names()), names_of_pre_tokenizers());
}

}  // namespace yoke::text
