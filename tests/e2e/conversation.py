"""What the tests of conversations on a terminal have in common."""
import gguf
from harness import DEMO, YOKE, YokeTest
from terminal import CTRL_D, TerminalRun

FIGURES = r"\d+ tokens, [\d.]+ tokens/s(, [^;]*)?; \d+ of \d+ positions"


class ConversationTest(YokeTest):
    def setUp(self):
        self.state = self.scratch()

    def converse(self, *arguments, model=DEMO, state=None):
        """A conversation that has shown its first prompt."""
        run = TerminalRun([YOKE, "run", model, *arguments], {"XDG_STATE_HOME": str(state or self.state), "HOME": "/"})
        self.addCleanup(run.close)
        run.greeting = run.expect_prompt()
        return run

    def endless(self):
        """A model that writes x for ever."""
        return gguf.write_llama(self.scratch() / "endless.gguf", context=1_000_000,
                                tokenizer=gguf.tokenizer_pairs(first="x"))

    def leave(self, run, how=CTRL_D):
        run.type(how)
        code, shown = run.end()
        self.assertEqual(code, 0, shown)
        self.assertTrue(run.modes_are_restored())
        self.assert_nothing_left(run)

    def answer(self, shown):
        """The text of an answer without the line of figures, which must be there."""
        self.assertRegex(shown, rf"\n{FIGURES}\n$")
        return shown.rstrip("\n").rpartition("\n")[0]
