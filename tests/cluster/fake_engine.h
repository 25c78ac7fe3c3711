// An engine without a model, for tests of what lies between engines: it does what a real one does to its
// Comm, and fails on request.
#pragma once

#include "cluster/engine_process.h"

namespace yoke::cluster {

/// What HostOptions::model says, "BEHAVIOUR" or "BEHAVIOUR:ARGUMENT":
///   well            nothing fails
///   load-error:R    rank R throws at load ("all": every rank)
///   load-exit:R     rank R ends with code 3 at load
///   slow-load:DIR   each rank writes its process id to DIR/rank-R, and loads for half a minute
///   step-error:R    rank R throws in the third step
///   hang:R          rank R never comes out of the third step
///   hang-load:R     rank R never comes out of loading
///   too-large       does not fit
///   unfit           every rank finds before loading that it cannot, rank 0 last
RankRoles fake_roles();

/// Options of one rank with this behaviour.
runtime::RankOptions behaving(const std::string& model);

/// Token i of a request of the fake engine on `ranks` ranks.
runtime::Token fake_token(int ranks, int i);

}  // namespace yoke::cluster
