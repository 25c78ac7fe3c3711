// What two processes say to each other before anything else: who they are.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>

#include "base/file_descriptor.h"
#include "comm/comm.h"
#include "system/build_id.h"

namespace yoke::cluster {

struct Introduction {
  system::BuildId build;
  std::string host;  // its name, for people
};

/// Of a process of this machine.
Introduction introduction_of(const system::BuildId& build);

/// The build's record, then the first bytes of the host's name with zeros behind it. This form never changes:
/// builds that understand nothing else of each other understand this.
using IntroductionRecord = std::array<std::byte, 128>;
IntroductionRecord encode(const Introduction& introduction);
/// Throws Error for what is no such record.
Introduction decode_introduction(std::span<const std::byte> record);

/// Empty where both are of one build; else the sentence that names both, and their hosts.
std::string judge_builds(const Introduction& one, const Introduction& other);

/// Called at both ends of a new connection before anything else is sent. Throws Error if the other end is of
/// another build, or does not say of which within `patience`.
void introduce(const FileDescriptor& socket, const Introduction& mine, std::chrono::milliseconds patience);

/// A collective, before any other. Throws Error on every rank alike if one is of another build than rank 0.
void introduce(comm::Comm& comm, const Introduction& mine);

}  // namespace yoke::cluster
