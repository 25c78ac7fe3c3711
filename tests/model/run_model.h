// Runs a model file on N ranks (threads) for the tests of this folder.
#pragma once

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "comm/threads.h"
#include "kernels/kernels.h"
#include "model/batch.h"
#include "model/family.h"
#include "model/forward.h"
#include "model/halves.h"
#include "model/loader.h"
#include "ops/cpu/cpu_ops.h"

namespace yoke::model {

inline std::filesystem::path tiny_model(const std::string& name) {
  return std::filesystem::path(YOKE_GENERATED_DATA) / "tiny" / (name + ".gguf");
}

inline std::vector<std::int32_t> golden_tokens() {
  std::ifstream file(std::filesystem::path(YOKE_TEST_DATA) / "golden" / "tokens.txt");
  std::vector<std::int32_t> tokens;
  for (std::string token; std::getline(file, token, ',');) tokens.push_back(std::stoi(token));
  return tokens;
}

inline std::vector<float> read_floats(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  const std::string text = bytes.str();
  std::vector<float> values(text.size() / sizeof(float));
  std::memcpy(values.data(), text.data(), values.size() * sizeof(float));
  return values;
}

/// Σ(a−b)² / Σb²; infinite where the sizes differ.
inline double normalised_error(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || b.empty()) return std::numeric_limits<double>::infinity();
  double error = 0;
  double norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    error += difference * difference;
    norm += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return error / norm;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Appends rows of logits to `all`, (rows, vocabulary), on every rank, each of which has some of their
/// columns.
inline void gather(MatrixView<float> mine, const Partition& partition, comm::Comm& comm,
                   std::vector<float>& all) {
  std::vector<std::int64_t> widths;
  for (int rank = 0; rank < partition.size(); ++rank)
    widths.push_back(partition.range(Space::vocabulary, 0, rank).size());
  for (std::int64_t row = 0; row < mine.rows; ++row) {
    const std::size_t before = all.size();
    all.resize(before + static_cast<std::size_t>(partition.units(Space::vocabulary, 0)));
    comm.all_gather(mine.row(row), widths, std::span(all).subspan(before));
  }
}

/// All wanted rows of logits of a batch, (wanted, vocabulary), on every rank: computed in strips, whose
/// columns are then gathered.
/// With a second backend, layers are computed in two halves where there are two tokens.
inline std::vector<float> forward(Family& family, ops::Ops& ops, const Partition& partition, comm::Comm& comm,
                                  const Batch& batch, ops::Ops* second = nullptr) {
  constexpr std::int64_t strip = 32;
  std::vector<float> result;
  const ops::Activations wanted = second != nullptr && batch.size() > 1
                                      ? run_layers_in_halves(family, ops, *second, batch)
                                      : run_layers(family, ops, batch.step());
  for (std::int64_t first = 0; first < wanted.tokens; first += strip) {
    const std::int64_t n = std::min(strip, wanted.tokens - first);
    gather(local_logits(family, ops, wanted, first, n), partition, comm, result);
  }
  return result;
}

inline constexpr ops::cpu::Options exact_arithmetic{.kv_type = kernels::KvType::f32,
                                                    .activations = kernels::ActivationType::f32};

/// What the batches need of caches that have `pages` pages.
inline ops::CacheSize caches_of(const std::vector<Batch>& batches, std::int64_t pages) {
  ops::CacheSize caches{.pages = pages};
  for (const Batch& batch : batches) {
    caches.step_tokens = std::max(caches.step_tokens, batch.size());
    for (const std::int32_t slot : batch.slots) caches.slots = std::max<std::int64_t>(caches.slots, slot + 1);
  }
  return caches;
}

/// Loads `path` on `ranks` ranks of `threads` threads, computes the batches one after the other and returns
/// all wanted logits of rank `reporter`, concatenated. Unless a test asks for less, nothing is rounded but
/// float32: that alone would err by more than the references' tolerances. With `halves`
/// sums are overlapped: those of several tokens as forward() does it, those of one in two parts.
inline std::vector<float> run_batches(const std::filesystem::path& path, int ranks,
                                      const std::vector<Batch>& batches, const ops::CacheSize& caches,
                                      const std::vector<double>& shares, int threads = 1, int reporter = 0,
                                      const std::string& isa = "",
                                      const ops::cpu::Options& options = exact_arithmetic,
                                      bool halves = false) {
  std::vector<float> result;
  const gguf::Model file = gguf::Model::open(path);
  comm::run_ranks(ranks, [&](comm::Comm& comm) {
    ThreadPool pool(threads);
    const Config config = read_config(file);
    const auto family = make_family(config);
    const kernels::Kernels& kernels = isa.empty() ? kernels::best() : kernels::named(isa);
    const auto ops = ops::cpu::make_ops(kernels, pool, comm, options);
    const auto second = halves ? ops::cpu::make_ops(kernels, pool, comm, options) : nullptr;
    ops->set_sends_parts(halves);
    const std::vector<TensorEntry> table = family->tensors();
    check_tensors(file, config, table, *ops);
    const Partition partition(config, table, file, shares);
    load_tensors(file, table, partition, comm.rank(), *ops, [](std::uint64_t, std::uint64_t) {});
    family->prepare(*ops, partition, comm.rank(), caches);
    for (const Batch& batch : batches) {
      const std::vector<float> logits = forward(*family, *ops, partition, comm, batch, second.get());
      if (comm.rank() == reporter) result.insert(result.end(), logits.begin(), logits.end());
    }
  });
  return result;
}

/// The same with caches of `pages` pages.
inline std::vector<float> run_batches(const std::filesystem::path& path, int ranks,
                                      const std::vector<Batch>& batches, std::int64_t pages,
                                      const std::vector<double>& shares, int threads = 1, int reporter = 0,
                                      const std::string& isa = "",
                                      const ops::cpu::Options& options = exact_arithmetic) {
  return run_batches(path, ranks, batches, caches_of(batches, pages), shares, threads, reporter, isa,
                     options);
}

/// `tokens` as one sequence on consecutive pages, cut into batches of `chunk`, every position wanted.
inline std::vector<Batch> in_chunks(const std::vector<std::int32_t>& tokens, std::size_t chunk) {
  std::vector<std::int32_t> pages(tokens.size() / ops::page_positions + 1);
  for (std::size_t i = 0; i < pages.size(); ++i) pages[i] = static_cast<std::int32_t>(i);
  std::vector<Batch> batches;
  for (std::size_t begin = 0; begin < tokens.size(); begin += chunk) {
    Batch batch;
    batch.add_sequence(0, pages);
    for (std::size_t i = begin; i < std::min(begin + chunk, tokens.size()); ++i) {
      batch.add(tokens[i], static_cast<std::int32_t>(i), 0);
      batch.want({.want = Want::logits});
    }
    batches.push_back(std::move(batch));
  }
  return batches;
}

}  // namespace yoke::model
