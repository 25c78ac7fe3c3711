#include "hosts/survey.h"

#include <fcntl.h>
#include <hwloc.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/file_descriptor.h"
#include "base/topology.h"
#include "hosts/daemon_port.h"
#include "kernels/kernels.h"
#include "system/open_mpi.h"

namespace yoke::hosts {

namespace {

namespace fs = std::filesystem;

std::string first_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

/// The value of "Name:   123 kB" in bytes; 0 where it is not there.
std::uint64_t kibibytes_of(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name)) continue;
    const std::size_t digits = std::min(line.find_first_of("0123456789"), line.size());
    std::uint64_t value = 0;
    std::from_chars(line.data() + digits, line.data() + line.size(), value);
    return value * 1024;
  }
  return 0;
}

double read_load(const std::string& root) {
  std::ifstream file(root + "/proc/loadavg");
  double load = 0;
  return file >> load ? load : 0;
}

/// "P" for the fastest of several kinds, "E" for the others.
std::vector<CoreKind> read_core_kinds() {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return {};
  const std::unique_ptr<hwloc_topology, decltype(&hwloc_topology_destroy)> topology(raw,
                                                                                    hwloc_topology_destroy);
  const std::unique_ptr<hwloc_bitmap_s, decltype(&hwloc_bitmap_free)> cpus(hwloc_bitmap_alloc(),
                                                                           hwloc_bitmap_free);
  if (!cpus || hwloc_topology_load(raw) != 0) return {};
  std::vector<CoreKind> kinds;
  const int count = std::max(0, hwloc_cpukinds_get_nr(raw, 0));
  for (int i = count - 1; i >= 0; --i) {  // by rising efficiency, as hwloc calls it
    if (hwloc_cpukinds_get_info(raw, static_cast<unsigned>(i), cpus.get(), nullptr, nullptr, nullptr, 0) != 0)
      continue;
    const int cores = hwloc_get_nbobjs_inside_cpuset_by_type(raw, cpus.get(), HWLOC_OBJ_CORE);
    if (cores > 0) kinds.push_back({kinds.empty() ? "P" : "E", cores});
  }
  if (kinds.size() < 2) kinds = {{"core", std::max(1, hwloc_get_nbobjs_by_type(raw, HWLOC_OBJ_CORE))}};
  return kinds;
}

ModelState look_at_model(const std::string& path) {
  ModelState model{path, false, false, 0, ""};
  if (path.empty()) return model;
  struct stat status {};
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file || ::fstat(file.get(), &status) != 0) {
    model.absent = errno == ENOENT;
    model.why_not = last_system_error();
  } else if (!S_ISREG(status.st_mode)) {
    model.why_not = "it is no file";
  } else {
    model.readable = true;
    model.bytes = static_cast<std::uint64_t>(status.st_size);
  }
  return model;
}

/// A folder that is not there yet is judged by the one that it would be made in.
FolderState look_at_folder(const std::string& path) {
  FolderState folder{path, false, 0, ""};
  if (path.empty()) return folder;
  std::error_code error;
  fs::path there = fs::absolute(path, error);
  while (!fs::exists(fs::status(there, error)) && there.has_relative_path()) there = there.parent_path();
  struct statvfs disk {};
  if (!fs::is_directory(there, error)) {
    folder.why_not = there.native() + " is no folder";
  } else if (::access(there.c_str(), W_OK | X_OK) != 0 || ::statvfs(there.c_str(), &disk) != 0) {
    folder.why_not = there.native() + ": " + last_system_error();
  } else {
    folder.usable = true;
    folder.free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  }
  return folder;
}

void add_processor(Survey& survey, const std::string& root) {
  const Topology topology = read_topology();
  survey.processor = topology.processor;
  survey.cores = topology.cores;
  survey.numa_nodes = std::max(1, static_cast<int>(topology.numa_nodes.size()));
  survey.core_kinds = read_core_kinds();
  for (const kernels::Kernels* each : kernels::available()) survey.isas.emplace_back(each->isa);
  const std::string frequency = root + "/sys/devices/system/cpu/cpu0/cpufreq/";
  survey.governor = first_word(frequency + "scaling_governor");
  survey.frequency_driver = first_word(frequency + "scaling_driver");
  survey.load = read_load(root);
}

void add_memory(Survey& survey, const std::string& root) {
  const Memory memory = read_memory(root);
  survey.memory_total = memory.total;
  survey.memory_available = memory.available;
  survey.memory_limited_by = memory.limited_by;
  const std::string meminfo = root + "/proc/meminfo";
  const std::uint64_t swap = kibibytes_of(meminfo, "SwapTotal:");
  survey.swap_used = swap - std::min(swap, kibibytes_of(meminfo, "SwapFree:"));
}

}  // namespace

Survey take_identity(const std::string& root) {
  Survey survey;
  utsname name{};
  if (::uname(&name) == 0) {
    survey.kernel = name.release;
    survey.architecture = name.machine;
  }
  survey.host = read_host_name();
  survey.boot_id = first_word(root + "/proc/sys/kernel/random/boot_id");
  struct stat status {};
  if (::stat((root + "/proc/self/ns/net").c_str(), &status) == 0) survey.network_namespace = status.st_ino;
  survey.user_id = ::geteuid();
  std::error_code error;
  survey.executable = fs::read_symlink("/proc/self/exe", error).native();
  return survey;
}

Survey take_survey(const SurveyQuestions& questions, const std::string& root) {
  const system::Environment environment = system::current_environment();
  Survey survey = take_identity(root);
  add_processor(survey, root);
  add_memory(survey, root);
  survey.open_mpi = system::read_open_mpi_version(environment);
  survey.open_mpi_has_ucx = system::open_mpi_has_ucx();
  survey.interfaces = read_interfaces();
  survey.rdma_ports = read_rdma_ports(root);
  survey.model = look_at_model(questions.model);
  survey.cache = look_at_folder(questions.cache_dir);
  survey.daemon_ports_in_use = ports_in_use(daemon_ports, root);
  survey.temporary = look_at_folder("/tmp");
  survey.shared_memory_free = look_at_folder("/dev/shm").free_bytes;
  survey.speed = speed_of_this_host(questions.speed, SpeedBook(speed_file(environment)));
  survey.clock = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return survey;
}

}  // namespace yoke::hosts
