import { expect, test } from "vitest";
import { clients, type Client } from "./clients.ts";
import type { Call } from "./recording-proxy.ts";
import { callLine, faultsOf, lineOf, type ClientRun } from "./verdict.ts";

const agent = clients[0] as Client;
const word = "f00d";
const call: Call = {
  ...{ what: "POST /v1/messages", target: "/v1/messages?beta=true", status: 200, bodyBytes: 12 },
  ...{ userAgent: "an agent", body: "{}" },
};
const good: ClientRun = {
  ...{ client: agent, version: "1.2.3", word, text: "The word is f00d.", exit: "left with exit code 0", seconds: 1.25 },
  calls: [{ ...call, what: "HEAD /", target: "/", status: 404 }, call, { ...call, body: `{"content":"${word}\\n"}` }],
  ...{ promptLengths: [1_000, 1_090], computedTokens: 1_091, encodedPictures: 0, left: [] },
};

test("a run with all expected answers passes, even with additional calls", () => {
  expect(faultsOf(good)).toEqual([]);
  expect(lineOf(good)).toBe(
    'Claude Code 1.2.3: one prompt and one tool\'s round trip, 3 calls, 1000 and 1090 tokens of prompt, 1091 computed, text "The word is f00d.", 1.3 s: PASSED',
  );
});

test("each fault is reported once", () => {
  const refused: Call = { ...call, status: 503 };
  const run: ClientRun = {
    ...good,
    calls: [refused, refused, { ...refused, fault: "Cannot count a prompt: no" }],
    text: undefined,
    textFault: "it has no answer: nothing",
    exit: "did not end",
    left: ["Port 7 is still bound"],
  };
  expect(faultsOf(run)).toEqual([
    "it sent POST /v1/messages, 3 times instead of POST /v1/messages, 2 times",
    "Cannot count a prompt: no",
    "POST /v1/messages was answered with 503",
    "its last request did not contain the tool's result",
    "it has no answer: nothing",
    "it did not end",
    "Port 7 is still bound",
  ]);
  expect(lineOf(run)).toContain("no text, 1.3 s: FAILED: it sent");
});

test("only a client that stays behind on purpose may leave a process and its port", () => {
  const left = ["Process 7 did not leave and was killed: agent --daemon"];
  expect(faultsOf({ ...good, left })).toEqual(left);
  expect(faultsOf({ ...good, client: { ...agent, staysBehind: true }, left })).toEqual([]);
});

test("a wrong last text and a tool that was not run are faults", () => {
  expect(faultsOf({ ...good, text: "The word is Tuesday." })).toEqual(['its text was "The word is Tuesday."']);
  expect(faultsOf({ ...good, calls: [call, call] })).toEqual(["its last request did not contain the tool's result"]);
  expect(faultsOf({ ...good, calls: [] })).toContain("it sent nothing instead of POST /v1/messages, 2 times");
});

test("a prompt that was computed twice is a fault, because its prefix has changed", () => {
  expect(faultsOf({ ...good, computedTokens: 2_090 })).toEqual(["its prompts did not share a prefix"]);
});

test("pictures have to be in the expected parts of the last request, and the worker has to encode each one once", () => {
  const client = clients.find(({ name }) => name === "codex-pictures") as Client;
  const [first, second] = (client.pictures?.(word) ?? []).map(({ bytes }) => ({
    type: "input_image",
    image_url: `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`,
  }));
  const asking = (...input: readonly object[]): Call => ({
    ...call,
    what: "POST /v1/responses",
    body: JSON.stringify({ input }),
  });
  const message = { type: "message", content: [first] };
  const ask = asking(message, { type: "function_call_output", output: [second] });
  const run = { ...good, client, calls: [asking(message), ask], encodedPictures: 2 };
  expect(faultsOf(run)).toEqual([]);
  expect(lineOf(run)).toContain("Codex, pictures 1.2.3: a conversation with pictures, 2 calls, 2 pictures encoded");
  expect(faultsOf({ ...run, calls: [ask, asking({ ...message, content: [second] })], encodedPictures: 3 })).toEqual([
    "its last request did not contain first.png",
    "second.png was in message > input_image instead of function_call_output > input_image",
    "the worker encoded 3 pictures instead of 2",
  ]);
});

test("a long conversation has to request exactly one summary, with any number of calls", () => {
  const client = clients.find(({ name }) => name === "claude-code-compacts") as Client;
  const summary = { ...call, body: "CONTEXT CHECKPOINT COMPACTION" };
  const [head, first, last] = good.calls as [Call, Call, Call];
  const run = { ...good, client, calls: [head, first, call, call, summary, last], computedTokens: 9_000 };
  expect(faultsOf(run)).toEqual([]);
  expect(lineOf(run)).toContain("a conversation that is compacted, 6 calls");
  expect(faultsOf({ ...run, calls: [head, first, last] })).toEqual(["it requested 0 summaries of its conversation"]);
});

test("a client that asks for decisions has one request, and its prompts are not counted", () => {
  const client = clients.find(({ name }) => name === "typesafe") as Client;
  const ask = { ...call, what: "POST /v1/systemone" };
  const run = { ...good, client, calls: [{ ...call, what: "GET /v1/models" }, ask], promptLengths: [] };
  expect(faultsOf(run)).toEqual([]);
  expect(lineOf(run)).toContain("TypeSafe SDK 1.2.3: decisions, 2 calls, 1091 computed, text");
  expect(faultsOf({ ...run, calls: [ask, ask] })).toHaveLength(1);
});

test("a call is formatted as one line", () => {
  expect(callLine(call)).toBe("POST /v1/messages?beta=true, 12 bytes from an agent: 200");
  expect(callLine({ ...call, status: 0 })).toContain(": no answer");
});
