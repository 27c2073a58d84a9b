import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SettingsError } from "@waggle/daemon";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readWorkerFile } from "./config-file.ts";
import { editSettings, writeSettings } from "./edit-settings.ts";

const bee = { wanted: "/m/bee.gguf", path: "/m/bee.gguf", settings: { "batch-size": 1_024, "flash-attention": "off" } };

const problemOf = (text: string): string => {
  try {
    editSettings("/w.yaml", text, bee);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.join(" ");
    throw error;
  }
  throw new Error("was accepted");
};

describe("the settings of a tuned model", () => {
  it("are written to the model's entry, and everything else stays", () => {
    const text = [
      "# our machine",
      "slots: 4 # enough",
      "",
      "models:",
      "  small: hf:user/repo:Q4_K_M",
      "  # the big one",
      "  big:",
      "    model: /m/bee.gguf",
      "    batch-size: 256 # was measured",
      "    alias: [large]",
      "worker-id: '007'",
      "",
    ].join("\n");
    const edited = editSettings("/w.yaml", text, bee);
    expect(edited).toBe(
      text.replace("256 #", "1024 #").replace("alias: [large]\n", "alias: [large]\n    flash-attention: off\n"),
    );
    const [before, after] = [readWorkerFile("/w.yaml", () => text), readWorkerFile("/w.yaml", () => edited)];
    expect([...after.values].map(([key, { text: value }]) => [key, value])).toEqual(
      [...before.values].map(([key, { text: value }]) => [key, value]),
    );
    expect(after.models?.[1]?.aliases).toEqual(["large"]);
    expect(editSettings("/w.yaml", edited, bee)).toBe(edited);
  });

  it("turn an entry with only a reference into a map, found by name or by path", () => {
    const edited = editSettings("/w.yaml", "models:\n  bee: /m/bee.gguf\n  fly: /m/fly.gguf\n", bee);
    expect(edited).toBe(
      "models:\n  bee:\n    model: /m/bee.gguf\n    batch-size: 1024\n    flash-attention: off\n  fly: /m/fly.gguf\n",
    );
    const named = editSettings("/w.yaml", "models:\n  bee: hf:user/bee:Q8_0\n", { ...bee, wanted: "bee" });
    expect(named).toContain("    model: hf:user/bee:Q8_0\n    batch-size: 1024\n");
  });

  it("are settings of the file when it names only this model", () => {
    expect(editSettings("/w.yaml", "model: /m/bee.gguf\nslots: 2\n", bee)).toBe(
      "model: /m/bee.gguf\nslots: 2\nbatch-size: 1024\nflash-attention: off\n",
    );
  });

  it("come with a new entry in a file without the model, and in a new file", () => {
    const entry = "  bee:\n    model: /m/bee.gguf\n    batch-size: 1024\n    flash-attention: off\n";
    expect(editSettings("/w.yaml", "", bee)).toBe(`models:\n${entry}`);
    expect(editSettings("/w.yaml", "slots: 2\n", bee)).toBe(`slots: 2\nmodels:\n${entry}`);
    expect(editSettings("/w.yaml", "models:\n  bee: /n/bee.gguf\n", bee)).toBe(
      `models:\n  bee: /n/bee.gguf\n${entry.replace("bee:", "bee-2:")}`,
    );
  });

  it("are refused with the file's name when the file cannot be parsed or changed", () => {
    expect(problemOf("slots: [")).toMatch(/^Cannot use --config \/w\.yaml: line 1: .*a bracket is missing/);
    expect(problemOf("slotz: 4")).toMatch(/^Cannot use --config \/w\.yaml: line 1: unknown setting "slotz"/);
    expect(problemOf("model: /m/fly.gguf")).toMatch(/^Cannot use --config \/w\.yaml: its setting model names other/);
    const alias = "models:\n  a: &a\n    model: /n/a.gguf\n  bee: *a\n";
    expect(() => editSettings("/w.yaml", alias, { ...bee, wanted: "bee" })).toThrow(
      "Cannot use --config /w.yaml: models.bee is an alias of another entry: write its settings out.",
    );
  });
});

describe("a settings file", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "waggle-edit-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is replaced as a whole, with its permissions, behind a link too", () => {
    const [file, link] = [join(folder, "w.yaml"), join(folder, "link.yaml")];
    writeSettings(file, "slots: 1\n");
    writeFileSync(file, "slots: 2\n", { mode: 0o600 });
    const { mode } = statSync(file);
    symlinkSync(file, link);
    writeSettings(link, "slots: 3\n");
    expect([readFileSync(file, "utf8"), statSync(file).mode]).toEqual(["slots: 3\n", mode]);
    expect(readdirSync(folder).toSorted()).toEqual(["link.yaml", "w.yaml"]);
  });
});
