// Owns the seed field of the foreign dialects.
import { z } from "zod";

/** Not `z.int()`, which ends at 2^53: clients send seeds of 64 bits, and rounding those makes no difference. */
export const WideSeedSchema = z.number().refine(Number.isInteger, "must be an integer").meta({ type: "integer" });
