# SPDX-License-Identifier: GPL-2.0-only
"""Boot one scenario in QEMU and say what its tests said.

One scenario is one boot of one emulated machine.  A scenario is a small file
in tests/scenarios, lines of "key = value":

  run        a dom0 program and its arguments; may be given several times
  timeout    seconds for each of those programs (default 120)
  smp        CPUs of the machine (default 2)
  threads    one: QEMU runs the CPUs in turns; each: a thread for each CPU, for
             tests that need accesses at the same time (default one: with
             several threads QEMU 10 loses about one nested guest in five)
  dom0       kinds of dom0 to run it with: pv, pvh (default pv); none boots
             the kernel without Xen, for tests of the driver on its mock
  quick-dom0 those of them that make check runs (default all)
  xen        hypervisor build to run it with (default debug)
  guest      what its guests are, where a program asks for no other: linux, or
             bare, which is nothing but the command server of tests/guest
             (default linux)
  suite      quick (make check), full (make check-full), soak, or draft: not
             seen to pass yet, run by name only (default quick)
  kernel     dom0's kernel, where the scenario is about that one: a name of
             testbed/kernel.sh.  Else it is KERNEL of the environment, or the
             distribution's
  module     sets of kernel modules to load in dom0 (testbed/image.sh), each
             with parameters for its last module: gpumem:NAME=VALUE:NAME=VALUE
  image      more archives of build/image to boot with (testbed/image.sh)
  xen-args   added to Xen's command line
  dom0-args  added to the dom0 kernel's command line
  qemu-args  added to QEMU's command line
  vga        QEMU's graphics card (default qxl)
  screen     id of the display device, given in qemu-args, of which a test's
             line "XG-SCREENDUMP NAME" makes a picture, out/NAME.png; its
             checksum is the answer, on the virtio port xg.answers
  lines      how test lines and files get out: virtio; or serial, which sleeps and
             wakes with its machine, but is for lines only (default virtio)
  kept       pages that the tests make Xen keep for dom0 for good, as it does for
             the grants that are mapped at a time (default 0)
  allow      regular expression for log lines that would be failures otherwise;
             may be given several times
  expect     the same, where a failure is that there is no such line

Everything of one run lies in build/run/NAME: console.log (Xen, dom0 and guests
in the order it happened), lines.log (test lines), out/ (files from inside),
results.json; and of a run that came to no end emulator.txt, what QEMU says of
its machine.  Runs of different names do not touch each other.
"""
import fcntl
import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import tarfile
import time
import types

import monitor
import screen

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build")
SCENARIOS = os.path.join(TOP, "tests", "scenarios")
# dom0's kernel where a scenario names none: one that testbed/kernel.sh made, or
# the distribution's.
KERNEL = os.environ.get("KERNEL", "")
# In the tool root: the one that testbed/qemu.sh built.
QEMU = os.environ.get("XG_QEMU", "/usr/local/bin/qemu-system-x86_64")

# How much longer than usual the limits may get on a slow machine.
MAX_PACE = float(os.environ.get("XG_MAX_PACE", "20"))

# Credit2 of Xen 4.20 lets a CPU that idles decline a vCPU that it was woken for,
# if that has used up its credit to within this resistance of the least there is,
# which lies just above that of the idle vCPU.  All CPUs idle then, and the vCPU
# waits for a wake-up that nobody owes it: dom0 stands still, in one boot of a
# hundred on a machine as slow as an emulated one.
CREDIT2 = "sched_credit2_migrate_resist=0"

# Seconds that a machine may take until it is ready, and that besides its
# programs it has.  A kernel that checks all it does (testbed/kernel.sh debug)
# has more of them; how much slower its programs are, its boot tells (MAX_PACE).
BOOT_SECONDS, DEBUG_BOOT_SECONDS = 120, 600

# MiB of dom0, and what such a kernel needs besides.
MEMORY, DEBUG_MEMORY = 1024, 768

