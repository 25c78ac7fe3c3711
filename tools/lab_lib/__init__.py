"""What tools/lab is made of. From the ground up: linux (system calls), host (one host), files, network, login and cpu
(what a host is given), cluster (all hosts together)."""
