// The program that the cluster tests start: what `yoke` is in real life, with the fake engine.
//   cluster_test_rank engine …           one rank, started by launch()
//   cluster_test_rank join RANKS MODEL   one rank under a foreign mpirun; rank 0 prints the tokens
//   cluster_test_rank collectives        one rank under a foreign mpirun: MPI against the threads transport
//   cluster_test_rank launch RANKS MODEL a starter; prints its engine's process ids, then waits
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "cluster/launcher.h"
#include "cluster/mpi_comm.h"
#include "comm/threads.h"
#include "fake_engine.h"

namespace yoke::cluster {
namespace {

using std::chrono::milliseconds;
using Arguments = std::vector<std::string>;

/// YOKE_TEST_BUILD=RANK:COMMIT makes that rank one of another build.
system::BuildId build_of(const MpiStart& job, const system::Environment& environment) {
  const auto found = environment.find("YOKE_TEST_BUILD");
  const std::string prefix = std::to_string(job.rank) + ":";
  if (found == environment.end() || !found->second.starts_with(prefix)) return system::this_build();
  return {system::protocol_number + 1, found->second.substr(prefix.size())};
}

/// YOKE_TEST_HASTE makes ranks notice one that hangs soon enough for a test.
LinkTiming timing_of(const system::Environment& environment) {
  LinkTiming timing;
  if (environment.contains("YOKE_TEST_HASTE"))
    timing.stillness = {.working = milliseconds(1000), .loading = milliseconds(2000)};
  return timing;
}

EngineProcessOptions this_process() {
  EngineProcessOptions options;
  const system::Environment environment = system::current_environment();
  options.job = detect_mpi(environment);
  options.build = build_of(options.job, environment);
  options.timing = timing_of(environment);
  options.roles = fake_roles();
  options.last_words = [](const std::string& sentence) { fmt::print(stderr, "last words: {}\n", sentence); };
  return options;
}

int run_engine(const Arguments& arguments) {
  if (arguments.size() != 2 || arguments[0] != "--socket") fail("an engine is told its socket and no more");
  return engine_main(this_process(), arguments[1]);
}

int run_joined(const Arguments& arguments) {
  EngineProcessOptions options = this_process();
  options.job.ranks = std::stoi(arguments.at(0));
  runtime::EngineOptions engine_options;
  runtime::HostOptions host;
  host.model = arguments.at(1);
  try {
    const auto engine = join(options, engine_options, host, {});
    if (!engine) return 0;
    runtime::Request request;
    request.id = 7;
    request.prompt = {1};
    request.max_tokens = 5;
    engine->submit(request);
    for (;;) {
      const auto event = engine->next(std::chrono::seconds(10));
      if (!event) fail("no event");
      if (const auto* token = std::get_if<runtime::TokenEvent>(&*event))
        fmt::print("token {}\n", token->token);
      if (std::holds_alternative<runtime::DoneEvent>(*event)) return 0;
    }
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    std::fflush(nullptr);
    ::_exit(1);
  }
}

std::vector<float> values_of_rank(int rank, std::size_t n) {
  std::mt19937 generator(static_cast<unsigned>(rank) * 7919U + static_cast<unsigned>(n));
  std::normal_distribution<float> normal(0, 1000);
  std::vector<float> x(n);
  for (float& value : x) value = normal(generator);
  return x;
}

/// A long sum and one of n values, both under way.
void exercise_two_at_once(comm::Comm& comm, std::size_t n, comm::Wire wire,
                          std::vector<std::vector<float>>& results) {
  std::vector<float> first = values_of_rank(comm.rank() + 1, 30001), second = values_of_rank(comm.rank(), n);
  const comm::PendingSum of_first = comm.start_all_reduce(first, wire);
  const comm::PendingSum of_second = comm.start_all_reduce(second, wire);
  for (int i = 0; i < 10; ++i) comm.poll();
  comm.finish(of_first);
  comm.finish(of_second);
  results.push_back(first);
  results.push_back(second);
}

void exercise_parts(comm::Comm& comm, std::vector<std::vector<float>>& results) {
  const auto part = comm.split(comm.rank() % 2);
  results.push_back(values_of_rank(comm.rank(), 1000));
  part->all_reduce(results.back());
  results.push_back({static_cast<float>(part->rank()), static_cast<float>(part->size())});
  comm.all_reduce(results.back());  // nobody's part ends while others use it
}

/// Around the ranks, longer and longer.
void exercise_messages(comm::Comm& comm, std::vector<std::vector<float>>& results) {
  if (comm.size() == 1) return;
  const int next = (comm.rank() + 1) % comm.size(), before = (comm.rank() + comm.size() - 1) % comm.size();
  for (const std::size_t n : {0, 1, 100'000}) {
    std::vector<float> x = values_of_rank(0, n);
    if (comm.rank() == 0) comm.send(std::as_bytes(std::span(x)), next);
    std::fill(x.begin(), x.end(), 0.0F);
    comm.receive(std::as_writable_bytes(std::span(x)), before);
    if (comm.rank() != 0) comm.send(std::as_bytes(std::span(x)), next);
    results.push_back(x);
  }
}

/// All collectives, as often and in the order that any transport must stand; the result of every one.
std::vector<std::vector<float>> exercise(comm::Comm& comm) {
  std::vector<std::vector<float>> results;
  for (const comm::Algorithm algorithm : comm::algorithms) {
    comm.choose(comm::AlgorithmChoice(algorithm));
    for (const comm::Wire wire : {comm::Wire::f32, comm::Wire::bf16}) {
      for (const std::size_t n : {1, 2, 5, 2048, 8193, 60001}) {
        results.push_back(values_of_rank(comm.rank(), n));
        comm.all_reduce(results.back(), wire);
        exercise_two_at_once(comm, n, wire, results);
      }
    }
  }
  comm.choose(comm::AlgorithmChoice());
  exercise_parts(comm, results);
  exercise_messages(comm, results);
  for (const std::int64_t base : {0, 3, 20000}) {
    std::vector<std::int64_t> counts;
    std::int64_t total = 0;
    for (int r = 0; r < comm.size(); ++r) {
      counts.push_back(r % 3 == 1 ? 0 : base + r);
      total += counts.back();
    }
    std::vector<float> all(static_cast<std::size_t>(total));
    comm.all_gather(values_of_rank(comm.rank(), static_cast<std::size_t>(counts[comm.rank()])), counts, all);
    results.push_back(all);
  }
  for (int root = 0; root < comm.size(); ++root) {
    for (const std::size_t n : {0, 1, 30000}) {
      const auto values = values_of_rank(root, n);
      std::vector<std::byte> message(static_cast<std::size_t>(comm.rank()) * 11);
      if (comm.rank() == root) {
        message.resize(n * sizeof(float));
        if (n != 0) std::memcpy(message.data(), values.data(), message.size());
      }
      comm.broadcast(message, root);
      std::vector<float> received(message.size() / sizeof(float));
      if (!message.empty()) std::memcpy(received.data(), message.data(), message.size());
      results.push_back(received);
    }
  }
  return results;
}

int compare_collectives() {
  const auto mpi = start_mpi(0);
  const auto results = exercise(*mpi);
  comm::run_ranks(mpi->size(), [&](comm::Comm& comm) {
    const auto expected = exercise(comm);
    if (comm.rank() != mpi->rank()) return;
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (results.at(i) != expected[i]) fail("result {} of rank {} differs", i, comm.rank());
  });
  if (mpi->rank() == 0) fmt::print("{} collectives agree on {} ranks\n", results.size(), mpi->size());
  mpi->leave();
  return 0;
}

int start_and_wait(const Arguments& arguments) {
  LaunchOptions options;
  options.ranks = std::stoi(arguments.at(0));
  options.host.model = arguments.at(1);
  const auto engine = launch(options, {});
  for (const auto& report : engine->reports()) fmt::print("{} ", report.pid);
  fmt::print("\n");
  std::fflush(stdout);
  for (;;) ::poll(nullptr, 0, -1);
}

int dispatch(const Arguments& arguments) {
  const std::string& command = arguments.at(0);
  const Arguments rest(arguments.begin() + 1, arguments.end());
  if (command == "engine") return run_engine(rest);
  if (command == "join") return run_joined(rest);
  if (command == "collectives") return compare_collectives();
  if (command == "launch") return start_and_wait(rest);
  fail("unknown command {}", command);
}

}  // namespace
}  // namespace yoke::cluster

// Open MPI leaves memory and unwatched threads behind; what is ours is checked in cluster_test.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }

int main(int count, char** words) {
  try {
    return yoke::cluster::dispatch({words + 1, words + count});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
