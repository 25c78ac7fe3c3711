#include "terminal/line_editor.h"

#include <histedit.h>
#include <locale.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "terminal/line_history.h"

namespace yoke::terminal {
namespace {

/// What libedit leaves unbound, though people and pasted text use it.
constexpr std::array<std::pair<const char*, const char*>, 4> keys{{
    {"^I", "ed-insert"},
    {"^R", "em-inc-search-prev"},
    {"\\e[1;5C", "em-next-word"},  // Ctrl with an arrow
    {"\\e[1;5D", "ed-prev-word"},
}};

/// libedit turns bytes into characters by the thread's locale; ours are UTF-8 in every country.
class Utf8Locale {
 public:
  Utf8Locale() : utf8_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(nullptr) {
    require(utf8_ != nullptr, "the locale C.UTF-8, which editing a line needs, is missing: {}",
            last_system_error());
    before_ = ::uselocale(utf8_);
  }
  ~Utf8Locale() {
    ::uselocale(before_);
    ::freelocale(utf8_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t utf8_;
  locale_t before_;
};

struct EndEditing {
  void operator()(EditLine* editor) const { ::el_end(editor); }
};

}  // namespace

class LineEditor::State {
 public:
  explicit State(const std::filesystem::path& file)
      : history_(file), editor_(::el_init("yoke", stdin, stdout, stderr)) {
    require(editor_ != nullptr, "the terminal cannot be used for editing lines: {}", last_system_error());
    EditLine* editor = editor_.get();
    ::el_set(editor, EL_CLIENTDATA, this);
    ::el_set(editor, EL_PROMPT, prompt_of);
    ::el_set(editor, EL_EDITOR, "emacs");
    ::el_set(editor, EL_SIGNAL, 1);  // a resized window and the end of the process find the terminal in order
    ::el_set(editor, EL_HIST, ::history, history_.get());
    for (const auto& [key, command] : keys) ::el_set(editor, EL_BIND, key, command, nullptr);
    ::el_source(editor, nullptr);
    // While editing, Ctrl-C and Ctrl-Z are keys like others, which no signal handler has to care for.
    ::el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
    ::el_set(editor, EL_ADDFN, "yoke-interrupt", "Give the line up", interrupt);
    ::el_set(editor, EL_ADDFN, "yoke-suspend", "Stop the program until the shell continues it", suspend);
    for (const auto& [key, command] : {std::pair("^C", "yoke-interrupt"), std::pair("^Z", "yoke-suspend")}) {
      ::el_set(editor, EL_BIND, key, command, nullptr);
      ::el_set(editor, EL_BIND, "-a", key, command, nullptr);  // for vi's command mode
    }
  }

  Line read(const std::string& prompt) {
    prompt_ = prompt;
    interrupted_.reset();
    // libedit itself would show the prompt first: for a moment, keys would mean something else.
    ::el_set(editor_.get(), EL_PREP_TERM, 1);
    int bytes = 0;
    const char* typed = ::el_gets(editor_.get(), &bytes);
    if (interrupted_ || (typed == nullptr && bytes < 0 && errno == EINTR)) {
      std::fputs("^C\n", stdout);
      return {Line::Kind::interrupted, interrupted_.value_or("")};
    }
    if (typed == nullptr) {
      std::fputc('\n', stdout);
      return {Line::Kind::end, ""};
    }
    std::string text = typed;
    if (text.ends_with('\n')) text.pop_back();
    if (text.find_first_not_of(" \t") != std::string::npos) history_.add(text);
    return {Line::Kind::text, std::move(text)};
  }

 private:
  static State& of(EditLine* editor) {
    void* state = nullptr;
    ::el_get(editor, EL_CLIENTDATA, &state);
    return *static_cast<State*>(state);
  }

  static char* prompt_of(EditLine* editor) { return of(editor).prompt_.data(); }

  static unsigned char interrupt(EditLine* editor, int) {
    const LineInfo* line = ::el_line(editor);
    of(editor).interrupted_.emplace(line->buffer, line->lastchar);
    return CC_EOF;
  }

  static unsigned char suspend(EditLine* editor, int) {
    ::el_set(editor, EL_PREP_TERM, 0);
    struct sigaction by_default {};
    by_default.sa_handler = SIG_DFL;
    struct sigaction editors {};
    ::sigaction(SIGTSTP, &by_default, &editors);
    ::raise(SIGTSTP);
    ::sigaction(SIGTSTP, &editors, nullptr);
    ::el_set(editor, EL_PREP_TERM, 1);
    return CC_REDISPLAY;
  }

  Utf8Locale locale_;
  LineHistory history_;
  std::unique_ptr<EditLine, EndEditing> editor_;
  std::string prompt_;
  std::optional<std::string> interrupted_;  // what had been typed when Ctrl-C was
};

LineEditor::LineEditor(const std::filesystem::path& history) : state_(std::make_unique<State>(history)) {}

LineEditor::~LineEditor() = default;

Line LineEditor::read(const std::string& prompt) { return state_->read(prompt); }

std::filesystem::path history_file(const system::Environment& environment) {
  return system::user_file(environment, "XDG_STATE_HOME", ".local/state", "yoke/history");
}

}  // namespace yoke::terminal
