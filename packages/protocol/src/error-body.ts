// Owns the schema of the body of all native errors.
import { z } from "zod";
import { errorCodes } from "./errors.ts";

export const ErrorCodeSchema = z.enum(errorCodes);

export const ErrorBodySchema = z
  .object({
    error: z.object({
      code: ErrorCodeSchema,
      message: z.string().describe("What failed and why. Names the field if a field caused the error."),
      type: z.string(),
      param: z.string().nullable().default(null).describe("The field that caused the error."),
      retryable: z.boolean(),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  })
  .meta({ id: "Error" });
