// Owns the seed field of all dialects except the native one.
import { z } from "zod";

/** A seed. Not `z.int()`, whose limit is 2^53, because clients send seeds of 64 bits, and rounding a seed is harmless. */
export const WideSeedSchema = z.number().refine(Number.isInteger, "must be an integer").meta({ type: "integer" });
