#include "hosts/doctor_transfers.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/statistics.h"
#include "base/topology.h"
#include "hosts/firewall.h"

namespace yoke::hosts {

namespace {

constexpr double slow_share = 0.5;
constexpr double long_round_trip = 2e-3;  // of a cable that leads through a switch or two; seconds

std::string rate_text(double bytes_per_second) {
  return fmt::format("{}/s", format_bytes(static_cast<std::uint64_t>(bytes_per_second)));
}

/// One judgement on its way: the transfers, with hosts by their place in them.
class TransferJudge {
 public:
  TransferJudge(const Examination& examination, const NetworkChoice& network, std::vector<Finding>& to)
      : examination_(examination), transfers_(*examination.transfers), network_(network), to_(to) {
    std::sort(transfers_.pairs.begin(), transfers_.pairs.end(), [](const Transfer& a, const Transfer& b) {
      return std::pair(a.from, a.to) < std::pair(b.from, b.to);
    });
  }

  void judge() {
    judge_troubles();
    judge_reach();
    judge_packets();
    judge_hosts();
    judge_pairs();
    judge_round_trips();
    tell_rates();
  }

 private:
  std::size_t count() const { return examination_.transfer_hosts.size(); }
  const SurveyedHost& host(std::size_t i) const { return examination_.hosts[examination_.transfer_hosts[i]]; }
  const std::string& name(std::size_t i) const { return host(i).host.name; }

  void add(std::size_t i, const char* subject, Level level, std::string sentence, std::string remedy) {
    to_.push_back({name(i), subject, level, std::move(sentence), std::move(remedy)});
  }

  void judge_troubles() {
    for (std::size_t i = 0; i < transfers_.troubles.size(); ++i)
      if (transfers_.troubles[i])
        add(i, "transfers", Level::failure, transfers_.troubles[i]->sentence, transfers_.troubles[i]->remedy);
  }

  /// By the host whose ports are not reached: its firewall is what is to be changed.
  void judge_reach() {
    for (std::size_t i = 0; i < count(); ++i) {
      std::map<std::string, std::vector<std::string>> who;  // "ports 45000 and 46000 (why)" → names
      for (const Transfer& each : transfers_.pairs)
        if (each.to == i)
          if (const std::string what = unreached(each); !what.empty()) who[what].push_back(name(each.from));
      for (const auto& [what, names] : who)
        add(i, "firewall", Level::failure,
            fmt::format("{} cannot reach {} on {}", fmt::join(names, " and "), name(i), what),
            fmt::format("open the ports on {}: {}", name(i), opening_rule(network_.cidr)));
    }
  }

  static std::string unreached(const Transfer& transfer) {
    std::vector<std::string> ports;
    std::string why;
    for (std::size_t k = 0; k < transfer.found.ports.size(); ++k) {
      if (transfer.found.ports[k].empty()) continue;
      ports.push_back(std::to_string(transfer.ports[k]));
      why = transfer.found.ports[k];
    }
    if (ports.empty()) return {};
    return fmt::format("port{} {} ({})", ports.size() == 1 ? "" : "s", fmt::join(ports, ", "), why);
  }

  void judge_packets() {
    for (const Transfer& each : transfers_.pairs) {
      if (!each.found.full_size_lost) continue;
      add(each.from, "MTU", Level::failure,
          fmt::format("packets of {} bytes from {} to {} are lost on the way, though small ones arrive",
                      each.found.mtu, name(each.from), name(each.to)),
          "give all hosts the MTU that the switch carries: ip link set INTERFACE mtu 1500");
    }
  }

  /// The best that a host reached as one of the ends.
  double best(std::size_t i, std::size_t Transfer::*end) const {
    double rate = 0;
    for (const Transfer& each : transfers_.pairs)
      if (each.*end == i) rate = std::max(rate, each.found.bytes_per_second);
    return rate;
  }

