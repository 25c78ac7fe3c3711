// What an engine has died of, as far as that concerns what it was asked.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace yoke::runtime {

enum class DeathCause : std::uint8_t {
  loss,   // a machine or a process is gone, is frozen or was killed: whatever it computed had no part in it
  crash,  // a rank was ended by a signal that its own instructions raise: SEGV, ABRT, FPE or BUS
};

class EngineDeath : public Error {
 public:
  EngineDeath(const std::string& sentence, DeathCause cause) : Error(sentence), cause_(cause) {}
  DeathCause cause() const { return cause_; }

 private:
  DeathCause cause_;
};

/// What the Error says that an engine has thrown; one that says nothing is a loss.
inline DeathCause cause_of(const Error& death) {
  const auto* told = dynamic_cast<const EngineDeath*>(&death);
  return told == nullptr ? DeathCause::loss : told->cause();
}

}  // namespace yoke::runtime
