#include "hosts/transfer.h"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <sstream>

#include "base/error.h"
#include "base/printable.h"
#include "hosts/ports.h"
#include "system/child_process.h"

namespace yoke::hosts {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds start_patience{15'000};  // of hosts that are busy, too
/// Three ports that drop everything, proofs, pings, a full packet that is lost and a slow stream.
constexpr milliseconds measure_patience{12'000};
constexpr milliseconds end_patience{1000};
constexpr int tries = 3;
/// What is below so much of what is usual is measured again.
constexpr double suspicious = 0.6;

/// The server on one host, behind its ssh.
class Agent {
 public:
  Agent(const TransferHost& host, const std::string& key, const SshCommand& ssh,
        const system::Environment& environment)
      : host_(host),
        child_(ssh.on(host.host, {host.yoke, "survey", "--serve-transfers", host.address}), environment,
               {.input = true, .separate_errors = true}) {
    child_.write_input(key + "\n");
  }

  ~Agent() {
    child_.close_input();
    child_.wait(end_patience);
  }

  /// Waits until it listens, or says why it does not.
  void wait_until_ready(Clock::time_point limit) {
    while (ports_.empty() && !trouble_) {
      const std::optional<std::string> line = next_line(limit);
      if (line) take_greeting(*line);
      if (!line && !trouble_) give_up("it did not begin to listen");
    }
  }

  bool usable() const { return !trouble_; }
  const std::optional<Trouble>& trouble() const { return trouble_; }
  const std::vector<std::uint16_t>& ports() const { return ports_; }
  const std::string& address() const { return host_.address; }

  void begin(const Agent& to) {
    std::string command = "measure " + to.address();
    for (const std::uint16_t port : to.ports()) command += fmt::format(" {}", port);
    child_.write_input(command + "\n");
  }
  std::optional<Measurement> finish(Clock::time_point limit) {
    const std::optional<std::string> line = next_line(limit);
    try {
      if (line) return parse_measurement(*line, port_ranges.size());
      give_up("it did not end its measurement");
    } catch (const Error& error) {
      give_up(error.what());
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> next_line(Clock::time_point limit) {
    for (;;) {
      const bool open = child_.exchange();
      if (auto line = child_.take_line()) return line;
      const auto left = std::chrono::ceil<milliseconds>(limit - Clock::now()).count();
      if (!open || left <= 0) return std::nullopt;
      std::vector<pollfd> polled = child_.polled();
      ::poll(polled.data(), polled.size(), static_cast<int>(std::min<std::int64_t>(left, 100)));
    }
  }

  void take_greeting(const std::string& line) {
    constexpr std::string_view listening = "listening ", in_trouble = "trouble ";
    if (line.starts_with(in_trouble)) give_up(printable(line.substr(in_trouble.size()), 300));
    if (!line.starts_with(listening)) return;  // a greeting of the shell's, or the build's
    std::istringstream words(line.substr(listening.size()));
    for (std::uint16_t port = 0; words >> port;) ports_.push_back(port);
    if (ports_.size() != port_ranges.size()) give_up("it listens on other ports than expected");
  }

  void give_up(const std::string& why) {
    RemoteResult result;
    child_.wait(milliseconds{50});
    result.errors = child_.errors();
    result.exit_code = result.errors.empty() ? 0 : 255;
    trouble_ = explain(host_.host, host_.yoke, result);
    if (!trouble_)
      trouble_ = Trouble{fmt::format("{} took no part in the transfers: {}", host_.host.name, why), ""};
  }

  TransferHost host_;
  system::ChildProcess child_;
  std::vector<std::uint16_t> ports_;
  std::optional<Trouble> trouble_;
};

using Agents = std::vector<std::unique_ptr<Agent>>;

/// One round's pairs at the same time.
void measure_round(const std::vector<std::pair<std::size_t, std::size_t>>& round, const Agents& agents,
                   std::vector<Transfer>& pairs) {
  std::vector<std::pair<std::size_t, std::size_t>> begun;
  for (const auto& [from, to] : round) {
    if (!agents[from]->usable() || !agents[to]->usable()) continue;
    agents[from]->begin(*agents[to]);
    begun.emplace_back(from, to);
  }
  const auto limit = Clock::now() + measure_patience;
  for (const auto& [from, to] : begun) {
    if (auto found = agents[from]->finish(limit))
      pairs.push_back({from, to, agents[to]->ports(), std::move(*found)});
  }
}

double usual_rate(const std::vector<Transfer>& pairs) {
  std::vector<double> rates;
  for (const Transfer& each : pairs)
    if (each.found.bytes_per_second > 0) rates.push_back(each.found.bytes_per_second);
  return rates.empty() ? 0 : *std::max_element(rates.begin(), rates.end());
}

/// What else runs on a host only takes away from a rate and adds to a time.
void take_better(Measurement& best, const Measurement& again) {
  best.bytes_per_second = std::max(best.bytes_per_second, again.bytes_per_second);
  if (again.round_trip > 0) best.round_trip = std::min(best.round_trip, again.round_trip);
}

void measure_again(const Agents& agents, std::vector<Transfer>& pairs) {
  for (Transfer& each : pairs) {
    const bool slow =
        each.found.bytes_per_second > 0 && each.found.bytes_per_second < suspicious * usual_rate(pairs);
    if (!slow || !agents[each.from]->usable()) continue;
    agents[each.from]->begin(*agents[each.to]);
    if (const auto again = agents[each.from]->finish(Clock::now() + measure_patience))
      take_better(each.found, *again);
  }
}

}  // namespace

std::vector<std::vector<std::pair<std::size_t, std::size_t>>> rounds_of(std::size_t hosts) {
  // The circle method: one stands still, the others move on by one place each time.
  const std::size_t places = hosts + hosts % 2;
  std::vector<std::vector<std::pair<std::size_t, std::size_t>>> rounds;
  for (std::size_t turn = 0; turn + 1 < places; ++turn) {
    std::vector<std::pair<std::size_t, std::size_t>> there, back;
    for (std::size_t i = 0; i < places / 2; ++i) {
      const auto at = [&](std::size_t place) {
        return place == 0 ? 0 : 1 + (place - 1 + turn) % (places - 1);
      };
      const std::size_t a = at(i), b = at(places - 1 - i);
      if (a >= hosts || b >= hosts) continue;
      there.emplace_back(a, b);
      back.emplace_back(b, a);
    }
    rounds.push_back(std::move(there));
    rounds.push_back(std::move(back));
  }
  return rounds;
}

Transfers measure_transfers(std::span<const TransferHost> hosts, const std::string& key,
                            const SshCommand& ssh, const system::Environment& environment,
                            const std::function<void(std::size_t, std::size_t)>& progress) {
  Agents agents;
  for (const TransferHost& host : hosts)
    agents.push_back(std::make_unique<Agent>(host, key, ssh, environment));
  const auto limit = Clock::now() + start_patience;
  for (const auto& agent : agents) agent->wait_until_ready(limit);
  Transfers transfers;
  std::size_t done = 0;
  for (const auto& round : rounds_of(hosts.size())) {
    measure_round(round, agents, transfers.pairs);
    done += round.size();
    if (progress) progress(done, hosts.size() * (hosts.size() - 1));
  }
  for (int i = 1; i < tries; ++i) measure_again(agents, transfers.pairs);
  for (const auto& agent : agents) transfers.troubles.push_back(agent->trouble());
  return transfers;
}

}  // namespace yoke::hosts
