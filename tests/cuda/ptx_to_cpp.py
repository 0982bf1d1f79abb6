#!/usr/bin/env python3
"""Translates the PTX of CUDA kernels into C++ that runs one thread of them on a CPU.

Usage: ptx_to_cpp.py KERNELS.ptx OUT.cpp NAME_REGEX

Every operation becomes the same IEEE operation on the host, so that a compiled kernel can be run and
compared bit for bit where there is no GPU. Only what our kernels use is known; anything else is an
error, and so is arithmetic whose rounding PTX leaves open (.approx, .ftz, no .rn), but for the
estimate that bare_square_root (numerics/arithmetic.hpp) makes exact. Barriers and shared memory are
those of a PtxBlock (ptx_thread.hpp). Functions that a kernel calls are translated with it; local
memory is an array on the host's stack, filled with NaNs when its function begins. The table
KERNELS_kernels (ptx_thread.hpp) is how all of them are found.
"""
import math
import re
import struct
import sys

TYPES = {'pred': 'bool', 'b16': 'uint16_t', 'f32': 'float', 'b32': 'uint32_t', 'f64': 'double',
         'b64': 'uint64_t'}
SIGNED = {'s16': 'int16_t', 's32': 'int32_t', 's64': 'int64_t'}
UNSIGNED = {'u8': 'uint8_t', 'u16': 'uint16_t', 'u32': 'uint32_t', 'u64': 'uint64_t',
            'b8': 'uint8_t', 'b16': 'uint16_t', 'b32': 'uint32_t', 'b64': 'uint64_t',
            'f32': 'float', 'f64': 'double', 'pred': 'bool'}
C_TYPE = SIGNED | UNSIGNED
SHARED = 'reinterpret_cast<uint64_t>(thread.block->shared)'
shared_arrays = set()  # their names
SPECIAL = {'%tid.x': 'thread.tid', '%ctaid.x': 'thread.ctaid_x', '%ctaid.y': 'thread.ctaid_y',
           '%ntid.x': 'thread.ntid'}
COMPARE = {'eq': '==', 'ne': '!=', 'lt': '<', 'le': '<=', 'gt': '>', 'ge': '>='}
ROOT_ESTIMATE = 'rsqrt.approx.ftz.f32'
BINARY = {'add': '+', 'sub': '-', 'and': '&', 'or': '|', 'xor': '^'}

PRELUDE = '''// Made by ptx_to_cpp.py. Do not edit.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "tests/cuda/ptx_thread.hpp"

namespace {
template <class To, class From> To bits(From x) {
  static_assert(sizeof(To) == sizeof(From));
  To y;
  std::memcpy(&y, &x, sizeof y);
  return y;
}
template <class T> T load(uint64_t address) {
  T x;
  std::memcpy(&x, reinterpret_cast<const void*>(address), sizeof x);
  return x;
}
template <class T> void store(uint64_t address, T x) {
  std::memcpy(reinterpret_cast<void*>(address), &x, sizeof x);
}
template <unsigned kWidth> uint32_t inside(uint32_t shift) {
  if (shift >= kWidth) std::abort();
  return shift;
}
template <class T> T larger(T a, T b) {
  if (a != a) return b;
  if (a == b) return std::signbit(a) ? b : a;
  return a < b ? b : a;
}
[[maybe_unused]] int64_t whole(double x) { // beyond the range PTX has a result, C++ none
  if (!(x > -0x1p63 && x < 0x1p63)) std::abort();
  return static_cast<int64_t>(x);
}
template <class T> T smaller(T a, T b) { return -larger(-a, -b); }
} // namespace
'''


def fail(message):
    sys.exit(f'ptx_to_cpp: {message}')


def operand(text, ctype):
    """A register, special register or constant as a C++ expression of type `ctype`."""
    text = text.strip()
    if text in SPECIAL:
        return SPECIAL[text]
    if text.startswith('%'):
        return text[1:]
    if re.fullmatch(r'0[fF][0-9A-Fa-f]{8}', text):
        value = struct.unpack('>f', bytes.fromhex(text[2:]))[0]
        return f'{value.hex()}f' if math.isfinite(value) else \
            f'bits<float>(uint32_t{{0x{text[2:]}u}})'
    if re.fullmatch(r'0[dD][0-9A-Fa-f]{16}', text):
        value = struct.unpack('>d', bytes.fromhex(text[2:]))[0]
        return value.hex() if math.isfinite(value) else \
            f'bits<double>(uint64_t{{0x{text[2:]}ull}})'
    if re.fullmatch(r'-?[0-9]+', text):
        return f'static_cast<{ctype}>({text}ll)'
    if text.startswith('__local_depot'):
        return f'reinterpret_cast<uint64_t>({text.strip("_")})'
    if text in shared_arrays:
        return SHARED
    fail(f'unknown operand {text}')


