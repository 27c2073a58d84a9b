// Measures the second turn of a conversation with a picture: nothing is encoded, and its first token comes as soon as that of a turn of text.
import { median } from "@waggle/testing/harness";
import { chat, picturePart, textPart, type ContentPart } from "../lib/chat.ts";
import type { Server } from "../lib/servers.ts";

export interface TurnFigures {
  /** Medians of the times to the first token of a second turn. */
  readonly pictureMs: number;
  readonly textMs: number;
  /** Chunks encoded in all first turns, and in all second ones; NaN where the server does not tell. */
  readonly encodedFirst: number;
  readonly encodedSecond: number;
}

/** @param pngs a different picture for each round */
export async function measureTurns(server: Server, pngs: readonly Uint8Array[]): Promise<TurnFigures> {
  const [pictureMs, textMs]: [number[], number[]] = [[], []];
  let [encodedFirst, encodedSecond] = [0, 0];
  for (const [round, png] of pngs.entries()) {
    const opening = textPart(`Round ${round}. Look at this: `);
    const question = textPart(" What is it?");
    const follow = textPart(" And what else do you see there, and why is that?");
    const encodedBefore = await encodedBy(server);
    const first = await turn(server, [opening, picturePart(png), question]);
    const encodedBetween = await encodedBy(server);
    pictureMs.push((await turn(server, [opening, picturePart(png), question, follow])).firstMs);
    encodedFirst += encodedBetween - encodedBefore;
    encodedSecond += (await encodedBy(server)) - encodedBetween;
    // The same number of tokens as with the picture.
    const filler = textPart("bee ".repeat(Math.max(1, first.promptTokens)));
    await turn(server, [opening, filler, question]);
    textMs.push((await turn(server, [opening, filler, question, follow])).firstMs);
  }
  return { pictureMs: median(pictureMs), textMs: median(textMs), encodedFirst, encodedSecond };
}

async function turn({ url }: Server, content: readonly ContentPart[]) {
  // The first token may have no text, so the answer has one token, and its end counts.
  const { sentAt, endedAt, promptTokens } = await chat({ url, content, maxTokens: 1 });
  return { firstMs: endedAt - sentAt, promptTokens };
}

async function encodedBy({ worker }: Server): Promise<number> {
  return (await worker?.metrics())?.sum("waggle_picture_encode_seconds_count") ?? Number.NaN;
}
