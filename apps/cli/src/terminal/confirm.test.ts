// Tests the question before a deletion or a download: where it is written, and the error after a no.
import { PassThrough } from "node:stream";
import { createOutput } from "@waggle/daemon/terminal";
import { expect, it } from "vitest";
import type { Context } from "../command.ts";
import { confirm } from "./confirm.ts";

function ask(typed: string | undefined, { isTTY = true } = {}) {
  const stdin = Object.assign(new PassThrough(), { isTTY }) as unknown as Context["stdin"] & PassThrough;
  let written = "";
  const err = createOutput({ isTTY: true, write: (text) => (written += text) }, false);
  const context = { stdin, err, signal: new AbortController().signal } as unknown as Context;
  stdin.end(typed);
  const asked = confirm(context, false, "Download 812 MB?", "Nothing was downloaded.");
  return { asked, written: () => written };
}

it("the question goes to the command's stderr, and a yes resolves", async () => {
  const { asked, written } = ask("Yes\n");
  await asked;
  expect(written()).toBe("Download 812 MB? [y/N] ");
});

it.each(["n\n", "\n", undefined])("the answer %j refuses with the message of the caller", async (typed) => {
  await expect(ask(typed).asked).rejects.toThrow(/^Nothing was downloaded\.$/);
});

it("without a terminal, the error contains the question and the flag", async () => {
  const { asked, written } = ask("y\n", { isTTY: false });
  await expect(asked).rejects.toThrow('Cannot ask "Download 812 MB?" without a terminal. Add --yes to confirm.');
  expect(written()).toBe("");
});
