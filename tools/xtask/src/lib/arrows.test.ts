// Tests the import arrows of docs/architecture.md: the lint configuration, run on a tree made for it, refuses each import that
// breaks an arrow and takes each that does not.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryPath } from "@waggle/harness";

const folders = [
  ["packages/async/src/lib/x.ts", [], ["@waggle/protocol", "zod"]],
  ["packages/ports/src/lib/x.ts", [], ["@waggle/async", "execa"]],
  ["packages/pages/src/lib/x.ts", [], ["@waggle/async", "hono"]],
  ["packages/json-grammar/src/lib/x.ts", [], ["@waggle/protocol", "ajv"]],
  ["packages/fit/src/lib/x.ts", ["@waggle/async", "@waggle/gguf"], ["@waggle/protocol", "node-llama-cpp"]],
  ["packages/gguf/src/lib/x.ts", [], ["@waggle/protocol", "node-llama-cpp"]],
  ["packages/synth/src/lib/x.ts", [], ["@waggle/protocol", "@waggle/harness"]],
  ["packages/chat-format/src/lib/x.ts", ["@waggle/json-grammar"], ["@waggle/engine", "@huggingface/jinja"]],
  ["packages/chat-template/src/lib/x.ts", ["@waggle/async"], ["@waggle/engine", "@huggingface/jinja"]],
  [
    "packages/model-chat/src/lib/x.ts",
    ["@waggle/async", "@waggle/chat-format", "@waggle/chat-template", "@waggle/gguf"],
    ["@waggle/engine", "@waggle/protocol", "node-llama-cpp"],
  ],
  ["packages/protocol/src/lib/x.ts", ["zod"], ["@waggle/async", "hono"]],
  ["packages/sse/src/lib/x.ts", ["eventsource-parser"], ["@waggle/async", "@waggle/protocol"]],
  ["packages/queue/src/lib/x.ts", ["@waggle/async"], ["@waggle/protocol", "@waggle/engine"]],
  ["packages/client/src/lib/x.ts", ["@waggle/protocol", "@waggle/sse", "@waggle/async"], ["@waggle/engine", "hono"]],
  ["packages/telemetry/src/lib/x.ts", ["pino", "prom-client"], ["@waggle/async", "@waggle/protocol"]],
  [
    "packages/engine/src/lib/x.ts",
    ["@waggle/async", "@waggle/protocol"],
    ["@waggle/engine-llama", "node-llama-cpp", "@waggle/queue"],
  ],
  [
    "packages/engine-llama/src/lib/x.ts",
    [
      "@waggle/engine",
      "@waggle/async",
      "@waggle/fit",
      "@waggle/gguf",
      "@waggle/model-chat",
      "@waggle/protocol",
      "node-llama-cpp",
    ],
    ["@waggle/queue", "@waggle/client"],
  ],
  [
    "packages/harness/src/lib/x.ts",
    ["@waggle/client", "@waggle/ports"],
    ["@waggle/testing", "@waggle/engine", "@waggle/worker", "execa"],
  ],
  [
    "packages/models/src/lib/x.ts",
    ["@waggle/async", "@waggle/gguf", "@waggle/protocol", "filenamify"],
    ["@waggle/engine-llama", "node-llama-cpp", "@waggle/client"],
  ],
  ["packages/testing/src/lib/x.ts", ["@waggle/engine", "vitest", "zod"], ["@waggle/worker", "node-llama-cpp"]],
  [
    "packages/jobs/src/lib/x.ts",
    ["@waggle/queue", "@waggle/protocol", "@waggle/engine"],
    ["@waggle/front", "@waggle/engine-llama", "hono"],
  ],
  [
    "packages/fleet/src/lib/x.ts",
    ["@waggle/engine", "@waggle/jobs", "@nats-io/jetstream", "@nats-io/transport-node"],
    ["@waggle/front", "@waggle/worker", "hono"],
  ],
  ["packages/tracing/src/lib/x.ts", ["@waggle/async", "@waggle/jobs"], ["@waggle/front", "@waggle/telemetry"]],
  [
    "packages/front/src/lib/x.ts",
    ["@waggle/jobs", "@waggle/tracing", "@waggle/protocol", "hono"],
    ["@waggle/worker", "@waggle/engine-llama", "node-llama-cpp"],
  ],
  ["packages/terminal/src/lib/x.ts", ["@waggle/async", "string-width"], ["@waggle/protocol", "@waggle/daemon"]],
  [
    "packages/daemon/src/lib/x.ts",
    ["@waggle/front", "@waggle/terminal", "commander", "zod"],
    ["@waggle/jobs", "@waggle/worker"],
  ],
  [
    "apps/gateway/src/x.ts",
    ["@waggle/daemon", "@waggle/fleet", "@waggle/front", "@waggle/jobs"],
    ["@nats-io/transport-node", "@waggle/worker", "@waggle/engine-llama", "../../worker/src/main.ts"],
  ],
  [
    "apps/worker/src/x.ts",
    ["@waggle/front", "@waggle/fit", "@waggle/fleet", "@waggle/jobs", "@waggle/models", "@waggle/protocol"],
    [
      "@nats-io/transport-node",
      "@waggle/engine-llama",
      "@waggle/mock-hive",
      "@waggle/harness",
      "@waggle/testing",
      "node-llama-cpp",
      "../../../mock-hive/src/main.ts",
    ],
  ],
  ["apps/worker/src/engine/supervisor.ts", ["@waggle/engine"], ["@waggle/engine-llama"]],
  [
    "apps/worker/src/engine/backends.ts",
    ["@waggle/engine-llama", "@waggle/engine"],
    ["node-llama-cpp", "@waggle/queue", "@waggle/models"],
  ],
  [
    "apps/mock-hive/src/x.ts",
    ["@waggle/daemon/tokens", "@waggle/fleet", "@waggle/sse", "hono"],
    ["@waggle/worker", "@waggle/daemon", "@waggle/engine", "@waggle/testing", "../../worker/src/main.ts"],
  ],
  [
    "apps/cli/src/x.ts",
    [
      "@waggle/client",
      "@waggle/fit",
      "@waggle/gpu-packages",
      "@waggle/worker",
      "@waggle/worker/well-known",
      "commander",
    ],
    [
      "@waggle/engine-llama",
      "@waggle/front",
      "@waggle/mock-hive",
      "@waggle/harness",
      "../../worker/src/main.ts",
      "zod",
    ],
  ],
  [
    "apps/chat/src/chat/x.tsx",
    ["@waggle/protocol", "@waggle/sse", "preact/hooks"],
    ["@waggle/client", "@waggle/worker", "hono"],
  ],
  [
    "tools/xtask/src/lib/x.ts",
    [
      "@waggle/client",
      "@waggle/fit",
      "@waggle/gguf",
      "@waggle/json-grammar/testing",
      "@waggle/synth",
      "@waggle/testing/hostile",
      "commander",
    ],
    ["@waggle/worker", "../../../../apps/worker/src/main.ts", "@waggle/testing"],
  ],
  ["packages/gpu-packages/src/lib/x.ts", ["@waggle/protocol", "@waggle/async"], ["node-llama-cpp", "@waggle/harness"]],
  ["tools/bundle/src/lib/x.ts", ["esbuild"], ["@waggle/async", "@waggle/worker"]],
  [
    "packages/queue/src/lib/x.test.ts",
    ["@waggle/testing", "fast-check", "vitest"],
    ["@waggle/worker", "node-llama-cpp"],
  ],
  ["packages/engine-llama/src/lib/x.test.ts", ["@waggle/testing", "node-llama-cpp"], ["@waggle/worker"]],
  [
    "tests/x.test.ts",
    ["@waggle/testing", "@waggle/client"],
    ["node-llama-cpp", "@waggle/worker", "../apps/worker/src/main.ts"],
  ],
] as const satisfies readonly (readonly [file: string, allowed: readonly string[], refused: readonly string[]])[];

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

