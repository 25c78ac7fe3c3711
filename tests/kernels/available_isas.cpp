// Prints the names of the tables that this machine can run, best first, in one line.
#include <cstdio>

#include "kernels/kernels.h"

int main() {
  const char* before = "";
  for (const yoke::kernels::Kernels* table : yoke::kernels::available()) {
    std::printf("%s%.*s", before, static_cast<int>(table->isa.size()), table->isa.data());
    before = " ";
  }
  std::printf("\n");
}
