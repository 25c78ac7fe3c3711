#!/usr/bin/env python3
"""Ranks on two hosts of a lab, under a user's own mpirun, which reaches them through ssh."""
import json
import os
import signal

import gguf
from harness import DEMO, PROMPT, YOKE, main
from lab import NETWORK, LabTest


class TwoHosts(LabTest):
    def setUp(self):
        super().setUp()
        self.key = f"/root/{self.give_key()}"

    def start_on_hosts(self, *command, per_host=2):
        return self.start_mpirun(YOKE, *command, "--key-file", self.key, per_host=per_host)

    def start_mpirun(self, *program, per_host=1):
        return self.start_on(
            "node1", "mpirun", "--host", f"10.77.0.1:{per_host},10.77.0.2:{per_host}",
            "--mca", "btl_tcp_if_include", NETWORK, "--mca", "oob_tcp_if_include", NETWORK,
            "--mca", "odls_base_sigkill_timeout", "0", "--mca", "mpi_yield_when_idle", "1", "--bind-to", "none",
            *program)

    def test_two_hosts_write_the_text_of_one(self):
        for per_host in (1, 2):
            with self.subTest(per_host=per_host):
                run = self.start_on_hosts("run", DEMO, "-p", PROMPT, "-n", 40, per_host=per_host)
                code, out, err, _ = run.finish(60)
                self.assertEqual(code, 0, err)
                self.assertEqual(out.replace("\r\n", "\n"), self.generate())
                for host in ("node1", "node2"):
                    self.assertIn(host, err)
                self.assert_nothing_left(run)

    def test_speeds_are_held_against_what_both_hosts_can_do_together(self):
        run = self.start_on_hosts("bench", DEMO, "-p", 16, "-n", 4, "-r", 1, "--json")
        code, out, err, _ = run.finish(60)
        self.assertEqual(code, 0, err)
        prompt, generation = json.loads(out)
        self.assertEqual({rank["host"] for rank in prompt["ranks"]}, {"node1", "node2"})
        self.assertGreater(prompt["percent_of_int8"], 0)
        self.assertGreater(generation["percent_of_stream"], 0)

    def test_a_rank_stopped_on_the_other_host_ends_the_run(self):
        model = gguf.write_llama(self.scratch() / "endless.gguf", context=1_000_000)
        self.lab("copy", model, "models/")
        run = self.start_on_hosts("run", f"/root/models/{model.name}", "-p", "Go on", "-n", 900_000, per_host=1)
        run.wait_for_text(100)
        ranks = self.processes("node2", YOKE.name)
        self.assertEqual(len(ranks), 1)
        os.kill(ranks[0], signal.SIGSTOP)
        code, _, err, _ = run.finish(5)
        self.assertNotEqual(code, 0)
        self.assertIn("yoke: ", err)
        self.assert_nothing_runs(run, 5)

    def test_links_are_inside_the_network_only(self):
        model = gguf.write_llama(self.scratch() / "endless.gguf", context=1_000_000)
        self.lab("copy", model, "models/")
        run = self.start_on_hosts("run", f"/root/models/{model.name}", "-p", "Go on", "-n", 900_000, per_host=1)
        run.wait_for_text(100)
        _, sockets, _ = self.on("node1", "cat", "/proc/net/tcp", "/proc/net/tcp6")
        ends = [fields[1].split(":") for fields in map(str.split, sockets.splitlines())]
        links = {address for address, *port in ends if port and port[0] and 45200 <= int(port[0], 16) <= 45215}
        self.assertEqual(links, {"01004D0A"})  # 10.77.0.1

    def test_without_a_key_there_are_no_links_between_hosts(self):
        run = self.start_mpirun(YOKE, "run", DEMO, "-p", PROMPT, "-n", 40)
        code, out, err, _ = run.finish(30)
        self.assertEqual(out, "")
        self.assertNotEqual(code, 0)
        self.assertIn("yoke: the ranks run on several machines", err)
        self.assertIn("yoke key FILE", err)
        self.assert_nothing_left(run)

    def test_a_rank_with_another_key_ends_the_run_with_a_sentence(self):
        (self.root("node2") / "root" / "link-key").write_text("0" * 64, encoding="ascii")
        run = self.start_on_hosts("run", DEMO, "-p", PROMPT, "-n", 40, per_host=1)
        code, out, err, _ = run.finish(30)
        self.assertEqual(out, "")
        self.assertNotEqual(code, 0)
        self.assertIn(f"yoke: the leader at 10.77.0.1 has another key than {self.key}", err)
        self.assert_nothing_left(run)


if __name__ == "__main__":
    main()
