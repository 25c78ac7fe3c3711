#include "hosts/doctor.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/printable.h"
#include "base/topology.h"
#include "hosts/doctor_transfers.h"
#include "hosts/firewall.h"

namespace yoke::hosts {

namespace {

constexpr double most_clock_skew = 2;      // seconds
constexpr double most_load = 0.5;          // of the cores
constexpr std::uint64_t swap_share = 100;  // swap is worth a word from a hundredth of the memory on
constexpr std::uint64_t least_temporary = std::uint64_t{16} << 20;
constexpr std::uint64_t least_shared_memory = std::uint64_t{32}
                                              << 20;  // of each rank, where there are several

using Findings = std::vector<Finding>;

const std::string& name_of_host(const SurveyedHost& host) { return host.host.name; }

Finding ok(const SurveyedHost& host, const char* subject, std::string sentence) {
  return {name_of_host(host), subject, Level::ok, std::move(sentence), ""};
}
Finding warning(const SurveyedHost& host, const char* subject, std::string sentence, std::string remedy) {
  return {name_of_host(host), subject, Level::warning, std::move(sentence), std::move(remedy)};
}
Finding failure(const SurveyedHost& host, const char* subject, std::string sentence, std::string remedy) {
  return {name_of_host(host), subject, Level::failure, std::move(sentence), std::move(remedy)};
}

Finding judge_ssh(const SurveyedHost& host) {
  if (host.trouble) return failure(host, "ssh", host.trouble->sentence, host.trouble->remedy);
  return ok(
      host, "ssh",
      fmt::format("answered after {:.2f} s{}", host.seconds, host.is_here ? "; it is this machine" : ""));
}

Finding judge_version(const SurveyedHost& host) {
  const system::BuildId& here = system::this_build();
  if (*host.build == here) return ok(host, "version", describe(here));
  return failure(
      host, "version", fmt::format("yoke there has {}, this one {}", describe(*host.build), describe(here)),
      fmt::format("build the same commit on both, or copy this machine's yoke to {} and name it with "
                  "--yoke PATH",
                  name_of_host(host)));
}

Finding judge_processor(const SurveyedHost& host) {
  const Survey& survey = *host.survey;
  std::vector<std::string> kinds;
  for (const CoreKind& kind : survey.core_kinds)
    kinds.push_back(kind.name == "core" ? fmt::format("{} cores", kind.cores)
                                        : fmt::format("{} {} cores", kind.cores, kind.name));
  return ok(host, "processor",
            fmt::format("{}, {} ({}), {} for this user, {} NUMA node{}",
                        survey.processor.empty() ? survey.architecture : survey.processor,
                        survey.isas.empty() ? "no kernels" : survey.isas.front(), fmt::join(kinds, ", "),
                        survey.cores, survey.numa_nodes, survey.numa_nodes == 1 ? "" : "s"));
}

Finding judge_memory(const SurveyedHost& host, std::uint64_t need) {
  const Survey& survey = *host.survey;
  const std::uint64_t usable =
      host.host.memory == 0 ? survey.memory_available : std::min(host.host.memory, survey.memory_available);
  const std::string has = fmt::format("{} of {} available ({})", format_bytes(usable),
                                      format_bytes(survey.memory_total), survey.memory_limited_by);
  if (need == 0) return ok(host, "memory", has);
  if (need <= usable)
    return ok(host, "memory", fmt::format("{}; its part needs {}", has, format_bytes(need)));
  return failure(host, "memory",
                 fmt::format("its part of the model needs {}, but there is only {}", format_bytes(need), has),
                 "free some there, give it fewer slots, add hosts, or choose a smaller context (--ctx)");
}

/// Where hosts without the model get their parts.
struct ModelSource {
  const SurveyedHost* host = nullptr;  // the first that has it
  int parts = 0;                       // where none has it: in so many hosts keep it; 0: they do not
  std::vector<int> missing{};          // of those, counted from 1
};

void judge_absent_model(const SurveyedHost& host, const ModelSource& source, Findings& to) {
  if (source.host != nullptr) {
    to.push_back(
        ok(host, "model", fmt::format("not there: its part comes from {}", name_of_host(*source.host))));
  } else if (source.missing.empty()) {
    to.push_back(ok(host, "model",
                    fmt::format("not there: its part comes from the hosts that keep it in {} part{}",
                                source.parts, source.parts == 1 ? "" : "s")));
  } else {
    to.push_back(
        failure(host, "model",
                fmt::format("no host has {}, and of the {} parts in which they keep it {} {} missing",
                            host.survey->model.path, source.parts, fmt::join(source.missing, ", "),
                            source.missing.size() == 1 ? "is" : "are"),
                "bring back a host that keeps it, or copy the model to one"));
  }
}

void judge_model(const SurveyedHost& host, std::uint64_t bytes, const ModelSource& source, Findings& to) {
  const ModelState& model = host.survey->model;
  if (model.path.empty()) return;
  if (model.absent && (source.host != nullptr || source.parts > 0))
    return judge_absent_model(host, source, to);
  const std::string copy = fmt::format("copy it there: scp MODEL {}:{}", destination(host.host), model.path);
  if (!model.readable) {
    to.push_back(
        failure(host, "model", fmt::format("{} cannot be read there: {}", model.path, model.why_not), copy));
  } else if (model.bytes != bytes) {
    to.push_back(failure(
        host, "model", fmt::format("{} has {} bytes there, but {} elsewhere", model.path, model.bytes, bytes),
        copy));
  } else {
    to.push_back(ok(host, "model", fmt::format("{}, {}", model.path, format_bytes(model.bytes))));
  }
}

void judge_cache(const SurveyedHost& host, std::uint64_t need, Findings& to) {
  const FolderState& cache = host.survey->cache;
  if (cache.path.empty()) return;
  if (!cache.usable) {
    to.push_back(failure(host, "cache folder",
                         fmt::format("{} cannot be used: {}", cache.path, cache.why_not),
                         "name another with --cache-dir, or make it writable for this user"));
  } else if (cache.free_bytes < need) {
    to.push_back(
        warning(host, "cache folder",
                fmt::format("{} has {} free, but packed weights take up to {}: they would not be kept",
                            cache.path, format_bytes(cache.free_bytes), format_bytes(need)),
                "free some space there, or name another folder with --cache-dir"));
  } else {
    to.push_back(
        ok(host, "cache folder", fmt::format("{}, {} free", cache.path, format_bytes(cache.free_bytes))));
  }
}

void judge_temporary(const SurveyedHost& host, Findings& to) {
  const Survey& survey = *host.survey;
  if (!survey.temporary.usable || survey.temporary.free_bytes < least_temporary) {
    to.push_back(failure(host, "disk",
                         survey.temporary.usable
                             ? fmt::format("/tmp has only {} free", format_bytes(survey.temporary.free_bytes))
                             : fmt::format("/tmp cannot be written: {}", survey.temporary.why_not),
                         "free some space there: a run keeps its key and its sockets in /tmp"));
  }
  const auto ranks = static_cast<std::uint64_t>(host.host.slots);
  if (ranks > 1 && survey.shared_memory_free < ranks * least_shared_memory) {
    to.push_back(warning(
        host, "shared memory",
        fmt::format("/dev/shm has only {} free for {} ranks", format_bytes(survey.shared_memory_free), ranks),
        "make it larger (mount -o remount,size=1G /dev/shm; docker run --shm-size)"));
  }
}

/// Governors that let a busy core run as fast as it can. Some drivers' powersave does, too.
bool is_fast_governor(const Survey& survey) {
  constexpr std::array<std::string_view, 4> fast{"", "performance", "schedutil", "ondemand"};
  constexpr std::array<std::string_view, 3> own_minded{"intel_pstate", "amd-pstate-epp", "amd_pstate_epp"};
  const auto among = [](const auto& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return among(fast, survey.governor) || among(own_minded, survey.frequency_driver);
}

void judge_state(const SurveyedHost& host, Findings& to) {
  const Survey& survey = *host.survey;
  if (!is_fast_governor(survey))
    to.push_back(warning(host, "governor",
                         fmt::format("the processor's clock is governed by '{}'", printable(survey.governor)),
                         "cpupower frequency-set -g performance"));
  if (survey.swap_used > survey.memory_total / swap_share)
    to.push_back(warning(host, "swap", fmt::format("{} of swap are in use", format_bytes(survey.swap_used)),
                         "end what fills the memory there, then swapoff -a && swapon -a"));
  if (std::abs(host.clock_ahead) > most_clock_skew)
    to.push_back(warning(host, "clock",
                         fmt::format("its clock is {:.0f} s {} this machine's", std::abs(host.clock_ahead),
                                     host.clock_ahead > 0 ? "ahead of" : "behind"),
                         "timedatectl set-ntp true"));
  if (survey.load > most_load * survey.cores)
    to.push_back(warning(
        host, "load", fmt::format("{:.1f} processes run or wait for its {} cores", survey.load, survey.cores),
        "end it, or give the host fewer threads"));
}

/// What most of the hosts have; the first of equals.
std::string most_common(const std::vector<SurveyedHost>& hosts, std::string Survey::*member) {
  std::map<std::string, int> counts;
  std::string best;
  for (const SurveyedHost& host : hosts)
    if (host.survey) ++counts[(*host.survey).*member];
  for (const SurveyedHost& host : hosts)
    if (host.survey && (best.empty() || counts[(*host.survey).*member] > counts[best]))
      best = (*host.survey).*member;
  return best;
}

Finding judge_open_mpi(const SurveyedHost& host, const std::string& usual) {
  const std::string& version = host.survey->open_mpi;
  const char* const remedy = "install the same version everywhere: apt install openmpi-bin";
  if (version.empty())
    return failure(host, "Open MPI", "there is no Open MPI (mpirun is not in ssh's PATH)", remedy);
  if (version == usual) return ok(host, "Open MPI", version);
  return failure(host, "Open MPI", fmt::format("it has {}, the others {}", version, usual), remedy);
}

std::uint64_t largest_model(const Examination& examination) {
  std::uint64_t bytes = examination.model_bytes;
  if (bytes > 0) return bytes;
  for (const SurveyedHost& host : examination.hosts)
    if (host.survey && host.survey->model.readable) bytes = std::max(bytes, host.survey->model.bytes);
  return bytes;
}

/// Of replicas in different numbers of parts, that of which the fewest are missing.
ModelSource find_model_source(const std::vector<SurveyedHost>& hosts) {
  ModelSource source;
  std::map<int, std::set<int>> kept;  // by how many parts there are
  for (const SurveyedHost& host : hosts) {
    if (!host.survey) continue;
    const ModelState& model = host.survey->model;
    if (model.readable && source.host == nullptr) source.host = &host;
    if (model.kept_of > 0) kept[model.kept_of].insert(model.kept.begin(), model.kept.end());
  }
  for (const auto& [parts, there] : kept) {
    std::vector<int> missing;
    for (int part = 0; part < parts; ++part)
      if (!there.contains(part)) missing.push_back(part + 1);
    if (source.parts > 0 && missing.size() >= source.missing.size()) continue;
    source.parts = parts;
    source.missing = std::move(missing);
  }
  return source;
}

/// Hosts that are one machine under two names would share its cores without knowing it.
void judge_twins(const std::vector<SurveyedHost>& hosts, Findings& to) {
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!hosts[i].survey || !hosts[j].survey || !same_machine(*hosts[i].survey, *hosts[j].survey)) continue;
      to.push_back(failure(hosts[i], "machine",
                           fmt::format("it is the same machine as {}", name_of_host(hosts[j])),
                           fmt::format("name it once, as {}:{}", name_of_host(hosts[j]),
                                       hosts[i].host.slots + hosts[j].host.slots)));
      break;
    }
  }
}