const tree = mkdtempSync(join(tmpdir(), "waggle-arrows-"));
let refusedLines = new Map<string, Set<number>>();
beforeAll(async () => {
  cpSync(repositoryPath(".oxlintrc.json"), join(tree, ".oxlintrc.json"));
  for (const [file, allowed, refused] of folders) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    const imports = [...allowed, ...refused, "node:path", "./sibling.ts"];
    // One line each, static and dynamic in turns: both must be seen.
    writeFileSync(
      join(tree, file),
      imports
        .map((name, i) => `${i % 2 ? "await import" : "export * from "}("${name}");`)
        .join("\n")
        .replaceAll(/from \((".*?")\)/g, "from $1"),
    );
  }
  refusedLines = await lint();
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));

/** For each file the lines on which an import was refused. */
async function lint(): Promise<Map<string, Set<number>>> {
  const oxlint = repositoryPath("node_modules/oxlint/bin/oxlint");
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, [oxlint, "--format=json"], { cwd: tree }, (_, stdout) => resolve(stdout));
  });
  const { diagnostics } = JSON.parse(output) as { diagnostics: readonly Diagnostic[] };
  const lines = new Map<string, Set<number>>();
  for (const { code, filename, labels } of diagnostics) {
    if (!code.includes("no-restricted-imports")) continue;
    const set = lines.get(filename) ?? new Set();
    lines.set(filename, set.add(labels[0]?.span.line ?? 0));
  }
  return lines;
}

describe.each(folders)("%s", (file, allowed, refused) => {
  it.each(allowed)("may import %s", (name) => {
    expect(refusedLines.get(file)).not.toContain((allowed as readonly string[]).indexOf(name) + 1);
  });

  it.each(refused)("may not import %s", (name) => {
    expect(refusedLines.get(file)).toContain(allowed.length + (refused as readonly string[]).indexOf(name) + 1);
  });

  it("may import Node's modules and its own files", () => {
    const count = allowed.length + refused.length;
    expect(refusedLines.get(file)).not.toContain(count + 1);
    expect(refusedLines.get(file)).not.toContain(count + 2);
  });
});
