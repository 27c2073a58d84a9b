import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFakeBackend, type Backend } from "@waggle/engine";
import type { LoadedSettings, StepCosts } from "@waggle/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { costsKeyOf, openKeptCosts, type KeptCosts } from "./kept-costs.ts";

let folder = "";
let nowMs = 0;
let problems: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-costs-"));
  nowMs = 0;
  problems = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = (): string => join(folder, "step-costs.json");
const open = (key = "a", at = folder): KeptCosts =>
  openKeptCosts({ folder: at, key, now: () => nowMs, onProblem: (reason) => problems.push(reason) });

function costs(ms: number, busy = 1): StepCosts {
  const column = { threads: 1, busy, decode: [{ rows: 1, ms }], prompt: [{ tokens: 64, ms: 10 * ms }] };
  return { threads: [column], context: { row_ms: 1, tile_ms: 1 } };
}

describe("kept costs", () => {
  it("are known to the next engine, without how busy the machine was", () => {
    const first = open();
    expect(first.known).toBeUndefined();
    first.record(costs(5, 3));
    expect(open().known).toEqual(costs(5));
    expect(problems).toEqual([]);
  });

  it("are those of the same key only, and two engines share the file", () => {
    const [one, other] = [open("a"), open("b")];
    one.record(costs(5));
    other.record(costs(7));
    expect([open("a").known, open("b").known, open("c").known]).toEqual([costs(5), costs(7), undefined]);
  });

  it("are written when they have changed noticeably, at most once a minute, and at the end", () => {
    const kept = open();
    kept.record(costs(5));
    nowMs += 59_999;
    kept.record(costs(6));
    expect(open().known).toEqual(costs(5));
    nowMs += 1;
    kept.record(costs(5.2));
    expect(open().known).toEqual(costs(5));
    kept.record(costs(6));
    expect(open().known).toEqual(costs(6));
    kept.record(costs(8));
    kept.close();
    expect(open().known).toEqual(costs(8));
    kept.record(costs(8.1));
    kept.close();
    expect(open().known).toEqual(costs(8));
  });

  it.each([
    ["damaged", (text: string) => text.slice(0, -5)],
    ["of another format", (text: string) => text.replace('"version":1', '"version":2')],
    ["of impossible costs", (text: string) => text.replace('"ms":5', '"ms":-5')],
    ["too long", (text: string) => text + " ".repeat(1_048_576)],
  ])("are not read from a file that is %s, and the file is replaced", (_, change) => {
    open().record(costs(5));
    writeFileSync(path(), change(readFileSync(path(), "utf8")));
    const next = open();
    expect(next.known).toBeUndefined();
    next.record(costs(6));
    expect(open().known).toEqual(costs(6));
  });

  it("leave the oldest entries out at the limits of the file", () => {
    for (let i = 0; i < 70; i++) open(`key ${i}`).record(costs(5));
    const { entries } = JSON.parse(readFileSync(path(), "utf8")) as { entries: { key: string }[] };
    expect([entries.length, entries[0]?.key, entries.at(-1)?.key]).toEqual([64, "key 6", "key 69"]);

    const many = Array.from({ length: 12_000 }, (_, i) => ({ rows: i + 1, ms: 123.456_789 }));
    const long = { ...costs(5), threads: costs(5).threads.map((column) => ({ ...column, decode: many })) };
    for (let i = 0; i < 5; i++) open(`long ${i}`).record(long);
    expect(statSync(path()).size).toBeLessThanOrEqual(1_048_576);
    expect(open("long 4").known?.threads[0]?.decode).toHaveLength(12_000);
  });

  it("leave no other file, and a folder that cannot be written is reported", () => {
    open().record(costs(5));
    expect(readdirSync(folder)).toEqual(["step-costs.json"]);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    const inFile = open("a", path());
    expect(inFile.known).toBeUndefined();
    inFile.record(costs(5));
    expect(problems).toHaveLength(1);
  });
});

it("the key differs by model, release, device, settings and number of threads", () => {
  const backend = createFakeBackend({ slots: 2, contextSize: 64, contextPool: 128 });
  const other = (info: Partial<Backend["info"]>): string =>
    costsKeyOf({ ...backend, info: { ...backend.info, ...info } }, 2);
  const keys = [
    costsKeyOf(backend, 2),
    costsKeyOf(backend, 3),
    other({ modelBytes: 1 }),
    other({ release: "b1" }),
    other({ device: "vulkan" }),
    other({ binding: "addon" }),
    other({ settings: { ...settings, cache_type_k: "q8_0" } }),
    other({ settings: { ...settings, flash_attention: false } }),
    other({ settings: { ...settings, batch_size: 256 } }),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(other({})).toBe(costsKeyOf(backend, 2));
});

const settings: LoadedSettings = {
  batch_size: 512,
  cache_type_k: "f16",
  cache_type_v: "f16",
  flash_attention: true,
  gpu_layers: 0,
  mmap: true,
  mlock: false,
  lora: [],
};