Finding judge_share(const Examination& examination, std::size_t index) {
  const SurveyedHost& host = examination.hosts[index];
  const std::vector<std::size_t>& left_out = examination.left_out;
  if (std::find(left_out.begin(), left_out.end(), index) == left_out.end())
    return ok(host, "share", examination.shares[index]);
  return warning(host, "share", fmt::format("{}; {}", examination.shares[index], examination.fewer),
                 "leave it out of the list");
}

void judge_host(const Examination& examination, std::size_t index, bool whole, Findings& to) {
  const SurveyedHost& host = examination.hosts[index];
  const std::uint64_t need = index < examination.need.size() ? examination.need[index] : 0;
  to.push_back(judge_ssh(host));
  if (host.build) to.push_back(judge_version(host));
  if (!host.survey) return;
  if (examination.hosts.size() > 1 || host.host.slots > 1)
    to.push_back(judge_open_mpi(host, most_common(examination.hosts, &Survey::open_mpi)));
  to.push_back(judge_processor(host));
  to.push_back(judge_memory(host, need));
  if (whole && index < examination.shares.size() && need > 0 && examination.hosts.size() > 1)
    to.push_back(judge_share(examination, index));
  judge_model(host, largest_model(examination), find_model_source(examination.hosts), to);
  judge_cache(host, need, to);
  judge_temporary(host, to);
  if (whole) judge_state(host, to);
}

