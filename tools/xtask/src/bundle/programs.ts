// Owns the list of our programs, with the modules that must be separate files because they are started as a process or a thread.

export interface Program {
  readonly name: string;
  /** The folder of the program, relative to the repository's root. */
  readonly folder: string;
  /** Modules that are started by file name: their paths relative to the folder's src/, without extension. */
  readonly entries: readonly string[];
  /** The command that people start; undefined when only our other programs start this program. */
  readonly bin?: { readonly command: string; readonly file: string };
  /** Modules of a library that the library starts as processes by file name. */
  readonly libraryEntries?: readonly LibraryEntry[];
}

export interface LibraryEntry {
  /** The package that depends on the library, relative to the repository's root. */
  readonly of: string;
  readonly library: string;
  /** The path of the module, relative to the folder of the library's main file. */
  readonly module: string;
  /** The folder of the built module, relative to the root of the build. */
  readonly folder: string;
}

/** Our programs, each built separately. */
export const programs: readonly Program[] = [
  {
    name: "worker",
    folder: "apps/worker",
    entries: ["main", "engine/engine-main"],
    bin: { command: "waggle-worker", file: "bin/waggle-worker.js" },
    libraryEntries: [
      // node-llama-cpp first loads a binary in a separate test process, which recognizes itself by its file name.
      {
        of: "packages/engine-llama",
        library: "node-llama-cpp",
        module: "bindings/utils/testBindingBinary.js",
        folder: "apps/worker/dist/engine",
      },
    ],
  },
  {
    name: "cli",
    folder: "apps/cli",
    entries: ["main"],
    bin: { command: "waggle", file: "bin/waggle.js" },
  },
  {
    name: "gateway",
    folder: "apps/gateway",
    entries: ["main"],
    bin: { command: "waggle-gateway", file: "bin/waggle-gateway.js" },
  },
  {
    name: "hive",
    folder: "apps/mock-hive",
    entries: ["main"],
    bin: { command: "waggle-hive", file: "bin/waggle-hive.js" },
  },
];

/** Threads of these programs, in the packages that start them. */
export const threads: readonly Program[] = [
  { name: "schema thread", folder: "packages/front", entries: ["schemas/schema-thread"] },
  { name: "MCP thread", folder: "packages/mcp", entries: ["thread/server-thread"] },
  { name: "picture thread", folder: "packages/pictures", entries: ["decode/picture-thread"] },
  { name: "memory thread", folder: "packages/models", entries: ["memory/memory-thread"] },
  {
    name: "chat threads",
    folder: "packages/chat-format",
    entries: ["template/template-thread", "describe/description-thread"],
  },
];
