"""restante/plugin.h as data: its structures with their members, its enumerations; and headers made of it.

	header.py future FILE   a header of a later minor version: each structure has two members more at its end
	header.py layout        the table of offsets, sizes and values (layout.h)

The frozen header of interface 1.0 and its table never change. What is added later is not in the table.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
CURRENT = HERE.parents[1] / "include/restante/plugin.h"
FROZEN = HERE / "1.0/restante/plugin.h"
LATER = "\tuint64_t later_number;\n\tconst char *later_text;\n"
# i386 without its C library: the compiler has the two headers that plugin.h needs.
MACHINES = {"64": ["-m64"], "32": ["-m32", "-ffreestanding"]}


def bare(text):
    """Without comments, preprocessor lines and attributes."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"^#(?:.*\\\n)*.*\n", "", text, flags=re.M)
    return re.sub(r"__attribute__\(\(.*?\)\)\)?\s*(?=;)", "", text)


def members(body):
    found = []
    for declaration in re.split(r";", body):
        if call := re.search(r"\(\*(\w+)\)\(", declaration):
            found.append(call[1])
        elif declaration.strip():
            found += [re.search(r"(\w+)\s*$", part)[1] for part in declaration.split(",")]
    return found


def structures(text):
    """{name: [member, ...]} in their order."""
    return {name: members(body) for name, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", bare(text), re.M | re.S)}


def values(text):
    """The names of all enumerators."""
    bodies = re.findall(r"^enum \w+ \{(.*?)\};", bare(text), re.M | re.S)
    return [name for body in bodies for name in re.findall(r"(RESTANTE_\w+)\s*(?:=[^,]*)?(?:,|$)", body.strip())]


def future(text):
    minor = int(re.search(r"define RESTANTE_MINOR (\d+)u", text)[1])
    text = re.sub(r"define RESTANTE_MINOR \d+u", f"define RESTANTE_MINOR {minor + 1}u", text)
    return re.sub(r"^(struct \w+ \{\n.*?)(^\};)", rf"\1{LATER}\2", text, flags=re.M | re.S)


def cut(text, old):
    """The declarations of text, each structure as long as in old: without what was appended since."""
    before = structures(old)

    def shorter(match):
        kept, n = "", len(before.get(match[1], ())) or 1000
        for declaration in match[2].split(";")[:-1]:
            if len(members(kept)) < n:
                kept += declaration + ";"
        return f"struct {match[1]} {{\n{kept}\n}};"

    text = re.sub(r'^(extern "C" \{|\})$', "", bare(text), flags=re.M)
    text = re.sub(r"^struct (\w+) \{\n(.*?)^\};", shorter, text, flags=re.M | re.S)
    return "#include <stddef.h>\n#include <stdint.h>\n" + text


def numbers(expressions, include, flags):
    """What a compiler makes of constant expressions, for a machine that need not be this one."""
    lines = ["#include <restante/plugin.h>"]
    lines += [f'__asm__("#: {i} %0" : : "i"({e}));' for i, e in enumerate(expressions)]
    body = "\n".join(lines[1:])
    source = f"{lines[0]}\nvoid all(void);\nvoid all(void)\n{{\n{body}\n}}\n"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "numbers.c"
        path.write_text(source)
        run = subprocess.run(
            ["gcc", *flags, "-w", "-S", "-O0", f"-I{include}", "-o", "-", path], capture_output=True, text=True
        )
    assert run.returncode == 0, run.stderr
    found = dict(re.findall(r"#: (\d+) \$(-?\d+)", run.stdout))
    return [int(found[str(i)]) for i in range(len(expressions))]


def layout(header):
    text, include = header.read_text(), header.parents[1]
    rows = []
    for name, parts in structures(text).items():
        rows.append(("STRUCT", (name,), [f"sizeof(struct {name})"]))
        for m in parts:
            of = f"((struct {name} *)0)->{m}"
            rows.append(("MEMBER", (name, m), [f"__builtin_offsetof(struct {name}, {m})", f"sizeof({of})"]))
    asked = [e for _, _, expressions in rows for e in expressions]
    both = [iter(numbers(asked, include, flags)) for flags in MACHINES.values()]
    lines = [
        "/* Interface 1.0: sizes of structures; offsets and sizes of members; values. x86-64 first, then i386. Made by",
        " * header.py from 1.0/restante/plugin.h, and never again. */",
    ]
    for kind, names, expressions in rows:
        got = [", ".join(str(next(m)) for _ in expressions) for m in both]
        lines.append(f"{kind}({', '.join([*names, *got])})")
    known = values(text) + ["RESTANTE_MAGIC"]
    for name, value in zip(known, numbers([f"(int){v}" for v in known], include, MACHINES["64"])):
        lines.append(f"VALUE({name}, {value})")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:2] == ["future"]:
        out = pathlib.Path(sys.argv[2])
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(future(CURRENT.read_text()))
    elif sys.argv[1:] == ["layout"]:
        print(layout(FROZEN), end="")
    else:
        sys.exit(__doc__)
