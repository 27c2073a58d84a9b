// Owns what the messages of all dialects contain: a text or parts, and the calls of earlier answers. Only the front reads parts: what it refuses depends
// on their place in the conversation. So the schemas name the parts with a text or a picture, and accept any other.
import { z } from "zod";
import { requestLimits } from "./limits.ts";
import { jsonAtMost } from "./tools.ts";
import { DetailSchema, PictureSourceSchema } from "./pictures.ts";

/** Parts of one message, of one result or of one reasoning item. */
const mostParts = 1_024;

const OtherPartSchema = z
  .unknown()
  .describe("Any other part. Text in it is read. Data become a note; in the last turn, the user's data are rejected.");

type ContentSchema = z.ZodOptional<z.ZodNullable<z.ZodUnion<readonly [z.ZodString, z.ZodArray<z.ZodType<unknown>>]>>>;

export function contentOf(...parts: readonly z.ZodType[]): ContentSchema {
  const part: z.ZodType<unknown> = z.union([...parts, OtherPartSchema]);
  return z.union([z.string(), z.array(part).max(mostParts, "has too many parts")]).nullish();
}

export const TextPartSchema = z.object({ type: z.literal("text"), text: z.string() });

/** Some clients send the URL without the object around it. */
export const ImagePartSchema = z.object({
  type: z.literal("image_url"),
  image_url: z.union([PictureSourceSchema, z.object({ url: PictureSourceSchema, detail: DetailSchema })]),
});

/** The id of a call. Only the template reads it, and some clients put other data into it. */
export const CallIdSchema = z.union([z.string(), z.number().transform(String)]).nullish();

const NameSchema = z.string().max(requestLimits.calledNameChars);
export const ArgumentsSchema = z
  .unknown()
  .refine(...jsonAtMost(requestLimits.argumentsChars))
  .describe("JSON as text. Other texts and values are read too.");

/** A call of an earlier answer. */
export const PastCallSchema = z.object({
  id: CallIdSchema,
  type: z.string().nullish(),
  function: z.object({ name: NameSchema, arguments: ArgumentsSchema }).nullish(),
  custom: z.object({ name: NameSchema, input: ArgumentsSchema }).nullish(),
});
export type PastCall = z.infer<typeof PastCallSchema>;
