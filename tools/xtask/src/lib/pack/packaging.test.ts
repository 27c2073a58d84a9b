// Holds packaging/ to the worker: each flag and variable that a file there names is one of its settings, and nobody is killed in mid-drain.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { repositoryPath } from "@waggle/harness";

const read = (path: string): string => readFileSync(repositoryPath(path), "utf8");
const unit = read("packaging/systemd/waggle.service");
const containerfile = read("packaging/container/Containerfile");
const manifest = read("packaging/kubernetes/waggle.yaml");
const operations = read("docs/operations.md");

it("names settings that there are", () => {
  // Where the worker's own flags stand; other programs have flags too.
  const commandLines = `${unit}\n${manifest}`.match(/^(?:ExecStart=| +args: ).*$/gm)?.join("\n") ?? "";
  const flags = commandLines.match(/--[a-z][a-z-]+/g) ?? [];
  const variables = `${unit}${containerfile}${manifest}`.match(/WAGGLE_[A-Z_]+/g) ?? [];
  expect(flags.length).toBeGreaterThan(2);
  expect(variables.length).toBeGreaterThan(4);
  expect(flags.filter((flag) => !new RegExp(`^\\| \`${flag}[ \`]`, "m").test(operations))).toEqual([]);
  expect(variables.filter((variable) => !operations.includes(`\`${variable}\``))).toEqual([]);
});

const drainSeconds = Number(/^\| `--drain-timeout .*?\| `(\d+)s` /m.exec(operations)?.[1]);

it("leaves a drain its time before anybody kills", () => {
  expect(drainSeconds).toBeGreaterThan(0);
  expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(drainSeconds);
  const preStopSeconds = Number(/setTimeout\(\(\) => \{\}, (\d+)000\)/.exec(manifest)?.[1]);
  const graceSeconds = Number(/terminationGracePeriodSeconds: (\d+)/.exec(manifest)?.[1]);
  expect(graceSeconds).toBeGreaterThan(preStopSeconds + drainSeconds);
});

it("asks for the probes that there are, as no root, with a root file system that nobody writes", () => {
  const paths = Array.from(manifest.matchAll(/path: (\/\w+z), port: http/g), ([, path]) => path);
  expect(paths).toEqual(["/livez", "/readyz"]);
  for (const path of [...paths, "/readyz"]) expect(operations).toContain(`| \`${path}\``);
  expect(containerfile).toContain("/readyz");
  expect(containerfile).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  expect(containerfile).toMatch(/^ENTRYPOINT \["waggle-worker"\]$/m);
  const documents = parseAllDocuments(manifest, { version: "1.1" }).map((one) => one.toJS() as Record<string, unknown>);
  expect(documents.map(({ kind }) => kind)).toEqual(["Secret", "PersistentVolumeClaim", "Deployment", "Service"]);
  expect(manifest).toContain("readOnlyRootFilesystem: true");
  expect(manifest).toContain("runAsNonRoot: true");
});

it("shows llm-d's router the pods and the port that there are", () => {
  const values = read("packaging/kubernetes/llm-d-values.yaml");
  const label = /matchLabels: (\{.*\})/.exec(values)?.[1] ?? "";
  expect(manifest).toContain(`  template:\n    metadata:\n      labels: ${label}\n`);
  expect(manifest).toContain(`containerPort: ${/- number: (\d+)/.exec(values)?.[1]} }`);
  for (const flag of values.match(/--[a-z-]+/g) ?? []) expect(operations).toContain(`| \`${flag}\``);
});
