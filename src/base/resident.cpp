#include "base/resident.h"

#include <fstream>
#include <string>

namespace yoke {

std::uint64_t peak_resident_bytes() {
  // Not getrusage(): that counts what ran in this process before the program was executed.
  std::ifstream status("/proc/self/status");
  for (std::string field; status >> field;) {
    std::uint64_t kibi = 0;
    if (field == "VmHWM:" && status >> kibi) return kibi * 1024;
  }
  return 0;
}

}  // namespace yoke