def address(text, name):
    match = re.fullmatch(r'\[([^\]+]+)(?:\+(-?\d+))?\]', text.strip())
    if not match:
        fail(f'unknown address {text}')
    base, offset = match.group(1), match.group(2) or '0'
    if own := re.fullmatch(rf'{name}_param_(\d+)', base):
        return f'(reinterpret_cast<uint64_t>(parameters[{own.group(1)}]) + {offset})'
    base = operand(base, 'uint64_t')
    # Shared addresses are 32-bit offsets in PTX; here they are offsets into the block's array.
    return f'({base} + uint64_t({offset}))'


def split_operands(text):
    return [part for part in re.findall(r'\{[^}]*\}|\[[^\]]*\]|[^,\s][^,]*', text)]


def elements(text):
    return [part.strip() for part in text.strip().strip('{}').split(',')]


def typed(op, ctype):
    """An operand read as `ctype`, which may be the signed twin of its register."""
    return f'static_cast<{ctype}>({operand(op, ctype)})'


def instruction(code, operands, name, values):
    parts = code.split('.')
    op, kind = parts[0], parts[-1]
    ctype = C_TYPE.get(kind)
    floating = kind in ('f32', 'f64')
    if floating and op in ('add', 'sub', 'mul', 'fma', 'mad', 'div', 'sqrt', 'rcp'):
        if parts[1:-1] != ['rn']:
            fail(f'{code}: the rounding is not .rn alone')
    o = operands
    out = o[0].strip().lstrip('%') if o else ''
    if code == ROOT_ESTIMATE:
        return f'{out} = static_cast<float>(1 / std::sqrt(double{{{operand(o[1], ctype)}}}));'
    if op in ('ex2', 'lg2', 'sin', 'cos', 'tanh', 'rsqrt', 'atom', 'red'):
        fail(f'{code}: not reproducible')
    if op == 'ret':
        return 'return;'
    if op in ('ld', 'st') and 'param' in parts:
        place = o[1 if op == 'ld' else 0]
        own = re.fullmatch(r'\[(\w+)\+0\]' if op == 'st' else r'\[(\w+_param_\d+)\]', place)
        if op == 'st' and own and len(parts) == 3:
            return f'{own.group(1)} = bits<decltype({own.group(1)})>({typed(o[1], ctype)});'
        if op == 'ld' and own and own.group(1) in values:
            return f'{out} = static_cast<{ctype}>({own.group(1)[len(name) + 1:]});'
        own_or_register = f'{name}_param_' in place or place.startswith('[%')
        if op == 'st' or not own_or_register or values:
            fail(f'unknown parameter {place}')
    if op == 'bar':
        return 'thread.block->barrier.arrive_and_wait();'
    if op == 'bra':
        return f'goto {label(o[0])};'
    if op in ('ld', 'st'):
        shared = 'shared' in parts
        place = address(o[1] if op == 'ld' else o[0], name)
        if shared:
            place = f'({SHARED} + static_cast<uint32_t>{place})'
        width = {'8': 1, '6': 2, '2': 4, '4': 8}[kind[-1]]
        if op == 'st':
            return ' '.join(f'store<{ctype}>({place} + {i * width}, {typed(source, ctype)});'
                            for i, source in enumerate(elements(o[1])))
        return ' '.join(f'{target.lstrip("%")} = load<{ctype}>({place} + {i * width});'
                        for i, target in enumerate(elements(o[0])))
    if op == 'cvta':
        return f'{out} = {operand(o[1], "uint64_t")};'
    if op == 'mov' and '{' in o[0] + o[1]:
        if kind != 'b64' or '{' in o[0]:
            fail(f'unknown {code} {o}')
        low, high = (typed(part, 'uint32_t') for part in elements(o[1]))
        return f'{out} = uint64_t{{{high}}} << 32 | {low};'
    if op == 'mov' and (own := re.fullmatch(rf'{name}_param_(\d+)', o[1].strip())) and not values:
        return f'{out} = reinterpret_cast<uint64_t>(parameters[{own.group(1)}]);'
    if op == 'mov':
        source = operand(o[1], ctype)
        if source == SHARED:
            return f'{out} = 0;'
        if re.match(r'(b32|b64)$', kind):
            width = 'uint32_t' if kind == 'b32' else 'uint64_t'
            return f'{out} = bits<decltype({out})>(static_cast<decltype({source})>({source}));' \
                if not re.fullmatch(r'-?[0-9]+', o[1].strip()) else f'{out} = bits<decltype({out})>({width}({source}));'
        return f'{out} = {source};'
    if op == 'cvt':
        if code == 'cvt.rzi.s64.f64':
            return f'{out} = static_cast<uint64_t>(whole({operand(o[1], ctype)}));'
        exact = parts[-2] == 'f64' and kind == 'f32' or parts[-2] not in ('f32', 'f64')
        if parts[1:-2] != ([] if exact else ['rn']) or floating and not floating_pair(parts):
            fail(f'unknown {code}')
        return f'{out} = static_cast<{C_TYPE[parts[-2]]}>({typed(o[1], ctype)});'
    if op == 'setp':
        relation = parts[1]
        a, b = typed(o[1], ctype), typed(o[2], ctype)
        if floating and relation.endswith('u'):
            inverse = {'leu': '>', 'ltu': '>=', 'geu': '<', 'gtu': '<=', 'neu': '=='}[relation]
            return f'{out} = !({a} {inverse} {b});'
        if relation == 'nan':
            return f'{out} = {a} != {a} || {b} != {b};'
        if floating and relation == 'ne':
            return f'{out} = {a} < {b} || {a} > {b};'
        return f'{out} = {a} {COMPARE[relation]} {b};'
    if op == 'selp':
        return f'{out} = {operand(o[3], "bool")} ? {typed(o[1], ctype)} : {typed(o[2], ctype)};'
    if op == 'fma':
        a, b, c = (operand(x, ctype) for x in o[1:4])
        return f'{out} = std::fma({a}, {b}, {c});'
    if op in ('max', 'min'):
        a, b = typed(o[1], ctype), typed(o[2], ctype)
        if floating:
            if len(parts) != 2:
                fail(f'unknown {code}')
            return f'{out} = {"larger" if op == "max" else "smaller"}<{ctype}>({a}, {b});'
        return f'{out} = {a} {"<" if op == "max" else ">"} {b} ? {b} : {a};'
    if op == 'bfi':  # of the operands %rd, %rd, constant position and length
        place, length = int(o[3]), int(o[4])
        if not 0 < length < place + length <= int(kind[1:]):
            fail(f'unknown {code} {o}')
        mask = (2**length - 1) << place
        return f'{out} = ({typed(o[2], ctype)} & ~{mask}ull) | ' \
               f'({typed(o[1], ctype)} << {place} & {mask}ull);'
    if op == 'rcp':
        return f'{out} = 1 / {operand(o[1], ctype)};'
    if op == 'sqrt':
        return f'{out} = std::sqrt({operand(o[1], ctype)});'
    if op == 'div' or op == 'rem':
        return f'{out} = {typed(o[1], ctype)} {"/" if op == "div" else "%"} {typed(o[2], ctype)};'
    if op == 'neg':
        return f'{out} = static_cast<{ctype}>(-{operand(o[1], ctype)});'
    if op == 'not':
        return f'{out} = !{operand(o[1], ctype)};' if kind == 'pred' else \
            f'{out} = ~{operand(o[1], ctype)};'
    if op == 'mul' and floating:
        return f'{out} = {operand(o[1], ctype)} * {operand(o[2], ctype)};'
    if op == 'mul' and parts[1] == 'hi':
        wide, width = {'u32': ('uint64_t', 32), 'u64': ('unsigned __int128', 64)}[kind]
        return f'{out} = static_cast<{ctype}>(static_cast<{wide}>({typed(o[1], ctype)}) * ' \
               f'{typed(o[2], ctype)} >> {width});'
    if op == 'mul' and parts[1] == 'wide':
        wide = {'u32': 'uint64_t', 's32': 'int64_t', 'u16': 'uint32_t'}[kind]
        return f'{out} = static_cast<uint64_t>(static_cast<{wide}>({typed(o[1], ctype)}) * ' \
               f'static_cast<{wide}>({typed(o[2], ctype)}));'
    unsigned = {'s16': 'uint16_t', 's32': 'uint32_t', 's64': 'uint64_t'}.get(kind, ctype)
    if op == 'mul':
        return f'{out} = {typed(o[1], unsigned)} * {typed(o[2], unsigned)};'
    if op == 'mad' and parts[1] == 'lo':
        return f'{out} = {typed(o[1], unsigned)} * {typed(o[2], unsigned)} + {typed(o[3], unsigned)};'
    if op in ('shl', 'shr'):
        by = o[2].strip()
        if by.isdigit():
            if int(by) >= int(kind[1:]):
                fail(f'{code}: shifts by {by}')
        else:  # beyond the width PTX has a result, C++ none
            by = f'inside<{kind[1:]}>({operand(by, "uint32_t")})'
        return f'{out} = static_cast<{unsigned}>({typed(o[1], ctype)} {"<<" if op == "shl" else ">>"} {by});'
    if op in BINARY:
        if kind == 'pred':
            return f'{out} = {operand(o[1], ctype)} {BINARY[op]} {operand(o[2], ctype)};'
        target = ctype if floating else unsigned
        return f'{out} = {typed(o[1], target)} {BINARY[op]} {typed(o[2], target)};'
    fail(f'unknown instruction {code}')


