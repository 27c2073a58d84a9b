import type { WorkerInfo } from "@waggle/protocol";
import { expect, test } from "vitest";
import { capabilitiesOf, countOf, listedModel, runningModel } from "./model-facts.ts";

const info = { model: "m", model_bytes: 1_000, device: "cuda", context_size: 4_096 } as WorkerInfo;

test.each([
  [7_615_616_512, "7.6B"],
  [494_032_768, "494.03M"],
  [12_345, "12.35K"],
  [0, "0"],
])("%i parameters are %s", (parameters, text) => {
  expect(countOf(parameters)).toBe(text);
});

test("a model keeps its digest, and different models have different digests", () => {
  const { digest } = listedModel(info);
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(listedModel({ ...info, uptime_ms: 7, device: "cpu" })["digest"]).toBe(digest);
  for (const other of [{ model: "n" }, { model_bytes: 1_001 }, { model_modified_at: "2026-01-01T00:00:00.000Z" }]) {
    expect(listedModel({ ...info, ...other })["digest"]).not.toBe(digest);
  }
});

test("the digest is the file's hash once the hash is known", () => {
  expect(listedModel({ ...info, model_sha256: "a".repeat(64) })["digest"]).toBe("a".repeat(64));
  expect(listedModel({ ...info, model_sha256: null })["digest"]).toBe(listedModel(info)["digest"]);
});

test("a model on the CPU uses no GPU memory", () => {
  expect(runningModel(info, undefined)["size_vram"]).toBe(1_000);
  expect(runningModel({ ...info, device: "cpu" }, undefined)["size_vram"]).toBe(0);
});

test("expires_at is the time when the model is unloaded, or some 300 years ahead if the model stays loaded", () => {
  expect(runningModel(info, "2026-01-02T03:04:05.000Z")["expires_at"]).toBe("2026-01-02T03:04:05.000+00:00");
  expect(runningModel(info, undefined)["expires_at"]).toMatch(/^23/);
});

test.each([
  ["generate", true, "switchable", ["completion", "tools", "insert", "thinking", "decision"]],
  ["generate", false, "never", ["completion", "tools", "decision"]],
  ["embed", false, "never", ["embedding"]],
  ["rerank", false, "never", []],
] as const)("a model to %s (infill: %s, thinking: %s) can %j", (kind, infill, thinking, capabilities) => {
  expect(capabilitiesOf({ kind, infill }, { thinking }, "download")).toEqual(capabilities);
});

test("the embedded model has no ability to call tools", () => {
  expect(capabilitiesOf({ kind: "generate" }, { thinking: "never" }, "embedded")).toEqual(["completion", "decision"]);
});
