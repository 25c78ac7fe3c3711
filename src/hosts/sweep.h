// What is left of a run on its hosts goes, however the run has ended: a process of its own waits for the
// starter's end, even by SIGKILL, and then has every host clear away what it has of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file_descriptor.h"
#include "hosts/host_list.h"
#include "hosts/survey_hosts.h"
#include "system/environment.h"

namespace yoke::hosts {

struct Sweep {
  std::string ssh;          // command, as --ssh gives it
  std::string run;          // name
  std::string folder;       // the starter's own for the run, which goes with it; empty: none
  std::vector<Host> hosts;  // with the path of yoke on each
};

/// Starts `program` (this one, by its path) as the process that waits; its wait ends when the result is
/// closed, by this process's end at the latest. Throws Error if it cannot be executed.
FileDescriptor start_sweeper(const std::string& program, const Sweep& sweep,
                             const system::Environment& environment);

/// That process's whole work: reads the sweep from `input`, waits for its end, and asks every host that
/// answers. Throws Error for what is no sweep.
void sweep_at_end(const FileDescriptor& input, const system::Environment& environment);

std::string write_sweep(const Sweep& sweep);
/// Throws Error for any other text.
Sweep parse_sweep(std::string_view text);

}  // namespace yoke::hosts
