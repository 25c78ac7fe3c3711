// The models' real vocabularies, where tools/fetch_vocabularies.sh has put them.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "gguf/reader.h"
#include "text/tokenizer.h"

namespace yoke::text {

inline std::filesystem::path vocabulary_file(const std::string& name) {
  const char* const given = std::getenv("YOKE_VOCABULARIES");
  const std::filesystem::path folder = given != nullptr ? given : YOKE_FETCHED_VOCABULARIES;
  return folder / name / "vocabulary.gguf";
}

/// Why a test of this vocabulary cannot run; empty where it can.
inline std::string why_vocabulary_is_missing(const std::string& name) {
  const std::filesystem::path file = vocabulary_file(name);
  return std::filesystem::exists(file)
             ? ""
             : file.string() + " is missing; tools/fetch_vocabularies.sh fetches it";
}

/// Read once: the large ones take a second.
inline const Tokenizer& real_tokenizer(const std::string& name) {
  static std::map<std::string, std::unique_ptr<Tokenizer>> tokenizers;
  std::unique_ptr<Tokenizer>& tokenizer = tokenizers[name];
  if (!tokenizer) tokenizer = make_tokenizer(gguf::Model::open(vocabulary_file(name)).metadata());
  return *tokenizer;
}

}  // namespace yoke::text
