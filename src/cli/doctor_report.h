// What `yoke doctor` has found, and how it is written.
#pragma once

#include <string>

#include "hosts/doctor.h"

namespace yoke::cli {

/// Host by host, each finding with its remedy; rules for firewalls; at the end the hosts that are fit.
std::string doctor_text(const hosts::Examination& examination, const hosts::Diagnosis& diagnosis);

/// A JSON object.
std::string doctor_json(const hosts::Examination& examination, const hosts::Diagnosis& diagnosis);

}  // namespace yoke::cli
