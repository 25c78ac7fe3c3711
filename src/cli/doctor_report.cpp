#include "cli/doctor_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "hosts/firewall.h"

namespace yoke::cli {
namespace {

using hosts::Diagnosis;
using hosts::Examination;
using hosts::Finding;
using Json = nlohmann::ordered_json;

std::string lines_of(const Finding& finding) {
  std::string text =
      fmt::format("  {:<8} {:<13} {}\n", name_of(finding.level), finding.subject, finding.sentence);
  if (!finding.remedy.empty()) text += fmt::format("  {:<8} {:<13} → {}\n", "", "", finding.remedy);
  return text;
}

/// The findings of one host; of those that concern all where it is empty.
std::string section_of(const std::string& host, const Diagnosis& diagnosis) {
  std::string text;
  for (const Finding& each : diagnosis.findings)
    if (each.host == host) text += lines_of(each);
  return text.empty() ? text : fmt::format("{}\n{}\n", host.empty() ? "all hosts" : host, text);
}

std::string fit_hosts(const Examination& examination, const Diagnosis& diagnosis) {
  std::vector<hosts::Host> fit;
  for (const std::size_t i : diagnosis.fit(examination.hosts)) fit.push_back(examination.hosts[i].host);
  return fit.empty() ? "" : hosts::format_hosts(fit);
}

std::string firewall_section(const Diagnosis& diagnosis) {
  if (!diagnosis.network || diagnosis.members.size() < 2) return "";
  const std::string& cidr = diagnosis.network->cidr;
  return fmt::format(
      "MPI's ports belong behind a firewall. So that only {} reaches them, paste on each host as "
      "root\n\n{}\nor, "
      "where ufw is in charge,\n\n{}\n",
      cidr, hosts::nftables_rules(cidr), hosts::ufw_rules(cidr));
}

Json json_of(const Finding& finding) {
  return {{"host", finding.host.empty() ? Json() : Json(finding.host)},
          {"subject", finding.subject},
          {"level", name_of(finding.level)},
          {"sentence", finding.sentence},
          {"remedy", finding.remedy}};
}

Json json_of(const hosts::Transfer& transfer, const Examination& examination) {
  const auto name = [&](std::size_t i) { return examination.hosts[examination.transfer_hosts[i]].host.name; };
  Json ports = Json::array();
  for (std::size_t i = 0; i < transfer.ports.size(); ++i)
    ports.push_back({{"port", transfer.ports[i]}, {"trouble", transfer.found.ports[i]}});
  return {{"from", name(transfer.from)},
          {"to", name(transfer.to)},
          {"ports", std::move(ports)},
          {"round_trip_seconds", transfer.found.round_trip},
          {"bytes_per_second", transfer.found.bytes_per_second},
          {"mtu", transfer.found.mtu}};
}

}  // namespace

std::string doctor_text(const Examination& examination, const Diagnosis& diagnosis) {
  std::string text;
  for (const hosts::SurveyedHost& host : examination.hosts) text += section_of(host.host.name, diagnosis);
  text += section_of("", diagnosis);
  text += firewall_section(diagnosis);
  const std::string fit = fit_hosts(examination, diagnosis);
  return text + (fit.empty() ? "No host is fit.\n" : fmt::format("Fit: -H {}\n", fit));
}

std::string doctor_json(const Examination& examination, const Diagnosis& diagnosis) {
  Json findings = Json::array(), transfers = Json::array();
  for (const Finding& each : diagnosis.findings) findings.push_back(json_of(each));
  if (examination.transfers)
    for (const hosts::Transfer& each : examination.transfers->pairs)
      transfers.push_back(json_of(each, examination));
  const Json whole{{"sound", diagnosis.sound()},
                   {"fit", fit_hosts(examination, diagnosis)},
                   {"network", diagnosis.network ? Json(diagnosis.network->cidr) : Json()},
                   {"findings", std::move(findings)},
                   {"transfers", std::move(transfers)}};
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace yoke::cli
