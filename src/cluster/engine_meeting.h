// How a starter and the engine that it has started come together, whatever processes the engine is made of.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/file_descriptor.h"
#include "cluster/engine_job.h"
#include "cluster/protocol.h"
#include "cluster/remote_engine.h"
#include "runtime/engine.h"
#include "system/build_id.h"

namespace yoke::cluster {

struct MeetingOptions {
  Start start;
  system::BuildId build = system::this_build();
  std::chrono::milliseconds connection{30000};  // until rank 0 has connected
  std::string helper_trouble;  // half a sentence that goes before what the job's helper says when it ends
  std::string late;            // what is told where it has not: a sentence
  /// Where the ranks are late, looks for what keeps them apart: LateWatch calls it. May be empty.
  std::function<std::string()> look{};
  /// Told what has just been reached: "rank 0 has connected", and so on. May be empty.
  std::function<void(std::string_view reached)> stage{};
  std::string hint_if_late;  // the end of the sentence where the ranks have not met in time
  RemoteTiming timing;
};

/// Waits on `listener` for rank 0, tells it what to be, and returns once the model is loaded. Throws Error
/// with the one sentence to show, also where the job ends before.
std::unique_ptr<runtime::Engine> meet_engine(const FileDescriptor& listener, std::unique_ptr<EngineJob> job,
                                             const MeetingOptions& options,
                                             const std::function<void(const GroupProgress&)>& progress);

}  // namespace yoke::cluster
