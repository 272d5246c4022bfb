#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the library's parts to each other and to the documents.

    consistent.py symbols SHARED-LIBRARY   what is exported is what is declared
    consistent.py man [MAN-FOLDER]         each function has a page with its errors
    consistent.py errors [UAPI-DOCUMENT]   xgm_strerror() has all of the interface's
    consistent.py tool                     help, man page and completion agree
    consistent.py walk [TOOL-DOCUMENT]     a test does what the document says
    consistent.py messages [TOOL-DOCUMENT] what is said is explained, and is said
    consistent.py trace [TRACE-HEADER]     the trace points are those that are read
"""
import errno
import itertools
import os
import re
import subprocess
import sys

US = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Section of docs/uapi.md -> calls of the library whose errors it lists
SECTIONS = {
    "open_domain": ["DOMAIN_OPEN"], "derive": ["DOMAIN_DERIVE"],
    "window_add": ["WINDOW_ADD"], "window_remove": ["WINDOW_REMOVE"],
    "window_move": ["WINDOW_MOVE"], "window_query": ["WINDOW_QUERY"],
    "bind": ["BIND", "BIND_FD"], "unbind": ["UNBIND"],
    "populate": ["POPULATE"], "event": ["EVENT", "EVENT_READ"],
    "export_grants": ["EXPORT_GRANTS"], "export_frames": ["EXPORT_FRAMES"],
    "export_revoke": ["EXPORT_REVOKE"], "export_query": ["EXPORT_QUERY"],
    "grant": ["GRANT"], "grant_release": ["GRANT_RELEASE"],
}
# Functions whose errors are not those of a call.
PAGES = {"xgm_domain": ["NODE_OPEN", "DOMAIN_OPEN", "DOMAIN_DERIVE",
                        "DOMAIN_ADOPT"],
         "xgm_window": ["WINDOW_ADD", "WINDOW_REMOVE", "WINDOW_MOVE"],
         "xgm_bind": ["BIND", "BIND_FD", "UNBIND", "POPULATE"],
         "xgm_export": ["EXPORT_GRANTS", "EXPORT_FRAMES", "EXPORT_REVOKE",
                        "EXPORT_QUERY"],
         "xgm_grant": ["GRANT", "GRANT_RELEASE"],
         "xgm_event": ["EVENT", "EVENT_READ"],
         "xgm_query": ["WINDOW_QUERY"], "xengpumem": [None]}


def read(*path):
    with open(os.path.join(US, *path), encoding="utf-8") as f:
        return f.read()


def errnos(text):
    return {w for w in re.findall(r"\bE[A-Z0-9]+\b", text)
            if hasattr(errno, w)}


def declared():
    return set(re.findall(r"\b(xgm_[a-z_]+)\(", re.sub(
        r"/\*.*?\*/", "", read("lib", "xengpumem.h"), flags=re.S)))


def differ(what, here, there, one, other):
    for x in sorted(here - there, key=str):
        yield f"{what}: {x} is in {one}, not in {other}"
    for x in sorted(there - here, key=str):
        yield f"{what}: {x} is in {other}, not in {one}"


def symbols(library):
    out = subprocess.run(["nm", "-D", "--defined-only", library], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    exported = {line.split()[-1] for line in out.splitlines()
                if " A " not in line}
    versioned = {s.split("@@")[0] for s in exported
                 if s.endswith("@@XENGPUMEM_1.0")}
    yield from differ("symbols", exported,
                      {s + "@@XENGPUMEM_1.0" for s in versioned},
                      "the library", "version XENGPUMEM_1.0")
    yield from differ("symbols", versioned, declared(), "the library",
                      "the header")
    soname = subprocess.run(["readelf", "-d", library], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    if "[libxengpumem.so.1]" not in soname:
        yield "symbols: the library is not libxengpumem.so.1"


def table():
    """Call -> errnos that xgm_strerror() has for it; None: any call"""
    found = {}
    for call, err in re.findall(r"\{ (?:XGM_CALL_(\w+)|0), (E\w+),",
                                read("lib", "strerror.c")):
        found.setdefault(call or None, set()).add(err)
    return found


def man(folder):
    names = {}
    errors = {}
    for page in sorted(os.listdir(folder)):
        if not page.endswith(".3"):
            continue
        with open(os.path.join(folder, page), encoding="utf-8") as f:
            text = f.read()
        name = re.search(r"^\.SH NAME\n(.*?) \\-", text, re.M)[1]
        names[page[:-2]] = set(name.split(", "))
        errors[page[:-2]] = errnos(re.sub(
            r"^\.SH SYNOPSIS\n.*?^\.SH", "", text, flags=re.M | re.S))
        for function in re.findall(r"\b(xgm_[a-z_]+)\(",
                                   text.partition(".SH SYNOPSIS")[2]
                                   .partition(".SH ")[0]):
            if function not in names[page[:-2]]:
                yield f"{page}: {function} is not among its names"
    yield from differ("man", set().union(*names.values()) - set(names),
                      declared() - set(names), "the pages", "the header")
    for page, calls in PAGES.items():
        if page not in errors:
            yield f"man: there is no {page}.3"
            continue
        wanted = set().union(*(table()[c] for c in calls))
        for err in sorted(wanted - errors[page]):
            yield f"{page}.3: {err} is missing"


def errors(document):
    with open(document, encoding="utf-8") as f:
        text = f.read()
    ours = table()
    general = errnos(text.partition("## Rules for all calls")[2]
                     .partition("\n## ")[0])
    yield from differ("any call", general, ours[None] - {"EBADF"},
                      "the document", "xgm_strerror()")
    seen = set()
    for part in re.split(r"^#{2,3} ", text, flags=re.M)[1:]:
        head, _, body = part.partition("\n")
        match = re.search(r"struct xen_gpumem_(\w+)", head)
        calls = SECTIONS.get(match[1]) if match else None
        if not calls:
            continue
        seen.add(match[1])
        theirs = errnos("\n".join(line.split("|")[1]
                                  for line in body.splitlines()
                                  if line.startswith("| `E")))
        mine = set().union(*(ours[c] for c in calls))
        # What the library itself returns.
        if match[1] == "event":
            mine -= {"EBADMSG", "ETIMEDOUT"}
        yield from differ(match[1], theirs, mine, "the document",
                          "xgm_strerror()")
    yield from differ("sections", set(SECTIONS), seen, "this test",
                      "the document")


def tool():
    page, completion = read("man", "xen-gpumem.8"), read("cli",
                                                         "completion.bash")
    for name in ("status", "list", "top", "lend", "export", "run", "trace",
                 "selftest", "version"):
        source = "main.c" if name == "version" else name + ".c"
        text = read("cli", source)
        options = set(re.findall(r'\{ "([a-z-]+)", (?:no|required)_argument',
                                 text))
        if "if (only_json(" in text:
            options.add("json")
        for option in sorted(options):
            if f"--{option}" not in page.replace("\\-", "-"):
                yield f"xen-gpumem.8: --{option} of {name} is missing"
            if f"--{option}" not in completion:
                yield f"completion: --{option} of {name} is missing"
        if f".SS {name}\n" not in page and name != "version":
            yield f"xen-gpumem.8: {name} has no section"
        # What run prints is what the command prints.
        if "json" not in options and name != "run":
            yield f"{name}: it has no --json"


def section(text, title):
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def read_document(document):
    with open(document, encoding="utf-8") as f:
        return f.read()


def walk(document):
    """The commands of the walk-through, and of the test that does it."""
    text = section(read_document(document), "From nothing to a GPU's buffer")
    theirs = []
    prompts = ("dom0# xen-gpumem ", "dom0# xl destroy ", ">>> hex(m[",
               ">>> m[")
    for line in text.replace(" \\\n", " ").splitlines():
        line = re.sub(r" +", " ", line.strip())
        if line.startswith(prompts):
            theirs.append(line.removeprefix("dom0# "))
    table = re.search(r"steps\[\] = \{\n(.*?)^\};",
                      read("..", "tests", "userspace", "stranger.c"),
                      re.M | re.S)[1]
    mine = re.findall(r'^\t\{ "(.*?)",', table, re.M)
    if not mine:
        yield "walk: the test has no steps"
    for n, (a, b) in enumerate(itertools.zip_longest(theirs, mine), 1):
        if a != b:
            yield f"walk: step {n} is '{a}' in the document, '{b}' in the test"
            return


STRING = r'"(?:[^"\\\\\n]|\\\\.)*"'
# What prints, and which of its arguments is a text.
SAYS = {"fail": 0, "bad": 0, "fail_call": 0, "say": 1, "xgm_text_add": 1,
        "problem": 1}


def tokens(text):
    """C as words, strings and signs, without comments"""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return re.findall(STRING + r"|\w+|[^\s\w]", text)


def macros_of(text):
    """Those that are a string"""
    return dict(re.findall(rf"^#define (\w+)[ \t]+({STRING})$", text, re.M))


def arguments(words, at):
    """Of a call whose bracket is at words[at]: lists of words"""
    depth, found = 0, [[]]
    for word in words[at:]:
        depth += word in "([{"
        depth -= word in ")]}"
        if not depth:
            return found
        if word == "," and depth == 1:
            found.append([])
        elif depth > 1 or word != "(":
            found[-1].append(word)
    return found


def literal(words, macros):
    """A string that is written in pieces; what is no string can be anything"""
    text = "".join(macros.get(w, w)[1:-1] if w in macros or w[0] == '"'
                   else "\0" for w in words)
    return re.sub(r"%[-#0-9.*]*(?:ll|l|z)?[a-z]", "\0", text)


def spoken():
    """File and text of what the tool and the library can say"""
    for folder in ("cli", "lib"):
        for name in sorted(os.listdir(os.path.join(US, folder))):
            if not name.endswith(".c"):
                continue
            text = read(folder, name)
            words, macros = tokens(text), macros_of(text)
            for at, word in enumerate(words[:-1]):
                if words[at + 1] != "(":
                    continue
                args = arguments(words, at + 1)
                which = SAYS.get(word)
                # A text that is made for fail_call().
                if word == "snprintf" and args[0] == ["doing"]:
                    which = 2
                if which is not None and which < len(args) and \
                        any(w[0] == '"' or w in macros for w in args[which]):
                    yield name, literal(args[which], macros)
            if name == "strerror.c":
                for entry in re.findall(r"\{ (?:XGM_CALL_\w+|0), E\w+, (.*) \},",
                                        text):
                    yield name, literal(tokens(entry), macros)
                for entry in re.findall(rf"return (?:text \? text : )?({STRING})",
                                        text):
                    yield name, literal([entry], macros)


def pieces():
    """All strings: some messages are put together from several"""
    return [literal([word], {})
            for folder in ("cli", "lib", "examples")
            for name in sorted(os.listdir(os.path.join(US, folder)))
            for word in tokens(read(folder, name)) if word[0] == '"']


def parts(message):
    return [p for p in re.split(r" *\.\.\. *", message) if p]


def explains(message, text):
    """All parts of a quoted message, in their order"""
    at = 0
    for part in parts(message):
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def messages(document):
    """Each quoted message is said somewhere, and all that is said is quoted."""
    said = [(name, t) for name, t in spoken() if t != "no error"]
    texts = [t for _, t in said] + pieces()
    text = section(read_document(document), "What went wrong")
    quoted = [m for cell in re.findall(r"^\| (`.*?`) \| ", text, re.M)
              for m in re.findall(r"`([^`]*)`", cell)]
    if len(quoted) < 100 or len(said) < 150:
        yield f"messages: only {len(quoted)} are explained of {len(said)}"
    for message in quoted:
        if max(map(len, parts(message)), default=0) < 7:
            yield f"messages: '{message}' can be anything"
        if not any(explains(message, t) for t in texts):
            yield f"messages: nothing says '{message}'"
    for name, t in said:
        # Formats that only put others together say nothing.
        if re.search(r"[a-z]{3}", t) and \
                not any(explains(m, t) for m in quoted):
            shown = t.replace("\0", "...")
            yield f"messages: {name}: '{shown}' is not explained"


def trace_points(header):
    """Name -> what its line has, and what can be filtered by"""
    text = read_document(header)
    points = {}
    for kind, name, body in re.findall(
            r"^(TRACE_EVENT|DECLARE_EVENT_CLASS)\((\w+),\n(.*?)^\);", text,
            re.M | re.S):
        line = re.search(r'TP_printk\("(.*?)"', body)[1]
        points[kind, name] = (set(re.findall(r"(\w+)=%", line)),
                              set(re.findall(r"__field\([^,]+, (\w+)\)",
                                             body)))
    events = {name: of for (kind, name), of in points.items()
              if kind == "TRACE_EVENT"}
    for of, name in re.findall(r"^DEFINE_EVENT\((\w+), (\w+),", text, re.M):
        events[name] = points["DECLARE_EVENT_CLASS", of]
    return events


def trace(header):
    """The trace points, and what the tool reads of them."""
    source = read("cli", "traceline.c")
    known = {"xen_gpumem_" + point: set(names.split())
             for point, names in re.findall(
                 r'\[RECORD_\w+\] = \{ "(\w+)", "\w+", "(.*?)" \}', source)}
    fields = set(re.findall(r"FIELD\((\w+)\)", source)) - {"name"}
    told = trace_points(header)
    yield from differ("trace points", set(told), set(known), "the driver",
                      "the tool")
    for name in sorted(told.keys() & known.keys()):
        line, columns = told[name]
        yield from differ(name, line, known[name], "the driver", "the tool")
        yield from differ(name, known[name] & fields, known[name],
                          "the tool's table of fields", "its own line")
        for column in {"domid", "window"} - columns:
            yield f"{name}: it cannot be filtered by {column}"


def main(argv):
    default = {"man": os.path.join(US, "man"),
               "errors": os.path.join(US, "..", "docs", "uapi.md"),
               "walk": os.path.join(US, "..", "docs", "tool.md"),
               "messages": os.path.join(US, "..", "docs", "tool.md"),
               "trace": os.path.join(US, "..", "drivers", "xen-gpumem",
                                     "trace.h")}
    what, *rest = argv
    args = rest or [default[what]] if what in default else rest
    found = list({"symbols": symbols, "man": man, "errors": errors,
                  "tool": tool, "walk": walk, "messages": messages,
                  "trace": trace}[what](*args))
    for line in found:
        print("error: " + line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
