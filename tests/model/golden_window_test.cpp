// Layers with a window in caches that hold little more than it: against golden logits, and over long
// sequences against caches that hold everything.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "comm/solo.h"
#include "model/edited_model.h"
#include "model/run_model.h"

namespace yoke::model {
namespace {

constexpr const char* windowed_families[] = {"cohere2", "exaone4-windowed", "gemma2", "gemma3",
                                             "gpt-oss", "llama4",           "phi3"};
constexpr std::int64_t tiny_window = 12;  // at most, of each of them
constexpr std::int64_t vocabulary = 320;

std::vector<std::int32_t> some_tokens(std::size_t n, unsigned seed = 20261123) {
  std::mt19937 random(seed);
  std::vector<std::int32_t> tokens(n);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random() % vocabulary);
  return tokens;
}

/// Caches of `pages` pages, in which windows have pages of their own, and the batches with tables of them: of
/// each slot as many as the longest step needs, so that each is overwritten as soon as it may be.
ops::CacheSize with_windows(std::vector<Batch>& batches, std::int64_t pages, std::int64_t window) {
  ops::CacheSize caches = caches_of(batches, pages);
  const auto ring = static_cast<std::int32_t>(ops::pages_touched(window - 1 + caches.step_tokens));
  caches.window_pages = ring * caches.slots;
  for (Batch& batch : batches) {
    std::vector<bool> seen(batch.windows.size());
    for (std::size_t i = 0; i < batch.tokens.size(); ++i) {
      const auto sequence = static_cast<std::size_t>(batch.sequences[i]);
      WindowPages& table = batch.windows[sequence];
      if (!seen[sequence])
        table.first =
            std::max(0, batch.positions[i] - static_cast<std::int32_t>(window) + 1) / ops::page_positions;
      seen[sequence] = true;
      const std::int32_t last = batch.positions[i] / ops::page_positions;
      for (auto page = table.first + static_cast<std::int32_t>(table.pages.size()); page <= last; ++page)
        table.pages.push_back(batch.slots[sequence] * ring + page % ring);
    }
  }
  return caches;
}

/// What a model gives of a text in such chunks with pages of windows.
std::vector<float> run_with_windows(const std::filesystem::path& path, int ranks,
                                    const std::vector<std::int32_t>& tokens, std::size_t chunk,
                                    std::int64_t window) {
  std::vector<Batch> batches = in_chunks(tokens, chunk);
  const std::int64_t pages = std::ssize(tokens) / ops::page_positions + 1;
  const ops::CacheSize caches = with_windows(batches, pages, window);
  return run_batches(path, ranks, batches, caches, equal_shares(ranks));
}

/// The same at once, with caches that keep every position of every layer.
std::vector<float> run_whole(const std::filesystem::path& path, int ranks,
                             const std::vector<std::int32_t>& tokens) {
  const std::vector<Batch> whole = in_chunks(tokens, tokens.size());
  return run_batches(path, ranks, whole, caches_of(whole, std::ssize(tokens) / ops::page_positions + 1),
                     equal_shares(ranks));
}

class Windowed : public testing::TestWithParam<std::tuple<const char*, int>> {
 protected:
  std::string name() const { return std::get<0>(GetParam()); }
  int ranks() const { return std::get<1>(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(TinyModels, Windowed,
                         testing::Combine(testing::ValuesIn(windowed_families), testing::Values(1, 2, 3, 4)),
                         [](const auto& test) {
                           std::string name = std::get<0>(test.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + "_on_" + std::to_string(std::get<1>(test.param));
                         });

TEST_P(Windowed, LogitsAreTheReferencesHoweverTheTokensAreFed) {
  const std::vector<float> golden =
      read_floats(std::filesystem::path(YOKE_TEST_DATA) / "golden" / (name() + ".f32"));
  for (const std::size_t chunk : {48, 7, 1}) {
    const std::vector<float> logits =
        run_with_windows(tiny_model(name()), ranks(), golden_tokens(), chunk, tiny_window);
    EXPECT_LT(normalised_error(logits, golden), 1e-8) << "in chunks of " << chunk;
  }
}

TEST_P(Windowed, PagesOfAWindowGiveTheBitsOfWholeCachesFarBeyondThem) {
  const std::vector<std::int32_t> tokens = some_tokens(300);
  const std::vector<float> expected = run_whole(tiny_model(name()), ranks(), tokens);
  for (const std::size_t chunk : {1, 7, 58, 100}) {
    const std::vector<float> logits =
        run_with_windows(tiny_model(name()), ranks(), tokens, chunk, tiny_window);
    EXPECT_TRUE(same_bits(logits, expected)) << "in chunks of " << chunk;
  }
}

TEST(WindowedForward, WindowsOfSeveralPagesGiveTheBitsOfWholeCaches) {
  const std::vector<std::int32_t> tokens = some_tokens(520);
  for (const std::int64_t window : {64, 65, 130}) {
    const EditedModel model(
        [&](Draft& draft) {
          draft.metadata.set("gpt-oss.attention.sliding_window", static_cast<std::uint64_t>(window));
        },
        "gpt-oss");
    for (const int ranks : {1, 3}) {
      const std::vector<float> expected = run_whole(model.path(), ranks, tokens);
      for (const std::size_t chunk : {1, 63, 64, 130}) {
        EXPECT_TRUE(same_bits(run_with_windows(model.path(), ranks, tokens, chunk, window), expected))
            << "window " << window << " in chunks of " << chunk << " on " << ranks << " ranks";
      }
    }
  }
}

/// Sequences that begin and end at any time, some of them before they are complete, in slots and on pages
/// that others had before.
class Traffic {
 public:
  static constexpr std::size_t n_sequences = 9, slots = 3;
  static constexpr std::int64_t pages_of_each = 4, pages = slots * pages_of_each;

  Traffic() {
    for (std::size_t i = 0; i < n_sequences; ++i)
      tokens_.push_back(some_tokens(20 + random_() % 230, static_cast<unsigned>(i)));
    while (make_batch()) continue;
  }

  const std::vector<Batch>& batches() const { return batches_; }
  const std::vector<std::int32_t>& tokens(std::size_t sequence) const { return tokens_[sequence]; }
  /// Of each row of logits.
  const std::vector<std::pair<std::size_t, std::size_t>>& sequences_and_positions() const { return rows_; }

 private:
  struct Running {
    std::size_t sequence = n_sequences;  // none
    std::size_t next = 0;
  };

  bool make_batch() {
    Batch batch;
    for (std::size_t slot = 0; slot < slots; ++slot) {
      Running& running = running_[slot];
      const bool ended = running.sequence == n_sequences || running.next == tokens_[running.sequence].size();
      if (ended || random_() % 40 == 0) running = {std::min(begun_++, n_sequences), 0};
      if (running.sequence == n_sequences || random_() % 5 == 0) continue;
      add(running, static_cast<std::int32_t>(slot), batch);
    }
    if (batch.size() > 0) batches_.push_back(std::move(batch));
    return begun_ < n_sequences + slots;
  }

  void add(Running& running, std::int32_t slot, Batch& batch) {
    std::vector<std::int32_t> table(pages_of_each);
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<std::int32_t>(slots * i) + slot;
    const std::int32_t index = batch.add_sequence(slot, table);
    const std::vector<std::int32_t>& tokens = tokens_[running.sequence];
    const std::size_t end = std::min(running.next + 1 + random_() % 12, tokens.size());
    for (; running.next < end; ++running.next) {
      batch.add(tokens[running.next], static_cast<std::int32_t>(running.next), index);
      batch.want({.want = Want::logits});
      rows_.emplace_back(running.sequence, running.next);
    }
  }

  std::mt19937 random_{7};
  std::vector<std::vector<std::int32_t>> tokens_;
  std::vector<Running> running_{slots};
  std::size_t begun_ = 0;
  std::vector<Batch> batches_;
  std::vector<std::pair<std::size_t, std::size_t>> rows_;
};

TEST(WindowedForward, SequencesInTurnInTheSameSlotsGiveTheBitsOfEachAlone) {
  const Traffic traffic;
  for (const char* name : {"gpt-oss", "gemma3"}) {
    for (const int ranks : {1, 2, 3, 4}) {
      std::vector<std::vector<float>> alone;
      for (std::size_t i = 0; i < Traffic::n_sequences; ++i)
        alone.push_back(run_whole(tiny_model(name), ranks, traffic.tokens(i)));
      std::vector<Batch> batches = traffic.batches();
      const ops::CacheSize caches = with_windows(batches, Traffic::pages, tiny_window);
      const std::vector<float> together =
          run_batches(tiny_model(name), ranks, batches, caches, equal_shares(ranks));
      const auto& rows = traffic.sequences_and_positions();
      ASSERT_EQ(together.size(), rows.size() * vocabulary);
      std::size_t different = 0;
      for (std::size_t row = 0; row < rows.size(); ++row) {
        const float* expected = alone[rows[row].first].data() + rows[row].second * vocabulary;
        different += std::equal(expected, expected + vocabulary, together.data() + row * vocabulary) ? 0 : 1;
      }
      EXPECT_EQ(different, 0) << "of " << rows.size() << " rows of logits of " << name << " on " << ranks
                              << " ranks";
    }
  }
}

TEST(WindowedMemory, IsAnnouncedAsItIsTakenAndHoldsLittleMoreThanTheWindows) {
  const gguf::Model file = gguf::Model::open(tiny_model("gpt-oss"));
  const Config config = read_config(file);
  const auto family = make_family(config);
  const std::vector<TensorEntry> table = family->tensors();
  ThreadPool pool(1);
  comm::SoloComm comm;
  const auto ops = ops::cpu::make_ops(kernels::best(), pool, comm);
  const Partition one(family->config(), table, file, equal_shares(1));
  // Of three layers the first and the last have a window.
  const ops::CacheSize caches{.pages = 1000, .slots = 5, .step_tokens = 122, .window_pages = 15};
  const std::uint64_t page = 4 * 64 * (32 + 32) * 2;
  EXPECT_EQ(kv_bytes(family->config(), one, 0, caches, *ops), (1000 + 2 * 15) * page);
  const MemoryNeed need = memory_need(file, family->config(), table, one, 0, {caches, 32}, *ops);
  EXPECT_EQ(need.kv, (1000 + 2 * 15) * page);
}

}  // namespace
}  // namespace yoke::model
