// Tests the journal on a disk that is full, read-only or small, and with a file or folder that was deleted or replaced.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { open as openFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { begin, call, message, useJournals } from "../testing/journals.ts";

const journals = useJournals();
afterEach(() => void vi.restoreAllMocks());

const unavailable = { code: "unavailable", message: expect.stringContaining("Cannot record the call") as string };
const done = { kind: "done", text: "x" } as const;

/** The disk of the journal's folder has room for so many bytes. A larger write is cut off. */
async function limitDisk(room: () => number): Promise<void> {
  const handle = await openFile("/dev/null");
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const { appendFile } = prototype;
  vi.spyOn(prototype, "appendFile").mockImplementation(async function (this: FileHandle, data) {
    const bytes = Buffer.from(data as string);
    const fitting = Math.max(0, Math.min(bytes.length, room() - usedBytes()));
    await appendFile.call(this, bytes.subarray(0, fitting));
    if (fitting < bytes.length) throw codeError("ENOSPC");
  });
}

function usedBytes(): number {
  const folder = dirname(journals.path);
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

function codeError(code: string): Error {
  return Object.assign(new Error(`${code}: ${journals.path}`), { code });
}

/** Opening the file fails until `heal`, to write it or also to read it. */
function failingOpen(code: string, fails: "writing" | "all"): { open: typeof openFile; heal(): void } {
  let isHealed = false;
  const open: typeof openFile = async (path, given, mode) => {
    if (!isHealed && (fails === "all" || given !== "r")) throw codeError(code);
    return await openFile(path, given, mode);
  };
  return { open, heal: () => void (isHealed = true) };
}

it("refuses calls on a full disk with a typed error, and writes missing results before later calls", async () => {
  const problems: (string | undefined)[] = [];
  const onProblem = (found: Error | undefined): void => void problems.push(found?.message);
  const journal = await journals.open({ maxBytes: 400_000, onProblem });
  const turn = await call(journal, "c k");
  let room = usedBytes() + 20;
  await limitDisk(() => room);
  await expect(turn.addStep(message)).rejects.toMatchObject(unavailable);
  for (let i = 0; i < 5; i += 1) await expect(turn.willSend("0.1")).rejects.toMatchObject(unavailable);
  await expect(turn.willSend("0.1")).rejects.not.toThrow(journals.path);
  await turn.addResult("0.0", done);
  expect(turn.outcomeOf("0.0")).toEqual(done);
  (await begin(journal, "d says nothing")).release();
  expect(readdirSync(dirname(journals.path)), "no part of a file takes room").toEqual(["journal.jsonl"]);
  room += 200;
  await turn.willSend("1.0");
  const lines = readFileSync(journals.path, "utf8").trim().split("\n");
  expect(lines.slice(-2).map((line) => (JSON.parse(line) as { kind: string }).kind)).toEqual(["result", "call"]);
  const again = await begin(await journals.open(), "c k");
  expect(["0.0", "0.1", "1.0"].map((name) => again.outcomeOf(name)?.kind)).toEqual(["done", undefined, "unknown"]);
  expect([again.steps.length, problems]).toEqual([1, [expect.stringContaining("ENOSPC"), undefined]]);
});

it("has room again on a disk that its old ended turns have filled, and keeps interrupted turns", async () => {
  let time = 0;
  const options = { now: () => time };
  await call(await journals.open(options), "c interrupted");
  const journal = await journals.open(options);
  const running = await begin(journal, "c running");
  const ended = await begin(journal, "c ended");
  for (const turn of [running, ended]) await turn.addStep(message);
  for (const turn of [running, ended]) await turn.willSend("0.0");
  ended.release();
  // The lines of the turns get other places in a new file.
  rmSync(journals.path);
  await limitDisk(() => 50_000);
  const fill = async (): Promise<void> => {
    for (let i = 0; i < 20; i += 1) (await call(journal, `c ${i}`, 4_000)).release();
  };
  await expect(fill()).rejects.toMatchObject(unavailable);
  time = 1_800_001;
  for (let i = 0; i < 5; i += 1) await call(journal, `c later ${i}`, 4_000);
  const again = await journals.open(options);
  for (const name of ["c interrupted", "c running", "c later 0", "c later 4"])
    expect([name, (await begin(again, name)).outcomeOf("0.0")?.kind]).toEqual([name, "unknown"]);
});

it("starts on a full disk, and takes calls when there is room", async () => {
  mkdirSync(dirname(journals.path));
  let room = 0;
  await limitDisk(() => room);
  const journal = await journals.open();
  await expect((await begin(journal, "c k")).willSend("0.0")).rejects.toMatchObject(unavailable);
  room = 1_000;
  await call(journal, "c k");
  expect((await begin(await journals.open(), "c k")).outcomeOf("0.0")?.kind).toBe("unknown");
});

it("starts on a read-only disk, knows its turns, and takes calls when it can write", async () => {
  const before = await call(await journals.open(), "c k");
  await before.addResult("0.0", done);
  const { open, heal } = failingOpen("EROFS", "writing");
  const journal = await journals.open({ open });
  const turn = await begin(journal, "c k");
  expect(turn.outcomeOf("0.0")).toEqual(done);
  await expect(turn.willSend("1.0")).rejects.toMatchObject(unavailable);
  heal();
  await turn.willSend("1.0");
  expect((await begin(await journals.open(), "c k")).outcomeOf("1.0")?.kind).toBe("unknown");
});

it("refuses the calls of a turn that it could not look up, until it has read the file", async () => {
  await call(await journals.open(), "c k");
  const { open, heal } = failingOpen("EIO", "all");
  const journal = await journals.open({ open });
  const unknown = await begin(journal, "c k");
  heal();
  expect((await begin(journal, "c k")).outcomeOf("0.0")?.kind).toBe("unknown");
  await expect(unknown.willSend("0.0")).rejects.toMatchObject(unavailable);
});

it.each([
  ["file was deleted", () => rmSync(journals.path)],
  ["file was emptied", () => writeFileSync(journals.path, "")],
  ["folder was deleted", () => rmSync(dirname(journals.path), { recursive: true })],
  [
    "file was replaced",
    () => {
      rmSync(journals.path);
      writeFileSync(journals.path, "other\n");
    },
  ],
])("writes all turns anew when its %s", async (_, remove) => {
  const journal = await journals.open();
  const turn = await call(journal, "c k");
  remove();
  await turn.willSend("0.1");
  const again = await begin(await journals.open(), "c k");
  expect([again.steps, again.outcomeOf("0.0")?.kind, again.outcomeOf("0.1")?.kind]).toMatchObject([
    [{ tool_calls: message.tool_calls }],
    "unknown",
    "unknown",
  ]);
});

it.each(["before the start", "while it runs"])(
  "refuses calls while a folder has the name of the file: %s",
  async (when) => {
    const blocks = (): void => {
      rmSync(journals.path, { force: true });
      mkdirSync(join(journals.path, "inner"), { recursive: true });
    };
    if (when === "before the start") blocks();
    const journal = await journals.open();
    if (when === "while it runs") blocks();
    await expect((await begin(journal, "c k")).willSend("0.0")).rejects.toMatchObject(unavailable);
    rmSync(journals.path, { recursive: true });
    await call(journal, "c k");
    expect(existsSync(`${journals.path}.part`)).toBe(false);
    expect((await begin(await journals.open(), "c k")).outcomeOf("0.0")?.kind).toBe("unknown");
  },
);

it("cuts off a torn line before it writes", async () => {
  await call(await journals.open(), "c k");
  appendFileSync(journals.path, '{"kind":"call","key":"c k","call":"torn');
  const turn = await begin(await journals.open(), "c k");
  await turn.willSend("0.1");
  expect(readFileSync(journals.path, "utf8")).not.toContain("torn");
});
