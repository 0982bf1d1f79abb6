#!/usr/bin/env python3
"""What a round of the CUDA training kernel costs, counted in its compiled machine code (sm_90).

Usage: issue_slots.py [BUILD_FOLDER | OBJECT...] [--list L,K]

Of a build folder (default: build) it reads the kernels of both precisions. Needs cuobjdump, on
PATH, beside nvcc, in $CUOBJDUMP or from `pip install nvidia-cuda-cuobjdump nvidia-cuda-nvdisasm`.
Fails if a single-precision kernel up to depth 8 spills a register.

A warp's scheduler issues an instruction a cycle, and predicated ones that do nothing count too. The
hot path is one turn of the loop over full rounds: natural loops come from the control-flow graph
and its dominators, and the turns of the innermost ones are enumerated. A turn may call nothing
(square roots of unusual numbers) and pass no barrier (projections); branches on conditions that do
not change in the loop (noise, schedule, tail sums), known by what they are computed from, go the
same way all along. Of the turns that are left the one with most square roots (noise) is taken, of
equal ones the shortest (no schedule, no tail sums). A root is a pair of normals, so a turn of r
roots makes 2 r K updates of a weight, whatever the loop was unrolled to.

Pipes of a quarter of an SM, as cycles an instruction: `alu` (logic, sums, shifts, comparisons,
moves, I2FP) 2, `imad` (every integer multiply, wide or not; IMAD moves) 2, `fma` (half of it is
the one of imad) 1, `mufu` 8. The bound is the largest of them and of the slots.
"""
import argparse
import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import sysconfig

BLOCK = {1: 256}  # threads of a block by the size of the bundle, else 128 (kernels/batch.cu)
REGISTERS, WARPS, GRANULE, LANES = 65536, 64, 256, 132 * 4 * 32
CLOCK = 1.98e9
ALU = set('IADD3 VIADD LOP3 SHF ISETP FSETP SEL FSEL MOV LEA I2FP PRMT IMNMX VIMNMX FMNMX PLOP3 '
          'IABS SGXT BMSK LOP'.split())
CYCLES = {'alu': 2, 'imad': 2, 'fma': 1, 'mufu': 8}
# Multiplications and additions of a normal (15) and of a step on a weight: a turn with fewer leaves
# steps out, which belong to other slices.
OF_NORMAL, OF_STEP = 14, 4
Instruction = collections.namedtuple('Instruction', 'guard op operands target')


def tool():
    places = [os.environ.get('CUOBJDUMP'), shutil.which('cuobjdump'),
              *glob.glob('/usr/local/cuda/bin/cuobjdump'),
              *glob.glob(sysconfig.get_path('purelib') + '/nvidia/*/bin/cuobjdump')]
    found = next((place for place in places if place and os.path.exists(place)), None)
    return found or sys.exit('issue_slots: no cuobjdump (see --help)')


def dump(path, *flags):
    cuobjdump = tool()
    env = {**os.environ, 'PATH': os.path.dirname(cuobjdump) + ':' + os.environ['PATH']}
    return subprocess.run([cuobjdump, *flags, '-arch', 'sm_90', path], env=env, check=True,
                          capture_output=True, text=True).stdout


def kernels(path):
    """(L, K, type) -> (instructions by address, resources)"""
    name = re.compile(r'\w*11train_sliceILi(\d+)ELi(\d+)E([fd])E\w*')
    usage = {}
    for function, text in re.findall(r'Function (\w+):\s*\n([^\n]*)', dump(path, '-res-usage')):
        usage[function] = {k: int(v) for k, v in re.findall(r'(\w+)(?:\[0\])?:(\d+)', text)}
    found = {}
    for text in dump(path, '-sass').split('Function : ')[1:]:
        function = text.split(None, 1)[0]
        if match := name.fullmatch(function):
            lines = re.findall(r'^\s+/\*([0-9a-f]{4,})\*/\s+(.*?)\s*;', text, re.M)
            code = {int(place, 16): instruction(line) for place, line in lines}
            depth, bundle, kind = match.groups()
            found[int(depth), int(bundle), kind] = code, usage[function]
    return found


def instruction(text):
    guard, op, rest = re.match(r'(?:@(!?U?P\w+)\s+)?(\S+)\s*(.*)', text).groups()
    target = re.search(r'0x([0-9a-f]+)$', rest)
    jumps = re.match(r'(BRA|BSSY|CALL)', op) and target
    operands = [part.strip().replace('.reuse', '') for part in rest.split(',')] if rest else []
    return Instruction(guard, op, operands, int(target.group(1), 16) if jumps else None)


