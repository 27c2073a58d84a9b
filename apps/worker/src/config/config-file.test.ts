import { expect, test } from "vitest";
import { readWorkerFile } from "./config-file.ts";

function read(text: string) {
  return readWorkerFile("/w.yaml", () => text);
}

function refusal(text: string): readonly string[] {
  const { problems } = read(text);
  if (problems.length === 0) throw new Error("was accepted");
  return problems;
}

test("each setting has the text that its flag would have, with its line", () => {
  const { values } = read(
    [
      "# of this machine",
      "slots: 4",
      'model: "hf:user/repo:Q4_K_M"',
      "offline: true",
      "local-mode: false",
      "allowed-host: [a.example, b.example]",
      "allowed-origin:",
      "  - https://a.example",
      "drain-timeout: 90s",
      "model-ref: &name 007",
      "worker-id: *name",
      "mmap: false",
      "flash-attention: on",
    ].join("\n"),
  );
  expect(Object.fromEntries([...values].map(([key, { text, line }]) => [key, [text, line]]))).toEqual({
    slots: ["4", 2],
    models: ["hf:user/repo:Q4_K_M", 3],
    offline: ["true", 4],
    localMode: ["false", 5],
    allowedHosts: ["a.example,b.example", 6],
    allowedOrigins: ["https://a.example", 7],
    drainTimeoutMs: ["90s", 9],
    modelRef: ["007", 10],
    workerId: ["007", 11],
    mmap: ["false", 12],
    flashAttention: ["on", 13],
  });
});

test.each(["", "# nothing\n", "---\n"])("the file %j has no settings", (text) => {
  expect(read(text)).toEqual({ path: "/w.yaml", values: new Map(), models: undefined, problems: [] });
});

test("each model has its settings, with their lines", () => {
  const text = [
    "slots: 2",
    "models:",
    "  small: hf:user/repo:Q4_K_M",
    "  tale:",
    "    model: ./a=b.gguf",
    "    alias: [gpt-4o, o1]",
    "    pin: true",
    "    keep-alive: 10m",
    "    slots: 4",
    "    mmap: false",
    "    lora: [a.gguf=0.5, b.gguf]",
  ].join("\n");
  expect(read(text).models).toEqual([
    { name: "small", line: 3, reference: "hf:user/repo:Q4_K_M", aliases: [], pinned: false, values: new Map() },
    {
      name: "tale",
      line: 4,
      reference: "./a=b.gguf",
      aliases: ["gpt-4o", "o1"],
      pinned: true,
      values: new Map([
        ["keepAliveMs", { text: "10m", line: 8 }],
        ["slots", { text: "4", line: 9 }],
        ["mmap", { text: "false", line: 10 }],
        ["lora", { text: "a.gguf=0.5,b.gguf", line: 11 }],
      ]),
    },
  ]);
});

test.each([
  ["models:", "line 1: models must be names, each with its model below it"],
  ["models: a.gguf", "line 1: models must be names"],
  ["models:\n  a: 1", "line 2: models.a has no model: a GGUF file, or a reference to download"],
  ["models:\n  a:\n    slots: 2", "line 2: models.a has no model"],
  ["models:\n  a:\n    model: [x]", "line 3: models.a has no model"],
  ["models:\n  a/b: x.gguf", 'line 2: "a/b" cannot be the name of a model'],
  ["models:\n  a:\n    model: x\n    port: 1", 'line 4: models.a cannot have the setting "port"'],
  ["models:\n  a:\n    model: x\n    slots: [1]", "line 4: models.a slots takes one value, not a list"],
  [
    "models:\n  a:\n    model: x\n    slots: 0",
    'line 4: models.a cannot have slots "0": it must be a whole number from 1',
  ],
  ["models:\n  a:\n    model: x\n    pin: 1", "line 4: models.a pin must be true or false"],
  ["models:\n  a:\n    model: x\n    alias: [b, ~]", "line 4: models.a alias takes a name, or a list of names"],
  ["model: x\nmodels:\n  a: y", "model and models cannot both be set"],
])("%j is refused by line and name of the model", (text, reason) => {
  expect(refusal(text).join("\n")).toContain(reason);
});

