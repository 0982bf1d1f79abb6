#!/usr/bin/env python3
"""Translates the PTX of CUDA kernels into C++ that runs one thread of them on a CPU.

Usage: ptx_to_cpp.py KERNELS.ptx OUT.cpp NAME_REGEX

Every operation becomes the same IEEE operation on the host, so that a compiled kernel can be run and
compared bit for bit where there is no GPU. Only what our kernels use is known; anything else is an
error, and so is arithmetic whose rounding PTX leaves open (.approx, .ftz, no .rn). Barriers and
shared memory work for blocks of one thread.
"""
import re
import sys

TYPES = {'pred': 'bool', 'b16': 'uint16_t', 'f32': 'float', 'b32': 'uint32_t', 'f64': 'double',
         'b64': 'uint64_t'}
SIGNED = {'s16': 'int16_t', 's32': 'int32_t', 's64': 'int64_t'}
UNSIGNED = {'u8': 'uint8_t', 'u16': 'uint16_t', 'u32': 'uint32_t', 'u64': 'uint64_t',
            'b8': 'uint8_t', 'b16': 'uint16_t', 'b32': 'uint32_t', 'b64': 'uint64_t',
            'f32': 'float', 'f64': 'double', 'pred': 'bool'}
C_TYPE = SIGNED | UNSIGNED
SPECIAL = {'%tid.x': 'thread.tid', '%ctaid.x': 'thread.ctaid_x', '%ctaid.y': 'thread.ctaid_y',
           '%ntid.x': 'thread.ntid'}
COMPARE = {'eq': '==', 'ne': '!=', 'lt': '<', 'le': '<=', 'gt': '>', 'ge': '>='}
BINARY = {'add': '+', 'sub': '-', 'and': '&', 'or': '|', 'xor': '^'}