def floating_pair(parts):
    return parts[-1] in ('f32', 'f64') and parts[-2] in ('f32', 'f64')


def label(text):
    return 'at' + text.strip().replace('$', '_')


def statements(body):
    """(labels before it, statement) of each, and braces of calls as statements of their own."""
    labels = []
    for text in re.sub(r'//[^\n]*', '', body).split(';'):
        text = text.strip()
        while brace := re.match(r'[{}]|([$\w]+):', text):
            if brace.group(1):
                labels.append(brace.group(1))
            else:
                yield labels, brace.group(0)
                labels = []
            text = text[brace.end():].strip()
        if text:
            yield labels, ' '.join(text.split())
            labels = []
    if labels:
        yield labels, '}'


def call(text):
    """A call of a function that returns nothing: its name and its arguments."""
    match = re.fullmatch(r'call(?:\.uni)? (\w+), \( ?([\w, ]*)\)', text)
    if not match:
        fail(f'unknown call: {text}')
    return match.group(1), [argument.strip() for argument in match.group(2).split(',')]


def parameters_of(name, text):
    """The names and types of a function's parameters, all of them numbers."""
    values = {}
    for parameter in text.split(','):
        match = re.fullmatch(r'\.param \.(b32|b64|f32|f64) (\w+)', ' '.join(parameter.split()))
        if not match:
            fail(f'unknown parameter of {name}: {parameter}')
        values[match.group(2)] = TYPES[match.group(1)]
    return values


