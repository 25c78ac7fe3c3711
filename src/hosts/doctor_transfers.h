// What transfers between hosts tell of firewalls, links and packets.
#pragma once

#include <vector>

#include "hosts/doctor.h"

namespace yoke::hosts {

/// Adds what the transfers of an examination, which has some, tell of a network. A host is slow if its best
/// transfer reaches less than half of what is usual among the hosts, or of what its cable has negotiated with
/// the others'; what a slow host explains is not told of its pairs again.
void judge_transfers(const Examination& examination, const NetworkChoice& network, std::vector<Finding>& to);

}  // namespace yoke::hosts
