// yoke info: what a model file holds, and what each rank would hold of it.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/topology.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/host_answers.h"
#include "cli/host_flags.h"
#include "cli/host_shares.h"
#include "cli/model_file.h"
#include "cli/number_check.h"
#include "gguf/reader.h"
#include "model/family.h"
#include "model/partition.h"
#include "runtime/worker.h"
#include "system/run_directory.h"

namespace yoke::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InfoOptions {
  std::string model;
  int ranks = 1;
  kernels::KvType kv_type = kernels::KvType::f16;
  bool json = false;
  HostFlags hosts;  // ranks on these, in place of `ranks`
};

/// The ranks that a model is divided among.
struct Ranks {
  runtime::EngineOptions engine;
  int count = 1;
  std::vector<std::string> names;    // of the host of each; empty where no hosts were named
  std::vector<std::string> reasons;  // of each host, with its name
  std::vector<double> shares() const {
    return engine.shares.empty() ? model::equal_shares(count) : engine.shares;
  }
};

struct Contents {
  struct OfType {
    std::int64_t tensors = 0;
    std::uint64_t bytes = 0;
  };
  std::int64_t weights = 0;
  std::map<quant::Type, OfType> types;
};

Contents contents_of(const gguf::Model& file) {
  Contents contents;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    contents.weights += tensor.values();
    Contents::OfType& type = contents.types[tensor.type];
    ++type.tensors;
    type.bytes += tensor.bytes;
  }
  return contents;
}

/// "3.672 million", of four digits
std::string number_in_words(std::int64_t number) {
  constexpr std::array<std::string_view, 4> words{"thousand", "million", "billion", "trillion"};
  if (number < 1000) return std::to_string(number);
  double value = static_cast<double>(number) / 1000;
  std::size_t word = 0;
  while (value >= 999.95 && word + 1 < words.size()) {  // what would round to a fifth digit
    value /= 1000;
    ++word;
  }
  return fmt::format("{:.4g} {}", value, words[word]);
}

void print_file(const gguf::Model& file) {
  const gguf::Metadata& metadata = file.metadata();
  const Contents contents = contents_of(file);
  fmt::print("file          {} (GGUF v{}, {}{})\n", file.path().string(), file.version(),
             format_bytes(file.file_bytes()),
             file.files() > 1 ? fmt::format(" in {} files", file.files()) : "");
  fmt::print("name          {}\n", metadata.string_or("general.name", "-"));
  fmt::print("license       {}\n", metadata.string_or("general.license", "-"));
  fmt::print("weights       {} in {} tensors\n", number_in_words(contents.weights), file.tensors().size());
  for (const auto& [type, of_type] : contents.types) {
    fmt::print("              {:<7} {:>5} tensors, {}\n", quant::format(type).name, of_type.tensors,
               format_bytes(of_type.bytes));
  }
}

void print_config(const gguf::Model& file, const model::Config& config) {
  const model::LayerConfig& layer = config.layers.front();
  const std::string keys = config.latent.kv_rank > 0
                               ? fmt::format("latents of {}", config.latent.kv_rank)
                               : fmt::format("{} KV heads of {}", layer.n_kv_heads, config.k_dim);
  fmt::print("architecture  {}: {} layers × {}, {} heads over {}, FFN {}\n", config.architecture,
             config.n_layers(), config.dim, layer.n_heads, keys, layer.ffn_dim);
  if (const auto with_experts = std::find_if(config.layers.begin(), config.layers.end(),
                                             [](const model::LayerConfig& one) { return one.n_experts > 0; });
      with_experts != config.layers.end()) {
    fmt::print("experts       {} of {} for each token, of {} units{}{}\n", config.experts.used,
               with_experts->n_experts, config.experts.ffn_dim,
               config.experts.shared_dim > 0
                   ? fmt::format(", and {} units for every token", config.experts.shared_dim)
                   : "",
               with_experts == config.layers.begin()
                   ? ""
                   : fmt::format("; from layer {} on", with_experts - config.layers.begin()));
  }
  if (const auto recurrent = std::count_if(config.layers.begin(), config.layers.end(),
                                           [](const model::LayerConfig& one) { return one.recurrent; });
      recurrent > 0) {
    const model::DeltaConfig& delta = config.delta;
    fmt::print("recurrent     {} of {} layers, {} key heads of {} and {} value heads of {}\n", recurrent,
               config.n_layers(), delta.k_heads, delta.k_dim, delta.k_heads * delta.group, delta.v_dim);
  }
  if (config.n_draft_layers > 0)
    fmt::print("draft layers  {}, which nothing uses yet\n", config.n_draft_layers);
  fmt::print("context       {} positions\n", config.context);
  fmt::print("vocabulary    {} tokens ({}, {})\n", config.vocabulary,
             file.metadata().string_or("tokenizer.ggml.model", "no tokenizer"),
             file.metadata().string_or("tokenizer.ggml.pre", "no pre-tokenizer named"));
}

