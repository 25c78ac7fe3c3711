#include "cli/conversation.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "cli/conversation_input.h"
#include "cli/figures.h"
#include "cli/loss_line.h"
#include "cli/text_file.h"
#include "terminal/interrupt.h"
#include "terminal/line_editor.h"
#include "terminal/section_printer.h"
#include "terminal/tell.h"

namespace yoke::cli {
namespace {

constexpr std::string_view help =
    "/help    shows this\n"
    "/clear   forgets the conversation\n"
    "/stats   shows the figures of the last answer, and the ranks\n"
    "/bye     leaves, as Ctrl-D does\n"
    "Ctrl-C   stops an answer, or gives up a line\n"
    "\"\"\"      begins a message of several lines, and ends it\n";

std::string_view describe(session::Finish finish) {
  switch (finish) {
    case session::Finish::end_token:
      return "";
    case session::Finish::stop_string:
      return ", ended by a stop string";
    case session::Finish::length:
      return ", cut short by -n";
    case session::Finish::context_full:
      return ", cut short by the context";
    case session::Finish::cancelled:
      break;
  }
  return ", stopped";
}

/// Turns of words that must be UTF-8, as every text that is given to a model.
session::EncodeTurns utf8_turns(session::EncodeTurns turns) {
  return [turns = std::move(turns)](const session::Past& past, std::string_view words) {
    require_utf8(words, "the message");
    return turns(past, words);
  };
}

class Dialogue {
 public:
  Dialogue(runtime::Engine& engine, const text::Tokenizer& tokenizer, const ConversationOptions& options)
      : engine_(engine), options_(options), conversation_(engine, tokenizer, utf8_turns(options.turns)) {}

  void run() {
    terminal::LineEditor editor(terminal::history_file(system::current_environment()));
    ConversationInput inputs([&editor](const std::string& prompt) { return editor.read(prompt); });
    note(options_.greeting + "/help shows the commands.");
    while (true) {
      const Input input = inputs.next();
      if (input.kind == Input::Kind::end || input.text == "/bye") return;
      if (input.kind == Input::Kind::message) {
        answer(input.text);
      } else {
        perform(input.text);
      }
    }
  }

 private:
  void answer(const std::string& message) {
    interrupt_.take();  // one that came too late for the last answer is not meant for this one
    try {
      terminal::SectionPrinter printer(stdout, true);
      last_ = conversation_.say(
          message, options_.completion, [&printer](const session::Piece& piece) { printer.print(piece); },
          [this] { return interrupt_.take(); });
      printer.end();
    } catch (const session::PromptTooLong&) {
      return note(fmt::format("The context of {} positions has no room for this{}", positions(), advice()));
    } catch (const session::Refused& refused) {
      return note(refused.what());
    }
    if (!options_.quiet) print_figures();
    if (last_->finish == session::Finish::context_full)
      note(fmt::format("The context of {} positions is full{}", positions(), advice()));
  }

  void perform(const std::string& command) {
    if (command == "/help") {
      terminal::tell("{}", help);
    } else if (command == "/clear") {
      conversation_.clear();
      note("The conversation is forgotten.");
    } else if (command == "/stats") {
      const std::vector<runtime::RankReport> ranks = engine_.reports();
      if (last_) print_statistics(last_->statistics, ranks);
      print_ranks(ranks);
    } else {
      note(fmt::format("There is no command {}; /help shows those there are.", command));
    }
  }

  void print_figures() const {
    note(fmt::format("{} tokens, {:.1f} tokens/s{}; {} of {} positions", last_->tokens.size(),
                     decode_rate(last_->statistics), describe(last_->finish), positions_used(), positions()));
  }

  /// Of a full context's last token there is no position.
  std::size_t positions_used() const {
    return std::min(conversation_.past().tokens.size(), static_cast<std::size_t>(positions()));
  }

  std::int32_t positions() const { return engine_.info().context; }

  std::string advice() const {
    return fmt::format(": /clear forgets the conversation; {}.", context_advice(engine_.info()));
  }

  runtime::Engine& engine_;
  const ConversationOptions& options_;
  session::Conversation conversation_;
  terminal::Interrupt interrupt_;
  std::optional<session::Completion> last_;
};

}  // namespace

void converse(runtime::Engine& engine, const text::Tokenizer& tokenizer, const ConversationOptions& options) {
  Dialogue(engine, tokenizer, options).run();
}

}  // namespace yoke::cli