def graph(code):
    """Successors of every instruction, as (place, condition under which it is next)."""
    following, sync = {}, {}
    places = sorted(code)
    for place, after in zip(places, places[1:] + [None]):
        i = code[place]
        if i.op == 'BSSY':
            sync[i.operands[0]] = i.target
        jump = i.target if i.op.startswith('BRA') else None
        if i.op == 'BSYNC':
            jump = sync[i.operands[0]]
        conditions = [i.guard] if i.guard else []
        if i.op.startswith('BRA'):
            conditions += i.operands[:-1]
        ends = i.op.split('.')[0] in ('EXIT', 'RET', 'BRX')
        next_ = [(jump, tuple(conditions))] if jump is not None else []
        if (conditions or not (ends or next_)) and after is not None:
            next_.append((after, None))
        following[place] = [(p, c) for p, c in next_ if p in code]
    return following


def loops(following):
    """The innermost natural loops: header -> places."""
    order, seen, stack = [], {0}, [(0, iter(following[0]))]
    while stack:  # in postorder
        place, rest = stack[-1]
        step = next((p for p, _ in rest if p not in seen), None)
        if step is None:
            order.append(place)
            stack.pop()
        else:
            seen.add(step)
            stack.append((step, iter(following[step])))
    order.reverse()
    rank = {place: i for i, place in enumerate(order)}
    before = collections.defaultdict(list)
    for place in order:
        for p, _ in following[place]:
            before[p].append(place)
    dominator, changed = {0: 0}, True
    while changed:
        changed = False
        for place in order[1:]:
            known = [p for p in before[place] if p in dominator]
            best = known[0]
            for p in known[1:]:
                while p != best:
                    if rank[p] > rank[best]:
                        p = dominator[p]
                    else:
                        best = dominator[best]
            changed |= dominator.get(place) != best
            dominator[place] = best
    found = collections.defaultdict(set)
    for place in order:
        for header, _ in following[place]:
            p = place
            while p != header and p != 0:
                p = dominator[p]
            if p == header:  # the header dominates the place that jumps to it
                body, todo = {header}, [place]
                while todo:
                    p = todo.pop()
                    if p not in body:
                        body.add(p)
                        todo += before[p]
                found[header] |= body
    return {h: b for h, b in found.items() if not any(o < b for o in found.values())}


def results(i):
    """The registers that an instruction writes."""
    if i.op.startswith(('ST', 'BRA', 'BAR', 'BS', 'CALL', 'RED', 'EXIT')) or not i.operands:
        return []
    out = i.operands[:1]
    for operand in i.operands[1:3]:  # carries and second results
        if not re.fullmatch(r'U?P[T\d]', operand):
            break
        out.append(operand)
    if wide := re.search(r'\.(64|128)|WIDE|CS2R|^D', i.op) and re.fullmatch(r'(U?R)(\d+)', out[0]):
        size = 4 if '.128' in i.op else 2
        out += ['%s%d' % (wide.group(1), int(wide.group(2)) + n) for n in range(1, size)]
    return out


class Values:
    """What registers are computed from, numbered; a value is fixed if it is so in the loop."""

    def __init__(self, changing):
        self.changing, self.number, self.fixed = changing, {}, []

    def of(self, key, fixed):
        if key not in self.number:
            self.number[key] = len(self.fixed)
            self.fixed.append(fixed)
        return self.number[key]

    def read(self, state, text):
        """The text with values for registers, and whether all of them are fixed."""
        fixed = True

        def value(match):
            nonlocal fixed
            name = match.group(0)
            if name not in state:
                state[name] = self.of(name, name not in self.changing)
            fixed &= self.fixed[state[name]]
            return '#%d' % state[name]
        return re.sub(r'\bU?[RP]\d+\b', value, text), fixed

    def execute(self, state, i):
        out = results(i)
        sources, fixed = self.read(state, ','.join([i.guard or ''] + i.operands[len(out) and 1:]))
        if i.guard:  # or what it was
            old, was = self.read(state, ','.join(out))
            sources, fixed = sources + old, fixed and was
        loaded = re.match(r'(LD[GSL]?|ATOM|S2U?R|SHFL)\b', i.op)
        for n, name in enumerate(out):
            state[name] = self.of((i.op, sources, n), fixed and not loaded)


def turns(code, following, header, body):
    """The turns of a loop, as lists of places."""
    changing = {name for place in body for name in results(code[place])}
    values = Values(changing)
    todo = [(header, [], {}, {})]
    while todo:
        place, path, state, chosen = todo.pop()
        while True:
            i = code[place]
            if i.op.startswith(('CALL', 'BAR')) or place not in body or place in path[-4000:]:
                break
            path.append(place)
            values.execute(state, i)
            ways = following[place]
            if len(ways) == 2:
                condition, fixed = values.read(state, '&'.join(ways[0][1]))
                bare = condition.replace('!', '') if '&' not in condition else condition
                flip = bare != condition
                if bare in chosen:
                    ways = [ways[0 if chosen[bare] != flip else 1]]
                else:
                    other = {**chosen, bare: not flip} if fixed else chosen
                    todo.append((ways[0][0], path[:], dict(state), dict(other)))
                    if ways[0][0] == header:
                        todo.pop()
                        yield path[:]
                    if fixed:
                        chosen = {**chosen, bare: flip}
                    ways = ways[1:]
            if not ways:
                break
            place = ways[0][0]
            if place == header:
                yield path
                break


