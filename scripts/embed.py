#!/usr/bin/env python3
"""Make a C file of files: `embed.py OUT.c name=path …` defines, for each, `const char name[]` (its bytes and a NUL) and
`const size_t name_size` (without the NUL)."""
import sys

with open(sys.argv[1], 'w', encoding='ascii') as out:
    out.write('#include <stddef.h>\n')
    for pair in sys.argv[2:]:
        name, path = pair.split('=', 1)
        with open(path, 'rb') as file:
            data = file.read()
        # Declared first: the project's warnings ask for a declaration before every definition.
        out.write(f'extern const char {name}[];\nextern const size_t {name}_size;\n')
        out.write(f'const size_t {name}_size = {len(data)};\nconst char {name}[] = {{\n')
        for start in range(0, len(data), 24):
            out.write(','.join(str(b if b < 128 else b - 256) for b in data[start:start + 24]) + ',\n')
        out.write('0};\n')