std::string speed_of(const NetworkChoice::Member& member) {
  return member.mbit > 0
             ? fmt::format("{} Mbit/s{}", member.mbit, member.negotiated ? "" : " by its own account")
             : "unknown speed";
}

void judge_members(const Examination& examination, const Diagnosis& diagnosis, Findings& to) {
  const std::vector<NetworkChoice::Member>& members = diagnosis.network->members;
  int fastest = 0, usual_mtu = 0;
  std::map<int, int> mtus;
  for (const auto& member : members) {
    if (member.negotiated) fastest = std::max(fastest, member.mbit);
    if (++mtus[member.mtu] > mtus[usual_mtu]) usual_mtu = member.mtu;
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    const SurveyedHost& host = examination.hosts[diagnosis.members[i]];
    const NetworkChoice::Member& member = members[i];
    const std::string on = fmt::format("{} on {}", member.address, member.interface);
    if (member.mtu != usual_mtu) {
      to.push_back(warning(host, "MTU",
                           fmt::format("{} has packets of {} bytes, the others of {}", member.interface,
                                       member.mtu, usual_mtu),
                           fmt::format("ip link set {} mtu {}", member.interface, usual_mtu)));
    }
    if (member.negotiated && member.mbit < fastest) {
      to.push_back(
          warning(host, "network",
                  fmt::format("{} has negotiated {} Mbit/s, where others have {}", on, member.mbit, fastest),
                  "look at its cable, its port on the switch and its network card"));
    } else {
      to.push_back(ok(host, "network", fmt::format("{}, {}, MTU {}", on, speed_of(member), member.mtu)));
    }
  }
}

