#include "cli/synth_vocabulary.h"

#include <cassert>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "text/byte_alphabet.h"

namespace yoke::cli {

void set_vocabulary(gguf::Metadata& metadata, std::int64_t size) {
  assert(size >= smallest_vocabulary);
  constexpr std::uint64_t normal = 1;
  constexpr std::uint64_t control = 3;
  const auto n = static_cast<std::size_t>(size);
  std::vector<std::string> tokens;
  std::vector<std::uint64_t> types;
  const auto add = [&](std::string token, std::uint64_t type) {
    tokens.push_back(std::move(token));
    types.push_back(type);
  };
  for (int byte = 0; byte < 256; ++byte) add(text::stand_in(static_cast<std::uint8_t>(byte)), normal);
  add("<s>", control);
  add("</s>", control);

  // Every string grows by every letter in turn, and the grown ones wait for their own turn.
  std::vector<std::string> growing = {text::stand_in(' ')};
  for (char letter = 'a'; letter <= 'z'; ++letter) growing.emplace_back(1, letter);
  std::vector<std::string> merges;
  for (std::size_t i = 0; tokens.size() < n; ++i) {
    for (char letter = 'a'; letter <= 'z' && tokens.size() < n; ++letter) {
      const std::string start = growing[i];
      merges.push_back(start + ' ' + letter);
      growing.push_back(start + letter);
      add(start + letter, normal);
    }
  }
  metadata.set("tokenizer.ggml.model", std::string("gpt2"));
  metadata.set("tokenizer.ggml.pre", std::string("gpt-2"));
  metadata.set("tokenizer.ggml.tokens", std::move(tokens));
  metadata.set("tokenizer.ggml.token_type", std::move(types));
  metadata.set("tokenizer.ggml.merges", std::move(merges));
  metadata.set("tokenizer.ggml.bos_token_id", std::uint64_t{256});
  metadata.set("tokenizer.ggml.eos_token_id", std::uint64_t{257});
  metadata.set("tokenizer.ggml.add_bos_token", true);
}

}  // namespace yoke::cli