# Its own watchdogs have to be as patient as we are.
DEBUG_ARGS = ["rcupdate.rcu_cpu_stall_timeout=300",
              "workqueue.watchdog_thresh=300",
              "sysctl.kernel.hung_task_timeout_secs=600"]

# An emulator that uses no CPU time for so long has no timer left that fires.
STILL_SECONDS = 120

# What no log may hold, whoever wrote the line.
TROUBLE = re.compile(
    r"WARNING: |\bWARN(_ON)?\b|\bBUG\b|Call Trace|Assertion .* failed|lockdep"
    r"|possible circular|[Pp]anic|Oops|general protection fault"
    r"|Xen (BUG|WARN)|Unable to handle|stack trace|UBSAN: |ODEBUG: "
    r"|non-static key", re.ASCII)

# Lines that match although nothing is wrong.
HARMLESS = re.compile(
    r"XG-|Command line|Kernel command line|BUG: .* tainted only"
    r"|panic=|Xen version|[Kk]ernel panic timeout|planes with drm panic"
    r"|RCU lockdep checking is enabled|memory used for stack traces", re.ASCII)

DEFAULTS = {
    "kernel": "",
    "timeout": "120", "smp": "2", "threads": "one", "dom0": "pv", "quick-dom0": "",
    "xen": "debug", "suite": "quick", "module": "", "image": "", "xen-args": "",
    "dom0-args": "", "qemu-args": "", "vga": "qxl", "guest": "linux",
    "screen": "", "kept": "0", "lines": "virtio",
}
LISTS = ("run", "allow", "expect")


class Bad(Exception):
    """A scenario or an option that makes no sense: one line for the user."""


def load_scenario(name):
    scenario = dict(DEFAULTS, name=name, **{k: [] for k in LISTS})
    path = os.path.join(SCENARIOS, name)
    try:
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
    except OSError as e:
        raise Bad(f"no scenario {name}: {e.strerror}") from None
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, eq, value = (part.strip() for part in line.partition("="))
        if not eq or key not in DEFAULTS and key not in LISTS:
            raise Bad(f"{path}:{number}: cannot read '{line}'")
        if key in LISTS:
            scenario[key].append(value)
        else:
            scenario[key] = value
    if not scenario["run"]:
        raise Bad(f"{path}: nothing to run")
    if scenario["lines"] == "serial" and scenario["screen"]:
        raise Bad(f"{path}: answers about the screen need lines = virtio")
    return scenario


def cpio(files):
    """A newc archive of {path: bytes}; folders come from the base image."""
    out = bytearray()
    for inode, (path, data) in enumerate(
            list(files.items()) + [("TRAILER!!!", b"")], 1):
        name = path.encode() + b"\0"
        fields = [inode, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0,
                  len(name), 0]
        out += b"070701" + b"".join(b"%08x" % f for f in fields) + name
        out += b"\0" * (-len(out) % 4)
        out += data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def xen_image(which):
    """Path of the hypervisor to boot, for a build's name or a path."""
    if which == "deb":
        root = os.environ.get("XG_ROOT", os.path.join(BUILD, "root"))
        packed = os.path.join(root, "boot/xen-4.20-amd64.gz")
        plain = os.path.join(BUILD, "image", "xen-deb")
        if not os.path.exists(plain):
            os.makedirs(os.path.dirname(plain), exist_ok=True)
            with gzip.open(packed) as src, open(plain, "wb") as dst:
                dst.write(src.read())
        return plain
    path = os.path.join(BUILD, "xen", which, "xen")
    if os.path.exists(path):
        return path
    if os.path.isfile(which):
        return os.path.abspath(which)
    raise Bad(f"no hypervisor build {which} (make xen)")


