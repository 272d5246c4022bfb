# SPDX-License-Identifier: GPL-2.0-only
"""The machines that measurements are made on, and how one is booted.

Each has one CPU of the same model, which counts instructions: QEMU's -icount.
"""
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "testbed"))
import scenario  # noqa: E402
from scenario import BUILD, Bad  # noqa: E402,F401

# dom0 has room for the largest buffer.  Linux without Xen is told what it would
# find out by busy waiting, which counts for nothing and takes longest.
LEND = {"xen": "release", "module": "qxl gpumem",
        "xen-args": "dom0_mem=2048M"}
KVM = {"dom0": "none", "module": "qxl kvm",
       "dom0-args": "tsc=reliable tsc_early_khz=1000000 no_timer_check "
                    "cpuidle.off=1"}

# With what every such CPU has had for fifteen years, and the emulator's has if
# it is asked for (testbed/qemu): exits that tell where the next instruction is,
# and a time stamp counter that Xen trusts.  Without them, Xen decodes each
# instruction that it intercepts, and intercepts each RDTSC of a PVH dom0: ten
# times what else there is.
CPU = "-cpu qemu64,+svm,+npt,+nrip-save,+invtsc "

# What is booted for each kind of guest.
KINDS = {"pvh": dict(LEND, dom0="pvh"), "pv": dict(LEND, dom0="pv"),
         "kvm": KVM}

# What can be measured, and the program that does it for each kind.
PROGRAMS = {"lend": {"pvh": "xgb-lend", "pv": "xgb-lend", "kvm": "xgb-kvm"},
            "export": {"pvh": "xgb-export", "pv": "xgb-export"}}

# Seconds of the emulated clock for everything: only a machine that waits for
# something gets there, and it waits at many times the speed.
TIMEOUT = 3600


def inside(path):
    return scenario.inside(path)


def boot(kind, commands, qemu_args="", show=None, tag=None):
    """Boot the machine of that kind and have programs run to the end, in turn.

    Return: the run.  Bad is raised if anything failed but what is left in the
    logs, which is for the tests that read the same logs.
    """
    s = dict(scenario.DEFAULTS, name="bench-" + kind, timeout=str(TIMEOUT),
             smp="1", **{k: [] for k in scenario.LISTS})
    s.update(KINDS[kind])
    s["qemu-args"] = CPU + qemu_args
    s["run"] = commands
    run, results = scenario.boot_scenario(s, icount=True, show=show, tag=tag)
    for test in results:
        if test["result"] == "fail" and "-epilogue-" not in test["test"]:
            raise Bad(f"{kind}: {test['test']}: {test['reason']}; see "
                      + os.path.relpath(run.dir, TOP) + "/console.log")
    return run
