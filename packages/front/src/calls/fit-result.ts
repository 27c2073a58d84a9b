// Fits the result of a call into what the context still holds: a long text is cut, and says so. A result never ends a job.
import { createHash } from "node:crypto";
import type { GenerateWork, Picture } from "@waggle/engine";
import type { CallOutcome } from "@waggle/mcp";
import { WaggleError } from "@waggle/protocol";
import { readPictureHeader } from "@waggle/pictures";
import type { HeldPicture, PictureBudget } from "../pictures/picture-budget.ts";
import type { PictureLimits } from "../pictures/request-pictures.ts";

/** Share of the context that is kept for the answer. */
const answerShare = 1 / 8;
/** Tokens of a message around its text, and of the note that it was cut. */
const messageTokens = 96;
/** Maximum number of tries to find how much of a text fits; each asks the engine to count. */
const mostTries = 6;

export interface Room {
  /** Tokens of the context; undefined while the model is not loaded. */
  readonly context: number | undefined;
  /** Tokens of the conversation so far, with the results before this one; undefined if they must be counted. */
  readonly used: number | undefined;
  /** Number of results that are still to come, this one included: each gets an equal part of the room. */
  readonly results: number;
  /** Tokens of the conversation with this text as the result. @throws WaggleError if the engine cannot count */
  count(text: string): Promise<number>;
}

/** Returns the text as the model gets it. */
export async function fitText(text: string, { context, used, results, count }: Room): Promise<string> {
  if (context === undefined) return text;
  const most = mostTokens(context);
  // A token has at least one byte.
  const fits = (before: number): boolean => Buffer.byteLength(text) <= (most - before) / results - messageTokens;
  if (used !== undefined && fits(used)) return text;
  try {
    const before = await count("");
    const room = Math.max(0, (most - before) / results - messageTokens);
    let chars = text.length;
    for (let tries = 0; tries < mostTries; tries += 1) {
      const taken = (await count(text.slice(0, chars))) - before;
      if (taken <= room) return cutAt(text, chars);
      chars = Math.floor(chars * Math.min(0.9, (0.95 * room) / taken));
    }
    return cutAt(text, 0);
  } catch (error) {
    if (!(error instanceof WaggleError)) throw error;
    // The engine is away. The conversation so far may take half of the context, and a character may be four tokens.
    const before = used ?? most / 2;
    return fits(before) ? text : cutAt(text, Math.max(0, Math.floor(((most - before) / results - messageTokens) / 4)));
  }
}

function mostTokens(context: number): number {
  return Math.floor(context * (1 - answerShare));
}

/**
 * Returns how many of a result's pictures fit, from the first.
 * @param count tokens of the conversation with this number of pictures and without the result's text. @throws WaggleError if the engine cannot count
 */
export async function fittingPictures(
  number: number,
  context: number | undefined,
  count: (pictures: number) => Promise<number>,
): Promise<number> {
  let left = number;
  try {
    while (context !== undefined && left > 0 && (await count(left)) > mostTokens(context)) left -= 1;
  } catch (error) {
    if (!(error instanceof WaggleError)) throw error;
  }
  return left;
}

function cutAt(text: string, chars: number): string {
  if (chars >= text.length) return text;
  if (chars <= 0) return "[Left out: the context is full.]";
  // Half of a character cannot be written as UTF-8.
  const kept = text.slice(0, chars).replace(/\p{Surrogate}$/u, "");
  const left = text.length - kept.length;
  return `${kept}\n[The result has ${text.length} characters. The last ${left} are left out: the model's context has no room for them.]`;
}

export interface ResultPictures {
  readonly pictures: readonly Picture[];
  /** Says which pictures are left out, and why; "" if none is. */
  readonly note: string;
}

export interface PictureRoom {
  readonly client: string;
  /** Whether the model reads pictures. */
  readonly sees: boolean;
  readonly work: GenerateWork;
  readonly limits: PictureLimits;
  readonly budget: Pick<PictureBudget, "hold">;
  /** Called with each picture that counts until the job's end. */
  readonly onHeld: (held: HeldPicture) => void;
}

/** Reads the pictures of a result. A picture that the model cannot get becomes a note. */
export function picturesOf({ pictures: given = [] }: CallOutcome, room: PictureRoom): ResultPictures {
  const { client, sees, work, limits, budget, onHeld } = room;
  const all = new Map((work.pictures ?? []).map((picture) => [picture.sha256, picture]));
  const pictures: Picture[] = [];
  const problems = given.flatMap(({ data }, index): string[] => {
    const name = `picture ${index + 1} of the result`;
    if (!sees) return [`${name}: the model reads no pictures`];
    try {
      const bytes = Buffer.from(data, "base64");
      const picture = { sha256: createHash("sha256").update(bytes).digest("hex"), bytes };
      readPictureHeader(bytes, name);
      const total = [...all.values()].reduce((sum, one) => sum + one.bytes.length, 0) + bytes.length;
      const isNew = !all.has(picture.sha256);
      if (isNew && (all.size >= limits.maxPictures || total > limits.maxPicturesBytes)) {
        return [`${name}: the conversation has too many pictures`];
      }
      const held = budget.hold(client, picture, name);
      onHeld(held);
      all.set(picture.sha256, held.picture);
      pictures.push(held.picture);
      return [];
    } catch (error) {
      return [`${name}: ${WaggleError.from(error).message}`];
    }
  });
  return { pictures, note: problems.map((problem) => `\n[Left out: ${problem.replace(/\.$/, "")}.]`).join("") };
}
