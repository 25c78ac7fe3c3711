#include "cli/read_tokenizer.h"

#include <string_view>

#include "base/error.h"
#include "cli/model_file.h"
#include "gguf/reader.h"

namespace yoke::cli {

namespace {

/// What `make` makes of the metadata; its Error names the file.
template <class Make>
auto make_of(const gguf::Metadata& metadata, const Make& make) {
  try {
    return make(metadata);
  } catch (const Error& error) {
    // Only what the metadata themselves refuse names the file already.
    const std::string_view sentence = error.what();
    if (sentence.starts_with(metadata.sentence_start())) throw;
    fail("{}{}", metadata.sentence_start(), sentence);
  }
}

std::optional<text::ChatTemplate> read_template_of(const gguf::Metadata& metadata) {
  try {
    return make_of(metadata, text::read_chat_template);
  } catch (const Error& error) {
    fail("{}; yoke run --no-chat works without the chat template", error.what());
  }
}

}  // namespace

ModelTokenizer read_tokenizer(const std::string& model, ReadTemplate read_template) {
  const gguf::Model file = open_model(model);
  const gguf::Metadata& metadata = file.metadata();
  require(metadata.has("tokenizer.ggml.model"),
          "{}: has no tokenizer (tokenizer.ggml.model is missing), which a text needs; yoke logits works "
          "without one",
          model);
  ModelTokenizer read{make_of(metadata, text::make_tokenizer), std::nullopt};
  if (read_template == ReadTemplate::yes) read.chat_template = read_template_of(metadata);
  const gguf::TensorInfo* embedding = file.find("token_embd.weight");
  require(embedding == nullptr || read.tokenizer->size() <= embedding->shape.front(),
          "{}: the tokenizer has {} tokens, but the model computes only {}: they do not belong together",
          model, read.tokenizer->size(), embedding == nullptr ? 0 : embedding->shape.front());
  return read;
}

const text::ChatTemplate& require_chat_template(const ModelTokenizer& read, const std::string& model,
                                                std::string_view what) {
  require(read.chat_template.has_value(),
          "{}: has no chat template (tokenizer.chat_template is missing), which {} needs", model, what);
  return *read.chat_template;
}

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

}  // namespace yoke::cli
