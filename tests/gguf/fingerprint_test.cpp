#include "gguf/fingerprint.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "gguf/writer.h"
#include "gguf_bytes.h"

namespace yoke::gguf {
namespace {

struct Draft {
  Metadata metadata;
  std::vector<TensorSpec> tensors{{"a", quant::Type::f32, {4, 32}}, {"b", quant::Type::f32, {4, 32}}};
};

std::uint64_t fingerprint_of(const std::function<void(Draft&)>& edit, std::byte filling = std::byte{0}) {
  Draft draft;
  draft.metadata.set("general.architecture", std::string("llama"));
  draft.metadata.set("flags", std::vector<bool>{true, false});
  draft.metadata.set("n", std::uint64_t{7});
  edit(draft);
  const ScratchFolder folder;
  Writer writer(folder / "model.gguf", draft.metadata, draft.tensors);
  for (const TensorSpec& tensor : draft.tensors) {
    std::int64_t values = 1;
    for (const std::int64_t size : tensor.shape) values *= size;
    writer.write(tensor.name, std::vector<std::byte>(quant::format(tensor.type).bytes(values), filling));
  }
  writer.finish();
  return fingerprint(Model::open(folder / "model.gguf"));
}

TEST(Fingerprint, OfACopyIsTheSameWhateverItsWeights) {
  const auto unchanged = [](Draft&) {};
  EXPECT_EQ(fingerprint_of(unchanged), fingerprint_of(unchanged, std::byte{1}));
}

TEST(Fingerprint, DiffersWithAnyWordOfTheHeader) {
  const std::vector<std::function<void(Draft&)>> edits{
      [](Draft&) {},
      [](Draft& d) { d.metadata.set("n", std::uint64_t{8}); },
      [](Draft& d) { d.metadata.set("n", std::int64_t{-7}); },
      [](Draft& d) { d.metadata.set("m", std::uint64_t{7}); },
      [](Draft& d) {
        d.metadata.set("flags", std::vector<bool>{true, true});
      },
      [](Draft& d) { d.metadata.set("general.architecture", std::string("qwen2")); },
      [](Draft& d) { d.tensors[0].name = std::string("c"); },
      [](Draft& d) { d.tensors[0].type = quant::Type::q8_0; },
      [](Draft& d) {
        d.tensors[0].shape = {2, 64};
      },
      [](Draft& d) { std::swap(d.tensors[0], d.tensors[1]); },
      [](Draft& d) { d.tensors.pop_back(); },
  };
  std::set<std::uint64_t> all;
  for (const auto& edit : edits) all.insert(fingerprint_of(edit));
  EXPECT_EQ(all.size(), edits.size());
}

}  // namespace
}  // namespace yoke::gguf
