// Compares answers to pictures with llama-server's: alone, in a batch, from the saved prefix, and after the engine was killed in mid-answer.
import { join } from "node:path";
import { times, type ProcessGroups } from "@waggle/testing/harness";
import { writeSinglePrecision, writePictureModel, type PictureShape } from "@waggle/testing/models";
import { chat, picturePart, textPart, type ContentPart } from "../lib/chat.ts";
import { openLlamaServer, openWorker, type Server } from "../lib/servers.ts";

export interface SameOptions {
  readonly groups: ProcessGroups;
  /** Folder for the files of the model. */
  readonly folder: string;
  readonly shape: PictureShape;
  /** llama-server of the same release. */
  readonly program: string;
  readonly pngs: readonly Uint8Array[];
}

export interface SameRow {
  readonly shape: PictureShape;
  /** Tokens of the first prompt, at the worker and at llama-server. */
  readonly promptTokens: readonly [number, number];
  /** Numbers of answers that are the same, of how many, by the way in which they were computed. */
  readonly same: Readonly<Record<Way, string>>;
}

type Way = "alone" | "batch" | "store" | "resumed";

const maxTokens = 48;
const slots = 4;

/** In single precision, greedy. */
export async function compareAnswers({ groups, folder, shape, program, pngs }: SameOptions): Promise<SameRow> {
  const written = writePictureModel({ folder, shape });
  const files = { model: join(folder, `f32-${shape}.gguf`), projector: join(folder, `mmproj-f32-${shape}.gguf`) };
  writeSinglePrecision(written.model, files.model);
  writeSinglePrecision(written.projector, files.projector);
  const options = { groups, files, slots, threads: 1, contextSize: 2_048, exact: true };
  const contents = pngs.map((png): readonly ContentPart[] => [
    textPart("Look at this: "),
    picturePart(png),
    textPart(" What is it?"),
  ]);
  const theirs = await openLlamaServer(program, options);
  const expected: Awaited<ReturnType<typeof ask>>[] = [];
  for (const content of contents) expected.push(await ask(theirs, content));
  await theirs.stop();

  const ours = await openWorker(options);
  const count = (answers: readonly { readonly text: string }[]): string =>
    `${answers.filter(({ text }, i) => wholeText(text) === wholeText(expected[i]?.text ?? "")).length} of ${answers.length}`;
  const alone = [];
  for (const content of contents) alone.push(await ask(ours, content));
  const batch = await Promise.all(contents.map(async (content) => await ask(ours, content)));
  // Other prompts take all slots, so that the prefixes are saved, and then loaded.
  await times(2 * slots, async (i) => await ask(ours, [textPart(`${"A bee sat down. ".repeat(20)} ${i}`)]));
  const store = [];
  for (const content of contents) store.push(await ask(ours, content));
  const resumed = [];
  for (const content of contents) resumed.push(await askAndKill(ours, content));
  await ours.stop();
  return {
    shape,
    promptTokens: [alone[0]?.promptTokens ?? Number.NaN, expected[0]?.promptTokens ?? Number.NaN],
    same: { alone: count(alone), batch: count(batch), store: count(store), resumed: count(resumed) },
  };
}

async function ask({ url }: Server, content: readonly ContentPart[]) {
  return await chat({ url, content, maxTokens });
}

/** The servers differ in the number of U+FFFD for bytes that are not text; llama-server leaves such bytes out at the end. */
function wholeText(text: string): string {
  return text.replaceAll(/\uFFFD+/g, "\uFFFD").replace(/\uFFFD$/, "");
}

/** Kills the engine after some tokens. */
async function askAndKill({ url, worker }: Server, content: readonly ContentPart[]) {
  let tokens = 0;
  return await chat({ url, content, maxTokens }, () => {
    tokens += 1;
    if (tokens === 8 && worker !== undefined) process.kill(worker.enginePid(), "SIGKILL");
  });
}
