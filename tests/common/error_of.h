// What a call that should be refused says.
#pragma once

#include <string>

#include "base/error.h"

namespace yoke {

/// The sentence of the Error that a call throws; nothing if it throws none.
template <class Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace yoke
