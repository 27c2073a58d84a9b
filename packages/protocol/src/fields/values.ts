// Owns the schemas of single values that many requests and answers have: counts, amounts, shares, times, flags.
import { z } from "zod";

export const count = z.int().nonnegative();
export const positive = z.int().positive();
/** A time in milliseconds, or a rate. */
export const amount = z.number().nonnegative();
export const share = z.number().min(0).max(1);
export const time = z.iso.datetime();
/** An optional field that switches something. Many clients send null for absent fields. */
export const flag = z.boolean().nullish();
/** Any JSON object, such as a JSON schema. */
export const json = z.record(z.string(), z.unknown());

/** The fields of a page of a list, in addition to its data. */
export const pageShape = {
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
};

/** The request field that turns guesses off. */
export const GuessesSchema = flag.describe(
  "false: no token of the answer is guessed. Default: tokens are guessed where this makes the answer faster. Guesses do not change the text.",
);