PRELUDE = '''// Made by ptx_to_cpp.py. Do not edit.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tests/parity/ptx_thread.hpp"

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
[[maybe_unused]] alignas(16) thread_local unsigned char shared[16384];
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
        return f'bits<float>(uint32_t{{0x{text[2:]}u}})'
    if re.fullmatch(r'0[dD][0-9A-Fa-f]{16}', text):
        return f'bits<double>(uint64_t{{0x{text[2:]}ull}})'
    if re.fullmatch(r'-?[0-9]+', text):
        return f'static_cast<{ctype}>({text}ll)'
    if re.fullmatch(r'[A-Za-z_$][\w$]*', text):  # a shared array
        return 'reinterpret_cast<uint64_t>(shared)'
    fail(f'unknown operand {text}')


def address(text, name):
    match = re.fullmatch(r'\[([^\]+]+)(?:\+(-?\d+))?\]', text.strip())
    if not match:
        fail(f'unknown address {text}')
    base, offset = match.group(1), match.group(2) or '0'
    if base == f'{name}_param_0':
        return f'(reinterpret_cast<uint64_t>(parameters) + {offset})'
    base = operand(base, 'uint64_t')
    # Shared addresses are 32-bit offsets in PTX; here they are offsets into `shared`.
    return f'({base} + uint64_t({offset}))'


def split_operands(text):
    return [part for part in re.findall(r'\{[^}]*\}|\[[^\]]*\]|[^,\s][^,]*', text)]


def typed(op, ctype):
    """An operand read as `ctype`, which may be the signed twin of its register."""
    return f'static_cast<{ctype}>({operand(op, ctype)})'


def instruction(code, operands, name):
    parts = code.split('.')
    op, kind = parts[0], parts[-1]
    ctype = C_TYPE.get(kind)
    floating = kind in ('f32', 'f64')
    if floating and op in ('add', 'sub', 'mul', 'fma', 'mad', 'div', 'sqrt', 'rcp'):
        if parts[1:-1] != ['rn']:
            fail(f'{code}: the rounding is not .rn alone')
    if op in ('ex2', 'lg2', 'sin', 'cos', 'tanh', 'rsqrt', 'atom', 'red'):
        fail(f'{code}: not reproducible')
    o = operands
    out = o[0].strip().lstrip('%') if o else ''
    if op == 'ret':
        return 'return;'
    if op == 'bar':
        return ';'
    if op == 'bra':
        return f'goto {label(o[0])};'
    if op in ('ld', 'st'):
        shared = 'shared' in parts
        place = address(o[1] if op == 'ld' else o[0], name)
        if shared:
            place = f'(reinterpret_cast<uint64_t>(shared) + static_cast<uint32_t>{place})'
        if op == 'st':
            return f'store<{ctype}>({place}, {typed(o[1], ctype)});'
        targets = [t.strip() for t in out.strip('{}').split(',')] if 'v2' in parts else [out]
        width = {'8': 1, '6': 2, '2': 4, '4': 8}[kind[-1]]
        return ' '.join(f'{t.lstrip("%")} = load<{ctype}>({place} + {i * width});'
                        for i, t in enumerate(targets))
    if op == 'cvta':
        return f'{out} = {operand(o[1], "uint64_t")};'
    if op == 'mov':
        source = operand(o[1], ctype)
        if source == 'reinterpret_cast<uint64_t>(shared)':
            return f'{out} = 0;'
        if re.match(r'(b32|b64)$', kind):
            width = 'uint32_t' if kind == 'b32' else 'uint64_t'
            return f'{out} = bits<decltype({out})>(static_cast<decltype({source})>({source}));' \
                if not re.fullmatch(r'-?[0-9]+', o[1].strip()) else f'{out} = bits<decltype({out})>({width}({source}));'
        return f'{out} = {source};'
    if op == 'cvt':
        to, source = C_TYPE[parts[-2]], kind
        if floating_pair(parts):
            return f'{out} = static_cast<{to}>({operand(o[1], ctype)});'
        if source in SIGNED and parts[1] == 'rn':
            return f'{out} = static_cast<{to}>({typed(o[1], ctype)});'
        if source in C_TYPE and parts[-2] in C_TYPE and not floating:
            return f'{out} = static_cast<{to}>({typed(o[1], ctype)});'
        fail(f'unknown {code}')
    if op == 'setp':
        relation = parts[1]
        a, b = typed(o[1], ctype), typed(o[2], ctype)
        if floating and relation.endswith('u'):
            inverse = {'leu': '>', 'ltu': '>=', 'geu': '<', 'gtu': '<=', 'neu': '=='}[relation]
            return f'{out} = !({a} {inverse} {b});'
        if floating and relation == 'ne':
            return f'{out} = {a} < {b} || {a} > {b};'
        return f'{out} = {a} {COMPARE[relation]} {b};'
    if op == 'selp':
        return f'{out} = {operand(o[3], "bool")} ? {typed(o[1], ctype)} : {typed(o[2], ctype)};'
    if op == 'fma':
        a, b, c = (operand(x, ctype) for x in o[1:4])
        return f'{out} = std::fma({a}, {b}, {c});'
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
        return f'{out} = static_cast<uint32_t>(uint64_t{{{typed(o[1], "uint32_t")}}} * ' \
               f'{typed(o[2], "uint32_t")} >> 32);'
    if op == 'mul' and parts[1] == 'wide':
        wide = {'u32': 'uint64_t', 's32': 'int64_t', 'u16': 'uint32_t'}[kind]
        return f'{out} = static_cast<uint64_t>(static_cast<{wide}>({typed(o[1], ctype)}) * ' \
               f'static_cast<{wide}>({typed(o[2], ctype)}));'
    unsigned = {'s16': 'uint16_t', 's32': 'uint32_t', 's64': 'uint64_t'}.get(kind, ctype)
    if op == 'mul':
        return f'{out} = {typed(o[1], unsigned)} * {typed(o[2], unsigned)};'
    if op == 'mad' and parts[1] == 'lo':
        return f'{out} = {typed(o[1], unsigned)} * {typed(o[2], unsigned)} + {typed(o[3], unsigned)};'
    if op == 'shl':
        return f'{out} = {operand(o[1], ctype)} << {operand(o[2], "uint32_t")};'
    if op == 'shr':
        return f'{out} = static_cast<{unsigned}>({typed(o[1], ctype)} >> {operand(o[2], "uint32_t")});'
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


def translate(name, body):
    lines = [f'extern "C" void {name}(const void* parameters, PtxThread thread) {{', '  (void)thread;']
    code = []
    for raw in re.sub(r'//[^\n]*', '', body).replace('\n', ' \n').split('\n'):
        text = raw.strip()
        if not text or text in '{}' or text.startswith(('.pragma', '.loc', '.file')):
            continue
        declared = re.fullmatch(r'\.reg \.(\w+)\s+%(\w+)<(\d+)>;', text)
        if declared:
            kind, prefix, count = declared.groups()
            names = ', '.join(f'{prefix}{i}{{}}' for i in range(1, int(count)))
            lines.append(f'  [[maybe_unused]] {TYPES[kind]} {names};')
            continue
        if text.endswith(':'):
            code.append(f'{label(text[:-1])}:;')
            continue
        match = re.fullmatch(r'(?:@(!?)%(\w+)\s+)?([a-z][\w.]*(?:::\w+)?)\s*(.*?);', text)
        if not match:
            fail(f'cannot read: {text}')
        negated, predicate, mnemonic, rest = match.groups()
        statement = instruction(mnemonic, split_operands(rest), name)
        if predicate:
            statement = f'if ({negated}{predicate}) {{ {statement} }}'
        code.append('  ' + statement)
    return '\n'.join(lines + code + ['}', ''])


def main():
    if len(sys.argv) != 4:
        fail('usage: ptx_to_cpp.py KERNELS.ptx OUT.cpp NAME_REGEX')
    text = open(sys.argv[1]).read()
    wanted = re.compile(sys.argv[3])
    loose = re.findall(r'^\s*(?:@!?%\w+ )?((?:fma|mad|mul|add|sub|div|sqrt|rcp)\.(?!rn\.)[\w.]*f(?:32|64)|'
                       r'[\w.]*\.(?:ftz|approx)[\w.]*|(?:ex2|lg2|sin|cos|rsqrt)\.[\w.]+)', text, re.M)
    if loose:
        fail(f'{sys.argv[1]} holds arithmetic that rounds freely: {sorted(set(loose))}')
    kernels = re.findall(r'\.visible \.entry (\w+)\((.*?)\)(.*?)\n\}', text, re.S)
    chosen = [(name, rest) for name, _, rest in kernels if wanted.search(name)]
    if not chosen:
        fail(f'{sys.argv[1]} has no kernel that matches {sys.argv[3]}')
    with open(sys.argv[2], 'w') as out:
        out.write(PRELUDE)
        for name, rest in chosen:
            out.write(translate(name, rest[rest.index('{') + 1:]))
    print(f'{len(chosen)} of {len(kernels)} kernels translated')


if __name__ == '__main__':
    main()
