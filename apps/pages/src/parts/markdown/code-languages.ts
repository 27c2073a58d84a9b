// Owns the languages that have colours, by the names that models write after a fence. A language is loaded when it is first shown.
import type { StreamParser } from "@codemirror/streamparser";

export type Language = StreamParser<unknown>;
type Load = () => Promise<Language>;

const javascript: Load = async () => (await import("@codemirror/legacy-modes/mode/javascript")).javascript;
const typescript: Load = async () => (await import("@codemirror/legacy-modes/mode/javascript")).typescript;
const json: Load = async () => (await import("@codemirror/legacy-modes/mode/javascript")).json;
const python: Load = async () => (await import("@codemirror/legacy-modes/mode/python")).python;
const shell: Load = async () => (await import("@codemirror/legacy-modes/mode/shell")).shell;
const c: Load = async () => (await import("@codemirror/legacy-modes/mode/clike")).c;
const cpp: Load = async () => (await import("@codemirror/legacy-modes/mode/clike")).cpp;
const java: Load = async () => (await import("@codemirror/legacy-modes/mode/clike")).java;
const csharp: Load = async () => (await import("@codemirror/legacy-modes/mode/clike")).csharp;
const kotlin: Load = async () => (await import("@codemirror/legacy-modes/mode/clike")).kotlin;
const scala: Load = async () => (await import("@codemirror/legacy-modes/mode/clike")).scala;
const dart: Load = async () => (await import("@codemirror/legacy-modes/mode/clike")).dart;
const html: Load = async () => (await import("@codemirror/legacy-modes/mode/xml")).html;
const xml: Load = async () => (await import("@codemirror/legacy-modes/mode/xml")).xml;
const css: Load = async () => (await import("@codemirror/legacy-modes/mode/css")).css;
const scss: Load = async () => (await import("@codemirror/legacy-modes/mode/css")).sCSS;
const sql: Load = async () => (await import("@codemirror/legacy-modes/mode/sql")).standardSQL;
const go: Load = async () => (await import("@codemirror/legacy-modes/mode/go")).go;
const rust: Load = async () => (await import("@codemirror/legacy-modes/mode/rust")).rust;
const ruby: Load = async () => (await import("@codemirror/legacy-modes/mode/ruby")).ruby;
const swift: Load = async () => (await import("@codemirror/legacy-modes/mode/swift")).swift;
const yaml: Load = async () => (await import("@codemirror/legacy-modes/mode/yaml")).yaml;
const toml: Load = async () => (await import("@codemirror/legacy-modes/mode/toml")).toml;
const ini: Load = async () => (await import("@codemirror/legacy-modes/mode/properties")).properties;
const diff: Load = async () => (await import("@codemirror/legacy-modes/mode/diff")).diff;
const dockerfile: Load = async () => (await import("@codemirror/legacy-modes/mode/dockerfile")).dockerFile;
const lua: Load = async () => (await import("@codemirror/legacy-modes/mode/lua")).lua;
const perl: Load = async () => (await import("@codemirror/legacy-modes/mode/perl")).perl;
const powershell: Load = async () => (await import("@codemirror/legacy-modes/mode/powershell")).powerShell;
const r: Load = async () => (await import("@codemirror/legacy-modes/mode/r")).r;
const julia: Load = async () => (await import("@codemirror/legacy-modes/mode/julia")).julia;
const haskell: Load = async () => (await import("@codemirror/legacy-modes/mode/haskell")).haskell;
const clojure: Load = async () => (await import("@codemirror/legacy-modes/mode/clojure")).clojure;
const groovy: Load = async () => (await import("@codemirror/legacy-modes/mode/groovy")).groovy;
const latex: Load = async () => (await import("@codemirror/legacy-modes/mode/stex")).stex;
const nginx: Load = async () => (await import("@codemirror/legacy-modes/mode/nginx")).nginx;
const protobuf: Load = async () => (await import("@codemirror/legacy-modes/mode/protobuf")).protobuf;

const languages: Readonly<Record<string, Load>> = {
  ...{ js: javascript, javascript, jsx: javascript, mjs: javascript, cjs: javascript, node: javascript },
  ...{ ts: typescript, typescript, tsx: typescript, json, json5: json, jsonc: json, jsonl: json },
  ...{
    py: python,
    python,
    python3: python,
    ipython: python,
    sh: shell,
    bash: shell,
    zsh: shell,
    shell,
    console: shell,
  },
  ...{ c, h: c, cpp, "c++": cpp, cc: cpp, hpp: cpp, java, cs: csharp, csharp, "c#": csharp, kt: kotlin, kotlin },
  ...{ scala, dart, html, vue: html, svelte: html, xml, svg: xml, css, scss, less: scss, sql, go, golang: go },
  ...{
    sqlite: sql,
    mysql: sql,
    postgres: sql,
    postgresql: sql,
    rs: rust,
    rust,
    rb: ruby,
    ruby,
    swift,
    yaml,
    yml: yaml,
  },
  ...{ toml, ini, properties: ini, env: ini, diff, patch: diff, dockerfile, docker: dockerfile, lua, perl, pl: perl },
  ...{
    powershell,
    ps1: powershell,
    pwsh: powershell,
    r,
    julia,
    jl: julia,
    haskell,
    hs: haskell,
    clojure,
    clj: clojure,
  },
  ...{ groovy, gradle: groovy, latex, tex: latex, nginx, protobuf, proto: protobuf },
};

/** Undefined for an unknown language. */
export function languageLoader(name: string): Load | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(languages, key) ? languages[key] : undefined;
}
