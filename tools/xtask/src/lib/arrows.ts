// Lists the allowed imports that package.json cannot express: which Waggle code a folder inside a package may import. See docs/architecture.md.
import { posix } from "node:path";

/** A folder or a file, and the imports allowed there: entries of packages (`@waggle/*`: all of package.json), and folders of the same package. */
type Arrow = readonly [folder: string, allowed: readonly string[]];

/** The longest matching row applies. Files without a row may import everything that their package.json allows. */
const arrows: readonly Arrow[] = [
  ["packages/protocol/src/sampling", []],
  ["packages/protocol/src/sse", []],
  ["packages/grammar/src/gbnf", ["rules"]],
  ["packages/grammar/src/rules", []],
  ["packages/models/src/header", []],
  ["packages/models/src/memory", ["@waggle/async", "header"]],
  ["packages/models/src/recommended", ["header", "memory"]],
  ["packages/models/src/download", ["@waggle/async", "@waggle/client", "@waggle/protocol", "header"]],
  ["packages/models/src/gpu", ["@waggle/async", "@waggle/client/spawn-worker", "@waggle/protocol"]],
  ["packages/chat-format/src/template", ["@waggle/async"]],
  ["packages/chat-format/src/format", ["@waggle/grammar/json-schema"]],
  ["packages/daemon/src/ports", []],
  ["packages/daemon/src/pages", []],
  ["packages/daemon/src/terminal", ["@waggle/async", "@waggle/protocol/format"]],
  ["packages/testing/src/models", []],
  [
    "packages/testing/src/harness",
    [
      "@waggle/async",
      "@waggle/client",
      "@waggle/daemon/ports",
      "@waggle/daemon/terminal",
      "@waggle/protocol",
      "@waggle/protocol/sse",
    ],
  ],
  ["packages/engine/src/port", ["@waggle/*"]],
  ["packages/engine/src/sequence", ["@waggle/*", "port", "decide"]],
  ["packages/engine/src/kv", ["@waggle/*", "port", "sequence"]],
  ["packages/engine/src/decide", ["@waggle/*", "port", "sequence", "kv"]],
  ["packages/engine/src/schedule", ["@waggle/*", "port", "sequence", "kv", "decide"]],
  ["packages/engine/src/step", ["@waggle/*", "port", "sequence", "kv", "decide", "schedule"]],
  ["packages/engine/src/fake", ["@waggle/*", "port", "sequence"]],
  ["packages/jobs/src/job", ["@waggle/async", "@waggle/engine", "@waggle/protocol", "@waggle/queue"]],
  ["packages/jobs/src/stream", ["@waggle/async", "@waggle/engine", "@waggle/protocol", "job"]],
  ["packages/jobs/src/watching", ["@waggle/protocol", "@waggle/telemetry", "job"]],
  [
    "packages/jobs/src/kept",
    ["@waggle/async", "@waggle/protocol", "@waggle/queue", "@waggle/telemetry", "job", "watching"],
  ],
  ["packages/fleet/src/broker/nats", ["@waggle/*", "broker"]],
  ["packages/fleet/src/broker/model", ["@waggle/*", "broker"]],
  ["packages/engine-llama/src/text", ["@waggle/*"]],
  ["packages/engine-llama/src/sampling", ["@waggle/*", "text"]],
  ["packages/engine-llama/src/passes", ["@waggle/*", "sampling"]],
  ["packages/engine-llama/src/embed", ["@waggle/*", "text"]],
  ["packages/engine-llama/src/slots", ["@waggle/*", "embed", "passes", "sampling", "text"]],
  ["packages/engine-llama/src/pictures", ["@waggle/*", "passes", "slots", "text"]],
  [
    "apps/worker/src/engine/engine-main.ts",
    ["@waggle/async", "@waggle/engine", "@waggle/engine-llama", "@waggle/protocol", "@waggle/telemetry"],
  ],
  [
    "apps/worker/src/engine/backends.ts",
    ["@waggle/async", "@waggle/engine", "@waggle/engine-llama", "@waggle/models/memory", "@waggle/protocol"],
  ],
];

/** Packages that only one folder may import, each with its folder. */
const onlyFrom: readonly (readonly [name: string, folder: string])[] = [
  ["node-llama-cpp", "packages/engine-llama/"],
  ["@waggle/engine-llama", "apps/worker/src/engine/"],
  ["@nats-io/jetstream", "packages/fleet/src/broker/nats/"],
  ["@nats-io/kv", "packages/fleet/src/broker/nats/"],
  ["@nats-io/services", "packages/fleet/src/broker/nats/"],
  ["@nats-io/transport-node", "packages/fleet/src/broker/nats/"],
  ["@waggle/worker", "apps/cli/"],
  ["@waggle/gateway", "apps/cli/"],
  ["@waggle/mock-hive", "apps/cli/"],
];

const importPattern = /(?:\bfrom|\bimport|\bimport\()\s*"([^"\n]+)"/g;

/** @param path a source file, relative to the root @returns a line for each import that is not allowed */
export function arrowProblems(path: string, source: string): string[] {
  if (/\.(test|compare)\.tsx?$|^tests\/|^bench\//.test(path)) return [];
  if (path.includes("/src/testing/") && !path.startsWith("packages/testing/")) return [];
  return Array.from(source.matchAll(importPattern), ([, name = ""]) => name)
    .filter((name) => !isAllowed(path, name))
    .map((name) => `${path}: must not import ${name}; the arrows are in tools/xtask/src/lib/arrows.ts`);
}

function isAllowed(path: string, name: string): boolean {
  if (onlyFrom.some(([target, folder]) => name === target && !path.startsWith(folder))) return false;
  const [folder, allowed] = arrowOf(path);
  if (folder === undefined || allowed === undefined) return true;
  if (name.startsWith("@waggle/")) return allowed.includes(name) || allowed.includes("@waggle/*");
  if (!name.startsWith(".")) return true;
  const target = posix.join(posix.dirname(path), name);
  if (target.startsWith(`${folder}/`) || path === folder) return true;
  const [, inner = ""] = target.split("/src/");
  return allowed.some((own) => inner.startsWith(`${own}/`));
}

function arrowOf(path: string): Arrow | readonly [] {
  const matches = arrows.filter(([folder]) => path === folder || path.startsWith(`${folder}/`));
  return matches.toSorted(([a], [b]) => b.length - a.length)[0] ?? [];
}