void judge_network(const Examination& examination, Diagnosis& diagnosis) {
  std::vector<HostNetwork> networks;
  for (std::size_t i = 0; i < examination.hosts.size(); ++i) {
    const SurveyedHost& host = examination.hosts[i];
    if (!host.survey) continue;
    diagnosis.members.push_back(i);
    networks.push_back({name_of_host(host), host.survey->interfaces});
  }
  if (networks.empty()) return;
  try {
    diagnosis.network = find_network(examination.network, networks);
    judge_members(examination, diagnosis, diagnosis.findings);
  } catch (const Error& error) {
    // One host needs no network to reach itself.
    if (networks.size() > 1)
      diagnosis.findings.push_back(
          {"", "network", Level::failure, error.what(),
           "connect all hosts to one network, or leave those out that are not in it"});
  }
}

void judge_transport(const Examination& examination, Diagnosis& diagnosis) {
  if (!diagnosis.network) return;
  std::vector<TransportHost> hosts;
  for (std::size_t i = 0; i < diagnosis.members.size(); ++i) {
    const SurveyedHost& host = examination.hosts[diagnosis.members[i]];
    const Survey& survey = *host.survey;
    hosts.push_back({name_of_host(host), survey.rdma_ports, survey.open_mpi_has_ucx,
                     diagnosis.network->members[i].interface});
  }
  diagnosis.transport = choose_transport(hosts);
  if (hosts.size() < 2) return;
  const TransportChoice& choice = diagnosis.transport;
  const char* const way = choice.transport == Transport::ucx ? "RDMA" : "TCP";
  diagnosis.findings.push_back({"", "transport", choice.remedy.empty() ? Level::ok : Level::warning,
                                fmt::format("messages go by {}, for {}", way, choice.why), choice.remedy});
}

/// Who besides the hosts can reach ports that ask nobody who he is.
void judge_exposure(const Examination& examination, Diagnosis& diagnosis) {
  for (const std::size_t i : diagnosis.members) {
    const SurveyedHost& host = examination.hosts[i];
    const std::string& own = diagnosis.network->cidr;
    const std::vector<std::string> others = other_networks(*host.survey, own);
    const std::string who =
        fmt::format("whoever is in {}{} can reach MPI's ports, which ask for no password", own,
                    others.empty() ? "" : fmt::format(", {}", fmt::join(others, ", ")));
    diagnosis.findings.push_back(
        has_public_address(*host.survey)
            ? warning(host, "exposure", who + "; one of its addresses is of the internet",
                      fmt::format("paste the rules for {} into a root shell there", own))
            : ok(host, "exposure", who));
  }
}

Diagnosis judge_all(const Examination& examination, bool whole) {
  Diagnosis diagnosis;
  for (std::size_t i = 0; i < examination.hosts.size(); ++i)
    judge_host(examination, i, whole, diagnosis.findings);
  judge_twins(examination.hosts, diagnosis.findings);
  judge_network(examination, diagnosis);
  judge_transport(examination, diagnosis);
  return diagnosis;
}

}  // namespace

std::string_view name_of(Level level) {
  constexpr std::array<std::string_view, 3> names{"ok", "warning", "failure"};
  return names[static_cast<std::size_t>(level)];
}

bool Diagnosis::sound() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& each) { return each.level == Level::failure; });
}

std::vector<std::size_t> Diagnosis::fit(const std::vector<SurveyedHost>& hosts) const {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const bool failed = std::any_of(findings.begin(), findings.end(), [&](const Finding& each) {
      return each.host == name_of_host(hosts[i]) && each.level == Level::failure;
    });
    if (!failed) result.push_back(i);
  }
  return result;
}

Diagnosis judge_short(const Examination& examination) { return judge_all(examination, false); }

Diagnosis judge(const Examination& examination) {
  Diagnosis diagnosis = judge_all(examination, true);
  if (!diagnosis.network) return diagnosis;
  if (examination.transfers) judge_transfers(examination, *diagnosis.network, diagnosis.findings);
  judge_exposure(examination, diagnosis);
  return diagnosis;
}

}  // namespace yoke::hosts
