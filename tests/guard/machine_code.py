"""Machine code as text: the loops in it, and how many instructions of each kind they have (x86-64, AT&T syntax)."""

import re

JUMP = re.compile(r"j\w+\s+(\S+)$")
MEMORY = re.compile(r"[-\w$.]*\(%?(?P<base>\w*)[^)]*\)(?P<spread>\{1to\d+\})?")
REGISTER = re.compile(r"%([xyz]mm)\d+")
# What an instruction does, by its name; of each only the form for whole vectors.
KINDS = {
    "fma": r"vf[n]?m(add|sub)\d+p[sd]",
    "dot": r"vpdpbusd",
    "subtract": r"v?subp[sd]",
    "multiply": r"v?mulp[sd]",
    "add": r"v?addp[sd]",
    "gather": r"vp?gather\w+",
    "division": r"v?(div|sqrt)[ps][sd]|idiv\w*|div[bwlq]",
    "call": r"call\w*",
}
ARITHMETIC = ("fma", "dot", "subtract", "multiply", "add")
SPREADS = ("vbroadcast", "vpbroadcast", "vmovddup", "movddup")
# Of memory: one number for all lanes, whole vectors in and out, and the stack, by vectors and by anything else.
ACCESSES = ("broadcast", "load", "store", "spill", "reload")


# ---- loops ------------------------------------------------------------------------------------------------


def _blocks(code):
    """Runs of instructions that are entered at the first and left at the last, and which may follow each."""
    labels, blocks, ended = {}, [], True
    for line in code.splitlines():
        line = line.split("#")[0].strip()
        if line.endswith(":"):
            labels[line[:-1]], ended = len(blocks), True
        elif line and not line.startswith("."):
            if ended:
                blocks.append([])
            blocks[-1].append(line)
            ended = line.startswith(("j", "ret", "ud2"))
    following = []
    for place, block in enumerate(blocks):
        jump = JUMP.match(block[-1])
        places = {labels[jump[1]]} if jump and jump[1] in labels else set()
        if not block[-1].startswith(("jmp", "ret", "ud2")):
            places.add(place + 1)
        following.append({other for other in places if other < len(blocks)})
    return blocks, following


def _reached(start, nodes, edges, seen):
    """The nodes that `start` leads to, itself the last, each after those that it leads to; added to `seen`."""
    order, path = [], [(start, iter(edges[start]))]
    seen.add(start)
    while path:
        node, others = path[-1]
        other = next((other for other in others if other in nodes and other not in seen), None)
        if other is None:
            order.append(path.pop()[0])
        else:
            seen.add(other)
            path.append((other, iter(edges[other])))
    return order


def _cycles(nodes, edges):
    """The largest sets of nodes that all lead to each other (S. Kosaraju's two searches)."""
    order, seen = [], set()
    for node in nodes:
        if node not in seen:
            order += _reached(node, nodes, edges, seen)
    backward = {node: [] for node in nodes}
    for node in nodes:
        for other in edges[node] & nodes:
            backward[other].append(node)
    found, seen = [], set()
    for node in reversed(order):
        if node not in seen:
            part = set(_reached(node, nodes, backward, seen))
            if len(part) > 1 or node in edges[node]:
                found.append(part)
    return found


def loops(code):
    """The counts of every loop, each without the loops inside it."""
    blocks, following = _blocks(code)
    stack = {"rsp", "rbp"} if "movq\t%rsp, %rbp" in code else {"rsp"}
    waiting, found = _cycles(set(range(len(blocks))), following), []
    while waiting:
        loop = waiting.pop()
        outside = (following[place] for place in range(len(blocks)) if place not in loop)
        entries = loop.intersection(*[set().union(*outside)]) or {min(loop)}
        inner = _cycles(loop - entries, following)
        own = sorted(loop.difference(*inner))
        found.append(counts([line for place in own for line in blocks[place]], stack) | {"inner_loops": len(inner)})
        waiting += inner
    return found


# ---- counts -----------------------------------------------------------------------------------------------


def _access(name, operands, stack):
    """Which of ACCESSES an instruction is, or None."""
    memory = MEMORY.search(operands)
    if memory is None or name.startswith("lea"):
        return None
    vector = REGISTER.search(operands)
    if memory["base"] in stack:
        return "spill" if vector else "reload"
    if not vector:
        return None
    if memory["spread"] or name.startswith(SPREADS):
        return "broadcast"
    return "store" if operands.endswith(memory[0]) else "load"


def counts(lines, stack):
    """How many of the instructions are of each kind, how many there are, and the widest register that computes."""
    result, registers = dict.fromkeys((*KINDS, *ACCESSES, "other"), 0), {""}
    for line in lines:
        name, _, operands = line.removeprefix("{vex}\t").partition("\t")
        kind = next((kind for kind, form in KINDS.items() if re.fullmatch(form, name)), None)
        access = _access(name, operands, stack)
        for one in {kind, access} - {None} or {"other"}:
            result[one] += 1
        if kind in ARITHMETIC:
            registers.update(REGISTER.findall(operands))
    return result | {"instructions": len(lines), "register": max(registers)}


def hottest(found):
    """Of some loops the one with the greatest share of arithmetic, calls that stand for it included."""
    return max(found, key=lambda loop: sum(loop[kind] for kind in (*ARITHMETIC, "call")) / loop["instructions"])
