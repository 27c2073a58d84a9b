// Tests completions in a real shell: bash runs its script, with a `waggle` that lists three models.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { commandTable } from "../command-table.ts";
import { runCommand } from "../testing/run-command.ts";

let folder = "";
let script = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "waggle-completion-"));
  mkdirSync(join(folder, "bin"));
  writeFileSync(
    join(folder, "bin", "waggle"),
    '#!/bin/sh\n[ "$*" = "list --names" ] && printf "bee\\nbeetle\\nwasp\\n"\n',
    {
      mode: 0o755,
    },
  );
  writeFileSync(join(folder, "brood.gguf"), "");
  writeFileSync(join(folder, "notes.txt"), "");
  script = (await runCommand(["completion", "bash"])).out;
});

/** The completions (COMPREPLY) of the last of these words. */
async function complete(...words: readonly string[]): Promise<string[]> {
  const program = `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _waggle; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { PATH: `${join(folder, "bin")}:/usr/bin:/bin` };
  const stdout = await new Promise<string>((resolve, reject) =>
    execFile("bash", ["--norc", "-c", program, "bash", ...words], { env, cwd: folder }, (error, text, problems) =>
      error === null && problems === "" ? resolve(text) : reject(error ?? new Error(problems)),
    ),
  );
  return stdout.split("\n").filter((line) => line !== "");
}

describe("bash", () => {
  it("completes commands", async () => {
    expect(await complete("waggle", "")).toEqual(["serve", "gateway", "hive", ...commandTable.map(({ name }) => name)]);
    expect(await complete("waggle", "un")).toEqual(["unload"]);
  });

  it("completes the names of models from `waggle list`, and files that may be models", async () => {
    expect(await complete("waggle", "chat", "bee")).toEqual(["bee", "beetle"]);
    expect(await complete("waggle", "chat", "")).toEqual(["bee", "beetle", "wasp", "brood.gguf"]);
    expect(await complete("waggle", "swap", "--unload-first", "w")).toEqual(["wasp"]);
    expect(await complete("waggle", "show", "bee", "")).toEqual([]);
    expect(await complete("waggle", "serve", "no")).toEqual(["notes.txt"]);
    expect(await complete("waggle", "serve", "brood.gguf", "no")).toEqual(["notes.txt"]);
  });

  it("completes the flags of daemons, and files as values of some flags", async () => {
    expect(await complete("waggle", "serve", "--slo")).toEqual(["--slots"]);
    expect(await complete("waggle", "serve", "--supersede")).toEqual(["--supersede-timeout"]);
    expect(await complete("waggle", "serve", "--fake")).toEqual([]);
    expect(await complete("waggle", "serve", "--slots", "no")).toEqual([]);
    expect(await complete("waggle", "serve", "--config", "no")).toEqual(["notes.txt"]);
    expect(await complete("waggle", "serve", "--slots", "4", "no")).toEqual(["notes.txt"]);
    expect(await complete("waggle", "gateway", "--gateway")).toEqual(["--gateway-id"]);
    expect(await complete("waggle", "hive", "--fau")).toEqual(["--faults"]);
    expect(await complete("waggle", "hive", "no")).toEqual([]);
  });

  it("completes options, fixed words, and files as values of options", async () => {
    expect(await complete("waggle", "pull", "--n")).toEqual(["--name", "--no-mmproj"]);
    expect(await complete("waggle", "ps", "--")).toEqual(["--url", "--json", "--help"]);
    expect(await complete("waggle", "completion", "")).toEqual(["bash", "zsh"]);
    expect(await complete("waggle", "chat", "--system", "b")).toEqual([]);
    expect(await complete("waggle", "decide", "Is it?", "--file", "no")).toEqual(["notes.txt"]);
    expect(await complete("waggle", "chat", "--system", "Be brief.", "w")).toEqual(["wasp"]);
  });
});

it("zsh's script names every command and option", async () => {
  const { code, out } = await runCommand(["completion", "zsh"]);
  expect(code).toBe(0);
  for (const { name, options = [] } of commandTable as readonly {
    name: string;
    options?: readonly { flags: string }[];
  }[]) {
    expect(out).toContain(name);
    for (const { flags } of options)
      expect(out).toContain(
        flags
          .match(/--[\w-]+/g)
          ?.at(-1)
          ?.slice(2),
      );
  }
  for (const flag of ["slots", "gateway-id", "faults"]) expect(out).toContain(flag);
  expect(out).toContain("waggle list --names");
});
