// The models' real vocabularies, where tools/fetch_vocabularies.sh and tools/fetch_smollm2.sh have put them.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "gguf/reader.h"
#include "text/tokenizer.h"

namespace yoke::text {

/// The folder that an environment variable names, or the one that is meant without it.
inline std::filesystem::path folder_of(const char* variable, const char* otherwise) {
  const char* const given = std::getenv(variable);
  return given != nullptr ? given : otherwise;
}

/// Of one model the whole file is there, which has a vocabulary as well.
inline bool is_in_a_model(const std::string& name) { return name == "smollm2"; }

inline std::filesystem::path vocabulary_file(const std::string& name) {
  return is_in_a_model(name)
             ? folder_of("YOKE_MODELS", YOKE_FETCHED_MODELS) / "SmolLM2-135M-Instruct.Q4_1.gguf"
             : folder_of("YOKE_VOCABULARIES", YOKE_FETCHED_VOCABULARIES) / name / "vocabulary.gguf";
}

/// Why a test of this vocabulary cannot run; empty where it can.
inline std::string why_vocabulary_is_missing(const std::string& name) {
  const std::filesystem::path file = vocabulary_file(name);
  return std::filesystem::exists(file)
             ? ""
             : file.string() + " is missing; tools/" +
                   (is_in_a_model(name) ? "fetch_smollm2.sh" : "fetch_vocabularies.sh") + " fetches it";
}

/// Read once: the large ones take a second.
inline const Tokenizer& real_tokenizer(const std::string& name) {
  static std::map<std::string, std::unique_ptr<Tokenizer>> tokenizers;
  std::unique_ptr<Tokenizer>& tokenizer = tokenizers[name];
  if (!tokenizer) tokenizer = make_tokenizer(gguf::Model::open(vocabulary_file(name)).metadata());
  return *tokenizer;
}

}  // namespace yoke::text
