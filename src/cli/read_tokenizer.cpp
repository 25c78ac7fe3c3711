#include "cli/read_tokenizer.h"

#include <string_view>

#include "base/error.h"
#include "gguf/reader.h"

namespace yoke::cli {

std::unique_ptr<text::Tokenizer> read_tokenizer(const std::string& model) {
  const gguf::Model file = gguf::Model::open(model);
  const gguf::Metadata& metadata = file.metadata();
  require(metadata.has("tokenizer.ggml.model"),
          "{}: has no tokenizer (tokenizer.ggml.model is missing), which a text needs; yoke logits works "
          "without one",
          model);
  try {
    return text::make_tokenizer(metadata);
  } catch (const Error& error) {
    // Only what the metadata themselves refuse names the file already.
    const std::string_view sentence = error.what();
    if (sentence.starts_with(metadata.sentence_start())) throw;
    fail("{}{}", metadata.sentence_start(), sentence);
  }
}

}  // namespace yoke::cli