  double usual(std::size_t Transfer::*end) const {
    std::vector<double> rates;
    for (std::size_t i = 0; i < count(); ++i)
      if (const double rate = best(i, end); rate > 0) rates.push_back(rate);
    return median(rates);
  }

  /// Bytes per second that the cable of a host has negotiated with the fastest of the others'; 0 where
  /// unknown.
  double negotiated(std::size_t i) const {
    int own = 0, others = 0;
    for (std::size_t k = 0; k < count() && k < network_.members.size(); ++k) {
      const NetworkChoice::Member& member = network_.members[k];
      if (!member.negotiated) continue;
      (k == i ? own : others) = std::max(k == i ? own : others, member.mbit);
    }
    return static_cast<double>(std::min(own, others)) * 1e6 / 8;
  }

  bool is_slow(std::size_t i, std::size_t Transfer::*end) const {
    const double rate = best(i, end);
    return rate > 0 && rate < slow_share * std::max(usual(end), negotiated(i));
  }

  void judge_hosts() {
    slow_.assign(count(), false);
    for (std::size_t i = 0; i < count(); ++i) {
      const bool sends = is_slow(i, &Transfer::from);
      // Of two hosts, what one sends is what the other receives.
      const bool receives = is_slow(i, &Transfer::to) && (count() > 2 || !is_slow(1 - i, &Transfer::from));
      if (!sends && !receives) continue;
      slow_[i] = true;
      const auto end = sends ? &Transfer::from : &Transfer::to;
      const double expected = std::max(usual(end), negotiated(i));
      const char* const does = sends && receives ? "sends and receives" : sends ? "sends" : "receives";
      add(i, "link", Level::warning,
          fmt::format("it {} {} at most, where {} {}", does, rate_text(best(i, end)),
                      expected > usual(end) ? "its cable allows" : "others reach", rate_text(expected)),
          "look at its cable, its port on the switch and what else uses the link");
    }
  }

  void judge_pairs() {
    for (const Transfer& each : transfers_.pairs) {
      const double rate = each.found.bytes_per_second;
      const double expected = std::min(best(each.from, &Transfer::from), best(each.to, &Transfer::to));
      if (rate <= 0 || slow_[each.from] || slow_[each.to] || rate >= slow_share * expected) continue;
      add(each.from, "link", Level::warning,
          fmt::format("to {} it sends {}, though with others both reach {}", name(each.to), rate_text(rate),
                      rate_text(expected)),
          "look at the cables between their switches");
    }
  }

  void judge_round_trips() {
    for (std::size_t i = 0; i < count(); ++i) {
      double shortest = 0;
      for (const Transfer& each : transfers_.pairs)
        if (each.from == i && each.found.round_trip > 0)
          shortest = shortest == 0 ? each.found.round_trip : std::min(shortest, each.found.round_trip);
      if (shortest > long_round_trip)
        add(i, "latency", Level::warning,
            fmt::format("a message to the nearest host and back takes {:.1f} ms", shortest * 1e3),
            "connect the hosts by cable through one switch: each token waits for several messages per layer");
    }
  }

  void tell_rates() {
    for (std::size_t i = 0; i < count(); ++i) {
      std::vector<std::string> told;
      for (const Transfer& each : transfers_.pairs)
        if (each.from == i && each.found.bytes_per_second > 0)
          told.push_back(fmt::format("{} {}, {:.0f} µs", name(each.to),
                                     rate_text(each.found.bytes_per_second), each.found.round_trip * 1e6));
      if (!told.empty()) add(i, "transfers", Level::ok, fmt::format("to {}", fmt::join(told, "; to ")), "");
    }
  }

  const Examination& examination_;
  Transfers transfers_;  // by the order of the hosts
  const NetworkChoice& network_;
  std::vector<Finding>& to_;
  std::vector<bool> slow_;
};

}  // namespace

void judge_transfers(const Examination& examination, const NetworkChoice& network, std::vector<Finding>& to) {
  TransferJudge(examination, network, to).judge();
}

}  // namespace yoke::hosts