def head(name, values):
    """The declaration of a kernel (values: None), or of a function."""
    if values is None:
        return f'static void {name}(const void* const* parameters, PtxThread thread)'
    own = ', '.join(f'{ctype} {value[len(name) + 1:]}' for value, ctype in values.items())
    return f'static void {name}(PtxThread thread, {own})'


def translate(name, values, body):
    lines = [head(name, values) + ' {', '  (void)thread;']
    code = []
    for labels, text in statements(body):
        code += [f'{label(each)}:;' for each in labels]
        if text in '{}':
            code.append('  ' + text)
            continue
        if text.startswith(('.pragma', '.reg .b32 temp_param_reg')):
            continue
        declared = re.fullmatch(r'\.reg \.(\w+) %(\w+)(?:<(\d+)>)?', text)
        if declared:
            kind, prefix, count = declared.groups()
            names = [f'{prefix}{i}' for i in range(1, int(count))] if count else [prefix]
            lines.append(f'  [[maybe_unused]] {TYPES[kind]} {"{}, ".join(names)}{{}};')
            continue
        depot = re.fullmatch(r'\.local \.align (\d+) \.b8 (__local_depot\d+)\[(\d+)\]', text)
        if depot:
            own = depot.group(2).strip('_')
            lines += [f'  alignas({depot.group(1)}) unsigned char {own}[{depot.group(3)}];',
                      f'  std::memset({own}, 0xff, sizeof {own});']
            continue
        argument = re.fullmatch(r'\.param \.(b32|b64|f32|f64) (\w+)', text)
        if argument:
            code.append(f'  {TYPES[argument.group(1)]} {argument.group(2)};')
            continue
        match = re.fullmatch(r'(?:@(!?)%(\w+) )?([a-z][\w.]*(?:::\w+)?) ?(.*)', text)
        if not match:
            fail(f'cannot read: {text}')
        negated, predicate, mnemonic, rest = match.groups()
        if mnemonic.split('.')[0] == 'call':
            callee, arguments = call(text)
            statement = f'{callee}(thread, {", ".join(arguments)});'
        else:
            statement = instruction(mnemonic, split_operands(rest), name, values or {})
        if predicate:
            statement = f'if ({negated}{predicate}) {{ {statement} }}'
        code.append('  ' + statement)
    return '\n'.join(lines + code + ['', ''])


