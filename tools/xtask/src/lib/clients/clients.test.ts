import { expect, test } from "vitest";
import { clients, type Output } from "./clients.ts";
import { packageName } from "./install.ts";
import { isOffline } from "./offline.ts";

const client = (name: string) => clients.find((one) => one.name === name);
const output = (stdout: string, file = ""): Output => ({ stdout, file: () => file });

test("the last text of a client is found in its output, and no text differs from an empty text", () => {
  expect(client("claude-code")?.textIn(output('{"type":"result","result":"Hello."}'))).toBe("Hello.");
  expect(client("codex")?.textIn(output("Hello.\n"))).toBe("Hello.");
  const results = (result: object): string => JSON.stringify({ results: { results: [result] } });
  expect(client("promptfoo-llama")?.textIn(output("", results({ response: { output: "Hello." } })))).toBe("Hello.");
  const thoughtful = results({ response: { output: "Thinking: Hm.\n\nHello." } });
  expect(client("promptfoo-openai")?.textIn(output("", thoughtful))).toBe("Hello.");
  expect(() => client("promptfoo-llama")?.textIn(output("", results({ error: "401 Unauthorized" })))).toThrow("401");
});

test("each client has an answer for each of its requests, and a version for each package", () => {
  for (const { asks, says, packages, compacts, kind } of clients) {
    const answer = says("word");
    if (!compacts && !kind) expect([...asks, "one more"].filter((ask) => answer(ask) !== undefined)).toEqual(asks);
    for (const specifier of packages) expect(specifier).toMatch(/^(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+$/);
  }
});

test("each run has its own pictures", () => {
  const seeing = clients.filter(({ pictures }) => pictures !== undefined);
  expect(seeing.map(({ name }) => name)).toEqual(["claude-code-pictures", "codex-pictures"]);
  for (const { pictures } of seeing) {
    const files = ["f00dcafe", "cafef00d"].flatMap((word) => pictures?.(word) ?? []);
    expect(new Set(files.map(({ bytes }) => Buffer.from(bytes).toString("hex"))).size).toBe(4);
  }
});

test("an agent that compacts gets calls with long results until it requests a summary, and then the answer", () => {
  const agents = clients.filter(({ compacts }) => compacts);
  expect(agents.map(({ name }) => name)).toEqual(["claude-code-compacts", "codex-compacts"]);
  for (const { says } of agents) {
    const answer = says("f00d");
    expect(answer("first")).toContain("head -c 9000");
    expect(answer("second")).toContain("head -c 9000");
    expect(answer("an <analysis> block followed by a <summary> block")).toContain("<summary>");
    expect(answer("third")).toContain("cat word.txt");
    expect(answer("fourth")).toContain("The word is f00d.");
  }
});

test("a package's name is the part before its version", () => {
  expect(packageName("@openai/codex@0.169.0")).toBe("@openai/codex");
  expect(packageName("promptfoo@0.123.1")).toBe("promptfoo");
  expect(packageName("@openai/codex")).toBe("@openai/codex");
});

test("a machine with only loopback is offline", () => {
  const at = (internal: boolean) => [
    { address: "", netmask: "", family: "IPv4" as const, mac: "", internal, cidr: null },
  ];
  expect(isOffline({})).toBe(true);
  expect(isOffline({ lo: at(true) })).toBe(true);
  expect(isOffline({ lo: at(true), eth0: at(false) })).toBe(false);
});
