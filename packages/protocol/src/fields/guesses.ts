// Owns the request field that turns guesses off.
import { z } from "zod";

export const GuessesSchema = z
  .boolean()
  .nullish()
  .describe(
    "false: no token of the answer is guessed. Default: tokens are guessed where this makes the answer faster. Guesses do not change the text.",
  );
