// yoke tokenize: the tokens that a model makes of a text.
#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/piece_format.h"
#include "cli/read_tokenizer.h"
#include "cli/text_file.h"
#include "session/chat_prompt.h"
#include "terminal/text_printer.h"
#include "text/tokenizer.h"

namespace yoke::cli {
namespace {

struct TokenizeOptions {
  std::string model;
  std::optional<std::string> text, file;
  bool json = false;
  bool no_bos = false;
  bool specials = false;
  bool chat = false;
  std::string system;
};

/// What is shown of a text; `text` is what the chat template made of it, where one was applied.
struct Tokenized {
  std::vector<text::Token> tokens;
  std::optional<std::string> text;
};

/// What a token stands for; a control token, which stands for nothing, shows its name.
std::string_view piece_of(const text::Tokenizer& tokenizer, text::Token token) {
  const std::string_view bytes = tokenizer.bytes(token);
  return bytes.empty() ? tokenizer.special_text(token) : bytes;
}

std::string table(const text::Tokenizer& tokenizer, const std::vector<text::Token>& tokens) {
  std::string lines = "    id  piece\n";
  for (const text::Token token : tokens) {
    const std::string piece = escaped_piece(piece_of(tokenizer, token));
    const std::string_view quote = tokenizer.bytes(token).empty() ? "" : "\"";
    lines += fmt::format("{0:>6}  {1}{2}{1}\n", token, quote, piece);
  }
  return lines + fmt::format("{} token{}", tokens.size(), tokens.size() == 1 ? "" : "s");
}

std::string json(const text::Tokenizer& tokenizer, const Tokenized& tokenized) {
  nlohmann::ordered_json pieces = nlohmann::ordered_json::array();
  for (const text::Token token : tokenized.tokens) {
    const std::string_view piece = piece_of(tokenizer, token);
    if (is_utf8(piece))
      pieces.push_back(piece);
    else
      pieces.push_back(std::vector<unsigned char>(piece.begin(), piece.end()));
  }
  nlohmann::ordered_json result;
  if (tokenized.text) result["text"] = *tokenized.text;
  result["tokens"] = tokenized.tokens;
  result["pieces"] = std::move(pieces);
  return result.dump();
}

/// As the first message of a conversation.
Tokenized apply_template(const text::Tokenizer& tokenizer, const text::ChatTemplate& chat_template,
                         const std::string& message, const std::string& system) {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
  messages.push_back({{"role", "user"}, {"content", message}});
  const nlohmann::ordered_json no_tools, no_variables = nlohmann::ordered_json::object();
  session::ChatPrompt prompt = session::ChatEncoder(tokenizer, chat_template)
                                   .encode({messages, no_tools, true, no_variables, local_time()});
  // One that looks at nothing that is said is being tried out.
  require(prompt.left_out.empty() || !chat_template.mentions("content"), "{}", prompt.left_out);
  return {std::move(prompt.tokens), std::move(prompt.text)};
}

Tokenized tokenized(const TokenizeOptions& options, const ModelTokenizer& model, const std::string& text) {
  const text::Tokenizer& tokenizer = *model.tokenizer;
  if (options.chat) {
    require_utf8(text, options.text ? "--text" : source_name(*options.file));
    require_utf8(options.system, "--system");
    return apply_template(tokenizer, require_chat_template(model, options.model, "--chat"), text,
                          options.system);
  }
  const text::Specials specials = options.specials ? text::Specials::parse : text::Specials::as_text;
  return {options.no_bos ? tokenizer.encode(text, specials) : tokenizer.encode_prompt(text, specials),
          std::nullopt};
}

int tokenize(const TokenizeOptions& options) {
  const ModelTokenizer model =
      read_tokenizer(options.model, options.chat ? ReadTemplate::yes : ReadTemplate::no);
  const std::string text = options.text ? *options.text : read_text(*options.file);
  const Tokenized shown = tokenized(options, model, text);
  terminal::TextPrinter printer(stdout, "");
  printer.print(options.json ? json(*model.tokenizer, shown) : table(*model.tokenizer, shown.tokens));
  printer.end();
  return 0;
}

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = app.add_subcommand("tokenize", "Show the tokens that a model makes of a text");
  add_model(*command, options->model)
      ->description("GGUF file (any part of a split model); one that holds only a vocabulary will do");
  CLI::Option* text = command->add_option("--text", options->text, "The text");
  command->add_option("-f,--file", options->file, "File that holds the text; - is the standard input")
      ->excludes(text);
  command->add_flag("--json", options->json, "Print {\"tokens\": [ids], \"pieces\": [text of each]}");
  CLI::Option* no_bos = command->add_flag("--no-bos", options->no_bos,
                                          "Leave out the BOS token that the model starts a prompt with");
  CLI::Option* specials =
      command->add_flag("--specials", options->specials,
                        "Take special tokens written out in the text, like <|eot_id|>, for those tokens");
  CLI::Option* chat =
      command->add_flag("--chat", options->chat,
                        "The text is a message: show the whole prompt that the chat template makes of it");
  chat->excludes(no_bos)->excludes(specials);
  command->add_option("--system", options->system, "With --chat: what the model is told before")->needs(chat);
  command->footer(
      "Without --json each token has a line with its id and its text in quotes; a control token, which "
      "stands\n"
      "for no text, has its name without quotes. Control characters and bytes that are no UTF-8 show as "
      "\\xNN.\n"
      "With --json a piece that is not UTF-8 by itself (part of a character) is an array of its bytes, "
      "[240,159]; with --chat there is also {\"text\": the prompt}.\n"
      "\n"
      "Examples:\n"
      "  yoke tokenize models/demo.gguf --text \"The state of the Union\"\n"
      "  yoke tokenize model.gguf --file story.txt --json --no-bos\n"
      "  yoke tokenize model.gguf --chat --text \"Hello\"");
  command->callback([options, &action] {
    if (!options->text && !options->file)
      throw CLI::RequiredError("yoke tokenize needs a text: --text or --file", CLI::ExitCodes::RequiredError);
    action = [options] { return tokenize(*options); };
  });
}

}  // namespace yoke::cli
