// Tests that mistakes in a worker's models and files are reported with those in its settings.
import { expect, test } from "vitest";
import { parseConfig } from "../config.ts";
import { describeWorker } from "./machine.ts";

function problemsOf(
  argv: readonly string[],
  env: Record<string, string>,
  readText: (path: string) => string,
): readonly string[] {
  const result = parseConfig(argv, env, { ...describeWorker(), readText });
  if (result.kind === "run") throw new Error("was accepted");
  return result.problems ?? [];
}

test("a doubled name is reported together with unknown names and values that cannot be used", () => {
  const file = "port: abc\nslotz: 3\nslots: 1\nslots: 0\nmodels:\n  a: x\n  a:\n    threads: 0\n";
  expect(problemsOf(["--config", "/w.yaml"], {}, () => file)).toEqual([
    "Cannot use --config /w.yaml: line 4: slots is set twice.",
    "Cannot use --config /w.yaml: line 7: a is set twice.",
    'Cannot use --config /w.yaml: line 2: unknown setting "slotz".',
    expect.stringContaining('line 8: models.a cannot have threads "0"'),
    expect.stringContaining("line 7: models.a has no model"),
    expect.stringMatching(/^Cannot use --slots "0" \(from \/w.yaml, line 4\): /),
    expect.stringMatching(/^Cannot use --port "abc" \(from \/w.yaml, line 1\): /),
  ]);
});

test("the files of tokens for the hive and Hugging Face and of the chat template are reported at once", () => {
  const found = problemsOf(
    ["--local-mode", "--hive-token-file", "/gone", "--chat-template", "/gone.jinja"],
    { HF_TOKEN: "a b" },
    () => {
      throw new Error("no such file");
    },
  );
  for (const name of ["--hive-token-file /gone", "--chat-template /gone.jinja", "HF_TOKEN"])
    expect(found.join("\n")).toContain(name);
});
