// Copies of a tiny model with something changed.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "common/error_of.h"
#include "gguf/reader.h"
#include "gguf/writer.h"
#include "model/run_model.h"

namespace yoke::model {

/// The metadata and tensors of a model that is to be written. Data are those given here, else those of the
/// tiny model, else zeros.
struct Draft {
  gguf::Metadata metadata;
  std::vector<gguf::TensorSpec> tensors;
  std::map<std::string, std::vector<float>> data;

  gguf::TensorSpec& tensor(const std::string& name) {
    for (gguf::TensorSpec& spec : tensors) {
      if (spec.name == name) return spec;
    }
    throw std::logic_error("no tensor " + name);
  }
  void remove(const std::string& name) {
    std::erase_if(tensors, [&](const gguf::TensorSpec& spec) { return spec.name == name; });
  }
};

/// A file in the test's own temporary folder.
class EditedModel {
 public:
  explicit EditedModel(const std::function<void(Draft&)>& edit, const std::string& original_name = "llama") {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ =
        std::filesystem::path(testing::TempDir()) / (std::string(test->test_suite_name()) + "." +
                                                     test->name() + "." + std::to_string(getpid()) + ".gguf");
    const gguf::Model tiny = gguf::Model::open(tiny_model(original_name));
    Draft draft{tiny.metadata(), {}, {}};
    for (const gguf::TensorInfo& info : tiny.tensors())
      draft.tensors.push_back({info.name, info.type, info.shape});
    edit(draft);
    gguf::Writer writer(path_, draft.metadata, draft.tensors);
    for (const gguf::TensorSpec& spec : draft.tensors) {
      std::int64_t values = 1;
      for (const std::int64_t n : spec.shape) values *= n;
      const gguf::TensorInfo* original = tiny.find(spec.name);
      const std::vector<std::byte> zeros(quant::format(spec.type).bytes(values));
      const auto given = draft.data.find(spec.name);
      const bool keep = original != nullptr && original->bytes == zeros.size();
      if (given != draft.data.end()) {
        writer.write(spec.name, std::as_bytes(std::span<const float>(given->second)));
      } else {
        writer.write(spec.name, keep ? tiny.read(*original) : zeros);
      }
    }
    writer.finish();
  }
  ~EditedModel() { std::filesystem::remove(path_); }

  const std::filesystem::path& path() const { return path_; }
  gguf::Model open() const { return gguf::Model::open(path_); }

 private:
  std::filesystem::path path_;
};

}  // namespace yoke::model
