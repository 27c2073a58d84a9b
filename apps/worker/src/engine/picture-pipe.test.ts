import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { PassThrough, Writable } from "node:stream";
import type { EngineCommand, EngineEvent, GenerateWork, Picture, Work } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import { expect, onTestFinished, test, vi } from "vitest";
import { parseConfig } from "../config.ts";
import { forkEngine } from "./engine-process.ts";
import { createPictureInlet, sendCommand, type CommandWithPictures } from "./picture-pipe.ts";

function pictureOf(fill: number, length: number): Picture {
  const bytes = new Uint8Array(length).fill(fill);
  return { sha256: createHash("sha256").update(bytes).digest("hex"), bytes };
}

function prepare(jobId: string, pictures?: readonly Picture[], kind: Work["kind"] = "generate"): EngineCommand {
  const work = { kind, pictures } as unknown as Work;
  return { type: "prepare", job: { jobId, work, cacheScope: "", priority: 0 } };
}

/** Both ends, joined by a pipe that the test fills. */
function setUp() {
  const messages: (EngineCommand | CommandWithPictures)[] = [];
  const written: Buffer[] = [];
  const toEngine = new Writable({
    write(piece: Buffer, _, done) {
      written.push(piece);
      done();
    },
  });
  const engine = {
    stdio: [null, null, null, null, toEngine],
    send: (message: EngineCommand) => messages.push(JSON.parse(JSON.stringify(message)) as EngineCommand) > 0,
  } as unknown as ChildProcess;
  const fromWorker = new PassThrough();
  const delivered: EngineCommand[] = [];
  const inlet = createPictureInlet(fromWorker, (command) => delivered.push(command));
  return {
    delivered,
    send(command: EngineCommand) {
      sendCommand(engine, command, () => {});
      messages.splice(0).forEach(inlet.take);
    },
    /** Bytes that were written since the last call. */
    bytes: (): Buffer => Buffer.concat(written.splice(0)),
    arrive: async (bytes: Uint8Array) => {
      fromWorker.write(bytes);
      await new Promise(setImmediate);
    },
  };
}

test("a command is delivered with its pictures once all their bytes have arrived", async () => {
  const { send, bytes, arrive, delivered } = setUp();
  const [red, green, empty, blue] = [pictureOf(1, 4_000), pictureOf(2, 7_000), pictureOf(0, 0), pictureOf(3, 9)];
  send(prepare("a", [red, green, empty]));
  send({ type: "query", client: "a", id: "q", question: { kind: "count", messages: [], pictures: [blue] } });
  send(prepare("d", [blue], "decide"));
  const all = bytes();
  await arrive(all.subarray(0, 5_000));
  await arrive(all.subarray(5_000, 10_999));
  expect(delivered).toEqual([]);
  await arrive(all.subarray(10_999, 11_001));
  expect(delivered).toEqual([prepare("a", [red, green, empty])]);
  await arrive(all.subarray(11_001));
  expect(delivered.slice(1)).toEqual([
    { type: "query", id: "q", client: "a", question: { kind: "count", messages: [], pictures: [blue] } },
    prepare("d", [blue], "decide"),
  ]);
});

test("commands of other jobs overtake a command that waits for pictures; commands of the same job do not", async () => {
  const { send, bytes, arrive, delivered } = setUp();
  const picture = pictureOf(7, 10_000);
  const ofOthers: EngineCommand[] = [
    prepare("b"),
    { type: "cancel", jobId: "b" },
    { type: "limit_threads", threads: 2 },
    { type: "shutdown" },
  ];
  const start: EngineCommand = { type: "start", prepared: "a", choices: [{ jobId: "a1", choice: 0 }] };
  const cancel: EngineCommand = { type: "cancel", jobId: "a1" };
  send(prepare("a", [picture]));
  for (const command of [start, ...ofOthers, cancel]) send(command);
  expect(delivered).toEqual(ofOthers);
  await arrive(bytes());
  expect(delivered.slice(ofOthers.length)).toEqual([prepare("a", [picture]), start, cancel]);
});

test("work that is prepared again waits for its new pictures", async () => {
  const { send, bytes, arrive, delivered } = setUp();
  const [first, second] = [prepare("a", [pictureOf(1, 10)]), prepare("a", [pictureOf(2, 10)])];
  send(first);
  send(second);
  send({ type: "drop", prepared: "a" });
  const all = bytes();
  await arrive(all.subarray(0, 10));
  expect(delivered).toEqual([first]);
  await arrive(all.subarray(10));
  expect(delivered).toEqual([first, second, { type: "drop", prepared: "a" }]);
});

test("a command is not sent while too many bytes wait for an engine that reads nothing", () => {
  const send = vi.fn();
  const pipe = new Writable({ write: () => {} });
  const engine = { stdio: [null, null, null, null, pipe], send } as unknown as ChildProcess;
  const picture = { sha256: "", bytes: new Uint8Array(2 ** 29) };
  for (const id of ["a", "b"]) sendCommand(engine, prepare(id, [picture]), () => {});
  expect(() => sendCommand(engine, prepare("c", [pictureOf(1, 1)]), () => {})).toThrow(
    expect.objectContaining({ code: "resource_exhausted" }),
  );
  expect(send).toHaveBeenCalledTimes(2);
});

test("an engine process answers a prompt with pictures of several megabytes", async () => {
  const engine = forkEngine(process.env);
  onTestFinished(() => void engine.kill("SIGKILL"));
  const events: EngineEvent[] = [];
  const until = (isIt: (event: EngineEvent) => boolean): Promise<unknown> =>
    vi.waitUntil(() => events.some(isIt), 120_000);
  engine.on("message", (event) => events.push(event as EngineEvent));
  const read = parseConfig(["--local-mode", "--backend", "fake"], {});
  const config = read.kind === "run" ? read.config : expect.fail(read.stderr);
  const projector = { path: "eye.gguf", maxPixels: 4_096, isRequired: true };
  engine.send({ ...config, type: "load", settings: config.modelSettings, projector });
  await until(({ type }) => type === "ready");
  const pictures = [pictureOf(1, 3_000_000), pictureOf(2, 5_000_001)];
  const pieces = ["a", { type: "image" as const, picture: 1 }, { type: "image" as const, picture: 0 }, "b"];
  const work: GenerateWork = {
    ...{ kind: "generate", prompt: { kind: "pieces", pieces }, pictures, choices: 1, maxTokens: 3, stop: [] },
    sampling: SamplingSchema.parse({}),
  };
  sendCommand(engine, { type: "prepare", job: { jobId: "p", work, cacheScope: "", priority: 0 } }, () => {});
  sendCommand(engine, { type: "start", prepared: "p", choices: [{ jobId: "j", choice: 0 }] }, () => {});
  await until((event) => event.type === "step" && event.events.some(({ type }) => type === "finished"));
  const encoded = events.filter((event) => event.type === "picture" && event.operation === "encode");
  expect(encoded).toHaveLength(2);
});