std::string name_of_host(const Ranks& ranks, int rank) {
  return ranks.names.empty() ? "" : ranks.names[static_cast<std::size_t>(rank)];
}

void print_ranks(const InfoOptions& info, const Ranks& ranks, const model::Partition& partition) {
  fmt::print("\n{} rank{}, full context, keys and values as {}:\n", ranks.count, ranks.count == 1 ? "" : "s",
             kernels::name_of(ranks.engine.kv_type));
  std::size_t width = 0;
  for (const std::string& name : ranks.names) width = std::max(width, name.size() + 2);
  fmt::print("rank  {:<{}}weights   KV cache  scratch   share\n", ranks.names.empty() ? "" : "host", width);
  for (int rank = 0; rank < ranks.count; ++rank) {
    const runtime::MemoryNeed need = runtime::memory_needed(info.model, ranks.engine, rank, ranks.count);
    fmt::print("{:<4}  {:<{}}{:<8}  {:<8}  {:<8}  {}\n", rank, name_of_host(ranks, rank), width,
               format_bytes(need.weights), format_bytes(need.kv), format_bytes(need.scratch),
               partition.describe(rank));
  }
  for (const std::string& reason : ranks.reasons) fmt::print("{}\n", reason);
}

Json json_of_ranks(const InfoOptions& info, const Ranks& divided, const model::Partition& partition) {
  Json ranks = Json::array();
  for (int rank = 0; rank < divided.count; ++rank) {
    const runtime::MemoryNeed need = runtime::memory_needed(info.model, divided.engine, rank, divided.count);
    ranks.push_back({{"rank", rank},
                     {"weight_bytes", need.weights},
                     {"kv_bytes", need.kv},
                     {"scratch_bytes", need.scratch},
                     {"share", partition.describe(rank)}});
    if (!divided.names.empty()) ranks.back()["host"] = name_of_host(divided, rank);
  }
  return ranks;
}

/// The names are those of the metadata, but for what stands in the file only implicitly.
Json json_of(const InfoOptions& info, const Ranks& ranks, const gguf::Model& file,
             const model::Config& config, const model::Partition& partition) {
  const gguf::Metadata& metadata = file.metadata();
  const Contents contents = contents_of(file);
  Json types = Json::object();
  for (const auto& [type, of_type] : contents.types) {
    types[std::string(quant::format(type).name)] = {{"tensors", of_type.tensors}, {"bytes", of_type.bytes}};
  }
  const model::LayerConfig& layer = config.layers.front();
  return {{"model_filename", file.path().string()},
          {"gguf_version", file.version()},
          {"files", file.files()},
          {"file_bytes", file.file_bytes()},
          {"name", metadata.string_or("general.name", "")},
          {"license", metadata.string_or("general.license", "")},
          {"n_params", contents.weights},
          {"n_tensors", file.tensors().size()},
          {"types", std::move(types)},
          {"architecture", config.architecture},
          {"block_count", config.n_layers()},
          {"embedding_length", config.dim},
          {"head_count", layer.n_heads},
          {"head_count_kv", layer.n_kv_heads},
          {"key_length", config.k_dim},
          {"value_length", config.v_dim},
          {"feed_forward_length", layer.ffn_dim},
          {"expert_count", config.layers.back().n_experts},
          {"expert_used_count", config.experts.used},
          {"expert_feed_forward_length", config.experts.ffn_dim},
          {"nextn_predict_layers", config.n_draft_layers},
          {"context_length", config.context},
          {"kv_type", kernels::name_of(info.kv_type)},
          {"vocabulary", config.vocabulary},
          {"tokenizer_model", metadata.string_or("tokenizer.ggml.model", "")},
          {"tokenizer_pre", metadata.string_or("tokenizer.ggml.pre", "")},
          {"ranks", json_of_ranks(info, ranks, partition)},
          {"shares", ranks.reasons}};
}

