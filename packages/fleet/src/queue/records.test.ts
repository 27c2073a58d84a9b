import { gunzipSync } from "node:zlib";
import { lanePriority } from "@waggle/protocol";
import { expect, test } from "vitest";
import type { GatewayProcessId } from "../members/gateway-process.ts";
import { queues, keys, topics, fromToken } from "../broker/names.ts";
import { abilitiesOf, canRun, classOf, decode, encode, encodeOffThread, queueOf, queuesOf } from "./records.ts";

test("decoding returns the encoded value, short and long", () => {
  for (const value of [null, 1, "", { text: "säk\u0000 🐝" }, Array.from({ length: 20_000 }, (_, index) => index)]) {
    expect(decode(encode(value))).toEqual(value);
  }
});

test("long values are compressed, and short ones are plain JSON", () => {
  const long = { text: "word ".repeat(20_000) };
  const bytes = encode(long);
  expect(bytes.length).toBeLessThan(10_000);
  expect(JSON.parse(gunzipSync(bytes).toString())).toEqual(long);
  expect(Buffer.from(encode({ a: 1 })).toString()).toBe('{"a":1}');
});

test("messages that take long to compress leave their thread free", async () => {
  const long = { text: "word ".repeat(200_000) };
  let isEncoded = false;
  const encoded = encodeOffThread(long).finally(() => (isEncoded = true));
  // Only another thread's answer needs a turn of the event loop.
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
  expect(isEncoded).toBe(false);
  expect(decode(await encoded)).toEqual(long);
  expect(decode(await encodeOffThread({ a: 1 }))).toEqual({ a: 1 });
});

test.each([
  ["", "Unexpected end of JSON input"],
  ["{", "JSON"],
  ["\u001F\u008B", "unexpected end of file"],
  ["nothing that we write", "is not valid JSON"],
])("refuses the record %j", (text, why) => {
  expect(() => decode(Buffer.from(text, "latin1"))).toThrow(why);
});

test("the sign of a priority decides its class, and the lane's jobs have the lowest one", () => {
  const classes = ["high", "high", "normal", "low", "low", "lane"];
  expect([10, 1, 0, -1, -10, lanePriority].map(classOf)).toEqual(classes);
});

test("a worker takes jobs of a higher class first, and jobs with pictures only with a projector", () => {
  const spec = { when: { priority: 1 } };
  const pictures = { key: "k", files: [] };
  expect([queueOf({ spec }), queueOf({ spec, pictures })]).toEqual(["high", "high-pictures"]);
  expect(queueOf({ spec: { when: { priority: lanePriority } }, pictures })).toBe("lane-pictures");
  const [blind, seeing] = [abilitiesOf({ vision: null }), abilitiesOf({ vision: "projector" })];
  expect(queuesOf(blind)).toEqual(["high", "normal", "low", "lane"]);
  expect(queuesOf(seeing).slice(0, 3)).toEqual(["high-pictures", "high", "normal-pictures"]);
  expect([blind, seeing].map((abilities) => canRun({ abilities }, { pictures }))).toEqual([false, true]);
});

const odd = [
  "qwen3:8b",
  "a b",
  "dots.in.it",
  "star*",
  "all>",
  "ünïcödé 🐝",
  "",
  "_",
  "x".repeat(300),
  "line\nbreak",
  "-",
];

test.each(odd)("model, worker and client %j have unique names that the broker takes", (name) => {
  const token = /^[\w-]+$/;
  for (const topic of [
    topics.job(name, "high", "id"),
    topics.hint(name),
    topics.events(name as GatewayProcessId, "id"),
  ]) {
    for (const part of topic.split(".")) expect(part).toMatch(token);
  }
  expect(queues.of(name, "low")).toMatch(token);
  expect(queues.ownerOf(queues.at(name))).toBe(name);
  expect(fromToken(keys.member("worker", name).split(".")[1] ?? "")).toBe(name);
  for (const other of odd) if (other !== name) expect(topics.hint(other)).not.toBe(topics.hint(name));
});

test("a model's queue has no worker as its owner", () => {
  expect(queues.ownerOf(queues.of("at-", "normal"))).toBeUndefined();
});