def sizes_of(name, text):
    """Bytes of a kernel's parameters."""
    sizes = []
    for parameter in filter(None, map(str.strip, text.split(','))):
        match = re.fullmatch(r'\.param (?:\.u(\d+)|\.align \d+ \.b8) \w+(?:\[(\d+)\])?',
                             ' '.join(parameter.split()))
        if not match:
            fail(f'unknown parameter of {name}: {parameter}')
        sizes.append(match.group(2) or str(int(match.group(1)) // 8))
    if len(sizes) > 7:
        fail(f'{name} has {len(sizes)} parameters; a row of the table has room for 7')
    return ', '.join(sizes)


def called_by(names, bodies):
    """Functions that these call, and those that they call, in turn."""
    callees = re.compile(r'\bcall(?:\.uni)?\s+(\w+),')
    found = []
    while names:
        own = [callee for name in names for callee in callees.findall(bodies[name])]
        names = [name for name in dict.fromkeys(own) if name not in found]
        found += names
    return found


def main():
    if len(sys.argv) != 4:
        fail('usage: ptx_to_cpp.py KERNELS.ptx OUT.cpp NAME_REGEX')
    text = open(sys.argv[1]).read()
    wanted = re.compile(sys.argv[3])
    loose = re.findall(r'^\s*(?:@!?%\w+ )?((?:fma|mad|mul|add|sub|div|sqrt|rcp)\.(?!rn\.)[\w.]*f(?:32|64)|'
                       r'[\w.]*\.(?:ftz|approx)[\w.]*|(?:ex2|lg2|sin|cos|rsqrt)\.[\w.]+)', text, re.M)
    loose = set(loose) - {ROOT_ESTIMATE}
    if loose:
        fail(f'{sys.argv[1]} holds arithmetic that rounds freely: {sorted(loose)}')
    found = re.findall(r'^(?:\.visible )?(\.entry|\.func) (\w+)\s*\(([^)]*)\)([^;{]*\{.*?)^\}',
                       text, re.S | re.M)
    kernels = [name for kind, name, _, _ in found if kind != '.func']
    chosen = [name for name in kernels if wanted.search(name)]
    if not chosen:
        fail(f'{sys.argv[1]} has no kernel that matches {sys.argv[3]}')
    bodies = {name: body[body.index('{') + 1:] + '}' for _, name, _, body in found}
    values = {name: parameters_of(name, parameters) if kind == '.func' else None
              for kind, name, parameters, _ in found}
    bound = {name: re.search(r'\.maxntid (\d+)', body[:body.index('{')])
             for _, name, _, body in found}
    most_threads = {name: bound[name].group(1) if bound[name] else '1024' for name in chosen}
    shared_arrays.update(re.findall(r'\.shared \.align \d+ \.b8 (\w+)\[', text))
    functions = called_by(chosen, bodies)
    with open(sys.argv[2], 'w') as out:
        out.write(PRELUDE)
        out.writelines(head(name, values[name]) + ';\n' for name in functions)
        out.writelines(translate(name, values[name], bodies[name]) for name in functions + chosen)
        stem = sys.argv[1].rpartition('/')[2].removesuffix('.ptx')
        out.write(f'extern const PtxEntry {stem}_kernels[] = {{\n')
        out.writelines(f'  {{"{name}", &{name}, {most_threads[name]}, '
                       f'{{{sizes_of(name, parameters)}}}}},\n'
                       for _, name, parameters, _ in found if name in chosen)
        out.write('  {}};\n')
    print(f'{len(chosen)} of {len(kernels)} kernels translated, {len(functions)} functions')


if __name__ == '__main__':
    main()
