// Owns the languages that have colours, by the names that models write after a fence. A language is loaded when it is first shown.
import type { StreamParser } from "@codemirror/streamparser";

export type Language = StreamParser<unknown>;
type Load = () => Promise<Language>;

/** The loaders of languages, by all names of each language. */
const loaders: Readonly<Record<string, Load>> = {
  "js javascript jsx mjs cjs node": async () => (await import("@codemirror/legacy-modes/mode/javascript")).javascript,
  "ts typescript tsx": async () => (await import("@codemirror/legacy-modes/mode/javascript")).typescript,
  "json json5 jsonc jsonl": async () => (await import("@codemirror/legacy-modes/mode/javascript")).json,
  "py python python3 ipython": async () => (await import("@codemirror/legacy-modes/mode/python")).python,
  "sh bash zsh shell console": async () => (await import("@codemirror/legacy-modes/mode/shell")).shell,
  "c h": async () => (await import("@codemirror/legacy-modes/mode/clike")).c,
  "cpp c++ cc hpp": async () => (await import("@codemirror/legacy-modes/mode/clike")).cpp,
  java: async () => (await import("@codemirror/legacy-modes/mode/clike")).java,
  "cs csharp c#": async () => (await import("@codemirror/legacy-modes/mode/clike")).csharp,
  "kt kotlin": async () => (await import("@codemirror/legacy-modes/mode/clike")).kotlin,
  scala: async () => (await import("@codemirror/legacy-modes/mode/clike")).scala,
  dart: async () => (await import("@codemirror/legacy-modes/mode/clike")).dart,
  "html vue svelte": async () => (await import("@codemirror/legacy-modes/mode/xml")).html,
  "xml svg": async () => (await import("@codemirror/legacy-modes/mode/xml")).xml,
  css: async () => (await import("@codemirror/legacy-modes/mode/css")).css,
  "scss less": async () => (await import("@codemirror/legacy-modes/mode/css")).sCSS,
  "sql sqlite mysql postgres postgresql": async () => (await import("@codemirror/legacy-modes/mode/sql")).standardSQL,
  "go golang": async () => (await import("@codemirror/legacy-modes/mode/go")).go,
  "rs rust": async () => (await import("@codemirror/legacy-modes/mode/rust")).rust,
  "rb ruby": async () => (await import("@codemirror/legacy-modes/mode/ruby")).ruby,
  swift: async () => (await import("@codemirror/legacy-modes/mode/swift")).swift,
  "yaml yml": async () => (await import("@codemirror/legacy-modes/mode/yaml")).yaml,
  toml: async () => (await import("@codemirror/legacy-modes/mode/toml")).toml,
  "ini properties env": async () => (await import("@codemirror/legacy-modes/mode/properties")).properties,
  "diff patch": async () => (await import("@codemirror/legacy-modes/mode/diff")).diff,
  "dockerfile docker": async () => (await import("@codemirror/legacy-modes/mode/dockerfile")).dockerFile,
  lua: async () => (await import("@codemirror/legacy-modes/mode/lua")).lua,
  "perl pl": async () => (await import("@codemirror/legacy-modes/mode/perl")).perl,
  "powershell ps1 pwsh": async () => (await import("@codemirror/legacy-modes/mode/powershell")).powerShell,
  r: async () => (await import("@codemirror/legacy-modes/mode/r")).r,
  "julia jl": async () => (await import("@codemirror/legacy-modes/mode/julia")).julia,
  "haskell hs": async () => (await import("@codemirror/legacy-modes/mode/haskell")).haskell,
  "clojure clj": async () => (await import("@codemirror/legacy-modes/mode/clojure")).clojure,
  "groovy gradle": async () => (await import("@codemirror/legacy-modes/mode/groovy")).groovy,
  "latex tex": async () => (await import("@codemirror/legacy-modes/mode/stex")).stex,
  nginx: async () => (await import("@codemirror/legacy-modes/mode/nginx")).nginx,
  "protobuf proto": async () => (await import("@codemirror/legacy-modes/mode/protobuf")).protobuf,
};
const languages = new Map(
  Object.entries(loaders).flatMap(([names, load]) => names.split(" ").map((name) => [name, load] as const)),
);

/** Undefined for an unknown language. */
export function languageLoader(name: string): Load | undefined {
  return languages.get(name.toLowerCase());
}
