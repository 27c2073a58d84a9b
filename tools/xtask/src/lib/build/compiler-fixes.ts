// Works around compiler problems with llama.cpp's source, by settings of the library's build.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * GCC's `_tile_loadconfig` (amxtileintrin.h, seen in 12.2) tells the optimiser that it reads only 8 bytes of its 64-byte argument. The optimiser
 * then removes the writes of the tiles' rows and columns, and the first `tilezero` on a CPU with AMX is an illegal instruction. This header
 * tells the optimiser that all 64 bytes are read.
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
 * With AVX512-FP16, llama.cpp's dot products compute 128 values at once and remaining values one by one (`GGML_F16_STEP`, simd-mappings.h).
 * Small models have heads of 64 values, all computed one by one: attention then takes four times as long as with plain AVX512.
 */
const flag = "-mno-avx512fp16";

/** @param headerPath a path in cmake's notation */
function cmakeFile(headerPath: string): string {
  return `add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include \\"${headerPath}\\">")
include(CheckCXXCompilerFlag)
check_cxx_compiler_flag("${flag}" WAGGLE_KNOWS_AVX512_FP16)
if (WAGGLE_KNOWS_AVX512_FP16)
  add_compile_options("$<$<COMPILE_LANGUAGE:C,CXX>:${flag}>")
endif()
`;
}

/**
 * The library's build sets the compiler's flags itself. So cmake gets a file that it reads after each project (CMAKE_PROJECT_INCLUDE).
 * @param folder gets two files, which must exist until the build has ended
 * @returns the environment for node-llama-cpp's build
 */
export function withCompilerFixes(env: NodeJS.ProcessEnv, folder: string): NodeJS.ProcessEnv {
  const headerPath = join(folder, "compiler-fixes.h");
  const includePath = join(folder, "compiler-fixes.cmake");
  writeFileSync(headerPath, header);
  writeFileSync(includePath, cmakeFile(headerPath));
  return { ...env, NODE_LLAMA_CPP_CMAKE_OPTION_CMAKE_PROJECT_INCLUDE: includePath };
}