/// The ranks that hosts would have, which are asked what they are.
Ranks ranks_on_hosts(const InfoOptions& options, runtime::EngineOptions engine) {
  const system::Environment environment = system::current_environment();
  const hosts::HostList list = read_hosts(options.hosts, environment);
  const system::RunDirectory folder;
  const hosts::SshCommand ssh(list.ssh, folder.path(), environment);
  hosts::SurveyRequest request;
  request.yoke = yoke_on_hosts(options.hosts);
  request.speed = speed_question(options.model, 0, options.hosts.weights.kind == WeightsFlag::Kind::anew);
  const HostAnswers answers = ask_hosts(list.hosts, request, ssh, environment);
  const bool all = std::all_of(answers.surveyed.begin(), answers.surveyed.end(),
                               [](const hosts::SurveyedHost& each) { return each.survey.has_value(); });
  if (!all) fail("{}", sentence_of(judge(answers, list.network, {})));
  const HostShares shares = divide(answers.surveyed, options.model, engine);
  Ranks ranks{std::move(engine), 0, {}, {}};
  ranks.engine.shares = shares.of_ranks();
  for (std::size_t i = 0; i < answers.surveyed.size(); ++i) {
    const hosts::Host& host = answers.surveyed[i].host;
    ranks.names.insert(ranks.names.end(), static_cast<std::size_t>(host.slots), host.name);
    ranks.reasons.push_back(host.name + " does " + shares.describe(i));
  }
  if (const std::string advice = shares.advice(list.hosts); !advice.empty()) ranks.reasons.push_back(advice);
  ranks.count = static_cast<int>(ranks.names.size());
  return ranks;
}

Ranks ranks_of(const InfoOptions& options) {
  runtime::EngineOptions engine;
  engine.kv_type = options.kv_type;
  if (options.hosts.given()) return ranks_on_hosts(options, std::move(engine));
  engine.shares = shares_of_ranks(options.hosts.weights, options.ranks);
  return {std::move(engine), options.ranks, {}, {}};
}

int info(const InfoOptions& options) {
  const gguf::Model file = open_model(options.model);
  const model::Config config = model::read_config(file);
  const std::unique_ptr<model::Family> family = model::make_family(config);
  const Ranks ranks = ranks_of(options);
  const model::Partition partition(config, family->tensors(), file, ranks.shares());
  if (options.json) {
    // What is no UTF-8 in a name is shown as U+FFFD.
    fmt::print(
        "{}\n",
        json_of(options, ranks, file, config, partition).dump(2, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  print_file(file);
  print_config(file, config);
  print_ranks(options, ranks, partition);
  return 0;
}

}  // namespace

void add_info(CLI::App& app, Action& action) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* command =
      app.add_subcommand("info", "Show what a model file holds, and what each rank would hold of it");
  add_model(*command, options->model);
  CLI::Option* ranks = add_number(*command, "--ranks", options->ranks, whole_number_check(1, max_ranks),
                                  "Ranks to divide the model by");
  add_host_flags(*command, options->hosts);
  for (const char* list : {"--hosts", "--hostfile", "--cluster"}) command->get_option(list)->excludes(ranks);
  add_kv_type(*command, options->kv_type);
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Example:\n  yoke info models/demo.gguf --ranks 4\n  yoke info models/demo.gguf -H node1,node2:2");
  command->callback([options, &action] { action = [options] { return info(*options); }; });
}

}  // namespace yoke::cli