def claim_machine():
    """Wait for one of the machines that this host can bear at a time.

    More of them than that make each other so slow that limits are hit which
    say nothing.  Return: a file whose lock lives as long as the claim.
    """
    count = int(os.environ.get("XG_MACHINES", max(2, os.cpu_count() // 2)))
    folder = os.environ.get("XG_LOCKS", os.path.join(BUILD, "run"))
    os.makedirs(folder, exist_ok=True)
    said = False
    while True:
        for n in range(count):
            lock = open(os.path.join(folder, f".machine-{n}"), "w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                lock.close()
        if not said:
            print("  (waiting for one of the other runs to end)", flush=True)
            said = True
        time.sleep(0.5)


def inside(path):
    """The same file as seen from inside the tool root."""
    rel = os.path.relpath(path, TOP)
    if rel.startswith(".."):
        raise Bad(f"{path} is outside the repository")
    return rel


class ProtocolReader:
    """Follows the test lines of one source and keeps a result per test."""

    def __init__(self, source, dom0, show=None):
        self.source = source
        self.dom0 = dom0
        self.kernel = ""        # of dom0, if not the distribution's
        self.show = show        # called with each line, if given
        self.screendump = None  # called with the name of a picture
        self.tests = {}         # name -> result, in the order of their start
        self.reboots = 0        # guests lost by the emulator, started again
        self.problem = None     # what kept dom0 from getting ready
        self.ready = None       # when dom0 was ready, seconds from power-on
        self.done = False

    def line(self, line, when):
        words = line.split(None, 4)
        kind = words[0] if words else ""
        if kind == "XG-TEST" and len(words) >= 3:
            self.test_line(words)
        elif kind == "XG-REBOOT":
            self.reboots += 1
        elif kind == "XG-BOOT":
            if words[1] == "ready":
                self.ready = when
            elif words[1] != "init":
                self.problem = line[8:]
        elif kind == "XG-PROGRAM":
            self.program_line(words[1], line[11:])
        elif kind == "XG-SCREENDUMP" and self.screendump:
            self.screendump(words[1])
        elif kind == "XG-DONE":
            self.done = True
        if self.show:
            self.show(line)

    def test_line(self, words):
        verb, name = words[1], words[2]
        if verb == "start":
            req = words[3].split(",") if len(words) > 3 else []
            self.add(name, req, "running", "", 0)
            return
        if verb not in ("pass", "fail", "skip"):
            return
        try:
            seconds = float(words[3])
        except (IndexError, ValueError):
            seconds = 0
        reason = words[4] if len(words) > 4 else ""
        if name not in self.tests:
            self.add(name, [], "fail", "ended without a start", seconds)
        elif self.tests[name]["result"] == "running":
            self.tests[name].update(result=verb, reason=reason,
                                    seconds=seconds)

    def program_line(self, name, status):
        """A program's bad end counts unless one of its tests says why."""
        if not any(t["result"] == "fail" for t in self.tests.values()):
            self.add("T0-" + name, ["T0"], "fail", status, 0)

    def add(self, name, req, result, reason, seconds):
        if name in self.tests and result == "running":
            self.tests[name].update(result="fail", reason="started twice")
            return
        self.tests[name] = {
            "test": name, "requirements": req, "dom0": self.dom0,
            "result": result, "reason": reason, "seconds": seconds,
            "scenario": self.source, "kernel": self.kernel,
        }

    def close(self, why):
        """No more lines: what was not ended has failed."""
        for test in self.tests.values():
            if test["result"] == "running":
                test.update(result="fail", reason="died in the middle: " + why)


class Pulse:
    """Does a process still do anything?  Xen's timers alone see to that."""

    def __init__(self, pid):
        self.path = f"/proc/{pid}/stat"
        self.ticks = None
        self.since = time.monotonic()

    def stopped(self):
        try:
            with open(self.path, encoding="ascii", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            return False
        ticks = int(fields[11]) + int(fields[12])   # in user mode, in kernel's
        now = time.monotonic()
        if ticks != self.ticks:
            self.ticks, self.since = ticks, now
        return now - self.since > STILL_SECONDS

    def beats(self):
        """Does it do anything now?  Takes a few seconds to tell."""
        self.stopped()
        before = self.ticks
        time.sleep(5)
        self.stopped()
        return self.ticks != before


def dom0_kernel(scenario, dom0):
    """NAME of testbed/kernel.sh, or nothing for the distribution's."""
    kernel = scenario["kernel"] or KERNEL
    return "debug-pv" if (kernel, dom0) == ("debug", "pv") else kernel


class Run:
    """One boot: its folder, its QEMU, and what came out of it."""

    def __init__(self, scenario, opts):
        self.scenario = scenario
        self.opts = opts
        self.dom0 = opts.dom0
        self.reader = ProtocolReader(scenario["name"], self.dom0,
                                     opts.show or self.show)
        self.offset = 0
        self.console_offset = 0
        self.seconds = 0        # since power-on
        self.kernel = self.reader.kernel = dom0_kernel(scenario, self.dom0)
        self.image = "-".join(filter(None, ["image", self.kernel]))
        self.top = opts.top or self.image + "/top.cpio"
        if not os.path.exists(os.path.join(BUILD, self.top)):
            raise Bad(f"no build/{self.top} (make {self.image})")
        self.debug = self.kernel.startswith("debug")
        self.dir = self.claim_dir()
        self.monitor = monitor.Monitor(self.dir)
        if scenario["screen"]:
            self.reader.screendump = screen.Screen(
                self.dir, inside(self.dir), scenario["screen"],
                self.monitor).dump

    def show(self, line):
        if not self.opts.quiet:
            print(f"  {self.seconds:6.1f}s  {line}", flush=True)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def claim_dir(self):
        """A folder that no other run holds, emptied."""
        base = "-".join(filter(None, [self.scenario["name"], self.dom0,
                                      self.kernel, self.opts.xen_name,
                                      self.opts.tag]))
        for n in range(1, 100):
            path = os.path.join(BUILD, "run", base if n == 1 else f"{base}.{n}")
            os.makedirs(path, exist_ok=True)
            self.lock = open(os.path.join(path, "lock"), "w")
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.lock.close()
                continue
            subprocess.run(["find", path, "-mindepth", "1", "!", "-name",
                            "lock", "-delete"], check=True)
            return path
        raise Bad("too many runs of the same scenario at once")

    # --- before the boot ---------------------------------------------------

    def write_image(self):
        text = ""
        if self.scenario["module"]:
            text += f"module {self.scenario['module']}\n"
        text += f"guest {self.scenario['guest']}\n"
        text += f"pace {MAX_PACE}\n"
        text += f"kept {self.scenario['kept']}\n"
        text += f"timeout {self.opts.timeout or self.scenario['timeout']}\n"
        text += "".join(f"run {r}\n" for r in self.scenario["run"])
        with open(self.path("initrd"), "wb") as out:
            more = [f"{self.image}/{i}.cpio"
                    for i in self.scenario["image"].split()]
            for part in [self.image + "/base.cpio", *more, self.top]:
                with open(os.path.join(BUILD, part), "rb") as f:
                    out.write(f.read())
            out.write(cpio({"xg/scenario": text.encode()}))

    def command(self):
        s, o = self.scenario, self.opts
        smp = o.smp or s["smp"]
        more = DEBUG_MEMORY if self.debug else 0
        xen_args = ["console=com1", "com1=115200,8n1",
                    f"dom0_mem={MEMORY + more}M",
                    "loglvl=all", "guest_loglvl=all", "lend=on",
                    "noreboot", CREDIT2]
        # A CPU that the builder starves for half a minute while dom0 boots is
        # nobody's lockup; init sets what is usual before the first test.
        kernel_args = ["console=hvc0", "printk.devkmsg=on", "panic=-1",
                       "xen_scrub_pages=0", "watchdog_thresh=60"]
        accel = "tcg,thread=" + ("multi" if s["threads"] == "each" else "single")
        machine = ["-accel", os.environ.get("XG_ACCEL", accel)]
        if o.icount:
            machine = ["-accel", "tcg,thread=single",
                       "-icount", "shift=0,sleep=off"]
        virtio = "virtio-serial-pci"
        if self.dom0 == "pvh":
            # Frame numbers of such a dom0 are not the machine's: its devices
            # need the IOMMU, and virtio has to be told to go through it.
            virtio += ",iommu_platform=on,disable-legacy=on"
            xen_args.append("dom0=pvh")
            machine += ["-machine", "q35,kernel-irqchip=off",
                        "-device", "amd-iommu"]
        if self.debug:
            kernel_args += DEBUG_ARGS
        if o.only:
            kernel_args.append(f"xg.only={o.only}")
        xen_args += s["xen-args"].split()
        kernel_args += s["dom0-args"].split()
        kernel = inside(os.path.join(BUILD, self.image, "vmlinux"))
        initrd = inside(self.path("initrd"))
        if self.dom0 == "none":
            # It tries its timer out at first, and panics where the CPU it runs
            # on was another's meanwhile.
            kernel_args[0] = "console=ttyS0 no_timer_check"
            boot = ["-kernel", kernel, "-initrd", initrd,
                    "-append", " ".join(kernel_args)]
        else:
            # Multiboot: Xen takes the kernel with its arguments as the first
            # module.  A comma would begin the next one.
            boot = ["-kernel", inside(xen_image(o.xen)),
                    "-append", " ".join(xen_args),
                    "-initrd", " ".join([kernel] + kernel_args) + ","
                    + initrd]
        # The first serial port is Xen's.
        port = ["-serial", "file:" + inside(self.path("console.log"))]
        if s["lines"] == "serial":
            port += ["-serial", "file:" + inside(self.path("lines.log"))]
        else:
            port += ["-device", virtio]
            for name, file in (("lines", "lines.log"), ("files", "files.tar")):
                port += ["-chardev",
                         f"file,id={name},path={inside(self.path(file))}",
                         "-device",
                         f"virtserialport,chardev={name},name=xg.{name}"]
        port += monitor.arguments(inside(self.dir))
        if s["screen"]:
            port += screen.arguments(inside(self.dir))
        return [os.path.join(TOP, "testbed/in-root"),
                QEMU, "-L", "/usr/share/qemu", "-L", "/usr/share/seabios",
                "-nodefaults", "-no-user-config",
                "-display", "none", "-no-reboot",
                *machine, "-cpu", "qemu64,+svm,+npt", "-smp", smp,
                "-m", str(3 * MEMORY + more), "-vga", s["vga"],
                *port, *shlex.split(s["qemu-args"]), *boot]

    # --- while it runs -------------------------------------------------------

    def boot(self):
        self.write_image()
        command = self.command()
        with open(self.path("command"), "w", encoding="utf-8") as f:
            f.write(shlex.join(command) + "\n")
        programs = len(self.scenario["run"])
        limit = programs * int(self.opts.timeout or self.scenario["timeout"])
        limit += DEBUG_BOOT_SECONDS if self.debug else BOOT_SECONDS
        unhurried = limit
        machine = claim_machine()
        start = time.monotonic()
        with open(self.path("qemu.log"), "w", encoding="utf-8") as log:
            # Everything up to QEMU replaces itself: this pid is QEMU's.
            qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log)
        try:
            problem = self.watch(qemu, start, limit)
            if self.reader.done:
                # It powers itself off; do not wait long for that.
                try:
                    qemu.wait(3)
                except subprocess.TimeoutExpired:
                    pass
        finally:
            if qemu.poll() is None:
                qemu.send_signal(signal.SIGKILL)
                qemu.wait()
        machine.close()
        self.read_lines(start)
        if not self.reader.done and not self.reader.problem:
            self.reader.problem = (problem or
                                   "the machine ended before its tests did")

    def watch(self, qemu, start, unhurried):
        """Until the tests have ended; Return: why no longer than that."""
        pulse = Pulse(qemu.pid)
        limit = unhurried
        while qemu.poll() is None and not self.reader.done:
            time.sleep(0.1)
            self.read_lines(start)
            if pulse.stopped():
                self.monitor.autopsy(self.path("emulator.txt"))
                woken = ", and went on when asked" if pulse.beats() else ""
                return ("the emulator stands still: no CPU time used for "
                        f"{STILL_SECONDS} s{woken}; see emulator.txt")
            # As init does with its limits, see READY_SECONDS there; but
            # this is from power-on, by another clock.
            if self.reader.ready:
                limit = unhurried * min(max(1, self.reader.ready / 8),
                                        MAX_PACE)
            if self.xen_panicked():
                return "Xen panicked, see console.log"
            if time.monotonic() - start > limit:
                self.monitor.autopsy(self.path("emulator.txt"))
                return f"hung: killed after {limit:.0f} s; see emulator.txt"
        return None

    def xen_panicked(self):
        """Xen stops the machine then, and nothing more would come."""
        try:
            with open(self.path("console.log"), "rb") as f:
                f.seek(self.console_offset)
                data = f.read()
        except FileNotFoundError:
            return False
        whole, _, _ = data.rpartition(b"\n")
        self.console_offset += len(whole)
        return b"\n(XEN) Panic on CPU" in whole

    def read_lines(self, start):
        self.seconds = time.monotonic() - start
        try:
            with open(self.path("lines.log"), "rb") as f:
                f.seek(self.offset)
                data = f.read()
        except FileNotFoundError:
            return
        whole, _, _ = data.rpartition(b"\n")
        if not whole:
            return
        self.offset += len(whole) + 1
        for line in whole.decode("utf-8", "replace").split("\n"):
            self.reader.line(line, self.seconds)

    # --- after it -------------------------------------------------------------

    def finish(self):
        reader = self.reader
        reader.close(reader.problem or "no end seen")
        if reader.problem:
            reader.add(f"T0-boot-{self.scenario['name']}", ["T0"], "fail",
                       reader.problem, self.seconds)
        trouble, missing = self.scan_console()
        reader.add("T0-epilogue-logs-clean", ["T0"],
                   "fail" if trouble else "pass", "; ".join(trouble[:3]), 0)
        if self.scenario["expect"]:
            reader.add("T0-epilogue-logs-tell", ["T0"],
                       "fail" if missing else "pass",
                       "".join(f"not in the log: {m} " for m in missing), 0)
        self.unpack()
        results = list(reader.tests.values())
        with open(self.path("results.json"), "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1)
            f.write("\n")
        if not self.opts.keep:
            for name in ("initrd", "files.tar"):
                if os.path.exists(self.path(name)):
                    os.unlink(self.path(name))
        return results

    def console(self):
        try:
            with open(self.path("console.log"), "rb") as f:
                return f.read().decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []

    def scan_console(self):
        """Return: suspicious lines that are not allowed, and what is expected
        to be one and is not there."""
        found = [line.strip() for line in self.console()
                 if TROUBLE.search(line) and not HARMLESS.search(line)]
        expect = self.scenario["expect"]
        allow = [re.compile(a) for a in self.scenario["allow"] + expect]
        return ([line for line in found
                 if not any(a.search(line) for a in allow)],
                [e for e in expect
                 if not any(re.search(e, line) for line in found)])

    def unpack(self):
        os.makedirs(self.path("out"), exist_ok=True)
        try:
            with tarfile.open(self.path("files.tar"), "r:") as tar:
                tar.extractall(self.path("out"), filter="data")
        except (OSError, tarfile.TarError):
            pass


def boot_scenario(scenario, **options):
    """Boot it once; Return: the run and its results."""
    opts = types.SimpleNamespace(**dict(
        {"dom0": None, "xen": None, "top": None, "smp": None,
         "icount": False, "timeout": None, "only": None, "tag": None,
         "keep": False, "quiet": True, "show": None}, **options))
    opts.dom0 = opts.dom0 or scenario["dom0"].split()[0]
    opts.xen = opts.xen or scenario["xen"]
    opts.xen_name = re.sub(r"\W+", "-", os.path.basename(opts.xen))
    run = Run(scenario, opts)
    run.boot()
    return run, run.finish()
