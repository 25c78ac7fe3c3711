// What `yoke probe` has measured, and how it is written.
#pragma once

#include <optional>
#include <string>

#include "rates/disk_rate.h"
#include "rates/probe.h"

namespace yoke::cli {

/// The disk that a path lies on, as far as it was measured.
struct DiskReport {
  std::string path;
  std::optional<rates::DiskRate> rate;
  std::string why_not;  // a sentence, where there is no rate; empty where none was wanted
};

/// What the machine is, line by line, and a table of what it can do.
std::string probe_text(const rates::ProbeReport& report, const DiskReport& disk);

/// A JSON object.
std::string probe_json(const rates::ProbeReport& report, const DiskReport& disk);

}  // namespace yoke::cli
