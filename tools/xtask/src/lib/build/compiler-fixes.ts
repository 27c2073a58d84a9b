// Owns what compilers get wrong in llama.cpp's source, and how the library's build is told to put it right.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * GCC's `_tile_loadconfig` (amxtileintrin.h, seen in 12.2) tells the optimiser that it reads 8 of its 64 bytes. The rows and columns of the
 * tiles are then never written, and the first `tilezero` on a CPU with AMX is an illegal instruction. Here the optimiser learns that all
 * of it is read.
 */
const header = `#pragma once
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#define _tile_loadconfig(config)                            \\
  do {                                                      \\
    const void *waggle_config = (config);                   \\
    __asm__ volatile("" : : "r"(waggle_config) : "memory"); \\
    (_tile_loadconfig)(waggle_config);                      \\
  } while (0)
#endif
`;

/**
 * The library's build sets the compiler's flags itself, so cmake is given a file to read after each project (CMAKE_PROJECT_INCLUDE).
 * @param folder in which to put two files; they have to stay while something compiles
 * @returns the environment for node-llama-cpp's build
 */
export function withCompilerFixes(env: NodeJS.ProcessEnv, folder: string): NodeJS.ProcessEnv {
  const headerPath = join(folder, "compiler-fixes.h");
  const includePath = join(folder, "compiler-fixes.cmake");
  writeFileSync(headerPath, header);
  writeFileSync(includePath, `add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include \\"${headerPath}\\">")\n`);
  return { ...env, NODE_LLAMA_CPP_CMAKE_OPTION_CMAKE_PROJECT_INCLUDE: includePath };
}
