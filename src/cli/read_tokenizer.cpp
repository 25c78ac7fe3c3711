#include "cli/read_tokenizer.h"

#include <string_view>

#include "base/error.h"
#include "gguf/reader.h"

namespace yoke::cli {

namespace {

std::unique_ptr<text::Tokenizer> make_tokenizer(const gguf::Metadata& metadata) {
  try {
    return text::make_tokenizer(metadata);
  } catch (const Error& error) {
    // Only what the metadata themselves refuse names the file already.
    const std::string_view sentence = error.what();
    if (sentence.starts_with(metadata.sentence_start())) throw;
    fail("{}{}", metadata.sentence_start(), sentence);
  }
}

}  // namespace

ModelTokenizer read_tokenizer(const std::string& model) {
  const gguf::Model file = gguf::Model::open(model);
  const gguf::Metadata& metadata = file.metadata();
  require(metadata.has("tokenizer.ggml.model"),
          "{}: has no tokenizer (tokenizer.ggml.model is missing), which a text needs; yoke logits works "
          "without one",
          model);
  ModelTokenizer read{make_tokenizer(metadata), metadata.has("tokenizer.chat_template")};
  const gguf::TensorInfo* embedding = file.find("token_embd.weight");
  require(embedding == nullptr || read.tokenizer->size() <= embedding->shape.front(),
          "{}: the tokenizer has {} tokens, but the model computes only {}: they do not belong together",
          model, read.tokenizer->size(), embedding == nullptr ? 0 : embedding->shape.front());
  return read;
}

}  // namespace yoke::cli
