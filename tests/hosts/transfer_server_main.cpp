// transfer_server ADDRESS KEY: one end of transfers, for tests.
#include "hosts/transfer_server.h"

int main(int, char** argv) {
  yoke::hosts::serve_transfers(argv[1], argv[2]);
  return 0;
}