def hot_path(code, bundle):
    def roots(path):
        return sum(code[p].op.startswith('MUFU') for p in path)

    following = graph(code)
    def arithmetic(path):
        return sum(code[p].op.split('.')[0] in ('FFMA', 'FMUL', 'FADD', 'DFMA', 'DMUL', 'DADD')
                   for p in path)

    found = [path for header, body in loops(following).items() if roots(body)
             for path in turns(code, following, header, body)
             if roots(path) and arithmetic(path) >= 2 * roots(path) * (OF_NORMAL + OF_STEP * bundle)]
    if not found:
        sys.exit('issue_slots: a kernel without a loop over rounds')
    most = max(map(roots, found))
    return min((path for path in found if roots(path) == most), key=len), 2 * most


def pipe(op):
    base = op.split('.')[0]
    if base[0] == 'U' or base == 'R2UR':
        return 'uniform'
    if base in ALU:
        return 'alu'
    if base == 'IMAD':
        return 'imad'
    if base in ('FFMA', 'FMUL', 'FADD'):
        return 'fma'
    return 'mufu' if base in ('MUFU', 'I2F', 'F2I', 'F2F') else 'other'


def warps(registers, bundle):
    per_warp = -(-registers * 32 // GRANULE) * GRANULE
    per_block = BLOCK.get(bundle, 128) // 32
    return min(WARPS, REGISTERS // per_warp // per_block * per_block)


def report(key, code, usage, show):
    depth, bundle, kind = key
    path, normals = hot_path(code, bundle)
    updates = normals * bundle
    if normals % (depth * (1 if depth % 4 == 0 else 2 if depth % 2 == 0 else 4)):
        sys.exit('issue_slots: the turn of depth %d holds %d normals' % (depth, normals))
    ops = [code[p].op for p in path]
    count = collections.Counter(map(pipe, ops))
    wide = sum(bool(re.match(r'IMAD\.(WIDE|HI)', op)) for op in ops)
    busy = {name: cycles * count[name] for name, cycles in CYCLES.items()}
    busy['fma'] += count['imad']
    spills = ['%d/%d' % tuple(sum(o.startswith(s) for o in some) for s in ('STL', 'LDL'))
              for some in ([i.op for i in code.values()], ops)]
    bound = LANES * CLOCK * updates / max(len(ops), *busy.values())
    print('%3d %2d %3s %6d %5d %7.2f %6.2f %5.2f %5.2f | %6.2f %6.2f %6.2f %6.2f | %4d %7s %7s %5d '
          '%6.0f%% %8.1f' %
          (depth, bundle, {'f': 'f32', 'd': 'f64'}[kind], len(ops), updates, len(ops) / updates,
           count['uniform'] / updates, wide / updates, (count['other']) / updates,
           *(busy[name] / updates for name in CYCLES), usage['REG'], *spills,
           usage['STACK'] + usage['LOCAL'], 100 * warps(usage['REG'], bundle) / WARPS, bound / 1e9))
    if show == '%d,%d' % (depth, bundle):
        for p in path:
            i = code[p]
            print('    %04x %s%s %s' % (p, '@%s ' % i.guard if i.guard else '', i.op,
                                        ', '.join(i.operands)))
        print('    ' + ', '.join('%s %d' % item for item in collections.Counter(
            op.split('.')[0] for op in ops).most_common()))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser.add_argument('paths', nargs='*', default=[os.path.join(root, 'build')])
    parser.add_argument('--list', metavar='L,K', help='print the hot path of this kernel')
    arguments = parser.parse_args()
    print('a turn of the loop; an update of a weight: issue slots (of them uniform, wide '
          'multiplies, other pipes) |\ncycles of pipes | registers, spill stores/loads (all, hot), '
          'stack bytes, occupancy, 10^9 updates/s at most')
    print('%3s %2s %3s %6s %5s %7s %6s %5s %5s | %6s %6s %6s %6s | %4s %7s %7s %5s %7s %8s' % (
        'L', 'K', '', 'slots', 'upd', 'slots/u', 'unif', 'wide', 'other', *CYCLES, 'regs', 'spills',
        'hot', 'stack', 'occup', '1e9/s'))
    spilling = []
    for path in objects(arguments.paths):
        found = kernels(path)
        if not found:
            sys.exit(f'issue_slots: {path} has no machine code of sm_90 (SHARPSWEEP_MACHINE_CODE)')
        for key, (code, usage) in sorted(found.items()):
            report(key, code, usage, arguments.list)
            spills = any(i.op.startswith(('STL', 'LDL')) for i in code.values())
            if spills and key[0] <= 8 and key[2] == 'f':
                spilling.append(key)
    if spilling:
        sys.exit('issue_slots: registers are spilled by (L, K, type) %s' % spilling)


def objects(paths):
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for precision in ('f32', 'f64'):
            yield os.path.join(path, 'kernels/CMakeFiles/sharpsweep_cuda.dir',
                               'launch_%s.cu.o' % precision)


if __name__ == '__main__':
    main()
