// Standard input, output and error as a program may be started without them.
#pragma once

namespace yoke::terminal {

/// Puts something in the place of each that is closed, so that no file or socket that is opened later has its
/// number and is given what was meant for a person. Reading from there and writing the output fail as with a
/// closed one; what standard error is told is lost. Call it first of all.
void replace_closed_streams();

}  // namespace yoke::terminal