test.each([
  ["slotz: 3", 'line 1: unknown setting "slotz"'],
  ["a: 1\n--slots: 3", 'line 2: unknown setting "--slots"'],
  ["api-token: secret", 'line 1: unknown setting "api-token"'],
  ["slots: 1\nport: 1\nslots: 2", "line 3: slots is set twice"],
  ["models:\n  a: 1\n  a: 2", "line 3: a is set twice"],
  ["slots: [1, 2]", "line 1: slots takes one value, not a list"],
  ["slots:\n  n: 1", "line 1: slots takes a value, not a map"],
  ["slots:", "line 1: slots has no value"],
  ["slots: ~", "line 1: slots has no value"],
  ["model-ref: true", "line 1: model-ref must be name, not true; put quotes around a text"],
  ["offline: yes", "line 1: offline must be true or false"],
  ["offline: 1", "line 1: offline must be true or false"],
  ["allowed-host: [a, [b]]", "line 1: allowed-host takes a list of texts"],
  ["allowed-host: []", "line 1: allowed-host has an empty list"],
  ["allowed-host: ['a,b']", "line 1: allowed-host has a comma in an item"],
  ["config: /other.yaml", "line 1: config cannot be set in the file itself"],
  ["- slots", "line 1: it must be settings"],
  ["just text", "line 1: it must be settings"],
  [
    "slots: 1\nport: [1",
    "line 2: the spaces at its start differ from those of its neighbours, or a bracket is missing",
  ],
  ["slots: 1\nhost: 'x", "line 2: a quote, a bracket or a colon is missing"],
  ["slots: 1\n---\nport: 1", "line 2: a second document begins here"],
  ["slots: 1\n\tport: 1", "line 2: a tab is at its start"],
  ["slots: 1\n  port: 1", "line 1: two names are on one line"],
  ["slots: 1\nport 1\nhost: x", "line 2: a colon or the spaces at its start are missing"],
  ["model: @x", "line 1: a text begins with a sign that YAML keeps for itself"],
  ['model: "a\\q"', "line 1: double quotes contain a backslash"],
  ["models:\n   a: x\n  b: y", "line 3: the spaces at its start differ"],
  ["slots: !!binary 1x", "line 1: slots must be a text or a number"],
  ["slots: !mine 1", "line 1: a tag (!name) is unknown"],
])("%j is refused by line and name", (text, reason) => {
  expect(refusal(text).join("\n")).toContain(reason);
  expect(refusal(text)[0]).toMatch(/^Cannot use --config \/w\.yaml: line \d+: .*\.$/);
});

test("all problems are reported at once, up to a limit", () => {
  expect(refusal("slotz: 1\nslots: [1]\nport: 1")).toHaveLength(2);
  const many = Array.from({ length: 100 }, (_, i) => `x${i}: 1`).join("\n");
  expect(refusal(many)).toHaveLength(20);
});

test("the error names a file that is missing, cannot be read or is too long", () => {
  const failing = (code: string) => () => {
    throw Object.assign(new Error("EACCES: permission denied"), { code });
  };
  const problemsOf = (code: string) => readWorkerFile("/w.yaml", failing(code)).problems;
  expect(problemsOf("ENOENT")).toEqual(["Cannot use --config /w.yaml: no such file."]);
  expect(problemsOf("EACCES")).toEqual(["Cannot use --config /w.yaml: permission denied."]);
  expect(refusal(`#${"x".repeat(1_048_576)}`)).toEqual([
    "Cannot use --config /w.yaml: it has more than 1048576 characters.",
  ]);
});

test("YAML aliases that would expand to a huge document are refused", () => {
  const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`);
  const bomb = ["models:", "  l0: &l0 [x]", ...levels.map((line) => `  ${line}`)].join("\n");
  expect(refusal(bomb)[0]).toContain("line 2: models.l0 has no model");
});
