#!/usr/bin/env python3
"""yoke -H: one command from a list of hosts, through real ssh, on a lab of network namespaces (needs root)."""
import json
import os
import pathlib
import shutil
import time

from harness import DEMO, PROMPT, YOKE, main
from on_hosts import LIMIT_LEFT, LIMIT_STARTING, TOKENS, HostsTest
from terminal import CTRL_D, TerminalRun


class Start(HostsTest):
    nodes = 4
    options = ("--network", "10.77.1.0/24")

    def test_one_to_four_hosts_write_the_text_of_as_many_ranks(self):
        for n in (1, 2, 3, 4):
            with self.subTest(hosts=n):
                code, out, err = self.run_on_hosts(self.addresses(*range(1, n + 1)))
                self.assertEqual(code, 0, err)
                self.assertEqual(out, self.generate("--ranks", n))
                for number in range(1, n + 1):
                    self.assertIn(f"node{number}", err)

    def test_slots_are_ranks(self):
        code, out, err = self.run_on_hosts("node1:2,node2")
        self.assertEqual(code, 0, err)
        self.assertEqual(out, self.generate("--ranks", 3))

    def test_a_starter_that_is_not_in_the_list(self):
        for start in ("outside", "node4"):
            with self.subTest(start=start):
                code, out, err = self.run_on_hosts(self.addresses(1, 2, 3), start=start)
                self.assertEqual(code, 0, err)
                self.assertEqual(out, self.generate("--ranks", 3))

    def test_a_starter_in_the_middle_of_the_list(self):
        code, out, err = self.run_on_hosts(self.addresses(1, 2, 3), start="node2")
        self.assertEqual(code, 0, err)
        self.assertEqual(out, self.generate("--ranks", 3))

    def test_a_hostfile_and_a_cluster_file(self):
        folder = self.root("node1") / "tmp"
        hostfile, cluster = folder / "hosts.txt", folder / "cluster.toml"
        hostfile.write_text("# two machines\nnode1 slots=1\nnode2 slots=2\n", encoding="utf-8")
        cluster.write_text('network = "10.77.1.0/24"\n[[hosts]]\nname = "node1"\n[[hosts]]\nname = "node2"\nslots = 2\nthreads = 1\n',
                           encoding="utf-8")
        self.files_before["node1"] |= {"tmp/hosts.txt", "tmp/cluster.toml"}
        self.addCleanup(hostfile.unlink)
        self.addCleanup(cluster.unlink)
        expected = self.generate("--ranks", 3)
        for flag, path in (("--hostfile", "/tmp/hosts.txt"), ("--cluster", "/tmp/cluster.toml")):
            with self.subTest(flag=flag):
                code, out, err = self.yoke_on("node1", "run", DEMO, "-p", PROMPT, "-n", TOKENS, flag, path)
                self.assertEqual(code, 0, err)
                self.assertEqual(out, expected)

    def test_a_user_who_is_not_root(self):
        code, out, err = self.run_on_hosts(self.addresses(1, 2), user=True)
        self.assertEqual(code, 0, err)
        self.assertEqual(out, self.generate("--ranks", 2))

    def test_a_dry_run_prints_commands_and_starts_nothing(self):
        code, out, err = self.run_on_hosts(self.addresses(1, 2, 3), "--dry-run")
        self.assertEqual(code, 0, err)
        self.assertRegex(out, r"(?m)^\S*mpirun .*10\.77\.1\.1:1.* : .*10\.77\.1\.2:1.* : .*10\.77\.1\.3:1")
        self.assertIn("ssh", out)
        self.assertRegex(out, r"dynamic_ipv4_ports 45[01]\d\d ")
        self.assertIn("# messages go by tcp, for no host has an RDMA port that is up\n", out)

    def test_how_sums_are_made_is_kept_on_the_first_host(self):
        kept = self.root("node3") / "root/.cache/yoke/collectives.json"
        self.assertFalse(kept.exists())
        expected = self.generate("--ranks", 2)
        hosts = self.addresses(3, 4)
        self.assertEqual(self.run_on_hosts(hosts)[:2], (0, expected))
        self.assertFalse(kept.exists(), "of so small a model it is not worth measuring")
        self.assertEqual(self.run_on_hosts(hosts, "--collectives", "measure")[:2], (0, expected))
        choices = json.loads(kept.read_text(encoding="utf-8"))["choices"]
        self.assertEqual([choice["group"] for choice in choices], ["node3 node4 in 10.77.1.0/24"])
        choices[0]["choice"] = "doubling,pieces:77"
        text = json.dumps({"version": 1, "choices": choices})
        kept.write_text(text, encoding="utf-8")
        self.assertEqual(self.run_on_hosts(hosts)[:2], (0, expected))
        self.assertEqual(kept.read_text(encoding="utf-8"), text)

    def test_long_prompts_give_the_same_text_however_sums_travel(self):
        prompt = " ".join(f"The {i}th of them." for i in range(60))

        def write(*arguments):
            code, out, err = self.yoke_on("node1", "run", DEMO, "-p", prompt, "-n", 20, "-H", self.addresses(1, 2, 3),
                                          *arguments)
            self.assertEqual(code, 0, err)
            return out

        expected = write("--overlap", "off", "--collectives", "direct")
        for arguments in ((), ("--collectives", "pieces"), ("--collectives", "doubling"), ("--overlap", "off")):
            with self.subTest(arguments=arguments):
                self.assertEqual(write(*arguments), expected)
        rounded = write("--wire", "bf16", "--collectives", "direct")
        self.assertEqual(write("--wire", "bf16", "--collectives", "pieces", "--overlap", "off"), rounded)

    def test_several_at_once(self):
        runs = [self.start_on("node1", YOKE, "run", DEMO, "-q", "-p", PROMPT, "-n", TOKENS, "-H", self.addresses())
                for _ in range(3)]
        texts = set()
        for run in runs:
            code, out, err, _ = run.finish(60)
            self.assertEqual(code, 0, err)
            texts.add(out)
        self.assertEqual(len(texts), 1)
        self.assert_nothing_left(runs[0])

    def test_what_it_has_started_ends_with_it(self):
        run = self.start_on("node1", YOKE, "run", DEMO, "-p", PROMPT, "-n", 4, "-H", self.addresses(1, 2))
        self.assertEqual(run.finish(60)[0], 0)
        self.assert_nothing_left(run, 3)

    def test_other_commands_take_hosts_too(self):
        hosts = self.addresses(1, 2)
        code, out, err = self.yoke_on("node1", "bench", DEMO, "-H", hosts, "-p", 16, "-n", 4, "-r", 1, "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual({rank["host"] for rank in json.loads(out)[0]["ranks"]}, {"node1", "node2"})
        code, out, err = self.yoke_on("node1", "info", DEMO, "-H", "node1,node2")
        self.assertEqual(code, 0, err)
        self.assertIn("node2", out)
        code, out, err = self.yoke_on("node1", "perplexity", DEMO, "-H", hosts, "--text", DEMO.parent / "README.md")
        self.assertEqual(code, 0, err)
        code, out, err = self.yoke_on("node1", "probe", "-H", "node1,node2", "--no-disk")
        self.assertEqual(code, 0, err)
        for name in ("node1", "node2"):
            self.assertIn(name, out)

    def converse(self, *flags, host=None):
        """A conversation that has shown its first prompt, on this machine or started on a host."""
        command = [YOKE, "run", DEMO, "-n", "24", "-q", *flags]
        run = TerminalRun(self.command_on(host, *command) if host else command, {"XDG_STATE_HOME": "/root/state" if host else str(self.scratch())})
        self.addCleanup(run.close)
        run.expect_prompt()
        return run

    def say(self, run, message):
        run.enter(message)
        return run.expect_prompt()

    def leave(self, run):
        run.type(CTRL_D)
        code, shown = run.end()
        self.assertEqual(code, 0, shown)
        self.assert_nothing_left(run)

    def test_a_conversation_writes_what_local_ranks_write(self):
        there, here = self.converse("-H", self.addresses(1, 2, 3), host="node1"), self.converse("--ranks", "3")
        for message in ("The state of the Union", "and the people"):
            self.assertEqual(self.say(there, message), self.say(here, message))
        self.leave(there)
        self.leave(here)

    def test_idle_hosts_take_no_processor(self):
        run = self.converse("-H", self.addresses(), host="node1")
        self.say(run, "Fellow citizens")
        before, start = self.cpu_seconds(), time.monotonic()
        time.sleep(5)  # what is measured is the time itself
        used, seconds = self.cpu_seconds(), time.monotonic() - start
        for host, cpu in used.items():
            self.assertLess((cpu - before[host]) / seconds, 0.01, f"{host}: {before} {used}")
        self.leave(run)

    def cpu_seconds(self):
        ticks = os.sysconf("SC_CLK_TCK")
        used = {}
        for number in range(1, self.nodes + 1):
            total = 0
            for pid in self.processes(f"node{number}"):
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
            used[f"node{number}"] = total / ticks
        return used


class Refusal(HostsTest):
    nodes = 3
    options = ("--network", "10.77.2.0/24")

    def refused(self, *mentions, hosts=None, arguments=(), start="node1"):
        begin = time.monotonic()
        result = self.run_on_hosts(hosts or self.addresses(), *arguments, start=start)
        self.assert_sentence_alone(result, *mentions)
        self.assertLess(time.monotonic() - begin, LIMIT_STARTING + LIMIT_LEFT)

    def test_another_version(self):
        other = self.root("node2") / "root/other-yoke"
        other.write_text("#!/bin/sh\necho yoke 1 0123456789012345678901234567890123456789\necho '{}'\n", encoding="utf-8")
        other.chmod(0o755)
        self.addCleanup(other.unlink)
        path = self.root("node1") / "root/cluster.toml"
        path.write_text('[[hosts]]\nname = "node1"\n[[hosts]]\nname = "node2"\nyoke = "/root/other-yoke"\n', encoding="utf-8")
        self.addCleanup(path.unlink)
        result = self.yoke_on("node1", "run", DEMO, "-p", PROMPT, "-n", 4, "--cluster", "/root/cluster.toml")
        self.assert_sentence_alone(result, "node2", "012345678901")

    def test_a_host_that_cannot_be_reached(self):
        self.plant("link", "node3", "down")
        self.refused("10.77.2.3")

    def test_a_host_without_power(self):
        self.plant("off", "node3")
        self.refused("10.77.2.3")

    def test_a_name_that_nobody_has(self):
        self.refused("nowhere", hosts="node1,nowhere")

    def test_a_host_that_wants_a_password(self):
        self.plant("login", "node2", "password")
        self.refused("10.77.2.2", "password", "ssh-copy-id")

    def test_a_firewall(self):
        self.plant("firewall", "node1", "block", "1024-65535")
        self.refused("firewall", start="outside")

    def test_a_network_that_they_do_not_share(self):
        self.refused("192.168.7.0/24", arguments=("--network", "192.168.7.0/24"))

    def test_a_program_that_is_not_there(self):
        self.refused("/nowhere/yoke", arguments=("--yoke", "/nowhere/yoke"))

    def test_a_model_that_is_not_there(self):
        model = self.root("outside") / "root/only-here.gguf"
        shutil.copy(DEMO, model)
        self.addCleanup(model.unlink)
        result = self.yoke_on("outside", "run", "/root/only-here.gguf", "-p", "x", "-n", 4, "-H", self.addresses(1, 2))
        self.assert_sentence_alone(result, "10.77.2.1", "/root/only-here.gguf", "scp MODEL", "1 more thing is wrong")

    def test_flags_that_exclude_each_other(self):
        code, out, err = self.run_on_hosts(self.addresses(), "--ranks", 2)
        self.assertEqual((code, out), (2, ""))
        self.assertIn("--ranks", err)


if __name__ == "__main__":
    main()
