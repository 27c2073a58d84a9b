// Tests which model the trial of a GPU uses; tests/programs/gpu-add tests the trial with real workers.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { proveDevice } from "./proof.ts";

it("names the embedded model, whatever was used last", async () => {
  const folder = mkdtempSync(join(tmpdir(), "waggle-proof-"));
  const note = join(folder, "args.json");
  const script = `require("node:fs").writeFileSync(${JSON.stringify(note)}, JSON.stringify(process.argv))`;
  const workerCommand = [process.execPath, "-e", script, "--"] as const;
  await expect(proveDevice({ device: "cuda", workerCommand, folder, env: {} })).rejects.toThrow(
    "Cannot start a worker",
  );
  expect(readFileSync(note, "utf8")).toContain('"--model","waggle-tiny-stories"');
});
