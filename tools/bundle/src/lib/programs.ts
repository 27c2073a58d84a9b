// Owns the list of our programs: what of them is started as a process or as a thread, and so has to be a file of its own.

export interface Program {
  readonly name: string;
  /** From the repository's root. */
  readonly folder: string;
  /** Modules that are started by their file's name, from the folder's src/, without their ending. */
  readonly entries: readonly string[];
  /** Started by people; undefined: only by other programs of ours. */
  readonly bin?: { readonly command: string; readonly file: string };
  /** Modules that a library starts as processes by the name of their own file. */
  readonly libraryEntries?: readonly LibraryEntry[];
}

export interface LibraryEntry {
  /** Whose dependency it is, from the repository's root. */
  readonly of: string;
  readonly library: string;
  /** From the folder of the library's main file. */
  readonly module: string;
  /** The folder of its build, from the root. */
  readonly folder: string;
}

/** Each is its own build. */
export const programs: readonly Program[] = [
  {
    name: "worker",
    folder: "apps/worker",
    entries: ["main", "engine/engine-main"],
    bin: { command: "waggle-worker", file: "bin/waggle-worker.js" },
    libraryEntries: [
      // Before a binary is loaded, a process of its own finds out whether it can be, and knows itself by its file's name.
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

/** Threads of theirs. Within the repository they start from the build of their package, as they are few modules each. */
export const threads: readonly Program[] = [
  { name: "schema thread", folder: "packages/front", entries: ["lib/schema-thread"] },
  { name: "memory thread", folder: "packages/fit", entries: ["lib/memory-thread"] },
  { name: "template thread", folder: "packages/chat-template", entries: ["lib/thread/template-thread"] },
  { name: "description thread", folder: "packages/model-chat", entries: ["lib/description-thread"] },
];
